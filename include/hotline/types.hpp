#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/origin.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hotline {

/// A point on the clock that never jumps; all timeouts are measured on it.
using steady_time = std::chrono::steady_clock::time_point;

/// A point on the calendar's clock, for `timestamp` fields.
using wall_time = std::chrono::system_clock::time_point;

/// The number of an event within its project's log and epoch: 1, 2, 3, …; 0 is before the first.
using sequence = std::uint64_t;

namespace detail {

/// `span` after `at`, or the end of time if that comes first; a negative span counts as zero. All deadlines are made here,
/// so a host may set any number.
[[nodiscard]] constexpr steady_time later(steady_time at, std::chrono::milliseconds span) noexcept {
  constexpr auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(steady_time::duration::max());
  if (span >= longest) return steady_time::max();
  if (span <= span.zero()) return at;
  return span >= steady_time::max() - std::max(at, steady_time()) ? steady_time::max() : at + span;
}

/// Whether `now` has reached `later(since, span)`. Cheap enough for every connection at every tick.
[[nodiscard]] constexpr bool have_passed(std::chrono::milliseconds span, steady_time since, steady_time now) noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - since) >= span;
}

// Inline: called for every command and every event.
[[nodiscard]] [[gnu::always_inline]] constexpr bool is_name(std::string_view text,
                                                            std::string_view punctuation) noexcept {
  if (text.empty() || text.size() > 128) return false;
  for (const char c : text) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alphanumeric && punctuation.find(c) == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace detail

/// Whether `text` can name a project by the default rule: `[A-Za-z0-9._-]{1,128}`, neither "." nor "..".
[[nodiscard]] constexpr bool is_project_id(std::string_view text) noexcept {
  return detail::is_name(text, "._-") && text != "." && text != "..";
}

/// Whether `text` can name an event's type: `[A-Za-z0-9._:-]{1,128}`. So a type needs no escaping on the wire.
[[nodiscard]] constexpr bool is_event_type(std::string_view text) noexcept { return detail::is_name(text, "._:-"); }

/// The reason for which a connection is closed: the codes of RFC 6455 section 7.4.1 that a server sends, and hotline's own
/// (4000-4999).
enum class close_code : std::uint16_t {
  normal = 1000,
  going_away = 1001,        ///< the server is shutting down
  protocol_error = 1002,    ///< the bytes are no WebSocket
  unsupported_data = 1003,  ///< a binary message; hotline speaks JSON text
  no_status = 1005,         ///< never on the wire: the peer's close frame named no code
  abnormal = 1006,          ///< never on the wire: the socket went without a close frame
  invalid_payload = 1007,   ///< text that is not UTF-8
  policy_violation = 1008,
  message_too_big = 1009,
  internal_error = 1011,
  try_again_later = 1013,  ///< over capacity
  heartbeat_timeout = 4000,
  unauthorized = 4001,
  forbidden = 4003,
  no_such_project = 4004,
  too_slow = 4008,    ///< the client does not read its answers or events
  taken_over = 4009,  ///< the session goes on over a newer socket
  too_many_messages = 4029,
};

/// Whether a client that was closed with `code` may expect a new connection to work.
[[nodiscard]] constexpr bool may_reconnect(close_code code) noexcept {
  switch (code) {
    case close_code::going_away:
    case close_code::no_status:
    case close_code::abnormal:
    case close_code::internal_error:
    case close_code::try_again_later:
    case close_code::heartbeat_timeout:
    case close_code::too_slow: return true;
    default: return false;
  }
}

/// The code's name for logs and for `disconnected` messages; "closed" for a code that hotline does not know.
[[nodiscard]] constexpr std::string_view to_string(close_code code) noexcept {
  switch (code) {
    case close_code::normal: return "normal";
    case close_code::going_away: return "going away";
    case close_code::protocol_error: return "protocol error";
    case close_code::unsupported_data: return "unsupported data";
    case close_code::no_status: return "no status";
    case close_code::abnormal: return "connection lost";
    case close_code::invalid_payload: return "invalid payload";
    case close_code::policy_violation: return "policy violation";
    case close_code::message_too_big: return "message too big";
    case close_code::internal_error: return "internal error";
    case close_code::try_again_later: return "try again later";
    case close_code::heartbeat_timeout: return "heartbeat timeout";
    case close_code::unauthorized: return "unauthorized";
    case close_code::forbidden: return "forbidden";
    case close_code::no_such_project: return "no such project";
    case close_code::too_slow: return "too slow";
    case close_code::taken_over: return "taken over";
    case close_code::too_many_messages: return "too many messages";
  }
  return "closed";
}

}  // namespace hotline
#endif
