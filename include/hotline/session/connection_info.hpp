#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/types.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace hotline {

/// The facts about a connection that a host receives: a copy, made when asked for. The client chose the project and the
/// subscriptions.
/// Show them, and what the host itself took from a request, through `printable` or an escaping of the page's own.
struct connection_info {
  std::string id;              ///< 16 hexadecimal digits of the server's
  std::string project;         ///< the client's text, within `manager_options::valid_project`
  std::string principal;       ///< the client's, as `authenticate` named it; empty without one
  std::string remote_address;  ///< the peer's, or the text that `client_address` returned, with whatever is in it
  steady_time connected_at{};
  wall_time connected_at_wall{};
  steady_time last_heard{};                     ///< when any bytes last came from the client
  steady_time expires_at = steady_time::max();  ///< when its admission ends; the maximum: never
  bool hears_all = true;                        ///< every event type; then `subscriptions` is empty
  std::vector<std::string> subscriptions;       ///< the event types it named, sorted: `is_event_type` holds for each
  std::chrono::milliseconds timeout{};          ///< the heartbeat policy's; zero: never

  /// Returns whether bytes of the client have come within the heartbeat's timeout.
  [[nodiscard]] bool is_healthy(steady_time now) const noexcept {
    return timeout == std::chrono::milliseconds::zero() || now < detail::later(last_heard, timeout);
  }
};

/// How a connection ended.
struct disconnection {
  close_code code = close_code::abnormal;  ///< the one that we or the client closed with; `abnormal`: neither did
  /// The client's own text when it closed, else the server's or the host's. UTF-8 of any characters, line breaks and
  /// escapes included: print it through `printable`.
  std::string_view reason;
  /// The session waits for its client, or goes on over a newer socket: `on_resumed` or `on_session_expired` will tell.
  bool may_resume = false;
};

}  // namespace hotline
#endif
