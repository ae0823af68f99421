#include <hotline/transport/system_environment.hpp>

#include <catch2_any.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

TEST_CASE("the system's randomness does not repeat and uses all bits", "[transport]") {
  hotline::system_environment env;
  std::set<std::uint64_t> seen;
  std::uint64_t ones = 0;
  std::uint64_t zeros = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = env.random();
    seen.insert(value);
    ones |= value;
    zeros |= ~value;
  }
  CHECK(seen.size() == 1000);
  CHECK(ones == ~std::uint64_t{0});
  CHECK(zeros == ~std::uint64_t{0});
}

TEST_CASE("the system draws many words at once, each of them random", "[transport]") {
  hotline::system_environment env;
  for (const std::size_t count : {0U, 1U, 2U, 32U, 33U, 100U}) {
    std::vector<std::uint64_t> words(count);
    env.random_words(words);
    CHECK(std::set<std::uint64_t>(words.begin(), words.end()).size() == count);
    CHECK(std::count(words.begin(), words.end(), 0U) == 0);
  }
}

TEST_CASE("the system's clocks go forward", "[transport]") {
  hotline::system_environment env;
  const auto before = env.now();
  CHECK(env.now() >= before);
  CHECK(env.wall_now() > hotline::wall_time{});
}

TEST_CASE("there is one default environment", "[transport]") {
  CHECK(hotline::default_environment() != nullptr);
  CHECK(hotline::default_environment() == hotline::default_environment());
}
