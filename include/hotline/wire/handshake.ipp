#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/authority.hpp>
#include <hotline/wire/deflate_offer.hpp>
#include <hotline/wire/digest.hpp>
#include <hotline/wire/handshake.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotline::detail {

/// Whether `c` is a digit of base64 (RFC 4648 section 4).
[[nodiscard]] inline bool is_base64_digit(char c) noexcept {
  return is_letter(c) || is_digit(c) || c == '+' || c == '/';
}

/// Returns a digest in base64: 20 bytes become 28 characters, the last of which is '='.
[[nodiscard]] inline std::array<char, 28> base64_of(const digest& sum) noexcept {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<char, 28> text{};
  char* out = text.data();
  for (std::size_t i = 0; i < sum.size(); i += 3) {
    const unsigned last = i + 2 < sum.size() ? sum[i + 2] : 0U;
    const unsigned bits = unsigned{sum[i]} << 16U | unsigned{sum[i + 1]} << 8U | last;
    for (unsigned shift = 24; shift > 0;) *out++ = digits[bits >> (shift -= 6) & 63U];
  }
  text.back() = '=';
  return text;
}

HOTLINE_DETAIL_INLINE bool is_websocket_key(std::string_view key) noexcept {
  return key.size() == websocket_key_bytes && key.ends_with("==") &&
         std::all_of(key.begin(), key.end() - 2, [](char c) { return is_base64_digit(c); });
}

HOTLINE_DETAIL_INLINE std::array<char, 28> accept_key(std::string_view key) noexcept {
  // The key, the GUID of RFC 6455 section 1.3, and a bit that is 1: the first block of two.
  std::array<char, sha1::block_bytes> first{};
  constexpr std::string_view after = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11\x80";
  static_assert(websocket_key_bytes + after.size() <= first.size());
  std::copy(after.begin(), after.end(), std::copy_n(key.begin(), websocket_key_bytes, first.begin()));
  // The second is the same for each key: zeros and the length in bits.
  constexpr std::uint32_t bits = 8 * (websocket_key_bytes + after.size() - 1);
  static constexpr sha1::schedule second = sha1::schedule_of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bits});
  sha1 sum;
  sum.add({first.data(), first.size()});
  sum.add(second);
  return base64_of(sum.value());
}

/// The headers of a request that decide about an upgrade, read in one pass.
struct upgrade_headers {
  bool has_upgrade = false;
  bool to_websocket = false;         ///< Upgrade lists "websocket"
  bool upgrades_connection = false;  ///< Connection lists "Upgrade"
  std::size_t versions = 0;
  std::size_t keys = 0;
  std::string_view version{};  ///< the last one
  std::string_view key{};      ///< the last one

  explicit upgrade_headers(const http_request& request) noexcept {
    for (const auto& [name, value] : request.headers) {
      if (equal_ignoring_case(name, "Upgrade")) {
        has_upgrade = true;
        to_websocket = to_websocket || lists(value, "websocket");
      } else if (equal_ignoring_case(name, "Connection")) {
        upgrades_connection = upgrades_connection || lists(value, "Upgrade");
      } else if (equal_ignoring_case(name, "Sec-WebSocket-Version")) {
        ++versions;
        version = value;
      } else if (equal_ignoring_case(name, "Sec-WebSocket-Key")) {
        ++keys;
        key = value;
      }
    }
  }
};

HOTLINE_DETAIL_INLINE upgrade accept_upgrade(const http_request& request, bool may_deflate) {
  const auto refusal = [&](int status) {
    return upgrade{status, serialize(plain_response(status), request.method == "HEAD"), false};
  };
  if (request.method != "GET") return refusal(405);
  const upgrade_headers asked(request);
  if (!asked.has_upgrade) return refusal(426);
  if (!asked.to_websocket || !asked.upgrades_connection) return refusal(400);
  if (asked.versions != 1 || asked.version != "13") return refusal(426);
  if (asked.keys != 1 || !is_websocket_key(asked.key)) return refusal(400);

  // No Sec-WebSocket-Protocol: hotline speaks one protocol and numbers its versions in `connected`, and a client closes
  // when it receives a name that it did not offer.
  const std::string_view extension = may_deflate ? answer_to_deflate_offers(request) : std::string_view();
  const std::array<char, 28> accept = accept_key(asked.key);
  upgrade accepted{101, {}, !extension.empty()};
  std::string& head = accepted.response_head;
  constexpr std::string_view begin =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
  constexpr std::string_view extensions = "\r\nSec-WebSocket-Extensions: ", end = "\r\n\r\n";
  head.reserve(begin.size() + accept.size() + extensions.size() + extension.size() + end.size());
  head.append(begin).append(accept.data(), accept.size());
  if (accepted.deflate) head.append(extensions).append(extension);
  head.append(end);
  return accepted;
}

}  // namespace hotline::detail
#endif
