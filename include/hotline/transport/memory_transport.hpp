// Bytes come and go, here between two ends in one process. No sockets, no real time.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/loop/loop_thread.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/transport/memory_loop.hpp>
#include <hotline/transport/memory_peer.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace hotline {

/// A transport within the process, for tests of hotline and of its hosts: no sockets, no threads, a clock that moves
/// when the test moves it, and clients (`memory_peer`) that stall, vanish and cut lines at a chosen byte.
///
/// All happens in the order in which it was requested, and only inside `run()`, `run_one()` and `advance()`.
/// One thread drives it; `post` alone may be called from others.
class memory_transport {
 public:
  using connection_type = memory_connection;

  /// Two transports may share one clock: advance one of them and `run()` the other.
  explicit memory_transport(std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>())
      : env_(std::move(env)), loop_(std::make_shared<detail::memory_loop>()) {}

  memory_transport(memory_transport&&) noexcept = default;
  memory_transport& operator=(memory_transport&&) = delete;
  ~memory_transport() {
    if (loop_) stop();
  }

  // ------------------------------------------------------------------------------- what every transport has

  /// Fails with `errc::already_running`, or with `errc::not_running` once stopped.
  [[nodiscard]] std::error_code start(transport_receiver<memory_connection>& receiver) {
    if (start_failure_) return std::exchange(start_failure_, {});
    if (const auto failed = loop_->start(receiver)) return failed;
    next_tick_ = env_->now() + tick_interval;
    return {};
  }

  void stop_accepting() { loop_->stop_accepting(); }
  void stop() { loop_->stop(); }
  std::size_t write(memory_connection& c, std::span<const std::string_view> spans) { return loop_->write(c, spans); }
  void pause_reading(memory_connection& c) { loop_->pause_reading(c); }
  void resume_reading(memory_connection& c) { loop_->resume_reading(c); }
  void shutdown(memory_connection& c) { loop_->shutdown(c); }
  void abort(memory_connection& c) { loop_->abort(c); }
  void post(std::function<void()> function) { loop_->post(std::move(function)); }
  [[nodiscard]] bool has_input(memory_connection& c) const noexcept { return loop_->has_input(c); }
  [[nodiscard]] std::chrono::nanoseconds lateness() const {
    const auto since = loop_->late_since();
    return since ? env_->now() - *since : std::chrono::nanoseconds{0};
  }
  [[nodiscard]] environment& env() noexcept { return *env_; }

  /// Any thread: whether another one drives it. Never true before it was driven, and after that thread has ended.
  [[nodiscard]] bool runs_elsewhere() const noexcept { return loop_->runs_elsewhere(); }

  // ------------------------------------------------------------------------------------- what tests do with it

  /// A client knocks: `on_open` comes with the next `run()`, unless nothing accepts any more; then it is turned away.
  [[nodiscard]] std::shared_ptr<memory_peer> connect() {
    return std::make_shared<memory_peer>(loop_, loop_->connect());
  }

  /// The next `start` fails with `error`, once.
  void fail_start(std::error_code error) noexcept { start_failure_ = error; }

  /// A tick if one is due by the clock (one, however late), then all that waits, until nothing is left to do.
  void run() {
    const auto loop = loop_;  // a callback may destroy this transport
    loop->note_thread();
    tick_if_due();
    while (loop->run_one()) {
    }
  }

  /// The one thing that waits longest. False: there was nothing.
  bool run_one() {
    const auto loop = loop_;
    loop->note_thread();
    return loop->run_one();
  }

  /// Lets `time` pass, with each tick at its moment, and everything done that happens on the way.
  void advance(std::chrono::nanoseconds time) {
    const auto loop = loop_;  // a callback may destroy this transport, and then it is not running
    const auto env = env_;
    run();
    const steady_time end = env->now() + std::chrono::duration_cast<steady_time::duration>(time);
    while (env->now() < end) {
      const steady_time next = loop->running() ? std::min(next_tick_, end) : end;
      env->advance(next - env->now());
      if (loop->running()) run();
      while (loop->run_one()) {
      }
    }
  }

  /// Lets `time` pass in which nothing runs, as when the process is stopped or a handler blocks. A tick that becomes due
  /// runs late, with the next `run()`: after what was sent before the pause, and before what is sent from here on.
  void pause(std::chrono::nanoseconds time) {
    env_->advance(time);
    if (!loop_->running() || env_->now() < next_tick_) return;
    loop_->tick_late(next_tick_);
    next_tick_ = env_->now() + tick_interval;
  }

  [[nodiscard]] manual_environment& clock() noexcept { return *env_; }

 private:
  void tick_if_due() {
    if (!loop_->running() || env_->now() < next_tick_) return;
    next_tick_ = env_->now() + tick_interval;
    loop_->tick();
  }

  std::shared_ptr<manual_environment> env_;
  std::shared_ptr<detail::memory_loop> loop_;
  steady_time next_tick_{};
  std::error_code start_failure_;
};

static_assert(transport<memory_transport>);

}  // namespace hotline
#endif
