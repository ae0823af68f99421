#include <catch2_any.hpp>
#include <hotline/connection/pauses.hpp>

#include <chrono>
#include <cstddef>

using namespace hotline;
using namespace std::chrono_literals;
using detail::pauses;
using duration = pauses::duration;

namespace {

/// A loop whose ticks come when a test says so.
class ticking_loop final : public detail::tick_source {
 public:
  ticking_loop() : gaps(*this) { gaps.begin(now); }

  [[nodiscard]] std::chrono::nanoseconds lateness() const noexcept override { return late_; }

  /// Ticks in time for so long.
  void run(std::chrono::nanoseconds time) {
    for (const steady_time end = now + time; now + tick_interval <= end;) {
      now += tick_interval;
      CHECK_FALSE(gaps.tick(now));
    }
  }
  /// The next tick is so much too late; returns whether that counts as a pause.
  bool pause(std::chrono::nanoseconds time) {
    wait(time);
    const bool counted = gaps.tick(now);
    late_ = {};
    return counted;
  }
  /// The next tick is so late by now, and has not run.
  void wait(std::chrono::nanoseconds time) {
    now += tick_interval + time;
    late_ = time;
  }

  steady_time now{1h};
  pauses gaps;

 private:
  std::chrono::nanoseconds late_{};
};

}  // namespace

TEST_CASE("the time that the loop did not run is left out of a silence", "[connection]") {
  ticking_loop l;
  const steady_time start = l.now;
  l.run(10s);
  CHECK(l.gaps.since(start) == 0s);
  const steady_time before = l.now;
  CHECK(l.pause(5s));
  CHECK(l.gaps.is_late());
  CHECK(l.gaps.since(start) == 5s);
  SECTION("as far as it came after that moment") {
    CHECK(l.gaps.since(before + tick_interval + 2s) == 3s);
    CHECK(l.gaps.since(l.now) == 0s);
  }
  SECTION("together with other pauses") {
    l.run(1s);
    CHECK_FALSE(l.gaps.is_late());
    CHECK(l.pause(2s));
    CHECK(l.gaps.since(start) == 7s);
    CHECK(l.gaps.since(before + tick_interval + 5s) == 2s);
  }
}

TEST_CASE("a tick that is hardly late is no pause", "[connection]") {
  ticking_loop l;
  const steady_time start = l.now;
  CHECK_FALSE(l.pause(late_tick - 1ns));
  CHECK(l.gaps.since(start) == 0s);
  CHECK(l.pause(late_tick));
  CHECK(l.gaps.since(start) == late_tick);
}

TEST_CASE("a pause that is not over is noted when somebody asks, and once", "[connection]") {
  ticking_loop l;
  const steady_time start = l.now;
  l.wait(5s);
  CHECK(l.gaps.since(start) == 0s);
  CHECK(l.gaps.since(start, l.now) == 5s);
  CHECK(l.gaps.since(start, l.now) == 5s);
  CHECK(l.gaps.tick(l.now));
  CHECK(l.gaps.since(start) == 5s);
}

TEST_CASE("a clock that jumps is no pause", "[connection]") {
  ticking_loop l;
  const steady_time start = l.now;
  SECTION("the environment's clock alone") {
    l.now += 1h;
    CHECK_FALSE(l.gaps.tick(l.now));
  }
  SECTION("the transport's clock alone") {
    l.wait(5s);
    l.now -= 5s;
    CHECK_FALSE(l.gaps.tick(l.now));
  }
  CHECK(l.gaps.since(start) == 0s);
}

TEST_CASE("a pause raises what may have been sent, by its length, and shrinks slowly", "[connection]") {
  ticking_loop l;
  const steady_time connected = l.now;
  CHECK(l.pause(8s));
  CHECK(l.gaps.allowance(l.now, connected) == 8s);
  CHECK(l.gaps.allowance(l.now, l.now) == 0s);
  l.run(16s);
  CHECK(l.gaps.allowance(l.now, connected) == 7s);
  l.run(200s);
  CHECK(l.gaps.allowance(l.now, connected) == 0s);
  SECTION("to a minute at most") {
    CHECK(l.pause(1h));
    CHECK(l.gaps.allowance(l.now, connected) == 60s);
  }
}

TEST_CASE("the oldest of many pauses become one, and none of their time is lost", "[connection]") {
  constexpr int many = 100;
  ticking_loop l;
  const steady_time start = l.now;
  for (int i = 0; i < many; ++i) {
    CHECK(l.pause(2s));
    l.run(1s);
  }
  CHECK(l.gaps.since(start) == many * duration(2s));
  const steady_time middle = start + (l.now - start) / 4;
  const duration later = l.gaps.since(middle);
  CHECK(later > many * duration(2s) / 2);
  CHECK(later < many * duration(2s));
}
