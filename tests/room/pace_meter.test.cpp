#include <catch2_any.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/room/pace_meter.hpp>
#include <hotline/transport/manual_environment.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using detail::subscriber;

namespace {

// A log of equal entries, and sessions that stand somewhere in it.
struct stage {
  explicit stage(std::size_t sessions, pace_marks marks) : meter(marks) {
    for (std::size_t i = 0; i < sessions; ++i) {
      all.push_back(std::make_unique<subscriber>());
      lagging.push_back(all.back().get());
      lagging.back()->place.kept_up = true;
    }
  }

  void emit(int count) {
    static constexpr std::string_view head = "{\"event_type\":\"a\",\"seq\":";
    for (int i = 0; i < count; ++i) REQUIRE(stream->append({head, "}", head.substr(15, 1)}));
  }
  std::optional<pace> measure(std::chrono::seconds at = 0s) {
    return meter.measure(lagging, *stream, steady_time() + at);
  }

  memory_event_log log{std::make_shared<manual_environment>()};
  std::shared_ptr<memory_stream> stream = log.open("p");
  std::vector<std::unique_ptr<subscriber>> all;
  std::vector<subscriber*> lagging;
  detail::pace_meter meter;
};

constexpr std::size_t entry = 28;  // bytes of one with a single digit

}  // namespace

TEST_CASE("a producer is notified once when a listener falls behind, and once when it has caught up", "[room]") {
  stage s(1, {.behind = 5 * entry, .caught_up = 2 * entry});
  CHECK_FALSE(s.measure());
  s.emit(5);
  CHECK_FALSE(s.measure());
  s.emit(1);
  CHECK(s.measure() == pace::behind);
  CHECK_FALSE(s.measure());
  s.lagging[0]->cursor = 3;
  CHECK_FALSE(s.measure());  // not yet: between the marks nothing changes
  s.lagging[0]->cursor = 4;
  CHECK(s.measure() == pace::caught_up);
  CHECK_FALSE(s.measure());
}

TEST_CASE("the slowest listener counts, until it does not lag any more", "[room]") {
  stage s(3, {.behind = 5 * entry, .caught_up = 2 * entry});
  s.emit(9);
  s.lagging[1]->cursor = 8;
  CHECK(s.measure() == pace::behind);
  s.lagging[0]->cursor = 9;
  CHECK_FALSE(s.measure());
  s.lagging.pop_back();
  CHECK(s.measure() == pace::caught_up);
}

TEST_CASE("a subscriber that stays behind for longer than patience is not waited for until it has caught up",
          "[room]") {
  stage s(1, {.behind = 5 * entry, .caught_up = 2 * entry, .patience = 5s});
  s.emit(9);
  CHECK(s.measure(0s) == pace::behind);
  CHECK_FALSE(s.measure(4s));
  CHECK(s.measure(5s) == pace::caught_up);
  CHECK_FALSE(s.measure(60s));
  s.lagging[0]->cursor = 6;
  CHECK_FALSE(s.measure(61s));
  s.lagging[0]->cursor = 8;
  CHECK_FALSE(s.measure(62s));
  s.lagging[0]->cursor = 1;
  CHECK(s.measure(63s) == pace::behind);
}

TEST_CASE("patience may have no end, and there may be none", "[room]") {
  stage endless(1, {.behind = 5 * entry, .caught_up = 2 * entry, .patience = std::chrono::milliseconds::max()});
  endless.emit(9);
  CHECK(endless.measure(0s) == pace::behind);
  CHECK_FALSE(endless.measure(std::chrono::hours(24)));
  const auto nothing = GENERATE(std::chrono::milliseconds(0), std::chrono::milliseconds::min());
  stage none(1, {.behind = 5 * entry, .caught_up = 2 * entry, .patience = nothing});
  none.emit(9);
  CHECK_FALSE(none.measure(0s));
}

TEST_CASE("a subscriber that has caught up is not behind, whatever the marks say", "[room]") {
  stage s(1, {.behind = 5 * entry, .caught_up = 50 * entry});
  s.emit(9);
  CHECK(s.measure() == pace::behind);
  s.lagging[0]->cursor = 4;
  CHECK(s.measure() == pace::caught_up);
}

TEST_CASE("when the last listener goes, its producer need not wait", "[room]") {
  stage s(1, {.behind = 5 * entry, .caught_up = 2 * entry});
  CHECK_FALSE(s.meter.measure_nobody());
  s.emit(9);
  CHECK(s.measure() == pace::behind);
  CHECK(s.meter.measure_nobody() == pace::caught_up);
}
