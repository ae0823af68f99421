#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/types.hpp>

#include <asio/basic_waitable_timer.hpp>
#include <asio/wait_traits.hpp>

#include <chrono>
#include <optional>
#include <system_error>
#include <utility>

namespace hotline::detail {

/// One timer of Asio's for all timers of a loop. For the loop.
template <class Executor, bool IsUsed>
class asio_alarm {
 public:
  /// Calls `ring` at `when`, unless it rings earlier already. Without memory it does not ring, and the next call sets it.
  template <class Ring>
  void set(const Executor& executor, steady_time when, Ring ring) noexcept {
    if (when >= rings_at_) return;
    rings_at_ = steady_time::max();
    try {
      if (!timer_) timer_.emplace(executor);
      timer_->expires_at(when);
      timer_->async_wait([this, ring = std::move(ring)](std::error_code cancelled) {
        if (cancelled) return;  // another time was set, or `this` is gone
        rings_at_ = steady_time::max();
        ring();
      });
      rings_at_ = when;
    } catch (...) {
    }
  }

  void reset() noexcept {
    timer_.reset();
    rings_at_ = steady_time::max();
  }

 private:
  using timer_type =
      asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

  std::optional<timer_type> timer_;
  steady_time rings_at_ = steady_time::max();
};

/// For a loop without timers.
template <class Executor>
class asio_alarm<Executor, false> {
 public:
  static void reset() noexcept {}
};

}  // namespace hotline::detail
#endif
