// Connections that we begin, within the process. No sockets, no real time.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/any_invocable.hpp>
#include <hotline/concepts.hpp>
#include <hotline/dialer.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/dialing/dial_desk.hpp>
#include <hotline/transport/loop/timer_queue.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/transport/memory_loop.hpp>
#include <hotline/transport/memory_network.hpp>
#include <hotline/transport/memory_peer.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline {

namespace detail {

/// The dials of one `memory_dialer`.
class memory_dials final : public std::enable_shared_from_this<memory_dials>, private dial_driver {
 public:
  memory_dials(std::shared_ptr<memory_network> network, std::shared_ptr<manual_environment> env, name_resolver resolve)
      : network_(std::move(network)), env_(std::move(env)), resolve_(std::move(resolve)) {}

  [[nodiscard]] std::error_code start(dialer_receiver<memory_connection>& r) {
    if (const std::error_code failed = loop_->start(r)) return failed;
    receiver_ = &r;
    if (!resolve_) resolve_ = [this](const std::string& name, resolve_done done) { resolve(name, std::move(done)); };
    desk_.start(std::move(resolve_));
    next_tick_ = env_->now() + tick_interval;
    return {};
  }

  void stop() {
    loop_->stop();
    desk_.stop();
    attempts_.clear();
  }

  [[nodiscard]] memory_loop& loop() noexcept { return *loop_; }
  [[nodiscard]] dial_desk& desk() noexcept { return desk_; }
  [[nodiscard]] manual_environment& env() noexcept { return *env_; }

  /// When the next tick or timer is due.
  [[nodiscard]] steady_time next() const noexcept {
    return loop_->running() ? std::min(next_tick_, desk_.next()) : steady_time::max();
  }

  /// Notes that ticks and timers are due, then does the thing that waits longest. False: there was nothing.
  bool run_one() {
    loop_->note_thread();
    enqueue_due();
    return loop_->run_one();
  }

  void run() {
    do {
      while (run_one()) {
      }
    } while (network_->run());
  }

 private:
  /// An attempt waits for its place to say something.
  struct attempt : dial_attempt {
    attempt(memory_dials& d, std::string a, std::uint16_t p)
        : address(std::move(a)),
          port(p),
          timer(
              d.desk_.timers(),
              [](void* self) {
                auto& due = *static_cast<attempt*>(self);
                due.dials.take_outcome(due);
              },
              this),
          dials(d) {}

    std::string address;
    std::uint16_t port;
    memory_place::manner how = memory_place::manner::refuses;
    timer_queue::timer timer;
    memory_dials& dials;
  };

  void enqueue_due() {
    if (!loop_->running()) return;
    const steady_time now = env_->now();
    if (now >= next_tick_) {
      next_tick_ = now + tick_interval;
      loop_->tick();
    }
    if (now < desk_.next() || std::exchange(has_enqueued_timers_, true)) return;
    loop_->post([this] {
      has_enqueued_timers_ = false;
      desk_.run_timers();
    });
  }

  void take_outcome(attempt& a) {
    if (a.how == memory_place::manner::accepts) return desk_.connected(a);
    desk_.attempt_failed(a, std::make_error_code(std::errc::connection_refused));
    attempts_.erase(&a);
  }

  void resolve(const std::string& name, resolve_done done) {
    const memory_name* const found = network_->find_name(name);
    if (found == nullptr) return done(errc::host_not_found, {});
    if (found->is_silent) return;
    desk_.after(found->delay, [done = std::move(done), addresses = found->addresses] { done({}, addresses); });
  }

  // -------------------------------------------------------------------------------------------- as the desk asks for it

  [[nodiscard]] steady_time time() const override { return env_->now(); }
  void wake_at(steady_time) noexcept override {}

  [[nodiscard]] dial_attempt* begin(const dial_options& options, const std::string& address,
                                    std::error_code& /*failed*/) override {
    const std::uint16_t port = options.unix_path.empty() ? options.port : std::uint16_t{0};
    auto made = std::make_unique<attempt>(*this, address, port);
    const memory_place* const there = network_->find_place(address, port);
    if (there != nullptr) made->how = there->how;
    if (made->how != memory_place::manner::silent)
      made->timer.arm(env_->now() + std::chrono::duration_cast<steady_time::duration>(
                                        there != nullptr ? there->delay : std::chrono::nanoseconds::zero()));
    attempt* const begun = made.get();
    attempts_.emplace(begun, std::move(made));
    return begun;
  }

  void drop(dial_attempt& a) noexcept override { attempts_.erase(static_cast<attempt*>(&a)); }

  void greet(dial_attempt& won, const dial_options&) override {
    auto& a = static_cast<attempt&>(won);
    const auto own = attempts_.extract(&a);
    loop_->open_dialed(desk_.opened(a), [&](const std::shared_ptr<memory_connection>& c) {
      network_->take(a.address, a.port, std::make_shared<memory_peer>(loop_, c));
    });
  }

  [[nodiscard]] resolve_done on_resolved(dial_id which) override {
    return [weak = weak_from_this(), which](std::error_code failed, std::vector<std::string> addresses) {
      const auto self = weak.lock();
      if (!self) return;
      self->loop_->post([dials = self.get(), which, failed, found = std::move(addresses)]() mutable {
        dials->desk_.resolved(which, failed, std::move(found));
      });
    };
  }

