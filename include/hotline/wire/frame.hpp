#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A message becomes a frame, once, however many clients receive it. No I/O here.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotline::detail {

/// The kind of a frame (RFC 6455 section 5.2).
enum class opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// The most payload a control frame may carry (RFC 6455 section 5.5).
inline constexpr std::size_t control_payload_bytes = 125;

/// The header of a frame to a client: 2, 4 or 10 bytes.
struct frame_header {
  std::array<char, 10> bytes{};
  std::uint8_t size = 0;

  [[nodiscard]] std::string_view view() const noexcept { return {bytes.data(), size}; }
};

/// Says whether a message's payload is compressed (RFC 7692 section 6): then its first frame has RSV1.
enum class compressed : bool { no, yes };

/// Returns the header of a whole message in one unmasked frame, its length in the shortest form (RFC 6455 section 5.2).
/// Written out here and not taken from websocketpp, so that emitting needs none of it; a test compares the two.
[[nodiscard]] constexpr frame_header make_frame_header(opcode op, std::size_t payload_size,
                                                       compressed how = compressed::no) noexcept {
  constexpr unsigned fin = 0x80;
  const unsigned rsv1 = how == compressed::yes ? 0x40 : 0;
  frame_header header;
  const auto put = [&](std::uint64_t byte) { header.bytes[header.size++] = static_cast<char>(byte & 0xFFU); };
  put(fin | rsv1 | static_cast<unsigned>(op));
  const std::uint64_t length = payload_size;
  int length_bytes = 0;
  if (length < 126) {
    put(length);
  } else if (length <= 0xFFFF) {
    put(126);
    length_bytes = 2;
  } else {
    put(127);
    length_bytes = 8;
  }
  for (int i = length_bytes; i > 0; --i) put(length >> (8 * (i - 1)));
  return header;
}

/// Returns the size of the header with which an unmasked frame begins.
[[nodiscard]] constexpr std::size_t frame_header_size(std::string_view frame) noexcept {
  const int length = static_cast<unsigned char>(frame[1]) & 127;
  return length == 127 ? 10 : length == 126 ? 4 : 2;
}

/// Appends a whole frame to `out`, or nothing when there is no memory for it. A control frame's payload must be within
/// `control_payload_bytes`.
inline void append_frame(std::string& out, opcode op, std::string_view payload) {
  const frame_header header = make_frame_header(op, payload.size());
  const std::size_t size = out.size() + header.size + payload.size();
  if (size > out.capacity()) out.reserve(out.empty() ? size : std::max(size, 2 * out.capacity()));
  out.append(header.view());
  out.append(payload);
}

}  // namespace hotline::detail
#endif
