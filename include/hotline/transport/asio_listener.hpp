// Connections become sockets. Nothing is read here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/metrics.hpp>
#include <hotline/transport/asio_connection.hpp>
#include <hotline/transport/asio_socket.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/unix_socket_file.hpp>

#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/error.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/socket_base.hpp>
#include <asio/wait_traits.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hotline::detail {

template <class Executor>
using asio_timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

/// A descriptor kept for the day when there are no more: closing it makes room to accept a connection and close it at
/// once. Else the connection would stay in the kernel's queue, and the listener would be readable for ever.
class reserve_descriptor {
 public:
  reserve_descriptor() = default;
  reserve_descriptor(const reserve_descriptor&) = delete;
  reserve_descriptor& operator=(const reserve_descriptor&) = delete;
  ~reserve_descriptor() { release(); }

  void acquire() noexcept {
    if (descriptor_ < 0) descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }

  void release() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_ = -1;
};

/// Listens at one address and hands over what comes. Lives as long as its operations do; silent once closed.
template <class Executor>
class asio_listener : public std::enable_shared_from_this<asio_listener<Executor>> {
 public:
  using protocol = asio::generic::stream_protocol;
  using socket_type = asio::basic_stream_socket<protocol, Executor>;
  /// Its last argument is the listener's `which`.
  using on_accept = std::function<void(socket_type, const protocol::endpoint&, std::size_t)>;

  /// Counts in `turned_away` for as long as it is open.
  asio_listener(const Executor& executor, counter& turned_away, std::size_t which)
      : acceptor_(executor), pause_(executor), turned_away_(turned_away), which_(which) {}

  /// Binds and listens. A failure leaves nothing behind.
  std::error_code open(const listen_options& options) {
    send_buffer_ = options.socket_send_buffer;
    user_timeout_ = options.user_timeout;
    const std::error_code failed = options.unix_path.empty() ? bind_tcp(options) : bind_unix(options);
    if (failed) close();
    return failed;
  }

  void start(on_accept accepted) {
    accepted_ = std::move(accepted);
    await();
  }

  void close() noexcept {
    std::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    file_.remove();
    reserve_.release();
  }

  /// The TCP port; 0 for a Unix socket.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  static constexpr int accepts_per_turn = 64;
  static constexpr std::chrono::milliseconds pause_time{10};
  static constexpr int turned_away_per_pause = 16;  // a storm of those who try again must not cost the others much

  std::error_code bind_tcp(const listen_options& options) {
    if (options.unix_mode || !options.unix_group.empty()) return std::make_error_code(std::errc::invalid_argument);
    std::error_code failed;
    const asio::ip::address address = asio::ip::make_address(options.address, failed);
    if (failed) return failed;
    const asio::ip::tcp::endpoint endpoint(address, options.port);
    if ((failed = bind(endpoint, options)) || (failed = listen(options))) return failed;
    const auto bound = acceptor_.local_endpoint(failed);
    if (failed) return failed;
    asio::ip::tcp::endpoint actual;
    actual.resize(bound.size());
    std::memcpy(actual.data(), bound.data(), bound.size());
    port_ = actual.port();
    return {};
  }

  std::error_code bind_unix(const listen_options& options) {
    const std::string& path = options.unix_path;
    if (path.size() > unix_socket_file::longest_path) return std::make_error_code(std::errc::filename_too_long);
    unix_permissions permissions;
    std::error_code failed = permissions.read(options.unix_mode, options.unix_group);
    if (failed) return failed;
    const asio::local::stream_protocol::endpoint endpoint(path);
    failed = bind(endpoint, options);
    if (failed == asio::error::address_in_use && unix_socket_file::remove_stale(path, endpoint)) {
      acceptor_.close(failed);
      failed = bind(endpoint, options);
    }
    if (failed) return failed;
    file_.keep(path);
    // Before it listens, so that nobody can connect with other permissions than these.
    if ((failed = permissions.apply(path))) return failed;
    return listen(options);
  }

  template <class Endpoint>
  std::error_code bind(const Endpoint& endpoint, const listen_options& options) {
    std::error_code failed;
    acceptor_.open(protocol(endpoint.protocol()), failed);
    if (failed) return failed;
    ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
    acceptor_.non_blocking(true, failed);
    if (!failed && options.reuse_address) acceptor_.set_option(asio::socket_base::reuse_address(true), failed);
    if (!failed) acceptor_.bind(protocol::endpoint(endpoint), failed);
    family_ = endpoint.protocol().family();
    return failed;
  }

