#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/any_invocable.hpp>
#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/subscription.hpp>
#include <hotline/transport/epoll/epoll_connection.hpp>
#include <hotline/transport/epoll/epoll_set.hpp>
#include <hotline/transport/epoll/epoll_traffic.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/system_environment.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>

namespace hotline {

/// TCP and Unix sockets in any loop, by one descriptor: a `transport`, for Linux, without Asio. The host's loop waits until
/// `fd()` is readable, then calls `run_ready()`. There is nothing else to wire: no timer, no second descriptor. An idle
/// transport wakes the host twice a second, for the tick.
///
///     hotline::ws_manager<hotline::epoll_transport> manager(hotline::epoll_transport({.port = 8080}), events);
///     if (auto failed = manager.start()) return report(failed);
///     ::pollfd waiting{manager.transport().fd(), POLLIN, 0};
///     while (::poll(&waiting, 1, -1) >= 0 || errno == EINTR) manager.transport().run_ready();
///
/// *Which thread.* All callbacks run inside `run_ready` and `wait_ready`, on the thread that calls those. All functions but
/// `post` and what says so are for the same thread, or for before the loop runs and after it has ended. Several threads may
/// take turns with `run_ready`, if two are never in it at once and a lock, or a strand, stands between them.
///
/// *How it ends.* `on_closed` has no reason when a peer ended its side and had taken all it was sent, and when it answered
/// `shutdown`. A peer that ends its side is gone: its connection is closed then, half-closed ones are not kept. A connection
/// that we aborted has `std::errc::operation_canceled`, one whose peer left something unread `std::errc::broken_pipe`, else
/// what the system says (comparable with `std::errc`).
///
/// *Lifetime.* The transport may be destroyed in its own callbacks. When the process has no descriptors left, new clients
/// are turned away until it has.
///
/// `Layer` is what stands between connections and sockets; `tls_epoll_transport` brings one.
template <class Layer = detail::plain_layer>
class basic_epoll_transport {
 public:
  using connection_type = epoll_connection<Layer>;

  explicit basic_epoll_transport(listen_options options = {}, std::shared_ptr<environment> env = default_environment())
      : basic_epoll_transport(std::vector<listen_options>{std::move(options)}, std::move(env)) {}

  /// Several at once: ports, addresses, Unix sockets.
  explicit basic_epoll_transport(std::vector<listen_options> options,
                                 std::shared_ptr<environment> env = default_environment())
      : basic_epoll_transport(std::move(options), std::move(env), {}) {}

  basic_epoll_transport(basic_epoll_transport&&) noexcept = default;
  basic_epoll_transport& operator=(basic_epoll_transport&&) = delete;
  ~basic_epoll_transport();

  /// Returns the descriptor that is readable when `run_ready` has something to do; the same one for the transport's life. It
  /// is an epoll set, so select, poll, epoll, kqueue's Linux stand-ins and io_uring can wait for it. Wait for input alone;
  /// level-triggered and edge-triggered loops both work. -1 when the system had none left: `start` tells why.
  [[nodiscard]] int fd() const noexcept;

  /// Handles up to about `most` events, without a wait, and returns whether more is left. Posted functions and a
  /// listener's clients, 64 at a time, do not count. The rest keeps `fd()` readable, so a host may ignore the result and wait; it may call again, to save that wait. Inside a callback it does
  /// nothing. An exception of a posted function passes through; the loop goes on with the next call.
  bool run_ready(std::size_t most = 256);

  /// As `run_ready`, after a wait of at most `time` for the first: a loop for a thread of hotline's own, with a system call
  /// less a turn than poll and `run_ready`. Returns early when a signal handler ran.
  bool wait_ready(std::chrono::milliseconds time, std::size_t most = 256);

  /// Binds, listens and ticks. A failure is the system's, `address_in_use` say, or `errc::already_running`, or
  /// `errc::not_running` once stopped. A file at `unix_path` is replaced only if it is a socket that nobody listens on.
  [[nodiscard]] std::error_code start(transport_receiver<connection_type>& receiver);

