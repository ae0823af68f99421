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
/// Times may be as long as `milliseconds::max()`, sizes and counts as large as there are numbers, but for what is said
/// here. A negative time counts as zero: what waits for it is over at the next tick (`close_timeout`, `drain_timeout`), or
/// there is none of it where that is said. A count of zero allows none. With some values nobody could be served; then the
/// constructor that takes the options throws `std::invalid_argument`:
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

/// How many may be here at once. Who is too many is told so before the upgrade, with `Retry-After`.
struct connection_limits {
  std::size_t all = 50'000;          ///< upgraded; over it: 503. Descriptors are the process's own limit
  std::size_t per_project = 50'000;  ///< upgraded; over it: 503
  /// Upgraded, from one IPv4 address or one IPv6 network of 64 bits; over it: 429. Behind a proxy say which addresses
  /// count (`ws_manager::client_address`), or allow as many as `all`. Unix sockets have none and are not counted.
  std::size_t per_address = 1'024;
  /// Not upgraded yet, in all: over it the address that has most of them (counted as for `per_address`) gives way. There the one
  /// whose head or reading is awaited longest is cut off; where all of it wait for `authenticate`, the last of them gets 503,
  /// and a client of that address itself who comes then.
  std::size_t handshakes = 1'024;
};

/// What a client may ask of one connection. Going over a limit has a named outcome, given with each.
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
  /// What a new session is given of the past when it asks for the latest events (`?last=N`), and a resumed one of what came
  /// before it began: the newest events that fit, whole, and with `?last` at least one; zero: none. Bytes of frames in the
  /// log, whatever the session subscribes to.
  std::size_t last_bytes = 1024 * 1024;
  /// Messages from the client, commands or not, as a token bucket: so many a second, and `message_burst` at once, of a
  /// session, whatever sockets it comes over. Messages over it are not run but answered `rate_limited`. A client that
  /// sends another burst regardless is closed with 4029.
  std::size_t messages_per_second = 100;
  std::size_t message_burst = 200;
  /// Bytes of those messages, the same way: as they came or inflated, whichever are more. Over it they are answered
  /// `rate_limited`; another burst regardless: close 4029. No limit: the largest number.
  std::size_t bytes_per_second = 1024 * 1024;
  std::size_t byte_burst = 4 * 1024 * 1024;    ///< at once; a message that is larger is never run
  std::size_t control_frames_per_second = 10;  ///< pings and pongs, the same way; over it: close 4029
  std::size_t control_frame_burst = 100;
};

