#pragma once

#include <hotline/event_emitter.hpp>
#include <hotline/make_ws_manager.hpp>
#include <hotline/manager.hpp>

#if defined(__linux__)
#include <hotline/asio_epoll.hpp>
#include <hotline/epoll.hpp>

#include <cerrno>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#endif

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "steered_clock.hpp"

/// A loop with a manager in it, SIGTERM and SIGINT, and the clock that the test moves on by standard input.
class server_loop {
 public:
  server_loop() = default;
  server_loop(const server_loop&) = delete;
  server_loop& operator=(const server_loop&) = delete;
  virtual ~server_loop() = default;

  [[nodiscard]] virtual hotline::manager& manager() = 0;
  [[nodiscard]] virtual std::uint16_t port() = 0;

  /// Runs until `end`. Calls `on_signal` for the first signal, if it comes before `ignore_signals`.
  virtual void run(std::function<void()> on_signal) = 0;
  /// On the loop, as `end`.
  virtual void ignore_signals() = 0;
  virtual void end() = 0;
};

/// An io_context, and the manager that `make` makes in it.
template <class Manager>
class asio_server_loop final : public server_loop {
 public:
  template <class Make>
  asio_server_loop(const Make& make, std::shared_ptr<steered_environment> env)
      : clock_(io_, std::move(env)), manager_(make(io_)), signals_(io_, SIGINT, SIGTERM) {}

  hotline::manager& manager() override { return manager_; }
  std::uint16_t port() override { return manager_.transport().port(); }
  void run(std::function<void()> on_signal) override {
    signals_.async_wait([on_signal = std::move(on_signal)](std::error_code cancelled, int) {
      if (!cancelled) on_signal();
    });
    io_.run();
  }
  void ignore_signals() override { signals_.cancel(); }
  void end() override { clock_.close(); }

 private:
  asio::io_context io_{1};
  clock_input clock_;
  Manager manager_;
  asio::signal_set signals_;
};

#if defined(__linux__)
/// poll(2), and nothing of Asio.
class poll_server_loop final : public server_loop {
 public:
  template <class Make>
  poll_server_loop(const Make& make, std::shared_ptr<steered_environment> env)
      : env_(std::move(env)), manager_(make()) {
    ::sigset_t both;
    ::sigemptyset(&both);
    ::sigaddset(&both, SIGINT);
    ::sigaddset(&both, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &both, nullptr);
    signals_ = ::signalfd(-1, &both, SFD_CLOEXEC);
  }
  ~poll_server_loop() override { ::close(signals_); }

  hotline::manager& manager() override { return manager_; }
  std::uint16_t port() override { return manager_.transport().port(); }
  void run(std::function<void()> on_signal) override {
    ::pollfd waiting[] = {{manager_.transport().fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {signals_, POLLIN, 0}};
    while (!has_ended_) {
      if (::poll(waiting, 3, -1) < 0) {
        if (errno == EINTR) continue;
        throw std::system_error(errno, std::system_category());
      }
      if (waiting[0].revents != 0) manager_.transport().run_ready();
      if (waiting[1].revents != 0 && !pass_time()) waiting[1].fd = -1;
      if (waiting[2].revents != 0) {
        waiting[2].fd = -1;
        if (!std::exchange(ignores_signals_, true)) on_signal();
      }
    }
  }
  void ignore_signals() override { ignores_signals_ = true; }
  void end() override { has_ended_ = true; }

 private:
  /// False at the end of the input.
  bool pass_time() {
    char bytes[256];
    const ssize_t n = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (n <= 0) return n < 0 && errno == EINTR;
    text_.append(bytes, static_cast<std::size_t>(n));
    for (std::size_t end = 0; (end = text_.find('\n')) != std::string::npos; text_.erase(0, end + 1))
      env_->pass(text_.substr(0, end));
    return true;
  }

  std::shared_ptr<steered_environment> env_;
  hotline::ws_manager<hotline::epoll_transport> manager_;
  int signals_ = -1;
  std::string text_;
  bool ignores_signals_ = false;
  bool has_ended_ = false;
};
#endif

/// `transport` is "asio", or for Linux "epoll" or "asio_epoll".
template <class Heartbeat>
std::unique_ptr<server_loop> make_server_loop(std::string_view transport, std::shared_ptr<steered_environment> env,
                                              hotline::event_emitter& events, const hotline::listen_options& listen,
                                              const hotline::manager_options& options, Heartbeat heartbeat) {
  using namespace hotline;
  if (transport == "asio") {
    const auto make = [&](asio::io_context& io) { return make_ws_manager(io, events, listen, options, heartbeat); };
    return std::make_unique<asio_server_loop<ws_manager<asio_transport>>>(make, std::move(env));
  }
#if defined(__linux__)
  if (transport == "asio_epoll") {
    const auto make = [&](asio::io_context& io) {
      return make_epoll_ws_manager(io, events, listen, options, heartbeat);
    };
    return std::make_unique<asio_server_loop<ws_manager<asio_epoll_transport>>>(make, std::move(env));
  }
  if (transport == "epoll") {
    const auto make = [&] { return make_epoll_ws_manager(events, listen, options, heartbeat); };
    return std::make_unique<poll_server_loop>(make, std::move(env));
  }
#endif
  throw std::invalid_argument("e2e_server: no transport " + std::string(transport));
}
