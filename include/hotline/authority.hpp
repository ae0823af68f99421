#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hotline::detail {

[[nodiscard]] constexpr char ascii_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return x == y || ascii_lower(x) == ascii_lower(y); });
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_hex_digit(char c) noexcept {
  return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}
[[nodiscard]] constexpr bool is_letter(char c) noexcept { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }

using ipv4_bytes = std::array<std::uint8_t, 4>;
using ipv6_bytes = std::array<std::uint8_t, 16>;

/// Four decimal numbers up to 255 without leading zeros (RFC 3986 section 3.2.2).
[[nodiscard]] constexpr std::optional<ipv4_bytes> parse_ipv4(std::string_view text) noexcept {
  ipv4_bytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::string_view number = text.substr(0, text.find('.'));
    if (number.empty() || number.size() > 3 || (number.size() > 1 && number.front() == '0')) return std::nullopt;
    unsigned value = 0;
    for (const char c : number) {
      if (!is_digit(c)) return std::nullopt;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (value > 255) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(value);
    text.remove_prefix(number.size());
    if (i + 1 == bytes.size()) break;
    if (text.empty()) return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return bytes;
}

/// Up to eight groups of hexadecimal digits. "::" stands for missing groups, and the last two may be an IPv4 address (RFC
/// 4291 section 2.2). No zone.
[[nodiscard]] constexpr std::optional<ipv6_bytes> parse_ipv6(std::string_view text) noexcept {
  ipv6_bytes bytes{};
  std::size_t size = 0;
  std::optional<std::size_t> zeros;  // where "::" stands
  if (text.substr(0, 2) == "::") {
    zeros = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const std::string_view group = text.substr(0, text.find(':'));
    if (group.find('.') != std::string_view::npos) {
      const std::optional<ipv4_bytes> last = parse_ipv4(text);
      if (!last || size + last->size() > bytes.size()) return std::nullopt;
      for (const std::uint8_t byte : *last) bytes[size++] = byte;
      break;
    }
    if (group.empty() || group.size() > 4 || size == bytes.size()) return std::nullopt;
    unsigned value = 0;
    for (const char c : group) {
      if (!is_hex_digit(c)) return std::nullopt;
      value = value * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10);
    }
    bytes[size++] = static_cast<std::uint8_t>(value >> 8);
    bytes[size++] = static_cast<std::uint8_t>(value & 255);
    text.remove_prefix(group.size());
    if (text.empty()) break;
    text.remove_prefix(1);
    if (text.empty()) return std::nullopt;  // a ':' at the end
    if (text.front() != ':') continue;
    if (zeros) return std::nullopt;
    zeros = size;
    text.remove_prefix(1);
  }
  if (!zeros) return size == bytes.size() ? std::optional(bytes) : std::nullopt;
  if (size == bytes.size()) return std::nullopt;  // "::" stands for one group at least
  std::copy_backward(bytes.begin() + static_cast<std::ptrdiff_t>(*zeros),
                     bytes.begin() + static_cast<std::ptrdiff_t>(size), bytes.end());
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(*zeros),
            bytes.end() - static_cast<std::ptrdiff_t>(size - *zeros), std::uint8_t{0});
  return bytes;
}

/// The host that a URL names, without the user (RFC 3986 section 3.2): a host, perhaps with a port. An IPv6 address has its
/// brackets.
struct authority {
  std::string_view host{};
  std::string_view port{};  ///< digits, perhaps none
};

[[nodiscard]] constexpr bool is_sub_delimiter(char c) noexcept {
  return c != '\0' && std::string_view("!$&'()*+,;=").find(c) != std::string_view::npos;
}
[[nodiscard]] constexpr bool is_unreserved(char c) noexcept {
  return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/// A name, or an IPv4 address (RFC 3986 section 3.2.2); an empty one is one too.
[[nodiscard]] constexpr bool is_registered_name(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_unreserved(text[i]) || is_sub_delimiter(text[i])) continue;
    if (text[i] != '%' || text.size() - i < 3 || !is_hex_digit(text[i + 1]) || !is_hex_digit(text[i + 2])) return false;
    i += 2;
  }
  return true;
}

/// The text between brackets: an IPv6 address, or one of a future version.
[[nodiscard]] constexpr bool is_ip_literal(std::string_view text) noexcept {
  if (text.empty() || ascii_lower(text.front()) != 'v') return parse_ipv6(text).has_value();
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot == 1 || dot + 1 == text.size()) return false;
  const std::string_view version = text.substr(1, dot - 1);
  const std::string_view address = text.substr(dot + 1);
  return std::all_of(version.begin(), version.end(), is_hex_digit) &&
         std::all_of(address.begin(), address.end(),
                     [](char c) { return is_unreserved(c) || is_sub_delimiter(c) || c == ':'; });
}

/// Returns nothing for a text that is not `host [":" port]`. An empty text is an empty host; a port without a host is nothing.
[[nodiscard]] constexpr std::optional<authority> parse_authority(std::string_view text) noexcept {
  authority parsed;
  std::size_t end = 0;
  if (!text.empty() && text.front() == '[') {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos || !is_ip_literal(text.substr(1, bracket - 1))) return std::nullopt;
    end = bracket + 1;
  } else {
    end = std::min(text.find(':'), text.size());
    if (!is_registered_name(text.substr(0, end))) return std::nullopt;
  }
  parsed.host = text.substr(0, end);
  text.remove_prefix(end);
  if (text.empty()) return parsed;
  parsed.port = text.substr(1);
  if (text.front() != ':' || parsed.host.empty() || !std::all_of(parsed.port.begin(), parsed.port.end(), is_digit))
    return std::nullopt;
  return parsed;
}

/// Whether both name one host, in any case and with any spelling of an IPv6 address.
[[nodiscard]] constexpr bool is_same_host(std::string_view a, std::string_view b) noexcept {
  if (equal_ignoring_case(a, b)) return true;
  if (a.size() < 2 || b.size() < 2 || a.front() != '[' || b.front() != '[') return false;
  const std::optional<ipv6_bytes> left = parse_ipv6(a.substr(1, a.size() - 2));
  return left && left == parse_ipv6(b.substr(1, b.size() - 2));
}

/// Whether `text` is an IP address, perhaps with a port: "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80".
[[nodiscard]] constexpr bool is_ip_address(std::string_view text) noexcept {
  if (parse_ipv6(text)) return true;
  const std::optional<authority> parsed = parse_authority(text);
  if (!parsed || parsed->host.empty()) return false;
  if (parsed->host.front() != '[') return parse_ipv4(parsed->host).has_value();
  return parse_ipv6(parsed->host.substr(1, parsed->host.size() - 2)).has_value();
}

}  // namespace hotline::detail
#endif