/// What is read before a connection has upgraded.
struct handshake_limits {
  std::size_t head_bytes = 8 * 1024;  ///< request line and headers; over it: 431
  std::size_t headers = 100;          ///< over it: 431
  /// For the whole head, not per byte, and for the host to say who it is; over it: 408, and 503 when the host was slow.
  std::chrono::milliseconds timeout{10'000};
};

/// What a log keeps of each project, and of all together. It is also the queue of every slow client: what is gone is a
/// `gap` for it. Bytes are those of the log's memory: frames with their headers, their index, conflation keys. What is
/// compressed for those who take it so comes on top, at most as much again.
///
/// A new session is given no event that is older than `age`. The memory of such events, and of idle projects, is free within
/// two seconds, or later where much is due at once: a tick looks at 128 projects, and gives back 2 MiB, of either kind at
/// most. A session that lags or is resumed may be sent an older event until then.
struct log_options {
  std::size_t events = 16 * 1024;           ///< kept per project
  std::size_t bytes = 8 * 1024 * 1024;      ///< kept per project
  std::chrono::milliseconds age{600'000};   ///< older events go
  std::size_t event_bytes = 1024 * 1024;    ///< one finished frame; over it emit() answers errc::event_too_big
  std::chrono::milliseconds idle{600'000};  ///< a project without clients and without new events is forgotten then
  /// Kept of all projects together, whatever each may keep. Beyond it the project that holds the most gives its oldest.
  /// The projects themselves count too, about 1.1 KiB and the name each, but for 128 of them; they take a third of it at most.
  std::size_t total_bytes = 256 * 1024 * 1024;
  /// Projects that are known at once: those with clients or waiting sessions, and those that were emitted to and are not
  /// idle yet. For one more, also when all cost a third of `total_bytes`, the one that has been longest without clients
  /// and new events is forgotten; its clients, should they come back, are told `epoch_changed`. Where all projects are in use,
  /// emit() returns errc::too_many_projects, and a client of one more project gets 503. The default is more than
  /// `connections.all` and `resume.sessions` of one manager can hold.
  std::size_t projects = 65'536;
};

/// What is kept of a session whose socket went, so that its client can come back to it.
struct resume_options {
  std::chrono::milliseconds window{
      60'000};  ///< how long; zero, as with no `sessions` or none `per_address`: they end with their sockets
  std::size_t sessions = 10'000;  ///< waiting at once; the one that has waited longest goes first
  /// Of one address (of IPv6: of one network of 64 bits), so that nobody drives out everybody's; its oldest goes first.
  std::size_t per_address = 1'024;
};

/// What becomes of a client that is so slow that the log's old end overtakes it.
enum class laggard_policy {
  gap,    ///< it is told what it missed, and goes on
  close,  ///< it is closed with 4008, to come back when it can
};

/// How a project's listeners keep up with what is emitted; what `ws_manager::on_pace` tells.
enum class pace { caught_up, behind };

/// When listeners count as behind. In bytes of the log that they were not sent yet; keep `behind` well below
/// `log_options::bytes`, or a gap comes before the pause. As `caught_up` at most `behind` counts.
///
/// A session is waited for only after it was caught up (no further back than `caught_up`) once since it began, resumes
/// included. All waiting of a project on one loop that was in vain, since the session left or did not catch up, comes from one
/// budget of `patience`, of which half a percent of the time that passes comes back. While the budget is used up, only sessions
/// are waited for that read so fast that they will have caught up within `patience`. With the defaults, sessions that stop
/// reading, however many, keep a producer waiting for 6 s of a minute at most, and for 1 % of an hour at most. What each did
/// within its patience is looked at at ticks, every half second.
struct pace_marks {
  std::size_t behind = 1024 * 1024;    ///< further back than this: behind
  std::size_t caught_up = 256 * 1024;  ///< no further back than this any more: caught up
  /// A session that is behind for longer is not waited for, until it has caught up.
  std::chrono::milliseconds patience{5'000};
};

/// Everything that a manager can be told. An aggregate: name what you change, `{.route_prefix = "/live/"}`.
struct manager_options {
  std::string route_prefix = "/ws/";  ///< what stands before the project id; begins and ends with '/'
  /// Which project ids exist at all, asked with the percent-decoded id; a refused one gets 404 before the upgrade. The id is
  /// the client's own text, of any characters; whatever this lets in is what hooks, handlers and listeners receive.
  std::function<bool(std::string_view)> valid_project = is_project_id;
  /// Pages of which other origins may connect, as browsers name them: "https://app.example", "http://app.example:8080". "*":
  /// of any, but for pages that have none and say so (`null`: files, sandboxes), which only an entry "null" lets in. Compared as RFC 6454 section 5 does, so
  /// ":443" after "https" changes nothing. A page that is not let in gets 403 before the upgrade. Programs that are no
  /// browsers send no Origin and are not asked. An entry that no browser's origin can equal is refused by the constructor:
  /// one with a path (a '/' at its end is one), with a pattern, without a scheme, with letters beyond ASCII.
  std::vector<std::string> origins{};
  /// Whether a page of an origin that is not in `origins` may connect to this host (as the client names it), by this scheme
  /// (where it is known, see `ws_manager::client_scheme`): pages of the same origin. Null: none.
  origin_rule allows_origin = is_same_origin;
  /// The names that are served, as clients write them in `Host`: "app.example", "192.0.2.1", "[2001:db8::1]". Any request for
  /// another name, a page or an upgrade, gets 421 before anything else is looked at, and `on_log` says which. A rebound DNS
  /// name of a stranger's (evil.example, which resolves to 127.0.0.1) is such a name. An entry without a port is for all
  /// ports, "app.example:8443" for one alone; "*" is for any name. Names are compared in whatever case, without a dot at their
  /// end. An entry that no `Host` can equal is refused by the constructor: one with a scheme, a path, blanks, a pattern.
  ///
  /// Empty: any name, but for a connection that came to a listener at a loopback address (127.0.0.0/8, ::1) while the manager
  /// has neither `authenticate` nor `client_address` and the listener no PROXY protocol. Then loopback names alone are
  /// served: "localhost", what ends in ".localhost", 127.0.0.0/8 and ::1. Unix sockets, adopted sockets and listeners at
  /// other addresses, "0.0.0.0" too, have no such default.
  ///
  /// A request without `Host`, which only HTTP/1.0 allows and which cannot be an upgrade, is served: no browser sends one.
  std::vector<std::string> hosts{};
  /// Where the browser client is served, `import {connect} from "/hotline.js"`; empty: nowhere.
  std::string client_module_path = "/hotline.js";
  bool hears_all = true;  ///< a new connection hears every event until it first subscribes
  connection_limits connections{};
  session_limits session{};
  handshake_limits handshake{};
  resume_options resume{};
  laggard_policy laggards = laggard_policy::gap;
  std::size_t http_response_bytes = 8 * 1024 * 1024;  ///< what the host's on_http may answer at most; over it: 500
  std::chrono::milliseconds command_timeout{30'000};  ///< for a deferred answer, then it is `timeout`; zero: none
  std::chrono::milliseconds close_timeout{5'000};     ///< for a peer to answer our close frame, or to read on
  std::chrono::milliseconds drain_timeout{5'000};     ///< how long stop() lets clients read what was accepted
  std::chrono::milliseconds restart_spread{
      5'000};  ///< stop() tells each client to stay away for up to this, a day at most
  std::chrono::milliseconds retry_after{5'000};         ///< what 429 and 503 name, to the full second; zero: nothing
  std::chrono::milliseconds position_interval{15'000};  ///< how often `position` tells who hears little; zero: never
  std::size_t catch_up_bytes = 256 * 1024;              ///< what one lagging client is given per turn of the loop
};

}  // namespace hotline
#endif
