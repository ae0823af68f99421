// As asio_listener.hpp, for Windows, where a wait for a listener's input never ends: Asio accepts there.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE && defined(_WIN32)

#include <hotline/metrics.hpp>
#include <hotline/transport/asio/asio_error.hpp>
#include <hotline/transport/asio/asio_timer.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/loop/operation_room.hpp>
#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/socket/numeric_address.hpp>
#include <hotline/transport/socket/peer_address.hpp>

#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/error.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/socket_base.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace hotline::detail {

/// Listens at one TCP address and hands over what comes. Lives as long as its operations do; silent once closed.
template <class Executor>
class asio_listener : public std::enable_shared_from_this<asio_listener<Executor>> {
 public:
  using protocol = asio::generic::stream_protocol;
  using socket_type = asio::basic_stream_socket<protocol, Executor>;
  using on_accept = std::function<void(socket_type, const peer_address&, const asio_listener&)>;

  /// The counter is of sockets that are closed for lack of descriptors, which is not met here.
  asio_listener(const Executor& executor, const counter&, std::size_t which)
      : acceptor_(executor), pause_(executor), which_(which) {}

  /// A listening socket cannot be handed over here.
  [[nodiscard]] static std::error_code check(int) noexcept { return std::make_error_code(std::errc::not_supported); }

  /// Binds and listens. A failure leaves nothing behind.
  std::error_code open(const listen_options& options) {
    if (options.descriptor || !options.unix_path.empty()) return std::make_error_code(std::errc::not_supported);
    const auto at = numeric_address::read(options.address, options.port);
    if (!at || options.unix_mode || !options.unix_group.empty())
      return std::make_error_code(std::errc::invalid_argument);
    send_buffer_ = options.socket_send_buffer;
    user_timeout_ = options.user_timeout;
    std::error_code failed = bind(*at, options);
    if (!failed) acceptor_.listen(system_backlog(options.backlog), failed);
    if (!failed) {
      const endpoint bound = acceptor_.local_endpoint(failed);
      bound_ = peer_address(bound.data(), bound.size());
    }
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
  }

  void abandon() noexcept { close(); }

  /// As `close`: there is no descriptor for the caller.
  [[nodiscard]] int release() noexcept {
    close();
    return -1;
  }

  /// The TCP port.
  [[nodiscard]] std::uint16_t port() const noexcept { return bound_.port(); }
  /// The number of its door.
  [[nodiscard]] std::size_t which() const noexcept { return which_; }
  [[nodiscard]] bool is_loopback() const noexcept { return bound_.is_loopback(); }

 private:
  using endpoint = typename protocol::endpoint;

  static constexpr std::chrono::milliseconds pause_time{10};

  /// The system cuts a number at 200 unless it is given as SOMAXCONN_HINT.
  [[nodiscard]] static int system_backlog(int backlog) noexcept {
    constexpr int plain = 200, most = 65'535;
    return backlog > plain ? -std::min(backlog, most) : backlog;
  }

  /// Two servers could listen at one port with the system's option to use an address again, so it is never set. A port that was
  /// closed is free at once without it; `reuse_address` of the options decides whether one with old connections is as well.
  [[nodiscard]] std::error_code bind(const numeric_address& at, const listen_options& options) {
    std::error_code failed;
    family_ = at.family();
    acceptor_.open(protocol(family_, IPPROTO_TCP), failed);
    if (failed) return failed;
    prepare(acceptor_.native_handle());
    if (family_ == AF_INET6) acceptor_.set_option(asio::ip::v6_only(false), failed);  // "::" is all addresses
    if (!options.reuse_address) {
      const int on = 1;
      const auto* const value = reinterpret_cast<const char*>(&on);
      (void)::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_EXCLUSIVEADDRUSE, value, sizeof on);
    }
    if (!failed) acceptor_.bind(endpoint(at.data(), at.size(), IPPROTO_TCP), failed);
    return failed;
  }

  void prepare(native_handle socket) const noexcept { native_socket::prepare(socket, family_, user_timeout_); }

  void await() {
    acceptor_.async_accept([self = this->shared_from_this()](std::error_code failed, socket_type socket) {
      self->take(failed, std::move(socket));
    });
  }

  void take(std::error_code failed, socket_type socket) {
    if (!acceptor_.is_open()) return;
    if (!failed) {
      hand_over(std::move(socket));
    } else if (failed != asio::error::connection_aborted && failed != asio::error::connection_reset) {
      return await_better_times();
    }
    await_again();
  }

  /// To accept takes memory here.
  void await_again() {
    if (!acceptor_.is_open()) return;
    try {
      await();
    } catch (...) {
      await_better_times();
    }
  }

  void hand_over(socket_type socket) {
    try {
      std::error_code failed;
      socket.non_blocking(true, failed);
      if (failed) return;
      prepare(socket.native_handle());
      if (send_buffer_) socket.set_option(asio::socket_base::send_buffer_size(*send_buffer_), failed);
      // Asio leaves the size of an endpoint of any family as it was.
      ::sockaddr_storage peer;
      const ::socklen_t size = native_socket::read_peer(socket.native_handle(), peer);
      accepted_(std::move(socket), peer_address(&peer, size), *this);
    } catch (...) {
      // No memory for one more: it is closed.
    }
  }

  void await_better_times() {
    pause_.expires_after(pause_time);
    pause_.async_wait(
        in_room{&pause_room_, [self = this->shared_from_this()](std::error_code) { self->await_again(); }});
  }

  asio::basic_socket_acceptor<protocol, Executor> acceptor_;
  asio_timer<Executor> pause_;
  wait_room<Executor> pause_room_;
  on_accept accepted_;
  peer_address bound_;
  int family_ = AF_UNSPEC;
  std::optional<int> send_buffer_;
  std::chrono::milliseconds user_timeout_{};
  const std::size_t which_;
};

}  // namespace hotline::detail
#endif
