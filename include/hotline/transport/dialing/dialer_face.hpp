#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/any_invocable.hpp>
#include <hotline/concepts.hpp>
#include <hotline/dialer.hpp>
#include <hotline/error.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// The part of a dialer over sockets that does not depend on its loop. `Traffic` is a `dialing_traffic`.
template <class Traffic>
class dialer_face {
 public:
  using connection_type = typename Traffic::connection;

  /// Begins to connect, in a turn of its own. Failures of all kinds come by `on_dial_failed`, but for
  /// `errc::not_running` before `start` and after `stop`, `errc::wrong_thread` from beside the loop and `errc::out_of_memory`.
  [[nodiscard]] result<dial_id> dial(const dial_options& options) {
    if (runs_elsewhere()) return errc::wrong_thread;
    return traffic_->desk().dial(options);
  }

  /// Ends a dial. `on_dial_failed` follows, later. Returns whether it was under way.
  bool cancel(dial_id which) { return traffic_->desk().cancel(which); }

  /// Calls `f` once, after `time`, which is exact to what the system's timers are. It may throw as a posted function may.
  /// Throws `std::bad_alloc` without memory for it. Before `start` and after `stop` it has no effect.
  timer_id after(std::chrono::nanoseconds time, any_invocable<void()> f) {
    return traffic_->desk().after(time, std::move(f));
  }

  /// Destroys the function that `after` has returned `which` for, uncalled. Returns whether it was there.
  bool cancel(timer_id which) { return traffic_->desk().cancel(which); }

  std::size_t write(connection_type& c, std::span<const std::string_view> spans) { return traffic_->write(c, spans); }
  void pause_reading(connection_type& c) noexcept { traffic_->pause_reading(c); }
  void resume_reading(connection_type& c) { traffic_->resume_reading(c); }
  void shutdown(connection_type& c) { traffic_->shutdown(c); }
  void abort(connection_type& c) { traffic_->abort(c); }
  [[nodiscard]] bool has_input(connection_type& c) const noexcept { return c.has_input(); }

  /// Any thread, and safe against a `stop()` at the same time; not against the destructor. Takes any `void()`.
  template <std::invocable Function>
  void post(Function&& function) {
    traffic_->post(std::forward<Function>(function));
  }

  /// Any thread: whether another one runs the loop, so that this one may call nothing but what is for any thread. As of the
  /// transport over the same loop.
  [[nodiscard]] bool runs_elsewhere() const noexcept { return traffic_->runs_elsewhere(); }

  [[nodiscard]] environment& env() noexcept { return *env_; }

 protected:
  dialer_face(std::shared_ptr<Traffic> traffic, std::shared_ptr<environment> env, name_resolver resolve) noexcept
      : traffic_(std::move(traffic)), env_(std::move(env)), resolve_(std::move(resolve)) {}
  dialer_face(dialer_face&&) noexcept = default;
  ~dialer_face() = default;

  /// After the traffic has started.
  void begin_dials(dialer_receiver<connection_type>& receiver) { traffic_->begin_dials(receiver, std::move(resolve_)); }

  [[nodiscard]] const std::shared_ptr<Traffic>& traffic() const noexcept { return traffic_; }

 private:
  std::shared_ptr<Traffic> traffic_;
  std::shared_ptr<environment> env_;
  name_resolver resolve_;  // until `start`
};

}  // namespace hotline::detail
#endif
