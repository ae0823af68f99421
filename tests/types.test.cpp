#include <catch2_any.hpp>
#include <hotline/types.hpp>

#include <chrono>

using namespace hotline;
using namespace std::chrono_literals;
using detail::later;

TEST_CASE("a deadline is later by what was asked for, and never beyond the end of time", "[types]") {
  using std::chrono::milliseconds;
  const steady_time start{1h};
  CHECK(later(start, 5s) == start + 5s);
  CHECK(later(start, 0ms) == start);
  CHECK(later(start, -1ms) == start);
  CHECK(later(start, milliseconds::min()) == start);
  CHECK(later(start, milliseconds::max()) == steady_time::max());
  CHECK(later(steady_time(), milliseconds::max()) == steady_time::max());
  CHECK(later(steady_time::min(), milliseconds::max()) == steady_time::max());
  CHECK(later(steady_time::min(), 5s) == steady_time::min() + 5s);
  CHECK(later(steady_time::max(), 1ms) == steady_time::max());
  CHECK(later(steady_time::max() - 10s, 5s) == steady_time::max() - 5s);
  CHECK(later(steady_time::max() - 10s, 11s) == steady_time::max());
}

TEST_CASE("a span has passed when its deadline has come", "[types]") {
  using detail::have_passed;
  using std::chrono::milliseconds;
  const steady_time start{1h};
  CHECK_FALSE(have_passed(5s, start, start));
  CHECK_FALSE(have_passed(5s, start, start + 5s - 1ns));
  CHECK(have_passed(5s, start, start + 5s));
  CHECK(have_passed(0ms, start, start));
  CHECK(have_passed(milliseconds::min(), start, start));
  CHECK_FALSE(have_passed(milliseconds::max(), steady_time(), steady_time::max()));
}
