#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/any_invocable.hpp>
#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/subscription.hpp>
#include <hotline/transport/asio/asio_connection.hpp>
#include <hotline/transport/asio/asio_loop.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/system_environment.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline {

/// TCP and Unix sockets over an executor that the host owns: a `transport`.
///
/// *Which thread.* All callbacks run on the executor, one at a time, so an io_context that several threads run needs a
/// strand. All functions but `post` are for the same executor, or for before the loop runs and after it has ended.
///
/// *How it ends.* `on_closed` has no reason when a peer ended its side and had taken all it was sent, and when it
/// answered `shutdown`. A peer that ends its side is gone: its connection is closed then, half-closed ones are not kept.
/// A connection that we aborted has `std::errc::operation_canceled`, one whose peer left something unread
/// `asio::error::eof`, else what the system says (comparable with `std::errc`). After `stop()`, which the destructor
/// calls, nothing of the transport keeps `io_context::run` from returning.
///
/// *A stopped io_context.* `run` and `poll` leave an io_context stopped when they find no work, and it runs nothing until it
/// is restarted. So a successful `start` restarts one that was stopped, unless it is called from inside of its `run`. No
/// other thread may be inside of `run` then, as for `io_context::restart`.
/// The io_context is found through an executor that tells it as `asio::io_context&` (those of an io_context, strands over
/// them) and through an `any_io_executor` that holds one of those; with an executor of the host's own behind
/// `any_io_executor` it cannot be known, and the host calls `restart` itself. So it does after an `io_context::stop` that
/// comes later than `start`.
///
/// *Lifetime.* The transport may be destroyed in its own callbacks, and before or after its io_context. When the
/// process has no descriptors left, new clients are turned away until it has.
///
/// `Layer` is what stands between connections and sockets; `basic_tls_transport` brings one.
template <class Executor = asio::io_context::executor_type, class Layer = detail::plain_layer>
class basic_asio_transport {
 public:
  using executor_type = Executor;
  using connection_type = asio_connection<Executor, Layer>;

  explicit basic_asio_transport(const Executor& executor, listen_options options = {},
                                std::shared_ptr<environment> env = default_environment())
      : basic_asio_transport(executor, std::vector<listen_options>{std::move(options)}, std::move(env)) {}

  /// Several at once: ports, addresses, Unix sockets.
  basic_asio_transport(const Executor& executor, std::vector<listen_options> options,
                       std::shared_ptr<environment> env = default_environment())
      : basic_asio_transport(executor, std::move(options), std::move(env), {}) {}

  explicit basic_asio_transport(asio::io_context& context, listen_options options = {},
                                std::shared_ptr<environment> env = default_environment()) requires
      std::constructible_from<Executor, asio::io_context::executor_type>
      : basic_asio_transport(Executor(context.get_executor()), std::move(options), std::move(env)) {}

  basic_asio_transport(asio::io_context& context, std::vector<listen_options> options,
                       std::shared_ptr<environment> env = default_environment()) requires
      std::constructible_from<Executor, asio::io_context::executor_type>
      : basic_asio_transport(Executor(context.get_executor()), std::move(options), std::move(env)) {}

  basic_asio_transport(basic_asio_transport&&) noexcept = default;
  basic_asio_transport& operator=(basic_asio_transport&&) = delete;
  ~basic_asio_transport();

  /// Binds, listens and ticks. A failure is the system's, `address_in_use` say, or `errc::already_running`, or
  /// `errc::not_running` once stopped. A file at `unix_path` is replaced only if it is a socket that nobody listens on.
  [[nodiscard]] std::error_code start(transport_receiver<connection_type>& receiver);

  /// Any thread: whether another one runs the executor's loop, so that this one may call nothing but what is for any thread.
  /// Never true before the loop has run, in the executor, between two polls of the thread in whose poll it had a turn last,
  /// when the io_context has stopped or the thread that ran it has ended, or for an executor that cannot tell.
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

  /// Takes over a connected TCP or Unix socket that the host accepted, with what it had read from it. `on_open` and then
  /// `on_data` with those bytes follow later. `peer` is the client's address where the host knows it better than the
  /// socket, because it has read a PROXY header itself say: `remote_address` tells it, and limits count by it. Without it
  /// that is the socket's peer. No PROXY header is expected, whatever `listen_options` say. On failure, `errc::not_running`
  /// if not started, `errc::wrong_thread` from beside the loop, the socket is closed. A socket of another executor or
  /// io_context comes over to ours, on Windows from 8.1 on (`std::errc::operation_not_supported` before, and under wine); nothing may
  /// be pending on it.
  ///
  /// Example: \code
  ///   const auto failed = transport.adopt(std::move(socket), read, {{asio::ip::make_address("192.0.2.7"), 40312}});
  /// \endcode
  template <class Protocol, class Other>
  [[nodiscard]] std::error_code adopt(asio::basic_stream_socket<Protocol, Other> socket,
                                      std::string_view already_read = {},
                                      const std::optional<asio::ip::tcp::endpoint>& peer = {}) {
    if (runs_elsewhere()) return errc::wrong_thread;
    return loop_->adopt(std::move(socket), already_read, peer);
  }

  /// Takes over a socket that listens already, with the rules of `options`: as `listen_options::descriptor`, and at any time
  /// until `stop`. Before `start` it listens from then on, and the transport owns it, after a start that fails too. On failure (`errc::not_running` once stopped, `errc::wrong_thread`
  /// from beside the loop, `std::errc::invalid_argument` for another descriptor, `std::errc::not_supported` on Windows) the
  /// descriptor is the caller's still.
  [[nodiscard]] std::error_code adopt_listener(int descriptor, listen_options options = {});

