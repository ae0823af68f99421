#include <catch2_any.hpp>
#include <hotline/connection/heartbeat.hpp>
#include <hotline/session/connection_info.hpp>

#include <chrono>
#include <cstdint>
#include <ostream>
#include <set>
#include <stdexcept>

using namespace hotline;
using namespace std::chrono_literals;

namespace {

constexpr auto nothing = heartbeat_action::nothing;
constexpr auto ping = heartbeat_action::ping;
constexpr auto drop = heartbeat_action::drop;

// As of `now`, counted from when the connection began.
template <class Policy>
heartbeat_action ask(const Policy& policy, std::chrono::milliseconds now, std::chrono::milliseconds heard,
                     std::chrono::milliseconds pinged, std::uint64_t salt = 0) {
  const steady_time start{1h};
  return policy(heartbeat_query{start + now, start + heard, start + pinged, salt});
}

// How long after its last bytes a connection with that salt is pinged.
std::chrono::milliseconds wait(const jittered_heartbeat& policy, std::uint64_t salt) {
  for (auto time = 0ms;; ++time)
    if (ask(policy, time, 0ms, 0ms, salt) != nothing) return time;
}

}  // namespace

TEST_CASE("a heartbeat may be as patient as there is time", "[connection]") {
  constexpr auto longest = std::chrono::milliseconds::max();
  const interval_heartbeat policy(100ms, longest);
  CHECK(ask(policy, 99ms, 0ms, 0ms) == nothing);
  CHECK(ask(policy, 24h, 0ms, 0ms) == ping);
  CHECK(ask(interval_heartbeat(longest - 1ms, longest), 24h, 0ms, 0ms) == nothing);
  CHECK(ask(jittered_heartbeat(longest - 1ms, longest), 24h, 0ms, 0ms, 7) == nothing);
  connection_info info;
  info.timeout = longest;
  CHECK(info.is_healthy(steady_time(24h)));
}

TEST_CASE("a peer is pinged once it was silent for the interval, and once per interval after that", "[connection]") {
  const interval_heartbeat policy(100ms, 300ms);
  CHECK(ask(policy, 99ms, 0ms, 0ms) == nothing);
  CHECK(ask(policy, 100ms, 0ms, 0ms) == ping);
  CHECK(ask(policy, 101ms, 0ms, 100ms) == nothing);
  CHECK(ask(policy, 199ms, 0ms, 100ms) == nothing);
  CHECK(ask(policy, 200ms, 0ms, 100ms) == ping);
}

TEST_CASE("bytes of any kind count as a sign of life", "[connection]") {
  const interval_heartbeat policy(100ms, 300ms);
  CHECK(ask(policy, 249ms, 150ms, 100ms) == nothing);
  CHECK(ask(policy, 250ms, 150ms, 100ms) == ping);
  CHECK(ask(policy, 449ms, 150ms, 350ms) == nothing);
  CHECK(ask(policy, 450ms, 150ms, 350ms) == drop);
}

TEST_CASE("a peer is given up once it was silent for the timeout, pinged or not", "[connection]") {
  const interval_heartbeat policy(100ms, 300ms);
  CHECK(ask(policy, 299ms, 0ms, 200ms) == nothing);
  CHECK(ask(policy, 300ms, 0ms, 200ms) == drop);
  CHECK(ask(policy, 300ms, 0ms, 0ms) == drop);
  CHECK(ask(policy, 300ms, 0ms, 300ms) == drop);
}

TEST_CASE("the default is 30 s and 90 s, and impossible limits are refused", "[connection]") {
  CHECK(interval_heartbeat().interval() == 30s);
  CHECK(interval_heartbeat().timeout() == 90s);
  CHECK_THROWS_AS(interval_heartbeat(0ms, 1ms), std::invalid_argument);
  CHECK_THROWS_AS(interval_heartbeat(-1ms, 1ms), std::invalid_argument);
  CHECK_THROWS_AS(interval_heartbeat(2ms, 2ms), std::invalid_argument);
  CHECK_NOTHROW(interval_heartbeat(1ms, 2ms));
}

TEST_CASE("jittered intervals lie between three quarters of the one given and the whole, ends included",
          "[connection]") {
  const jittered_heartbeat policy(1000ms, 3000ms);
  CHECK(policy.interval() == 1000ms);
  CHECK(policy.timeout() == 3000ms);
  std::set<std::chrono::milliseconds> waits;
  for (std::uint64_t salt = 0; salt < 251; ++salt) waits.insert(wait(policy, salt));
  CHECK(waits.size() == 251);
  CHECK(*waits.begin() == 750ms);
  CHECK(*waits.rbegin() == 1000ms);
  CHECK(wait(policy, ~std::uint64_t{0}) >= 750ms);
  CHECK(wait(policy, 17) == wait(policy, 17));
}

TEST_CASE("jitter moves pings and not the timeout, and needs no room in the shortest interval", "[connection]") {
  for (const std::uint64_t salt : {0u, 1u, 100u, 250u}) {
    CHECK(ask(jittered_heartbeat(1000ms, 3000ms), 2999ms, 0ms, 2900ms, salt) == nothing);
    CHECK(ask(jittered_heartbeat(1000ms, 3000ms), 3000ms, 0ms, 2900ms, salt) == drop);
    CHECK(wait(jittered_heartbeat(1ms, 2ms), salt) == 1ms);
  }
}

TEST_CASE("no_heartbeat never pings and never gives up", "[connection]") {
  CHECK(ask(no_heartbeat(), 1000h, 0ms, 0ms) == nothing);
  CHECK(no_heartbeat().interval() == 0ms);
  CHECK(no_heartbeat().timeout() == 0ms);
}
