#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Headers that a proxy sends ahead, as the specification of the PROXY protocol puts them together.
namespace proxy_headers {

inline std::string number(std::size_t n) { return {static_cast<char>(n >> 8U & 255U), static_cast<char>(n & 255U)}; }

/// 192.0.2.7:40312 to 198.51.100.1:443.
inline const std::string v4_block = std::string("\xc0\x00\x02\x07\xc6\x33\x64\x01", 8) + number(40312) + number(443);
/// [2001:db8::7]:40312 to [2001:db8::1]:443.
inline const std::string v6_block = std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16) +
                                    std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16) + number(40312) +
                                    number(443);

/// Version 2, with the length that it has.
inline std::string binary(int version_and_command, int family_and_protocol, std::string_view rest) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += static_cast<char>(version_and_command);
  header += static_cast<char>(family_and_protocol);
  return header.append(number(rest.size())).append(rest);
}

/// A type-length-value.
inline std::string value(int type, std::string_view bytes) {
  return std::string(1, static_cast<char>(type)).append(number(bytes.size())).append(bytes);
}

/// By a table, as RFC 3720 has it.
inline std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t table[256];
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t entry = i;
    for (int bit = 0; bit < 8; ++bit) entry = (entry & 1U) != 0 ? (entry >> 1U) ^ 0x82f63b78U : entry >> 1U;
    table[i] = entry;
  }
  std::uint32_t crc = ~0U;
  for (const char c : bytes) crc = (crc >> 8U) ^ table[(crc ^ static_cast<unsigned char>(c)) & 255U];
  return ~crc;
}

/// A PROXY header with a checksum behind `rest`.
inline std::string with_checksum(int family_and_protocol, const std::string& rest) {
  std::string header = binary(0x21, family_and_protocol, rest + value(0x03, std::string(4, '\0')));
  const std::uint32_t crc = crc32c(header);
  header.replace(header.size() - 4, 4, number(crc >> 16U) + number(crc & 65535U));
  return header;
}

}  // namespace proxy_headers