  /// On the loop. Stops to accept, and returns the descriptors of all that it listened at, in the order of the options. They are the
  /// caller's, listen on, and keep the clients that come meanwhile for the next process: pass them on by SCM_RIGHTS, then
  /// close them here, without `shutdown`, which would end the heir's listener too. The file of a Unix socket stays. On Windows
  /// none is returned, and the listeners are closed.
  [[nodiscard]] std::vector<int> release_listeners();

  /// Calls the function for sockets that did not become connections, because of their PROXY header or their TLS handshake:
  /// with their address (in the transport's own writing) and why. A header that is none is `std::errc::protocol_error`; a
  /// socket that took too long is `timed_out`, one for which too many others were on their way `connection_refused`; one
  /// that ended is `asio::error::eof` (before TLS), and the rest is the system's or TLS's. On the loop; it may do anything,
  /// but what it throws is lost. All such hooks are kept and called in the order in which they were added. Dropping the
  /// subscription ends it.
  [[nodiscard]] subscription on_refused(any_invocable<void(std::string_view address, std::error_code why)> f);

 protected:
  basic_asio_transport(const Executor& executor, std::vector<listen_options> options, std::shared_ptr<environment> env,
                       typename Layer::shared layers);

  [[nodiscard]] typename Layer::shared& layers() const noexcept;

 private:
  std::shared_ptr<environment> env_;
  std::shared_ptr<detail::asio_loop<Executor, Layer>> loop_;
  detail::asio_traffic<Executor, Layer>* traffic_;  // the loop's
};

// Not within the class: members that are not inline are compiled once, where `asio_transport` is.

template <class Executor, class Layer>
basic_asio_transport<Executor, Layer>::basic_asio_transport(const Executor& executor,
                                                            std::vector<listen_options> options,
                                                            std::shared_ptr<environment> env,
                                                            typename Layer::shared layers)
    : env_(std::move(env)),
      loop_(std::make_shared<detail::asio_loop<Executor, Layer>>(executor, std::move(options), std::move(layers))),
      traffic_(&loop_->traffic()) {}

template <class Executor, class Layer>
basic_asio_transport<Executor, Layer>::~basic_asio_transport() {
  if (loop_) loop_->stop();
}

template <class Executor, class Layer>
std::error_code basic_asio_transport<Executor, Layer>::start(transport_receiver<connection_type>& receiver) {
  if (const std::error_code failed = loop_->start(receiver)) return failed;
  try {
    traffic_->post([] {});  // the loop's first turn notes its thread
  } catch (...) {
    // Out of memory: the first tick notes it.
  }
  return {};
}

template <class Executor, class Layer>
bool basic_asio_transport<Executor, Layer>::runs_elsewhere() const noexcept {
  return traffic_->runs_elsewhere();
}

template <class Executor, class Layer>
void basic_asio_transport<Executor, Layer>::stop_accepting() noexcept {
  loop_->stop_accepting();
}

template <class Executor, class Layer>
void basic_asio_transport<Executor, Layer>::stop() noexcept {
  loop_->stop();
}

template <class Executor, class Layer>
std::size_t basic_asio_transport<Executor, Layer>::write(connection_type& c, std::span<const std::string_view> spans) {
  return traffic_->write(c, spans);
}

template <class Executor, class Layer>
void basic_asio_transport<Executor, Layer>::pause_reading(connection_type& c) noexcept {
  traffic_->pause_reading(c);
}

template <class Executor, class Layer>
void basic_asio_transport<Executor, Layer>::resume_reading(connection_type& c) {
  traffic_->resume_reading(c);
}

template <class Executor, class Layer>
void basic_asio_transport<Executor, Layer>::shutdown(connection_type& c) {
  traffic_->shutdown(c);
}

template <class Executor, class Layer>
void basic_asio_transport<Executor, Layer>::abort(connection_type& c) {
  traffic_->abort(c);
}

template <class Executor, class Layer>
bool basic_asio_transport<Executor, Layer>::has_input(connection_type& c) const noexcept {
  return c.has_input();
}

template <class Executor, class Layer>
std::chrono::nanoseconds basic_asio_transport<Executor, Layer>::lateness() const {
  return loop_->lateness();
}

template <class Executor, class Layer>
std::uint16_t basic_asio_transport<Executor, Layer>::port() const noexcept {
  return loop_->listeners().port();
}

template <class Executor, class Layer>
std::uint64_t basic_asio_transport<Executor, Layer>::turned_away() const noexcept {
  return loop_->listeners().turned_away();
}

template <class Executor, class Layer>
std::error_code basic_asio_transport<Executor, Layer>::adopt_listener(int descriptor, listen_options options) {
  if (runs_elsewhere()) return errc::wrong_thread;
  return loop_->adopt_listener(descriptor, std::move(options));
}

template <class Executor, class Layer>
std::vector<int> basic_asio_transport<Executor, Layer>::release_listeners() {
  return loop_->release_listeners();
}

template <class Executor, class Layer>
subscription basic_asio_transport<Executor, Layer>::on_refused(
    any_invocable<void(std::string_view address, std::error_code why)> f) {
  return traffic_->on_refused(std::move(f));
}

template <class Executor, class Layer>
typename Layer::shared& basic_asio_transport<Executor, Layer>::layers() const noexcept {
  return traffic_->layers();
}

/// The transport over an io_context that one thread runs. A class of its own, so that <hotline/fwd.hpp> can name it.
class asio_transport final : public basic_asio_transport<asio::io_context::executor_type, detail::plain_layer> {
 public:
  using basic_asio_transport::basic_asio_transport;
};

static_assert(transport<asio_transport>);

#if HOTLINE_DETAIL_COMPILED
extern template class basic_asio_transport<asio::io_context::executor_type, detail::plain_layer>;
#endif

}  // namespace hotline
#endif
