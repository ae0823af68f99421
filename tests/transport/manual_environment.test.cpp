#include <hotline/transport/manual_environment.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using hotline::manual_environment;

TEST_CASE("a manual clock stands still until it is moved", "[transport]") {
  manual_environment env;
  const auto steady = env.now();
  const auto wall = env.wall_now();
  CHECK(steady != hotline::steady_time{});
  CHECK(env.now() == steady);
  env.advance(1'500ms);
  CHECK(env.now() == steady + 1'500ms);
  CHECK(env.wall_now() == wall + 1'500ms);
}

TEST_CASE("setting the calendar's clock leaves the steady one alone", "[transport]") {
  manual_environment env;
  const auto steady = env.now();
  const hotline::wall_time past(24h);
  env.set_wall(past);
  CHECK(env.wall_now() == past);
  CHECK(env.now() == steady);
}

TEST_CASE("a seed decides what is random", "[transport]") {
  manual_environment one(7);
  manual_environment same(7);
  manual_environment other(8);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = one.random();
    CHECK(value == same.random());
    seen.insert(value);
    seen.insert(other.random());
  }
  CHECK(seen.size() == 2000);
}

TEST_CASE("words that are drawn together are those that are drawn one by one", "[transport]") {
  manual_environment together(7), one_by_one(7);
  std::vector<std::uint64_t> words(5);
  together.random_words(words);
  for (const std::uint64_t word : words) CHECK(word == one_by_one.random());
}

TEST_CASE("threads never get the same random value", "[transport]") {
  manual_environment env;
  std::vector<std::vector<std::uint64_t>> values(4);
  std::vector<std::thread> threads;
  for (auto& mine : values)
    threads.emplace_back([&env, &mine] {
      for (int i = 0; i < 1000; ++i) {
        mine.push_back(env.random());
        env.advance(1ms);
      }
    });
  for (std::thread& t : threads) t.join();
  std::set<std::uint64_t> all;
  for (const auto& mine : values) all.insert(mine.begin(), mine.end());
  CHECK(all.size() == 4000);
  CHECK(env.now() == manual_environment().now() + 4'000ms);
}