  /// Any thread: whether another one ran the loop last, and has not ended since. Never true before the loop has run.
  [[nodiscard]] bool runs_elsewhere() const noexcept;

  /// Closes the listening sockets and removes the files of the Unix ones.
  void stop_accepting() noexcept;

  /// No connection is valid afterwards but the one whose callback is running, until that returns.
  void stop() noexcept;

  std::size_t write(connection_type& c, std::span<const std::string_view> spans);
  void pause_reading(connection_type& c) noexcept;
  void resume_reading(connection_type& c);
  void shutdown(connection_type& c);
  void abort(connection_type& c);
  [[nodiscard]] bool has_input(connection_type& c) const noexcept;
  [[nodiscard]] std::chrono::nanoseconds lateness() const;

  /// Any thread, and safe against a `stop()` at the same time; not against the destructor. Takes any `void()`.
  template <std::invocable Function>
  void post(Function&& function) {
    traffic_->post(std::forward<Function>(function));
  }

  [[nodiscard]] environment& env() noexcept { return *env_; }

  /// The port that the first TCP listener got; 0 without one, and before `start`.
  [[nodiscard]] std::uint16_t port() const noexcept;

  /// Any thread. Sockets that came and were closed at once, for the process had no descriptor left for them.
  [[nodiscard]] std::uint64_t turned_away() const noexcept;

  /// Takes over a connected TCP or Unix socket that the host accepted, with what it had read from it; it may block. `on_open`
  /// and then `on_data` with those bytes follow later. `peer`, of `peer_size` bytes, is the client's address where the host
  /// knows it better than the socket; null: the socket's peer. No PROXY header is expected, whatever `listen_options` say. On
  /// failure, `errc::not_running` if not started, `errc::wrong_thread` from beside the loop, the socket is closed.
  [[nodiscard]] std::error_code adopt(int socket, std::string_view already_read = {}, const ::sockaddr* peer = nullptr,
                                      ::socklen_t peer_size = 0);

  /// Takes over a socket that listens already, with the rules of `options`: as `listen_options::descriptor`, and at any time
  /// until `stop`. Before `start` it listens from then on, and the transport owns it, after a start that fails too. On failure (`errc::not_running` once stopped, `errc::wrong_thread`
  /// from beside the loop, `std::errc::invalid_argument` for another descriptor) the descriptor is the caller's still.
  [[nodiscard]] std::error_code adopt_listener(int descriptor, listen_options options = {});

  /// On the loop. Stops to accept, and returns the descriptors of all that it listened at, in the order of the options. They are the
  /// caller's, listen on, and keep the clients that come meanwhile for the next process: pass them on by SCM_RIGHTS, then
  /// close them here, without `shutdown`, which would end the heir's listener too. The file of a Unix socket stays.
  [[nodiscard]] std::vector<int> release_listeners();

  /// Calls the function for sockets that did not become connections, because of their PROXY header or their TLS handshake:
  /// with their address (in the transport's own writing) and why. A header that is none is `std::errc::protocol_error`; a
  /// socket that took too long is `timed_out`, one for which too many others were on their way `connection_refused`; one
  /// that ended is `broken_pipe` (before TLS), and the rest is the system's or TLS's. On the loop; it may do anything, but
  /// what it throws is lost. All such hooks are kept and called in the order in which they were added. Dropping the
  /// subscription ends it.
  [[nodiscard]] subscription on_refused(any_invocable<void(std::string_view address, std::error_code why)> f);

 protected:
  basic_epoll_transport(std::vector<listen_options> options, std::shared_ptr<environment> env,
                        typename Layer::shared layers)
      : env_(std::move(env)),
        traffic_(std::make_shared<detail::epoll_traffic<Layer>>(std::move(options), std::move(layers))) {}

  using traffic_type = detail::epoll_traffic<Layer>;

  [[nodiscard]] typename Layer::shared& layers() const noexcept { return traffic_->layers(); }
  [[nodiscard]] const std::shared_ptr<traffic_type>& traffic() const noexcept { return traffic_; }
  static void close_descriptor(int descriptor) noexcept { detail::owned_descriptor taken(descriptor); }

