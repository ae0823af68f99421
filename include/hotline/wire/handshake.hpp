#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// At the upgrade: a request becomes the response that opens a WebSocket, or a refusal. No I/O here.

#include <hotline/compiled.hpp>
#include <hotline/wire/http.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace hotline::detail {

/// The response to a request to upgrade.
struct upgrade {
  int status = 0;             ///< 101, or why not
  std::string response_head;  ///< the whole response; with another status than 101 the connection ends after it
  bool deflate = false;       ///< permessage-deflate was agreed on
};

/// The size of a Sec-WebSocket-Key: 16 bytes in base64 (RFC 6455 section 4.1).
inline constexpr std::size_t websocket_key_bytes = 24;

/// Returns whether `key` is 16 bytes in base64 (RFC 6455 section 4.1).
[[nodiscard]] bool is_websocket_key(std::string_view key) noexcept;

/// Returns the Sec-WebSocket-Accept for a key, which proves to the client that its key was read (RFC 6455 section 4.2.2).
/// `key` has `websocket_key_bytes`.
[[nodiscard]] std::array<char, 28> accept_key(std::string_view key) noexcept;

/// Checks a request to upgrade (RFC 6455 section 4.2.1) and returns the response: 101, else 405 for a method other than
/// GET, 426 for a request that names no upgrade or another version than 13, 400 for the rest. With `may_deflate` it takes
/// an offer of permessage-deflate that can be kept.
[[nodiscard]] upgrade accept_upgrade(const http_request& request, bool may_deflate = false);

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/wire/handshake.ipp>
#endif
#endif
