#include <hotline/transport/loop/tick_schedule.hpp>

#include <catch2_any.hpp>

using hotline::late_tick;
using hotline::tick_interval;
using hotline::detail::tick_schedule;
using namespace std::chrono_literals;

TEST_CASE("a tick is due an interval after the last one began, and late from then on") {
  const hotline::steady_time start{100s};
  tick_schedule ticks;
  ticks.began(start);
  CHECK(ticks.due() == start + tick_interval);
  CHECK(ticks.lateness(start) == 0ns);
  CHECK(ticks.lateness(start + tick_interval + 3ms) == 3ms);
}

TEST_CASE("a late tick judges nobody, but never twice in a row") {
  const hotline::steady_time start{100s};
  tick_schedule ticks;
  ticks.began(start);
  CHECK(ticks.judges(ticks.due()));
  CHECK(ticks.judges(ticks.due() + late_tick - 1ns));
  CHECK_FALSE(ticks.judges(ticks.due() + late_tick));
  CHECK(ticks.judges(ticks.due() + late_tick));
  CHECK_FALSE(ticks.judges(ticks.due() + 1h));
}
