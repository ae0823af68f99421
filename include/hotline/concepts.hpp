#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/error.hpp>
#include <hotline/types.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

/// \file
/// Every seam of the library. A concept's page gives its notation, its valid expressions with their meaning, an
/// example and the models that hotline ships. Failing one is an error at the head of the class that asks for it.

namespace hotline {

// ---------------------------------------------------------------------------------------------- environment

/// The source of time and random numbers. hotline takes neither from the system directly, so a run can be replayed.
/// Models: `system_environment`, `manual_environment`. All members may be called from any thread.
class environment {
 public:
  virtual ~environment() = default;
  [[nodiscard]] virtual steady_time now() const = 0;
  [[nodiscard]] virtual wall_time wall_now() const = 0;
  /// Returns 64 unpredictable bits: connection ids, epochs and resume tokens are made of them.
  [[nodiscard]] virtual std::uint64_t random() = 0;
  /// Fills `words` with unpredictable bits. An environment that can draw them all at once does better than this, which calls
  /// `random()` for each.
  virtual void random_words(std::span<std::uint64_t> words) {
    for (std::uint64_t& word : words) word = random();
  }
};

namespace detail {

/// Returns `word` as 16 lower-case hexadecimal digits.
[[nodiscard]] inline std::string hexadecimal(std::uint64_t word) {
  std::string text(16, '0');
  for (std::size_t i = text.size(); i-- > 0; word >>= 4) text[i] = "0123456789abcdef"[word & 15];
  return text;
}

/// Returns `count` random words, at most four, as lower-case hexadecimal, 16 digits each.
[[nodiscard]] inline std::string random_hex(environment& env, int count) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::array<std::uint64_t, 4> words;
  const auto drawn = std::span(words).first(static_cast<std::size_t>(count));
  env.random_words(drawn);
  std::array<char, 16 * words.size()> text;
  char* end = text.data();
  for (const std::uint64_t word : drawn)
    for (int shift = 60; shift >= 0; shift -= 4) *end++ = digits[(word >> shift) & 15];
  return {text.data(), end};
}

}  // namespace detail

// ------------------------------------------------------------------------------------------------ transport

/// The callbacks of a transport, always on its loop, never from inside one of its own functions. None of them may throw.
/// `Connection&` is valid from `on_open` until `on_closed` has returned.
template <class Connection>
class transport_receiver {
 public:
  /// A peer is there; nothing was read from it yet.
  virtual void on_open(Connection&) = 0;
  /// Bytes as they came, at most a loop's read buffer of them; they may be changed in place and are gone afterwards.
  virtual void on_data(Connection&, std::span<char> bytes) = 0;
  /// After a `write` that took less than it was given: more can be taken now.
  virtual void on_writable(Connection&) = 0;
  /// The last call for this connection, once, whichever side ended it. `reason` is empty for an orderly end of both sides.
  virtual void on_closed(Connection&, std::error_code reason) = 0;
  /// About every `tick_interval`, whether or not anything happened.
  virtual void on_tick() = 0;
  /// A socket came and ended before it was a connection, so that there is no `on_open`: the PROXY header or the TLS
  /// handshake before the first byte was wrong, or late.
  virtual void on_refused(std::string_view /*address*/, std::error_code /*why*/) {}

 protected:
  ~transport_receiver() = default;
};

/// How often a transport calls `on_tick`: the grain of every timeout.
inline constexpr std::chrono::milliseconds tick_interval{500};

/// A tick that is less late than this is on time. A later one judges no peer whose bytes may be waiting to be read.
inline constexpr std::chrono::milliseconds late_tick{50};

