#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>

namespace hotline {

/// Pings a peer that was silent for `interval` and gives it up when it was silent for `timeout`.
class interval_heartbeat {
 public:
  /// 30 s and 90 s.
  interval_heartbeat() : interval_heartbeat(std::chrono::seconds{30}, std::chrono::seconds{90}) {}

  /// Throws `std::invalid_argument` unless 0 < interval < timeout.
  interval_heartbeat(std::chrono::milliseconds interval, std::chrono::milliseconds timeout)
      : interval_(interval), timeout_(timeout) {
    if (interval <= std::chrono::milliseconds::zero() || timeout <= interval)
      throw std::invalid_argument("hotline: a heartbeat needs 0 < interval < timeout");
  }

  [[nodiscard]] heartbeat_action operator()(const heartbeat_query& q) const noexcept { return ask(q, interval_); }
  [[nodiscard]] std::chrono::milliseconds interval() const noexcept { return interval_; }
  [[nodiscard]] std::chrono::milliseconds timeout() const noexcept { return timeout_; }

 protected:
  [[nodiscard]] heartbeat_action ask(const heartbeat_query& q, std::chrono::milliseconds interval) const noexcept {
    if (detail::have_passed(timeout_, q.last_heard, q.now)) return heartbeat_action::drop;
    const steady_time since = q.last_heard < q.last_ping ? q.last_ping : q.last_heard;
    return detail::have_passed(interval, since, q.now) ? heartbeat_action::ping : heartbeat_action::nothing;
  }

 private:
  std::chrono::milliseconds interval_;
  std::chrono::milliseconds timeout_;
};

/// As `interval_heartbeat`, each connection with an interval of its own between three quarters of the one given and
/// the whole: ten thousand clients that connected at once are not pinged at once for ever after.
class jittered_heartbeat : public interval_heartbeat {
 public:
  using interval_heartbeat::interval_heartbeat;

  [[nodiscard]] heartbeat_action operator()(const heartbeat_query& q) const noexcept {
    const auto spread = static_cast<std::uint64_t>(interval().count()) / 4 + 1;
    return ask(q, interval() - std::chrono::milliseconds(static_cast<std::int64_t>(q.salt % spread)));
  }
};

/// Never pings and never gives up: for peers that another layer watches.
struct no_heartbeat {
  [[nodiscard]] heartbeat_action operator()(const heartbeat_query&) const noexcept { return heartbeat_action::nothing; }
  [[nodiscard]] std::chrono::milliseconds interval() const noexcept { return {}; }
  [[nodiscard]] std::chrono::milliseconds timeout() const noexcept { return {}; }
};

static_assert(heartbeat_policy<interval_heartbeat> && heartbeat_policy<jittered_heartbeat> &&
              heartbeat_policy<no_heartbeat>);

}  // namespace hotline
#endif
