#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/expected.hpp>
#include <hotline/types.hpp>
#include <hotline/utf8.hpp>
#include <hotline/wire/frame.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotline::detail {

/// The most bytes that a close frame's reason may have: a control frame's payload without the code.
inline constexpr std::size_t close_reason_bytes = control_payload_bytes - 2;

/// Returns whether a close frame may carry `code` (RFC 6455 section 7.4 and the IANA registry up to 1014).
[[nodiscard]] constexpr bool may_be_on_the_wire(close_code code) noexcept {
  const auto value = static_cast<std::uint16_t>(code);
  if (value >= 3000) return value <= 4999;
  return value >= 1000 && value <= 1014 && value != 1004 && value != 1005 && value != 1006;
}

/// Returns the payload of a close frame. It cuts `reason` at a character to the part that fits, and leaves out a reason that
/// is not UTF-8. Empty for a code that may not be sent: such a frame names no code.
[[nodiscard]] inline std::string close_payload(close_code code, std::string_view reason) {
  std::string payload;
  if (!may_be_on_the_wire(code)) return payload;
  const auto value = static_cast<std::uint16_t>(code);
  payload.push_back(static_cast<char>(value >> 8));
  payload.push_back(static_cast<char>(value & 0xFFU));
  if (is_utf8(reason)) payload.append(reason.substr(0, utf8_prefix(reason, close_reason_bytes)));
  return payload;
}

/// The content of a peer's close frame. `code` is `no_status` if the frame names none.
struct close_frame {
  close_code code = close_code::no_status;
  std::string_view reason;  ///< a part of the payload
};

/// Reads the payload of a peer's close frame (RFC 6455 sections 5.5.1 and 7.4). For a frame that breaks the rules it returns
/// the code to close with: 1002, or 1007 for a reason that is not UTF-8.
[[nodiscard]] inline expected<close_frame, close_code> parse_close(std::string_view payload) {
  if (payload.empty()) return close_frame{};
  if (payload.size() == 1 || payload.size() > control_payload_bytes) return close_code::protocol_error;
  const unsigned high = static_cast<unsigned char>(payload[0]);
  const unsigned low = static_cast<unsigned char>(payload[1]);
  const auto code = static_cast<close_code>(high << 8U | low);
  const std::string_view reason = payload.substr(2);
  if (!may_be_on_the_wire(code)) return close_code::protocol_error;
  if (!is_utf8(reason)) return close_code::invalid_payload;
  return close_frame{code, reason};
}

}  // namespace hotline::detail
#endif
