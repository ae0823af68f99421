// Connections become sockets. Nothing is read here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#if defined(_WIN32)
#include <hotline/transport/asio/asio_listener_windows.hpp>
#else

#include <hotline/metrics.hpp>
#include <hotline/transport/asio/asio_timer.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/loop/operation_room.hpp>
#include <hotline/transport/socket/listening_socket.hpp>
#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/socket/peer_address.hpp>

#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/socket_base.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>

namespace hotline::detail {

/// Listens at one address and hands over what comes. Lives as long as its operations do; silent once closed.
template <class Executor>
class asio_listener : public std::enable_shared_from_this<asio_listener<Executor>> {
 public:
  using protocol = asio::generic::stream_protocol;
  using socket_type = asio::basic_stream_socket<protocol, Executor>;
  using on_accept = std::function<void(socket_type, const peer_address&, const asio_listener&)>;

  /// Counts in `turned_away` for as long as it is open.
  asio_listener(const Executor& executor, counter& turned_away, std::size_t which)
      : watched_(executor), pause_(executor), turned_away_(turned_away), which_(which) {}
  ~asio_listener() { close(); }

  /// Returns why `given` cannot be taken over; empty if it can.
  [[nodiscard]] static std::error_code check(int given) noexcept { return listening_socket::check(given); }

  /// Binds and listens. A failure leaves nothing behind.
  std::error_code open(const listen_options& options) {
    std::error_code failed = listening_.open(options);
    if (failed) return failed;
    watched_.assign(protocol(listening_.family(), 0), listening_.descriptor(), failed);
    if (failed) listening_.abandon();
    return failed;
  }

  void start(on_accept accepted) {
    accepted_ = std::move(accepted);
    await();
  }

  void close() noexcept {
    stop_watching();
    listening_.close();
  }

  /// As `close`, but a descriptor that was given is the caller's again.
  void abandon() noexcept {
    stop_watching();
    listening_.abandon();
  }

  /// As `close`, but the descriptor is the caller's and goes on to listen.
  [[nodiscard]] int release() noexcept {
    stop_watching();
    return listening_.release();
  }

  /// The TCP port; 0 for a Unix socket.
  [[nodiscard]] std::uint16_t port() const noexcept { return listening_.port(); }
  /// The number of its door.
  [[nodiscard]] std::size_t which() const noexcept { return which_; }
  [[nodiscard]] bool is_loopback() const noexcept { return listening_.is_loopback(); }

 private:
  void stop_watching() noexcept {
    std::error_code ignored;
    if (watched_.is_open()) (void)watched_.release(ignored);
    pause_.cancel();
  }

  void await() {
    watched_.async_wait(asio::socket_base::wait_read,
                        in_room{&wait_room_, [self = this->shared_from_this()](std::error_code) { self->accept(); }});
  }

  void accept() {
    switch (listening_.accept_some(turned_away_,
                                   [this](int accepted, const peer_address& peer) { hand_over(accepted, peer); })) {
      case listening_socket::outcome::exhausted: return await_better_times();
      case listening_socket::outcome::ended: return;
      case listening_socket::outcome::drained:
      case listening_socket::outcome::more: break;
    }
    if (listening_.is_open()) await();
  }

  void hand_over(int accepted, const peer_address& peer) {
    socket_type socket(watched_.get_executor());
    bool is_ours = true;  // not the socket's yet
    try {
      std::error_code failed;
      socket.assign(protocol(listening_.family(), 0), accepted, failed);
      is_ours = static_cast<bool>(failed);
      if (!failed) socket.non_blocking(true, failed);  // Asio would make the call for itself else, at the first wait
      if (!failed) accepted_(std::move(socket), peer, *this);
    } catch (...) {
      // No memory for one more: it is closed.
    }
    if (is_ours) native_socket::close(accepted);
  }

  void await_better_times() {
    pause_.expires_after(listening_socket::pause_time);
    pause_.async_wait(in_room{&pause_room_, [self = this->shared_from_this()](std::error_code) {
                                self->listening_.go_on();
                                self->accept();
                              }});
  }

  listening_socket listening_;
  asio::basic_socket_acceptor<protocol, Executor> watched_;  // has the descriptor on loan, to wait for
  asio_timer<Executor> pause_;
  wait_room<Executor> wait_room_, pause_room_;
  on_accept accepted_;
  counter& turned_away_;
  const std::size_t which_;
};

}  // namespace hotline::detail
#endif
#endif