  std::error_code listen(const listen_options& options) {
    std::error_code failed;
    acceptor_.listen(options.backlog, failed);
    reserve_.acquire();
    return failed;
  }

  void await() {
    acceptor_.async_wait(asio::socket_base::wait_read,
                         in_room{&wait_room_, [self = this->shared_from_this()](std::error_code) {
                                   if (self->acceptor_.is_open()) self->accept_some();
                                 }});
  }

  void accept_some() {
    for (int i = 0; i < accepts_per_turn && acceptor_.is_open(); ++i) {
      protocol::endpoint peer;
      const int descriptor = accept_one(peer);
      if (descriptor >= 0) {
        hand_over(descriptor, peer);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        break;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        if (errno == EMFILE || errno == ENFILE) turn_away();
        return await_better_times();
      }
    }
    if (acceptor_.is_open()) await();
  }

  /// Not Asio's accept: the descriptor must never be seen by a child that another thread of the host starts.
  [[nodiscard]] int accept_one(protocol::endpoint& peer) noexcept {
    auto size = static_cast<socklen_t>(peer.capacity());
#if defined(SOCK_CLOEXEC)
    const int descriptor = ::accept4(acceptor_.native_handle(), peer.data(), &size, SOCK_CLOEXEC);
#else
    const int descriptor = ::accept(acceptor_.native_handle(), peer.data(), &size);
    if (descriptor >= 0) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
#endif
    if (descriptor >= 0) peer.resize(size);
    return descriptor;
  }

  void hand_over(int descriptor, const protocol::endpoint& peer) {
    socket_type socket(acceptor_.get_executor());
    std::error_code failed;
    socket.assign(protocol(family_, 0), descriptor, failed);
    if (failed) {
      ::close(descriptor);
      return;
    }
    if (send_buffer_) socket.set_option(asio::socket_base::send_buffer_size(*send_buffer_), failed);
    if (prepare_socket(socket, peer, user_timeout_)) return;
    try {
      accepted_(std::move(socket), peer, which_);
    } catch (...) {
      // No memory for one more: its socket was closed.
    }
  }

  void turn_away() noexcept {
    reserve_.release();
    for (int i = 0; i < turned_away_per_pause; ++i) {
      protocol::endpoint peer;
      const int descriptor = accept_one(peer);
      if (descriptor < 0) break;
      ::close(descriptor);
      turned_away_.add();
    }
    reserve_.acquire();
  }

  void await_better_times() {
    pause_.expires_after(pause_time);
    pause_.async_wait(in_room{&pause_room_, [self = this->shared_from_this()](std::error_code) {
                                if (!self->acceptor_.is_open()) return;
                                self->reserve_.acquire();
                                self->accept_some();
                              }});
  }

  asio::basic_socket_acceptor<protocol, Executor> acceptor_;
  asio_timer<Executor> pause_;
  wait_room<Executor> wait_room_, pause_room_;
  on_accept accepted_;
  unix_socket_file file_;
  reserve_descriptor reserve_;
  std::optional<int> send_buffer_;
  std::chrono::milliseconds user_timeout_{};
  counter& turned_away_;
  const std::size_t which_;
  std::uint16_t port_ = 0;
  int family_ = 0;
};

/// All that one transport listens at.
template <class Executor>
class asio_listeners {
 public:
  /// Opens all, or none. The number of its options identifies a listener.
  std::error_code open(const Executor& executor, const std::vector<listen_options>& options) {
    port_ = 0;
    for (std::size_t which = 0; which < options.size(); ++which) {
      const listen_options& o = options[which];
      if (!o.listen) continue;
      const auto listener = std::make_shared<asio_listener<Executor>>(executor, turned_away_, which);
      if (const std::error_code failed = listener->open(o)) {
        close();
        return failed;
      }
      if (port_ == 0) port_ = listener->port();
      open_.push_back(listener);
    }
    return {};
  }

  void start(const typename asio_listener<Executor>::on_accept& accepted) {
    for (const auto& listener : open_) listener->start(accepted);
  }

  void close() noexcept {
    for (const auto& listener : open_) listener->close();
    open_.clear();
  }

  /// The first TCP port; 0 without one, and before `open`.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// Any thread. Sockets that were closed at once, for there was no descriptor for them.
  [[nodiscard]] std::uint64_t turned_away() const noexcept { return turned_away_.value(); }

 private:
  counter turned_away_;
  std::vector<std::shared_ptr<asio_listener<Executor>>> open_;
  std::uint16_t port_ = 0;
};

}  // namespace hotline::detail
#endif
