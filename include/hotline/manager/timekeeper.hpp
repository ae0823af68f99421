#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound, at every tick: whose time is over, although the loop may not have run all the time.

#include <hotline/concepts.hpp>
#include <hotline/session/pauses.hpp>
#include <hotline/session/session.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>

namespace hotline::detail {

/// What a manager knows of its loop's pauses, as far as its transport tells of them.
template <transport Transport>
class timekeeper {
 public:
  explicit timekeeper(Transport& carrier) : gaps([&carrier] { return lateness_of(carrier); }), carrier_(carrier) {}

  /// Checks a verdict that ends something once more. Waiting bytes prove nothing for a client that the manager does not read.
  template <class Client, heartbeat_policy Policy>
  [[nodiscard, gnu::noinline]] session::due confirm(Client& c, session::due found, steady_time now,
                                                    const Policy& policy) {
    return c.confirm(found, now, policy, gaps, [&] { return !c.paused && has_input(*c.connection); });
  }

  /// Whether a time that ends at `until` is over, the pauses since it began left out.
  [[nodiscard]] bool is_over(steady_time until, std::chrono::milliseconds time, steady_time now) const noexcept {
    return now >= until && now >= until + gaps.since(until - std::max(time, time.zero()));
  }

  pauses gaps;

 private:
  [[nodiscard]] static pauses::duration lateness_of(const Transport& carrier) {
    if constexpr (requires { carrier.lateness(); }) return carrier.lateness();
    return {};
  }

  [[nodiscard]] bool has_input(typename Transport::connection_type& connection) {
    if constexpr (requires { carrier_.has_input(connection); }) return carrier_.has_input(connection);
    return false;
  }

  Transport& carrier_;
};

}  // namespace hotline::detail
#endif
