#include <catch2_any.hpp>
#include <hotline/connection/pauses.hpp>
#include <hotline/connection/rates.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <ostream>

using namespace hotline;
using namespace std::chrono_literals;
using detail::rates;
using verdict = rates::verdict;

namespace {

/// A loop whose ticks are late as a test says.
struct late_ticks final : detail::tick_source {
  std::chrono::nanoseconds late{};
  [[nodiscard]] std::chrono::nanoseconds lateness() const noexcept override { return late; }
};

/// One client that sends at one moment.
struct sender {
  bool sends(std::size_t bytes) { return used.take_message(limits, bytes, now); }
  [[nodiscard]] rates::finding found(detail::pauses* gaps = nullptr) const {
    return used.look_again(limits, now, gaps, connected);
  }

  session_limits limits{};
  steady_time connected{1h};
  steady_time now{2h};
  rates used{};
};

}  // namespace

TEST_CASE("messages are within their rate up to a burst, then over it, and far over it after another", "[connection]") {
  sender s;
  s.limits = {.messages_per_second = 1, .message_burst = 3};
  for (int i = 0; i < 3; ++i) CHECK(s.sends(1));
  CHECK(s.found().what == verdict::within);
  CHECK_FALSE(s.sends(1));
  CHECK(s.found().what == verdict::over);
  CHECK(s.found().over == limit::message_rate);
  for (int i = 0; i < 2; ++i) CHECK_FALSE(s.sends(1));
  CHECK(s.found().what == verdict::over);
  CHECK_FALSE(s.sends(1));
  CHECK(s.found().what == verdict::far_over);
  s.now += 10s;
  CHECK(s.sends(1));
}

TEST_CASE("bytes have a rate of their own, and the rate that is exceeded more is the one that is named",
          "[connection]") {
  constexpr std::size_t burst = 1000;
  sender s;
  s.limits = {.messages_per_second = 1, .message_burst = 1, .bytes_per_second = 1, .byte_burst = burst};
  SECTION("bytes alone") {
    CHECK_FALSE(s.sends(burst + 1));
    CHECK(s.found().what == verdict::over);
    CHECK(s.found().over == limit::byte_rate);
    CHECK_FALSE(s.used.has_sent_too_much(s.limits, s.now, nullptr, s.connected));
  }
  SECTION("both alike: messages") {
    CHECK(s.sends(1));
    CHECK_FALSE(s.sends(burst));
    CHECK(s.found().over == limit::message_rate);
  }
  SECTION("bytes more") {
    CHECK(s.sends(1));
    CHECK_FALSE(s.sends(2 * burst));
    CHECK(s.found().what == verdict::far_over);
    CHECK(s.found().over == limit::byte_rate);
    CHECK(s.used.has_sent_too_much(s.limits, s.now, nullptr, s.connected));
  }
}

TEST_CASE("pings and pongs are counted apart from messages", "[connection]") {
  sender s;
  s.limits = {.message_burst = 1, .control_frames_per_second = 1, .control_frame_burst = 2};
  const auto takes_one = [&] { return s.used.take_control_frame(s.limits, s.now, nullptr, s.connected); };
  CHECK(takes_one());
  CHECK(takes_one());
  CHECK_FALSE(takes_one());
  CHECK(s.sends(1));
  s.now += 10s;
  CHECK(takes_one());
}

TEST_CASE("messages that came during a pause of the loop count as if they had been read then", "[connection]") {
  constexpr auto pause = 10s;
  late_ticks clock;
  detail::pauses gaps(clock);
  sender s;
  s.limits = {.messages_per_second = 1,
              .message_burst = 1,
              .bytes_per_second = 1,
              .byte_burst = 1,
              .control_frames_per_second = 1,
              .control_frame_burst = 1};
  gaps.begin(s.now);
  clock.late = pause - tick_interval;
  s.now = steady_time(2h) + pause;
  for (int i = 0; i < 5; ++i) (void)s.sends(1);
  CHECK(s.found().what == verdict::far_over);
  CHECK(s.found(&gaps).what == verdict::within);
  CHECK(s.used.has_sent_too_much(s.limits, s.now, nullptr, s.connected));
  CHECK_FALSE(s.used.has_sent_too_much(s.limits, s.now, &gaps, s.connected));
  for (int i = 0; i < 5; ++i) CHECK(s.used.take_control_frame(s.limits, s.now, &gaps, s.connected));
  CHECK_FALSE(s.used.take_control_frame(s.limits, s.now, nullptr, s.connected));
  SECTION("but not for a client that connected after it") {
    s.connected = s.now;
    CHECK(s.found(&gaps).what == verdict::far_over);
  }
}
