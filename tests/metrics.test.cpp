#include <catch2_any.hpp>
#include <hotline/metrics.hpp>

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

using namespace hotline;
using namespace std::chrono_literals;

TEST_CASE("a snapshot has each number in its place", "[metrics]") {
  detail::live_metrics live;
  std::uint64_t n = 0;
  detail::for_each_number(live, [&](detail::counter& c) { c.set(++n); });
  manager_metrics told = detail::snapshot(live);
  // Every number there is: none was left out of the walk.
  CHECK(n == sizeof(manager_metrics) / sizeof(std::uint64_t));
  std::uint64_t expected = 0;
  detail::for_each_number(told, [&](std::uint64_t number) { CHECK(number == ++expected); });
  CHECK(told.connections == live.connections.value());
  CHECK(told.limits[limit::head] == live.limits[limit::head].value());
  CHECK(told.fan_out_latency.nanoseconds == live.fan_out_latency.nanoseconds.value());
}

TEST_CASE("managers' metrics add up, but for what they all tell of one log", "[metrics]") {
  manager_metrics a, b;
  a.connections = 2;
  b.connections = 3;
  a.limits[limit::head] = 1;
  b.limits[limit::head] = 5;
  a.log_bytes = b.log_bytes = 7;
  a.log_projects = b.log_projects = 1;
  a += b;
  CHECK(a.connections == 5);
  CHECK(a.limits[limit::head] == 6);
  CHECK(a.log_bytes == 7);
  CHECK(a.log_projects == 1);
}

TEST_CASE("what has no name of its own is counted among the others", "[metrics]") {
  tally<close_code, std::uint64_t> codes;
  ++codes[close_code::too_slow];
  ++codes[close_code{3000}];
  codes[close_code{4999}] += 2;
  std::string told;
  codes.for_each([&](std::string_view name, std::uint64_t n) {
    if (n > 0) told.append(name).append("=").append(std::to_string(n)).append(" ");
  });
  CHECK(told == "4008=1 other=3 ");
  CHECK(metric_name(close_code{3000}) == "other");
}

TEST_CASE("every limit has a name of its own", "[metrics]") {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(limit::close_time); ++i) {
    const std::string_view name = metric_name(static_cast<limit>(i));
    CHECK(name != "other");
    CHECK(names.insert(name).second);
  }
}

TEST_CASE("a time is counted within the first bound that it is not over", "[metrics]") {
  detail::live_metrics live;
  detail::record(live.fan_out_latency, 0ns);
  detail::record(live.fan_out_latency, 100us);
  detail::record(live.fan_out_latency, 100'001ns);
  detail::record(live.fan_out_latency, 2s);
  const auto told = detail::snapshot(live).fan_out_latency;
  CHECK(told.within[0] == 2);
  CHECK(told.within[1] == 1);
  CHECK(told.within.back() == 1);
  CHECK(told.nanoseconds == 2'000'200'001);
}
