#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// A text message as a client sends it (RFC 6455 section 5.3), of less than 64 KiB.
inline std::string client_frame(std::string_view payload) {
  std::string out = "\x81";
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else {
    out.push_back(static_cast<char>(0xfe));
    out.push_back(static_cast<char>(payload.size() >> 8));
    out.push_back(static_cast<char>(payload.size() & 255));
  }
  out.append("\x01\x02\x03\x04");
  for (std::size_t i = 0; i < payload.size(); ++i)
    out.push_back(static_cast<char>(payload[i] ^ static_cast<char>(i % 4 + 1)));
  return out;
}
