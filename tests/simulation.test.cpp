#include <catch2_any.hpp>
#include <hotline/testing/simulation.hpp>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

using hotline::testing::simulation;
using hotline::testing::simulation_options;
using hotline::testing::simulation_report;

namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HOTLINE_TEST_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(HOTLINE_TEST_SANITIZED)
constexpr std::uint64_t part = 50;
#else
constexpr std::uint64_t part = 500;
#endif

simulation_report play(std::uint64_t seed, simulation_options options = {}) {
  return simulation(seed, std::move(options)).run();
}

void play_all(std::uint64_t first, std::uint64_t end) {
  simulation_report sum;
  for (std::uint64_t seed = first; seed < end; ++seed) {
    const simulation_report r = play(seed);
    if (!r.violations.empty()) {
      for (const std::string& violation : r.violations) UNSCOPED_INFO(violation);
      FAIL("replay it: HOTLINE_SEED=" << seed << " build/tests/hotline_simulation_tests \"a chosen seed\"");
    }
    sum.heard += r.heard;
    sum.gaps += r.gaps;
    sum.cuts += r.cuts;
    sum.takeovers += r.takeovers;
    sum.resumed += r.resumed;
    sum.refused += r.refused;
    sum.repeats += r.repeats;
    sum.runs += r.runs;
  }
  // A world in which nothing goes wrong would show nothing.
  for (const std::uint64_t happened :
       {sum.heard, sum.gaps, sum.cuts, sum.takeovers, sum.resumed, sum.refused, sum.repeats, sum.runs})
    CHECK(happened >= end - first);
}

}  // namespace

TEST_CASE("a seed replays a run exactly", "[simulation]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const simulation_report first = play(seed);
    const simulation_report again = play(seed);
    CHECK(first.digest == again.digest);
    CHECK(first.heard == again.heard);
    CHECK(first.digest != play(seed + 1000).digest);
  }
}

// Apart, so that every core has one to work on.
TEST_CASE("promises hold in worlds 1", "[simulation]") { play_all(1, 1 + part); }
TEST_CASE("promises hold in worlds 2", "[simulation]") { play_all(501, 501 + part); }
TEST_CASE("promises hold in worlds 3", "[simulation]") { play_all(1001, 1001 + part); }
TEST_CASE("promises hold in worlds 4", "[simulation]") { play_all(1501, 1501 + part); }

TEST_CASE("a host may put its own commands into the world", "[simulation]") {
  int served = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    simulation world(seed);
    world.on_start([&](hotline::testing::simulated_manager& m) {
      m.on_command("greet", [&](const hotline::request& q) {
        ++served;
        return hotline::json_object{{"hello", q.payload()["name"].as_string().value_or("?")}};
      });
    });
    world.sends("greet",
                [](hotline::testing::chance& c) { return R"({"name":"n)" + std::to_string(c.below(9)) + "\"}"; });
    const simulation_report r = world.run();
    CHECK(r.violations.empty());
  }
  CHECK(served > 20);
}

TEST_CASE("a host that answers a command with what belongs to another is found out", "[simulation]") {
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    simulation world(seed);
    world.on_start([&](hotline::testing::simulated_manager& m) {
      m.on_command("wrong", [](const hotline::request&) { return hotline::json_object{{"n", 123456789}}; });
    });
    world.sends("wrong", nullptr);
    found += world.run().violations.empty() ? 0 : 1;
  }
  CHECK(found > 10);
}

// HOTLINE_SEED=17 plays one and tells what happens; HOTLINE_SEEDS=100000 plays so many and tells of the first that fails.
TEST_CASE("a chosen seed", "[.][simulation]") {
  if (const char* const many = std::getenv("HOTLINE_SEEDS")) return play_all(1, std::stoull(many));
  const char* const chosen = std::getenv("HOTLINE_SEED");
  REQUIRE(chosen != nullptr);
  simulation_options options;
  options.trace = [](const std::string& line) { std::cout << line << '\n'; };
  const simulation_report r = play(std::stoull(chosen), options);
  for (const std::string& violation : r.violations) std::cout << violation << '\n';
  CHECK(r.violations.empty());
}
