#pragma once

#include <hotline/wire/decoder.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The client's side of the wire: frames as a client makes them, and everything that a decoder makes of them.

namespace wire_tests {

using hotline::close_code;
using hotline::detail::decode_event;
using hotline::detail::decoder;
using hotline::detail::opcode;

inline constexpr std::array<unsigned char, 4> test_key{0x37, 0xFA, 0x21, 0x3D};

/// The first bytes of a frame whose first byte is `b0`, up to and with its key; `length` is only announced.
inline std::string frame_head(unsigned b0, std::uint64_t length, int length_bytes) {
  std::string head(1, static_cast<char>(b0));
  const unsigned code = length_bytes == 0 ? static_cast<unsigned>(length) : length_bytes == 2 ? 126U : 127U;
  head.push_back(static_cast<char>(0x80U | code));
  for (int i = length_bytes; i > 0; --i) head.push_back(static_cast<char>(length >> (8 * (i - 1)) & 0xFFU));
  head.append(reinterpret_cast<const char*>(test_key.data()), test_key.size());
  return head;
}

inline std::string frame_head(unsigned b0, std::uint64_t length) {
  return frame_head(b0, length, length < 126 ? 0 : length < 65536 ? 2 : 8);
}

/// A whole masked frame whose first byte is `b0`.
inline std::string raw_frame(unsigned b0, std::string_view payload) {
  std::string frame = frame_head(b0, payload.size());
  for (std::size_t i = 0; i < payload.size(); ++i) {
    frame.push_back(static_cast<char>(static_cast<unsigned char>(payload[i]) ^ test_key[i % 4]));
  }
  return frame;
}

/// A whole message or control frame.
inline std::string frame(opcode op, std::string_view payload) { return raw_frame(0x80U | unsigned(op), payload); }
/// A frame after which its message goes on.
inline std::string part(opcode op, std::string_view payload) { return raw_frame(unsigned(op), payload); }
inline std::string text(std::string_view payload) { return frame(opcode::text, payload); }
inline std::string more(std::string_view payload) { return part(opcode::continuation, payload); }
inline std::string last(std::string_view payload) { return frame(opcode::continuation, payload); }

/// A message in frames of `size` bytes each, the last one shorter.
inline std::string fragmented(opcode op, std::string_view payload, std::size_t size) {
  std::string bytes;
  while (payload.size() > size) {
    bytes += part(std::exchange(op, opcode::continuation), payload.substr(0, size));
    payload.remove_prefix(size);
  }
  return bytes + frame(op, payload);
}

struct heard {
  decode_event event;
  std::string payload{};
  close_code why = close_code::normal;

  bool operator==(const heard&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const heard& h) {
    constexpr std::array names{"need_more", "text", "binary", "ping", "pong", "close", "failed"};
    out << names.at(static_cast<std::size_t>(h.event));
    if (h.event == decode_event::failed) return out << " " << static_cast<int>(h.why);
    if (h.payload.size() > 64) return out << " <" << h.payload.size() << " bytes>";
    return out << " \"" << h.payload << "\"";
  }
};

inline heard failed(close_code why) { return {decode_event::failed, {}, why}; }

/// Gives `bytes` to the decoder as if they had come in one read; appends what it answers but `need_more`.
/// False once it failed.
inline bool feed(decoder& to, std::string_view bytes, std::vector<heard>& all) {
  std::string buffer(bytes);
  std::span<char> rest(buffer);
  while (!rest.empty()) {
    const auto result = to.consume(rest);
    rest = rest.subspan(result.consumed);
    if (result.event == decode_event::need_more) return rest.empty();
    all.push_back({result.event, std::string(result.payload), result.why});
    if (result.event == decode_event::failed) return false;
  }
  return true;
}

/// Returns everything that a decoder with `limits` makes of `bytes`, cut into reads of `chop` bytes.
inline std::vector<heard> hear(std::string_view bytes, std::size_t chop = std::string::npos,
                               const hotline::session_limits& limits = {}) {
  decoder d(limits);
  std::vector<heard> all;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, chop);
    bytes.remove_prefix(piece.size());
    if (!feed(d, piece, all)) break;
  }
  return all;
}

/// As `hear`, cut at random; most pieces are short, some are empty.
inline std::vector<heard> hear_split(std::string_view bytes, std::mt19937& random,
                                     const hotline::session_limits& limits = {}) {
  decoder d(limits);
  std::vector<heard> all;
  while (!bytes.empty()) {
    const std::size_t most = random() % 4 == 0 ? 600 : 8;
    const std::string_view piece = bytes.substr(0, random() % most);
    bytes.remove_prefix(piece.size());
    if (!feed(d, piece, all)) break;
  }
  return all;
}

}  // namespace wire_tests
