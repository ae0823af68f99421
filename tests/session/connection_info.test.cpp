#include <catch2_any.hpp>
#include <hotline/session/connection_info.hpp>

#include <chrono>

using namespace hotline;
using namespace std::chrono_literals;

TEST_CASE("a connection is healthy while its silence is shorter than the timeout", "[session]") {
  connection_info info;
  info.last_heard = steady_time(1h);
  info.timeout = 300ms;
  CHECK(info.is_healthy(steady_time(1h)));
  CHECK(info.is_healthy(steady_time(1h) + 299ms));
  CHECK_FALSE(info.is_healthy(steady_time(1h) + 300ms));
  SECTION("a policy without a timeout gives nobody up") {
    info.timeout = 0ms;
    CHECK(info.is_healthy(steady_time(1000h)));
  }
  SECTION("a timeout beyond the end of the clock is never over") {
    info.timeout = std::chrono::milliseconds::max();
    CHECK(info.is_healthy(steady_time(100000h)));
  }
}

TEST_CASE("a connection subscribes to all, and is admitted for ever, until it is said otherwise", "[session]") {
  const connection_info info;
  CHECK(info.hears_all);
  CHECK(info.subscriptions.empty());
  CHECK(info.expires_at == steady_time::max());
}
