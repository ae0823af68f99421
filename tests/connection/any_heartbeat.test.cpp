#include <catch2_any.hpp>
#include <hotline/connection/any_heartbeat.hpp>
#include <hotline/connection/heartbeat.hpp>

#include <chrono>
#include <memory>
#include <ostream>
#include <type_traits>
#include <utility>

using namespace hotline;
using namespace std::chrono_literals;
using detail::any_heartbeat;

namespace {

/// A policy that notes what it is asked.
struct recording {
  std::shared_ptr<heartbeat_query> asked;

  heartbeat_action operator()(const heartbeat_query& q) const {
    *asked = q;
    return heartbeat_action::drop;
  }
  std::chrono::milliseconds interval() const { return 7ms; }
  std::chrono::milliseconds timeout() const { return 9ms; }
};

static_assert(!std::is_convertible_v<interval_heartbeat, any_heartbeat>);
static_assert(!std::is_copy_constructible_v<any_heartbeat> && std::is_nothrow_move_constructible_v<any_heartbeat>);

}  // namespace

TEST_CASE("a policy of any type is asked with the whole query", "[connection]") {
  const auto asked = std::make_shared<heartbeat_query>();
  any_heartbeat first(recording{asked});
  const any_heartbeat moved(std::move(first));
  const steady_time now{3h}, heard{2h}, pinged{1h};
  constexpr std::uint64_t salt = 77;
  CHECK(moved(heartbeat_query{now, heard, pinged, salt}) == heartbeat_action::drop);
  CHECK(asked->now == now);
  CHECK(asked->last_heard == heard);
  CHECK(asked->last_ping == pinged);
  CHECK(asked->salt == salt);
  CHECK(moved.interval() == 7ms);
  CHECK(moved.timeout() == 9ms);
}

TEST_CASE("a policy that decides by time decides the same behind the small type", "[connection]") {
  const any_heartbeat policy(interval_heartbeat(100ms, 250ms));
  const steady_time start{1h};
  const auto after = [&](std::chrono::milliseconds silence) {
    return policy(heartbeat_query{start + silence, start, start, 0});
  };
  CHECK(after(99ms) == heartbeat_action::nothing);
  CHECK(after(100ms) == heartbeat_action::ping);
  CHECK(after(250ms) == heartbeat_action::drop);
  const any_heartbeat none{no_heartbeat()};
  CHECK(none(heartbeat_query{start + 24h, start, start, 0}) == heartbeat_action::nothing);
  CHECK(none.timeout() == 0ms);
}