 private:
  std::shared_ptr<environment> env_;
  std::shared_ptr<detail::epoll_traffic<Layer>> traffic_;
};

// Not within the class: members that are not inline are compiled once, where `epoll_transport` is.

template <class Layer>
basic_epoll_transport<Layer>::~basic_epoll_transport() {
  if (traffic_) traffic_->stop();
}

template <class Layer>
int basic_epoll_transport<Layer>::fd() const noexcept {
  return traffic_->descriptor();
}

template <class Layer>
bool basic_epoll_transport<Layer>::run_ready(std::size_t most) {
  return traffic_->run(most, 0);
}

template <class Layer>
bool basic_epoll_transport<Layer>::wait_ready(std::chrono::milliseconds time, std::size_t most) {
  return traffic_->run(most, detail::as_wait(time));
}

template <class Layer>
std::error_code basic_epoll_transport<Layer>::start(transport_receiver<connection_type>& receiver) {
  return traffic_->start(receiver);
}

template <class Layer>
bool basic_epoll_transport<Layer>::runs_elsewhere() const noexcept {
  return traffic_->runs_elsewhere();
}

template <class Layer>
void basic_epoll_transport<Layer>::stop_accepting() noexcept {
  traffic_->stop_accepting();
}

template <class Layer>
void basic_epoll_transport<Layer>::stop() noexcept {
  traffic_->stop();
}

template <class Layer>
std::size_t basic_epoll_transport<Layer>::write(connection_type& c, std::span<const std::string_view> spans) {
  return traffic_->write(c, spans);
}

template <class Layer>
void basic_epoll_transport<Layer>::pause_reading(connection_type& c) noexcept {
  traffic_->pause_reading(c);
}

template <class Layer>
void basic_epoll_transport<Layer>::resume_reading(connection_type& c) {
  traffic_->resume_reading(c);
}

template <class Layer>
void basic_epoll_transport<Layer>::shutdown(connection_type& c) {
  traffic_->shutdown(c);
}

template <class Layer>
void basic_epoll_transport<Layer>::abort(connection_type& c) {
  traffic_->abort(c);
}

template <class Layer>
bool basic_epoll_transport<Layer>::has_input(connection_type& c) const noexcept {
  return c.has_input();
}

template <class Layer>
std::chrono::nanoseconds basic_epoll_transport<Layer>::lateness() const {
  return traffic_->lateness();
}

template <class Layer>
std::uint16_t basic_epoll_transport<Layer>::port() const noexcept {
  return traffic_->listeners().port();
}

template <class Layer>
std::uint64_t basic_epoll_transport<Layer>::turned_away() const noexcept {
  return traffic_->listeners().turned_away();
}

template <class Layer>
std::error_code basic_epoll_transport<Layer>::adopt(int socket, std::string_view already_read, const ::sockaddr* peer,
                                                    ::socklen_t peer_size) {
  if (!runs_elsewhere()) return traffic_->adopt(socket, already_read, peer, peer_size);
  close_descriptor(socket);
  return errc::wrong_thread;
}

template <class Layer>
std::error_code basic_epoll_transport<Layer>::adopt_listener(int descriptor, listen_options options) {
  if (runs_elsewhere()) return errc::wrong_thread;
  return traffic_->adopt_listener(descriptor, std::move(options));
}

template <class Layer>
std::vector<int> basic_epoll_transport<Layer>::release_listeners() {
  return traffic_->release_listeners();
}

template <class Layer>
subscription basic_epoll_transport<Layer>::on_refused(
    any_invocable<void(std::string_view address, std::error_code why)> f) {
  return traffic_->on_refused(std::move(f));
}

/// The transport without TLS. A class of its own, so that <hotline/fwd.hpp> can name it.
class epoll_transport final : public basic_epoll_transport<detail::plain_layer> {
 public:
  using basic_epoll_transport::basic_epoll_transport;
};

static_assert(transport<epoll_transport>);

#if HOTLINE_DETAIL_COMPILED
extern template class basic_epoll_transport<detail::plain_layer>;
#endif

}  // namespace hotline
#endif
