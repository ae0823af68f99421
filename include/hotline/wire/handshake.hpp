// Inbound, before the upgrade: a request becomes the answer that opens a WebSocket, or a refusal. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/wire/deflate_offer.hpp>
#include <hotline/wire/digest.hpp>
#include <hotline/wire/head_reader.hpp>
#include <hotline/wire/http.hpp>
#include <hotline/wire/websocketpp.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace hotline::detail {

/// The answer to a request to upgrade.
struct upgrade {
  int status = 0;             ///< 101, or why not
  std::string response_head;  ///< the whole answer; other than with 101 the connection ends behind it
  bool deflate = false;       ///< permessage-deflate was agreed on
};

/// Whether `key` is 16 bytes in base64 (RFC 6455 section 4.1).
[[nodiscard]] inline bool is_websocket_key(std::string_view key) noexcept {
  constexpr std::size_t digits = 22;
  const auto base64 = [](char c) {
    const char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  return key.size() == digits + 2 && key.substr(digits) == "==" &&
         std::all_of(key.begin(), key.begin() + digits, base64);
}

/// What proves to the client that its key was read (RFC 6455 section 4.2.2).
[[nodiscard]] inline std::string accept_key(std::string_view key) {
  std::string text(key);
  text.append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  const digest sum = digest_of(text);
  return websocketpp::base64_encode(sum.data(), sum.size());
}

/// Checks a request to upgrade (RFC 6455 section 4.2.1) and writes the answer: 101, else 405 for a method other than
/// GET, 426 for one that names no upgrade or another version than 13, 400 for the rest. `may_deflate`: an offer of
/// permessage-deflate that can be kept is taken.
[[nodiscard]] inline upgrade accept_upgrade(const http_request& request, bool may_deflate = false) {
  const auto refusal = [&](int status) {
    http_response response = plain_response(status);
    return upgrade{status, serialize(response, request.method == "HEAD"), false};
  };
  if (request.method != "GET") return refusal(405);
  if (!request.has_header("Upgrade")) return refusal(426);
  if (!request.is_upgrade() || !request.header_lists("Connection", "Upgrade")) return refusal(400);
  constexpr std::string_view version = "Sec-WebSocket-Version";
  if (request.header_count(version) != 1 || request.header(version) != "13") return refusal(426);
  const std::string_view key = request.header("Sec-WebSocket-Key");
  if (request.header_count("Sec-WebSocket-Key") != 1 || !is_websocket_key(key)) return refusal(400);

  // No Sec-WebSocket-Protocol: hotline speaks one protocol and numbers its versions in `connected`, and a name that
  // the client did not offer would make it hang up.
  const std::string_view extension = may_deflate ? answer_to_deflate_offers(request) : std::string_view();
  upgrade accepted{101, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
                   !extension.empty()};
  accepted.response_head.append("Sec-WebSocket-Accept: ").append(accept_key(key)).append("\r\n");
  if (accepted.deflate) accepted.response_head.append("Sec-WebSocket-Extensions: ").append(extension).append("\r\n");
  accepted.response_head.append("\r\n");
  return accepted;
}

}  // namespace hotline::detail
#endif
