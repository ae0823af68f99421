#include <catch2_any.hpp>
#include <hotline/prometheus.hpp>

#include <cstdint>
#include <sstream>
#include <string>

using namespace hotline;

namespace {

bool has_line(const std::string& page, const std::string& line) {
  return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("every number is on the page, and none twice", "[prometheus]") {
  manager_metrics m;
  std::uint64_t n = 1'000'000;
  detail::for_each_number(m, [&](std::uint64_t& number) { number = ++n; });
  const auto& latency = m.fan_out_latency;
  const std::string page = to_prometheus(m);
  std::uint64_t on_page = 0;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) on_page += !line.empty() && line.front() != '#';
  // A histogram's page has a sum and a count besides.
  CHECK(on_page == sizeof(manager_metrics) / sizeof(std::uint64_t) + 1);
  std::uint64_t in_latency = 0;
  for (const std::uint64_t number : latency.within) in_latency += number;
  CHECK(has_line(page, "hotline_fan_out_seconds_count " + std::to_string(in_latency)));
  detail::for_each_number(m, [&](std::uint64_t number) {
    const bool of_latency = number >= latency.within.front();
    CHECK((of_latency || page.find(" " + std::to_string(number) + "\n") != std::string::npos));
  });
}

TEST_CASE("a page is what Prometheus reads", "[prometheus]") {
  manager_metrics m;
  m.connections = 3;
  m.limits[limit::address_connections] = 4;
  m.disconnections[close_code::too_slow] = 5;
  m.fan_out_latency.within[0] = 2;
  m.fan_out_latency.within[2] = 1;
  m.fan_out_latency.nanoseconds = 1'500'000;
  const std::string page = to_prometheus(m);
  CHECK(has_line(page, "# HELP hotline_connections WebSocket connections."));
  CHECK(has_line(page, "# TYPE hotline_connections gauge"));
  CHECK(has_line(page, "hotline_connections 3"));
  CHECK(has_line(page, "# TYPE hotline_limits_total counter"));
  CHECK(has_line(page, R"(hotline_limits_total{limit="connections.per_address"} 4)"));
  CHECK(has_line(page, R"(hotline_disconnections_total{code="4008"} 5)"));
  CHECK(has_line(page, R"(hotline_fan_out_seconds_bucket{le="0.0001"} 2)"));
  CHECK(has_line(page, R"(hotline_fan_out_seconds_bucket{le="0.0005"} 3)"));
  CHECK(has_line(page, R"(hotline_fan_out_seconds_bucket{le="+Inf"} 3)"));
  CHECK(has_line(page, "hotline_fan_out_seconds_sum 0.0015"));
  CHECK(has_line(page, "hotline_fan_out_seconds_count 3"));
}

TEST_CASE("labels stand with each sample", "[prometheus]") {
  const std::string page = to_prometheus({}, R"(loop="1")");
  CHECK(has_line(page, R"(hotline_connections{loop="1"} 0)"));
  CHECK(has_line(page, R"(hotline_limits_total{loop="1",limit="command_timeout"} 0)"));
  CHECK(has_line(page, R"(hotline_fan_out_seconds_bucket{loop="1",le="+Inf"} 0)"));
  CHECK(has_line(page, R"(hotline_fan_out_seconds_count{loop="1"} 0)"));
}
