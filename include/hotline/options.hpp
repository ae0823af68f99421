#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/origin.hpp>
#include <hotline/types.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Times may be as long as `milliseconds::max()`, and sizes and counts may be any number, except for the bounds below.
/// A negative time counts as zero: such a wait is over at the next tick (`close_timeout`, `drain_timeout`), or is off where
/// the member says so. A count of zero allows none. With some values no client could be served; the constructor that takes
/// the options throws `std::invalid_argument` for them:
///
///     session.message_fragments, session.json_depth, catch_up_bytes   < 1
///     log_options::projects, log_options::events, log_options::event_bytes   < 1
///     session.json_nodes < 2       session.control_lane_bytes < 256       handshake.head_bytes < 256
///     connections.*, session.messages_per_second, message_burst, control_frames_per_second, control_frame_burst   < 1
///     session.bytes_per_second, byte_burst   < 1
///     handshake.headers < 5        handshake.timeout <= 0                 log_options::age <= 0
///     route_prefix that does not begin and end with '/'
///     origins with an entry that is neither "*" nor an origin
///     hosts with an entry that is neither "*" nor a host, perhaps with a port
///     log_options::event_bytes over half of log_options::bytes or of log_options::total_bytes, or over 1 GiB

namespace hotline {

/// How many connections there may be at once. Beyond a limit a client is refused before the upgrade, with `Retry-After`.
struct connection_limits {
  std::size_t all = 50'000;          ///< upgraded; over it: 503. Descriptors are the process's own limit
  std::size_t per_project = 50'000;  ///< upgraded; over it: 503
  /// Upgraded, from one IPv4 address or one IPv6 network of 64 bits; over it: 429. Behind a proxy, name the clients'
  /// addresses (`ws_manager::client_address`), or allow as many as `all`. Unix sockets have no address and are not counted.
  std::size_t per_address = 1'024;
  /// Not upgraded yet, in all. Over it the address that has most of them (counted as for `per_address`) gives way: its
  /// connection whose head or reading is awaited longest is cut off. If all of that address wait for `authenticate`, the
  /// newest of them gets 503, and so does a new connection of that address itself.
  std::size_t handshakes = 1'024;
};

/// Limits for one client. Each has a named outcome, given with it.
struct session_limits {
  std::size_t message_bytes = 64 * 1024;        ///< one message from the client; over it: close 1009
  std::size_t message_fragments = 1024;         ///< frames of one message; over it: close 1009
  std::size_t json_depth = 32;                  ///< nesting; over it: `error` too_deep
  std::size_t json_nodes = 8192;                ///< values in one message; over it: `error` too_many_values
  std::size_t subscriptions = 128;              ///< event types named at once; over it: `too_many_subscriptions`
  std::size_t commands_in_flight = 64;          ///< commands not yet answered; over it: `too_many_commands`
  std::size_t remembered_answers = 64;          ///< terminal answers kept for repeated ids; the oldest goes first
  std::size_t remembered_bytes = 16 * 1024;     ///< their texts together; longer ones become `answer_forgotten`
  std::size_t control_lane_bytes = 256 * 1024;  ///< answers that the socket has not taken; over it: close 4008
  /// Bytes of past events that a new session receives at most when it asks for the latest events (`?last=N`), and that a
  /// resumed session receives of events from before it began. It receives the newest events that fit, whole, and with
  /// `?last` at least one; zero: none. Counted are the frames in the log, whatever the session subscribes to.
  std::size_t last_bytes = 1024 * 1024;
  /// Messages from the client, commands or not, as a token bucket: so many a second, and `message_burst` at once, for a
  /// session over all its sockets. Beyond it messages are answered `rate_limited` and do not run. A client that sends
  /// another burst regardless is closed with 4029.
  std::size_t messages_per_second = 100;
  std::size_t message_burst = 200;
  /// Bytes of those messages, in the same way: as received or inflated, whichever is more. Beyond it they are answered
  /// `rate_limited`; another burst regardless: close 4029. No limit: the largest number.
  std::size_t bytes_per_second = 1024 * 1024;
  std::size_t byte_burst = 4 * 1024 * 1024;    ///< at once; a message that is larger is never run
  std::size_t control_frames_per_second = 10;  ///< pings and pongs, the same way; over it: close 4029
  std::size_t control_frame_burst = 100;
};

/// Limits for a request before the upgrade.
struct handshake_limits {
  std::size_t head_bytes = 8 * 1024;  ///< request line and headers; over it: 431
  std::size_t headers = 100;          ///< over it: 431
  /// For the whole head, not per byte, and for `authenticate`; over it: 408, and 503 when the host was slow.
  std::chrono::milliseconds timeout{10'000};
};

/// How much a log keeps of each project, and of all together. The log is also the queue of every slow client: evicted events
/// are a `gap` for it. Bytes are those of the log's memory: frames with their headers, their index, conflation keys. The
/// cache of compressed frames comes on top, at most as much again.
///
/// A new session receives no event that is older than `age`. The memory of such events, and of idle projects, is free within
/// two seconds, or later if much is due at once: a tick looks at 128 projects, and frees 2 MiB, of either kind at most. A
/// session that lags or is resumed may receive an older event until then.
struct log_options {
  std::size_t events = 16 * 1024;           ///< kept per project
  std::size_t bytes = 8 * 1024 * 1024;      ///< kept per project
  std::chrono::milliseconds age{600'000};   ///< older events are evicted
  std::size_t event_bytes = 1024 * 1024;    ///< one finished frame; over it emit() returns errc::event_too_big
  std::chrono::milliseconds idle{600'000};  ///< a project without clients and without new events is forgotten then
  /// Kept of all projects together, whatever each may keep. Beyond it the project with the most bytes loses its oldest
  /// events. The projects themselves count too, about 1.1 KiB and the name each, except the first 128; they take a third of
  /// it at most.
  std::size_t total_bytes = 256 * 1024 * 1024;
  /// Projects that are known at once: those with clients or detached sessions, and those with events that are not idle yet.
  /// For one more, also when all cost a third of `total_bytes`, the one that has been longest without clients and new events
  /// is forgotten; a client that resumes there receives `epoch_changed`. If all projects are in use, emit() returns
  /// errc::too_many_projects, and a client of one more project gets 503. The default is more than `connections.all` and
  /// `resume.sessions` of one manager together.
  std::size_t projects = 65'536;
};

/// Limits for detached sessions, which wait for their clients to come back.
struct resume_options {
  std::chrono::milliseconds window{
      60'000};  ///< how long; zero (or zero `sessions`, or zero `per_address`): they end with their sockets
  std::size_t sessions = 10'000;  ///< detached at once; the one that has waited longest ends first
  /// Of one address (of IPv6: of one network of 64 bits), so that one client cannot drive out all others' sessions; the
  /// oldest of that address ends first.
  std::size_t per_address = 1'024;
};

/// The fate of a client that is so slow that the log's old end overtakes it.
enum class laggard_policy {
  gap,    ///< it receives a `gap`, and goes on
  close,  ///< it is closed with 4008, to come back when it can
};

/// How a project's subscribers keep up with its events; the argument of a function given to `ws_manager::on_pace`.
enum class pace { caught_up, behind };

/// When subscribers count as behind, in bytes of the log that they were not sent yet. Keep `behind` well below
/// `log_options::bytes`, or a gap comes before the pause. A `caught_up` over `behind` counts as `behind`.
///
/// The producer waits for a session only after that was caught up (no further back than `caught_up`) once since it began,
/// resumes included. Waits in vain, because the session left or did not catch up, come from one budget of `patience` for
/// each project on one loop, which refills by half a percent of the time that passes. While the budget is used up, the
/// producer waits only for sessions that read fast enough to catch up within `patience`. With the defaults, sessions that
/// stop reading, in any number, keep a producer waiting for at most 6 s of a minute and 1 % of an hour. Patience is checked
/// at ticks, every half second.
struct pace_marks {
  std::size_t behind = 1024 * 1024;    ///< further back than this: behind
  std::size_t caught_up = 256 * 1024;  ///< no further back than this any more: caught up
  /// The producer does not wait for a session that is behind for longer, until the session has caught up.
  std::chrono::milliseconds patience{5'000};
};

/// All options of a manager. An aggregate: name the ones you change, `{.route_prefix = "/live/"}`.
struct manager_options {
  std::string route_prefix = "/ws/";  ///< the path before the project id; begins and ends with '/'
  /// Whether a project id exists. Called with the percent-decoded id; a refused one gets 404 before the upgrade. The id is
  /// the client's own text, of any characters; hooks, handlers and listeners receive every id that this lets in.
  std::function<bool(std::string_view)> valid_project = is_project_id;
  /// The other origins whose pages may connect, as browsers name them: "https://app.example", "http://app.example:8080". "*"
  /// is any origin except `null` (files, sandboxes), which only an entry "null" lets in. Compared as RFC 6454 section 5
  /// does, so ":443" after "https" changes nothing. A page that is not let in gets 403 before the upgrade. Programs that are
  /// no browsers send no Origin, and this does not apply to them. The constructor refuses an entry that no browser's origin
  /// can equal: one with a path (a '/' at its end is one), with a pattern, without a scheme, with letters beyond ASCII.
  std::vector<std::string> origins{};
  /// Whether a page of an origin that is not in `origins` may connect to this host (as the client names it), by this scheme
  /// (where it is known, see `ws_manager::client_scheme`): pages of the same origin. Null: none.
  origin_rule allows_origin = is_same_origin;
  /// The names that are served, as clients write them in `Host`: "app.example", "192.0.2.1", "[2001:db8::1]". Any request
  /// for another name, a page or an upgrade, gets 421 before anything else is checked, and `on_log` receives the name. A
  /// rebound DNS name of a stranger (evil.example, which resolves to 127.0.0.1) is such a name. An entry without a port is
  /// for all ports, "app.example:8443" for one alone; "*" is for any name. Names are compared without case and without a dot
  /// at their end. The constructor refuses an entry that no `Host` can equal: one with a scheme, a path, blanks, a pattern.
  ///
  /// Empty: any name, except for a connection to a listener at a loopback address (127.0.0.0/8, ::1) while the manager has
  /// neither `authenticate` nor `client_address` and the listener no PROXY protocol. Then loopback names alone are served:
  /// "localhost", names that end in ".localhost", 127.0.0.0/8 and ::1. Unix sockets, adopted sockets and listeners at other
  /// addresses, "0.0.0.0" too, have no such default.
  ///
  /// A request without `Host`, which only HTTP/1.0 allows and which cannot be an upgrade, is served: no browser sends one.
  std::vector<std::string> hosts{};
  /// Where the browser client is served, `import {connect} from "/hotline.js"`; empty: nowhere.
  std::string client_module_path = "/hotline.js";
  bool hears_all = true;  ///< a new connection receives every event until it first subscribes
  connection_limits connections{};
  session_limits session{};
  handshake_limits handshake{};
  resume_options resume{};
  laggard_policy laggards = laggard_policy::gap;
  std::size_t http_response_bytes = 8 * 1024 * 1024;  ///< the longest page of on_http; over it: 500
  std::chrono::milliseconds command_timeout{30'000};  ///< for an answer by a responder; zero: no limit
  std::chrono::milliseconds close_timeout{5'000};     ///< for a peer to answer our close frame, or to read on
  std::chrono::milliseconds drain_timeout{5'000};     ///< how long stop() lets clients read what was accepted
  std::chrono::milliseconds restart_spread{
      5'000};  ///< stop() asks each client to stay away for a random time up to this, a day at most
  std::chrono::milliseconds retry_after{5'000};         ///< `Retry-After` of 429 and 503, in full seconds
  std::chrono::milliseconds position_interval{15'000};  ///< for `position`, to clients with few events; zero: never
  std::size_t catch_up_bytes = 256 * 1024;              ///< bytes that one lagging client receives per turn of the loop
};

}  // namespace hotline
#endif