/// Moves bytes, owns sockets and the clock's ticks, knows nothing of WebSocket.
///
/// Notation: `t` a transport, `c` a `T::connection_type&`, `r` a `transport_receiver<T::connection_type>&`,
/// `s` a `std::span<const std::string_view>`, `f` a `std::function<void()>`.
///
/// | expression            | result            | meaning |
/// |-----------------------|-------------------|---------|
/// | `t.start(r)`          | `std::error_code` | accept connections and tick; on failure nothing runs and it may be called again |
/// | `t.stop_accepting()`  |                   | no `on_open` from here on; open connections and ticks go on. Before `start` it changes nothing |
/// | `t.stop()`            |                   | every connection and the tick end at once, without a callback; none comes after it, posted functions included |
/// | `t.write(c, s)`       | `std::size_t`     | how many bytes were taken, in order; never blocks. Less than all: `on_writable` or `on_closed` follows |
/// | `t.pause_reading(c)`  |                   | no `on_data` until resumed; a peer's reset is still noticed |
/// | `t.resume_reading(c)` |                   | reading goes on; what came meanwhile is delivered |
/// | `t.shutdown(c)`       |                   | our direction ends after what was taken; nothing more of the peer is delivered, and `on_closed` follows when it ends its own |
/// | `t.abort(c)`          |                   | both directions end now; `on_closed` follows, later, unless it already ran |
/// | `t.post(f)`           |                   | any thread: run `f` on the loop, in order, never inside this call; dropped once stopped |
/// | `t.env()`             | `environment&`    | the clocks and the source of randomness |
/// | `c.context()`         | `void*&`          | the receiver's own; null at first |
/// | `c.remote_address()`  | `std::string`     | for people and logs: "127.0.0.1:40312", "unix", "memory" |
///
/// Optional, and used where it is there:
///
/// | expression            | result            | meaning |
/// |-----------------------|-------------------|---------|
/// | `t.runs_elsewhere()`  | `bool`            | any thread: another thread runs the loop, so that this one may call only what is for any thread. `false` when in doubt, before the loop has run and after it has ended. A manager then refuses such calls with `errc::wrong_thread` |
/// | `t.scheme()`          | `std::string_view` | "https" where all clients speak TLS to it; without it that is unknown |
/// | `t.has_input(c)`      | `bool`            | bytes of the peer, or its end, wait to be read. Asked before a peer that is silent or late is given up |
/// | `t.lateness()`        | `std::chrono::nanoseconds` | how long ago the next tick was due by the clock that times it, zero when it is not due yet; during `on_tick` how late that tick is. Without it a loop that did not run for a while takes that time for its peers' silence |
/// | `t.turned_away()`     | `std::uint64_t`   | any thread: how many peers found no descriptor; for `manager_metrics` |
/// | `c.through_loopback()` | `bool`           | it came to a listener at a loopback address, without a PROXY header; see `manager_options::hosts`. Without it: no |
///
/// Models: `basic_asio_transport`, `basic_tls_transport`, `basic_epoll_transport`, `tls_epoll_transport`,
/// `basic_asio_epoll_transport`, `basic_boost_asio_transport`, `memory_transport`. <hotline/testing/transport_conformance.hpp>
/// runs over any model.
template <class T>
concept transport = requires(T& t, typename T::connection_type& c, transport_receiver<typename T::connection_type>& r,
                             std::span<const std::string_view> s, std::function<void()> f) {
  { t.start(r) } -> std::same_as<std::error_code>;
  t.stop_accepting();
  t.stop();
  { t.write(c, s) } -> std::same_as<std::size_t>;
  t.pause_reading(c);
  t.resume_reading(c);
  t.shutdown(c);
  t.abort(c);
  t.post(std::move(f));
  { t.env() } -> std::same_as<environment&>;
  { c.context() } -> std::same_as<void*&>;
  { c.remote_address() } -> std::convertible_to<std::string>;
};

// ---------------------------------------------------------------------------------------- heartbeat policy

/// The argument of a heartbeat policy: the times of one connection.
struct heartbeat_query {
  steady_time now;
  steady_time last_heard;  ///< when any bytes last came from the peer
  steady_time last_ping;   ///< when we last sent a ping; `last_heard` of the upgrade if never
  std::uint64_t salt;      ///< random, fixed for the connection's life: spreads what would else happen at once
};

/// The result of a heartbeat policy.
enum class heartbeat_action { nothing, ping, drop };

/// Decides when a silent peer is pinged and when it is dropped. A value, shared by all connections of a manager.
///
/// Notation: `p` a const policy, `q` a `heartbeat_query`.
///
/// | expression     | result             | meaning |
/// |----------------|--------------------|---------|
/// | `p(q)`         | `heartbeat_action` | called once per tick and connection; `drop` closes with 4000 |
/// | `p.interval()` | duration           | sent to clients in `connected`; zero: no pings |
/// | `p.timeout()`  | duration           | sent to clients in `connected`; `connection_info::is_healthy` measures with it; zero: never |
/// None of them may throw: the connection would end, with 1011.
///
/// Example: \code
///   struct patient { auto operator()(const hotline::heartbeat_query& q) const {
///                      return q.now - q.last_heard > 10min ? hotline::heartbeat_action::drop
///                                                          : hotline::heartbeat_action::nothing; }
///                    std::chrono::milliseconds interval() const { return 0ms; }
///                    std::chrono::milliseconds timeout() const { return 10min; } };
/// \endcode
/// Models: `interval_heartbeat` (the default), `jittered_heartbeat`, `no_heartbeat`.
template <class P>
concept heartbeat_policy = std::copy_constructible<P> && requires(const P& p, const heartbeat_query& q) {
  { p(q) } -> std::same_as<heartbeat_action>;
  { p.interval() } -> std::convertible_to<std::chrono::milliseconds>;
  { p.timeout() } -> std::convertible_to<std::chrono::milliseconds>;
};

// ---------------------------------------------------------------------------------------------- compression

/// Makes messages small, each by itself: RFC 7692 with `server_no_context_takeover` and `client_no_context_takeover`, so
/// that one compressed frame serves every client, and no client needs a context of its own. For one thread.
/// Model: `permessage_deflate` in <hotline/deflate.hpp>.
class message_compression {
 public:
  enum class outcome {
    inflated,
    too_big,    ///< more than was allowed
    malformed,  ///< no such message was ever compressed
  };
  struct inflation {
    outcome what;
    std::string_view message{};  ///< until the next call
  };

  virtual ~message_compression() = default;
  /// Appends the compressed form of `message` (section 7.2.1). Returns false, with `out` unchanged, when it is not worth it.
  [[nodiscard]] virtual bool deflate(std::string_view message, std::string& out) = 0;
  /// Returns the message, of at most `most` bytes, whose compressed form is `payload` (section 7.2.2).
  [[nodiscard]] virtual inflation inflate(std::string_view payload, std::size_t most) = 0;
};

}  // namespace hotline
#endif
