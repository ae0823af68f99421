#include <catch2_any.hpp>
#include <hotline/connection/rate_meter.hpp>

#include <chrono>
#include <cstddef>
#include <limits>

using namespace hotline;
using namespace std::chrono_literals;
using detail::rate_meter;
using verdict = detail::rate_meter::verdict;

namespace {

constexpr std::size_t most = std::numeric_limits<std::size_t>::max();

// How many of `tries` at one moment have this verdict.
int among(rate_meter& meter, int tries, verdict wanted, steady_time now, std::size_t per_second, std::size_t burst) {
  int found = 0;
  for (; tries > 0; --tries) found += meter.take(now, per_second, burst) == wanted;
  return found;
}

}  // namespace

TEST_CASE("a burst is within the rate, the next is over it, and what is beyond is far over", "[connection]") {
  const steady_time now{1h};
  rate_meter meter;
  CHECK(among(meter, 5, verdict::within, now, 10, 5) == 5);
  CHECK(among(meter, 5, verdict::over, now, 10, 5) == 5);
  CHECK(among(meter, 5, verdict::far_over, now, 10, 5) == 5);
}

TEST_CASE("time gives back what was used, at the rate and up to the burst", "[connection]") {
  const steady_time start{1h};
  rate_meter meter;
  CHECK(among(meter, 6, verdict::within, start, 10, 5) == 5);
  CHECK(meter.take(start + 99ms, 10, 5) == verdict::over);
  // Seven were used, of which two were over: 200 ms until the burst is whole but for one.
  CHECK(meter.take(start + 300ms, 10, 5) == verdict::within);
  CHECK(meter.take(start + 300ms, 10, 5) == verdict::over);
  CHECK(among(meter, 99, verdict::within, start + 1h, 10, 5) == 5);
}

TEST_CASE("a client that keeps to the rate is never over it, and one that is a tenth above is at last",
          "[connection]") {
  steady_time now{1h};
  rate_meter steady, eager;
  int over = 0;
  for (int i = 0; i < 1000; ++i) {
    CHECK(steady.take(now, 100, 1) == verdict::within);
    now += 10ms;
  }
  for (int i = 0; i < 1000; ++i) {
    over += eager.take(now, 100, 50) != verdict::within;
    now += 9ms;
  }
  CHECK(over > 0);
  CHECK(over < 1000);
}

TEST_CASE("rates and bursts may be as large as there are numbers", "[connection]") {
  const steady_time now{1h};
  rate_meter fast, patient;
  CHECK(among(fast, 1000, verdict::within, now, most, most) == 1000);
  CHECK(among(patient, 1000, verdict::within, now, 1, most) == 1000);
}
