#include <hotline/protocol/timestamp.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <string>

using hotline::wall_time;
using namespace hotline::detail;
using namespace std::chrono_literals;

TEST_CASE("a timestamp is seconds since 1970 with exactly three decimals", "[protocol]") {
  const auto told = [](auto since) {
    std::string text = "x";
    append_seconds(text, wall_time(std::chrono::duration_cast<wall_time::duration>(since)));
    return text;
  };
  CHECK(told(0ms) == "x0.000");
  CHECK(told(7ms) == "x0.007");
  CHECK(told(1'762'000'000'042ms) == "x1762000000.042");
  CHECK(told(1'762'000'000'999'999us) == "x1762000000.999");
  CHECK(told(-1us) == "x0.000");
  CHECK(told(-5s) == "x0.000");
  // The last moment: in 2262 where the clock counts nanoseconds, as libstdc++'s does; libc++'s counts microseconds.
  const auto last = std::chrono::floor<std::chrono::milliseconds>(wall_time::max().time_since_epoch()).count();
  CHECK(told(wall_time::max().time_since_epoch()) ==
        "x" + std::to_string(last / 1000) + "." + std::to_string(last % 1000));
}

TEST_CASE("a duration in seconds has the decimals that it needs", "[protocol]") {
  CHECK(seconds_text(0ms) == "0");
  CHECK(seconds_text(30s) == "30");
  CHECK(seconds_text(100s) == "100");
  CHECK(seconds_text(1500ms) == "1.5");
  CHECK(seconds_text(10ms) == "0.01");
  CHECK(seconds_text(1ms) == "0.001");
  CHECK(seconds_text(-1ms) == "0");
  CHECK(seconds_text(std::chrono::milliseconds::max()) == "9223372036854775.807");
}