  void dial_failed(const dial_failure& failure) override { receiver_->on_dial_failed(failure); }

  std::shared_ptr<memory_loop> loop_ = std::make_shared<memory_loop>();
  std::shared_ptr<memory_network> network_;
  std::shared_ptr<manual_environment> env_;
  name_resolver resolve_;  // until `start`
  dial_desk desk_{*this};
  std::map<attempt*, std::unique_ptr<attempt>> attempts_;
  dialer_receiver<memory_connection>* receiver_ = nullptr;
  steady_time next_tick_{};
  bool has_enqueued_timers_ = false;
};

}  // namespace detail

/// A dialer within the process, for tests of clients: no sockets, no threads, a clock that moves when the test moves it, and a
/// `memory_network` of names and places that accept, refuse, are slow or silent.
///
///     auto network = std::make_shared<hotline::memory_network>();
///     network->place("10.0.0.1", 6379) = {.delay = 30ms};
///     hotline::memory_dialer dialer(network);
///     (void)dialer.start(client);
///     (void)dialer.dial({.host = "10.0.0.1", .port = 6379});
///     dialer.advance(30ms);                                   // client.on_open was called
///     auto server = network->accept("10.0.0.1", 6379);
///     server->send("+PONG\r\n");
///     dialer.run();                                           // client.on_data was called
///
/// All happens in the order in which it was requested, and only inside `run()`, `run_one()` and `advance()`. One thread drives
/// it; `post` alone may be called from others.
class memory_dialer {
 public:
  using connection_type = memory_connection;

  /// Without `options.resolve` the network resolves names. Dialers and transports may share one clock.
  explicit memory_dialer(std::shared_ptr<memory_network> network,
                         std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>(),
                         dialer_options options = {})
      : env_(env),
        dials_(std::make_shared<detail::memory_dials>(std::move(network), std::move(env), std::move(options.resolve))) {
  }

  memory_dialer(memory_dialer&&) noexcept = default;
  memory_dialer& operator=(memory_dialer&&) = delete;
  ~memory_dialer() {
    if (dials_) stop();
  }

  // --------------------------------------------------------------------------------- what every dialer has

  /// Fails with `errc::already_running`, or with `errc::not_running` once stopped.
  [[nodiscard]] std::error_code start(dialer_receiver<memory_connection>& receiver) { return dials_->start(receiver); }
  void stop() {
    const auto dials = dials_;  // a function that it drops may own this dialer
    dials->stop();
  }

  [[nodiscard]] result<dial_id> dial(const dial_options& options) { return dials_->desk().dial(options); }
  bool cancel(dial_id which) { return dials_->desk().cancel(which); }
  timer_id after(std::chrono::nanoseconds time, any_invocable<void()> f) {
    return dials_->desk().after(time, std::move(f));
  }
  bool cancel(timer_id which) { return dials_->desk().cancel(which); }

  std::size_t write(memory_connection& c, std::span<const std::string_view> spans) {
    return dials_->loop().write(c, spans);
  }
  void pause_reading(memory_connection& c) { dials_->loop().pause_reading(c); }
  void resume_reading(memory_connection& c) { dials_->loop().resume_reading(c); }
  void shutdown(memory_connection& c) { dials_->loop().shutdown(c); }
  void abort(memory_connection& c) { dials_->loop().abort(c); }
  void post(any_invocable<void()> function) { dials_->loop().post(std::move(function)); }
  [[nodiscard]] bool has_input(memory_connection& c) const noexcept { return detail::memory_loop::has_input(c); }
  [[nodiscard]] environment& env() noexcept { return *env_; }

  /// Any thread: whether another one drives it. Never true before it was driven, and after that thread has ended.
  [[nodiscard]] bool runs_elsewhere() const noexcept { return dials_->loop().runs_elsewhere(); }

  // --------------------------------------------------------------------------------- what tests do with it

  /// Everything that is due and everything that waits, here and in the network, until nothing is left to do.
  void run() {
    const auto dials = dials_;  // a callback may destroy this dialer
    dials->run();
  }

  /// The one thing that waits longest. False: there was nothing.
  bool run_one() {
    const auto dials = dials_;
    return dials->run_one();
  }

  /// Lets `time` pass, with each tick and timer at its moment, and everything done that happens on the way.
  void advance(std::chrono::nanoseconds time) {
    const auto dials = dials_;
    manual_environment& env = dials->env();
    const steady_time end = env.now() + std::chrono::duration_cast<steady_time::duration>(time);
    if (dials->loop().is_dispatching()) return env.advance(end - env.now());  // inside a callback the clock goes alone
    dials->run();
    while (env.now() < end) {
      env.advance(std::clamp(dials->next(), env.now(), end) - env.now());
      dials->run();
    }
  }

  [[nodiscard]] manual_environment& clock() noexcept { return *env_; }

 private:
  std::shared_ptr<manual_environment> env_;
  std::shared_ptr<detail::memory_dials> dials_;
};

static_assert(dialer<memory_dialer>);

}  // namespace hotline
#endif
