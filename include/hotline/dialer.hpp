#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/any_invocable.hpp>
#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/types.hpp>

#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

/// \file
/// The way out: connections that we begin. `dialer` is the concept; its models are in <hotline/transport/asio_dialer.hpp>,
/// <hotline/transport/epoll_dialer.hpp>, <hotline/transport/memory_dialer.hpp> and, with TLS,
/// <hotline/transport/tls_dialer.hpp> and <hotline/transport/tls_epoll_dialer.hpp>.

namespace hotline {

/// Receives the outcome of resolving a name, once: numeric addresses as `dial_options::host` takes them, the preferred one
/// first, or why there are none. It may be called from any thread, at any time, also when the dialer is gone.
using resolve_done = std::function<void(std::error_code failed, std::vector<std::string> addresses)>;

/// Finds the addresses of a host's name. It is called on the dialer's loop and may not block it. It may call `done` before it
/// returns. An exception of it counts as `std::errc::not_enough_memory`. A name that has no address is `errc::host_not_found`.
///
///     hotline::name_resolver fixed = [](const std::string& name, const hotline::resolve_done& done) {
///       if (name == "db.internal") return done({}, {"10.0.0.7", "10.0.0.8"});
///       done(hotline::errc::host_not_found, {});
///     };
///
/// Models: `asio_resolver`, `system_resolver`, `memory_network::resolver`.
using name_resolver = std::function<void(const std::string& name, resolve_done done)>;

/// Where to connect to, and for how long to try. An aggregate: `{.host = "example.org", .port = 443}`.
struct dial_options {
  /// A host's name, or an IPv4 or IPv6 address, "fe80::1%eth0" with its zone. Only a name needs a resolver.
  std::string host{};
  std::uint16_t port = 0;   ///< 1 to 65535
  std::string unix_path{};  ///< if not empty: the Unix socket at this path, and neither host nor port
  void* context = nullptr;  ///< for `context()` of the connection, and `dial_failure::context`
  /// For all of it: resolving, connecting to any number of addresses, and the TLS handshake. Zero or less is over at once.
  std::chrono::milliseconds timeout{10'000};
  /// How long the next address waits for the one before it (RFC 8305, section 5). It does not wait for one that has failed.
  std::chrono::milliseconds attempt_delay{250};
  /// With TLS, the name or address that the peer's certificate must be for; empty: `host`, also with `unix_path`.
  std::string tls_name{};
  /// As `listen_options::user_timeout`, for the connection.
  std::chrono::milliseconds user_timeout{20'000};
};

/// The options of a dialer, for all of its dials.
struct dialer_options {
  name_resolver resolve{};                    ///< empty: names fail with `errc::no_resolver`; addresses always work
  std::size_t read_buffer_bytes = 64 * 1024;  ///< one buffer for all connections of the dialer
};

/// A dial of one dialer. No two are the same.
enum class dial_id : std::uint64_t {};

/// A timer of one dialer that was set by `after`. No two are the same.
struct timer_id {
  steady_time due{};
  std::uint64_t number = 0;  ///< a smaller one comes first where two are due at the same time

  [[nodiscard]] auto operator<=>(const timer_id&) const = default;
};

/// How far a dial came.
enum class dial_stage {
  resolving,    ///< no address was known yet
  connecting,   ///< no address had taken the connection yet
  handshaking,  ///< one had, and TLS was not ready
};

/// A dial that came to nothing.
struct dial_failure {
  dial_id id{};
  void* context = nullptr;  ///< that of its options
  dial_stage stage{};
  /// Compare with:
  ///
  /// | value                            | meaning |
  /// |----------------------------------|---------|
  /// | `errc::host_not_found`           | the name has no address |
  /// | `errc::no_resolver`              | the dialer was made without one, and `host` is no address |
  /// | `std::errc::invalid_argument`    | neither host nor path, no port, a host that looks like an address and is none, a path that is too long, no name for the certificate |
  /// | `std::errc::connection_refused`  | no one listens there. The last error counts where there are several addresses |
  /// | `std::errc::timed_out`           | `dial_options::timeout` is over, or the system has given up before |
  /// | `errc::certificate_not_trusted`  | no issuer that we trust has signed it |
  /// | `errc::certificate_wrong_name`   | it is for another host |
  /// | `errc::certificate_expired`      | it is not valid any more, or not yet |
  /// | `std::errc::operation_canceled`  | `cancel` |
  /// | another one                      | the system's, the resolver's, or of `tls_category()` |
  std::error_code why{};
  std::string_view
      detail{};  ///< for a log: the words of OpenSSL about a certificate; else empty. Valid during the call
};

/// The callbacks of a dialer: those of a transport, and one more. Always on its loop, never from inside one of its own
/// functions. None of them may throw.
template <class Connection>
class dialer_receiver : public transport_receiver<Connection> {
 public:
  /// The other outcome of a dial than `on_open`.
  virtual void on_dial_failed(const dial_failure& failed) = 0;

 protected:
  ~dialer_receiver() = default;
};

/// Begins connections, which then are as a transport's, and has timers that are finer than a transport's tick. It stands
/// beside `transport`: a client of some server makes a dialer of its own, in the loop of the host.
///
/// Notation: `d` a dialer, `c` a `D::connection_type&`, `r` a `dialer_receiver<D::connection_type>&`, `o` a `dial_options`,
/// `i` a `dial_id`, `t` a `timer_id`, `n` a `std::chrono::nanoseconds`, `s` a `std::span<const std::string_view>`, `f` a
/// function object that takes nothing.
///
/// | expression            | result             | meaning |
/// |-----------------------|--------------------|---------|
/// | `d.start(r)`          | `std::error_code`  | dial and tick from here on; on failure nothing runs and it may be called again |
/// | `d.stop()`            |                    | every dial, connection, timer and the tick end at once, without a callback; none comes after it, posted functions included |
/// | `d.dial(o)`           | `result<dial_id>`  | one of `on_open` and `on_dial_failed` follows, later. It fails itself only with `errc::not_running`, `errc::wrong_thread` and `errc::out_of_memory` |
/// | `d.cancel(i)`         | `bool`             | the dial ends now; `on_dial_failed` follows, later, with `std::errc::operation_canceled`. `false`, and nothing happens, when it has had its outcome or was cancelled |
/// | `d.after(n, f)`       | `timer_id`         | calls `f` once on the loop, when `n` has passed and never inside this call; timers that are due are called in the order of their times, and of `after` where those are the same. Throws `std::bad_alloc` without memory for it. Without effect unless it is running |
/// | `d.cancel(t)`         | `bool`             | `f` is destroyed without being called. `false` when it was called, is running or was cancelled |
/// | `d.write(c, s)`, `d.pause_reading(c)`, `d.resume_reading(c)`, `d.shutdown(c)`, `d.abort(c)`, `d.post(f)`, `d.env()` | | as of a `transport` |
/// | `c.context()`         | `void*&`           | the receiver's own; `dial_options::context` at first |
/// | `c.remote_address()`  | `std::string`      | for logs, the address that was reached, "192.0.2.1:443", "unix" or "memory"; also when the peer is gone |
///
/// All functions but `post` and `env` belong on the loop, or before it runs. `dial` and `after` begin nothing in the call
/// itself. A name's addresses are tried in the manner of RFC 8305: families take turns, the next one begins
/// `dial_options::attempt_delay` after the one before it or at once when one fails, the first that connects wins and the others
/// are closed. With TLS `on_open` comes when the handshake is done and the certificate is proved; nothing is sent before.
///
/// Example: \code
///   struct greeter : hotline::dialer_receiver<hotline::asio_dialer::connection_type> {
///     void on_open(connection& c) override { dialer.write(c, std::array<std::string_view, 1>{"hello\r\n"}); }
///     void on_dial_failed(const hotline::dial_failure& f) override {
///       dialer.after(std::chrono::seconds(1), [this] { dial(); });
///     } ...
/// \endcode
///
/// Models: `basic_asio_dialer`, `basic_epoll_dialer`, `basic_tls_dialer`, `tls_epoll_dialer`, `memory_dialer`.
/// <hotline/testing/dialer_conformance.hpp> runs over any model.
template <class D>
concept dialer = requires(D& d, typename D::connection_type& c, dialer_receiver<typename D::connection_type>& r,
                          const dial_options& o, dial_id i, timer_id t, std::chrono::nanoseconds n,
                          std::span<const std::string_view> s, std::function<void()> f) {
  { d.start(r) } -> std::same_as<std::error_code>;
  d.stop();
  { d.dial(o) } -> std::same_as<result<dial_id>>;
  { d.cancel(i) } -> std::same_as<bool>;
  { d.after(n, f) } -> std::same_as<timer_id>;
  { d.cancel(t) } -> std::same_as<bool>;
  { d.write(c, s) } -> std::same_as<std::size_t>;
  d.pause_reading(c);
  d.resume_reading(c);
  d.shutdown(c);
  d.abort(c);
  d.post(std::move(f));
  { d.env() } -> std::same_as<environment&>;
  { c.context() } -> std::same_as<void*&>;
  { c.remote_address() } -> std::convertible_to<std::string>;
};

}  // namespace hotline
#endif
