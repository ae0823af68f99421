#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>
#include <hotline/wire/percent.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline {

namespace detail {

/// A set of characters.
using characters = std::array<bool, 256>;

/// The characters of a method or a header's name (RFC 9110 section 5.6.2).
inline constexpr characters token_characters = [] {
  characters set{};
  for (unsigned char c = '0'; c <= '9'; ++c) set[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) set[c] = set[c - 0x20U] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) set[static_cast<unsigned char>(c)] = true;
  return set;
}();

/// Whether `c` is a character of a method or a header's name (RFC 9110 section 5.6.2).
[[nodiscard]] constexpr bool is_token_char(char c) noexcept { return token_characters[static_cast<unsigned char>(c)]; }

/// Whether `c` is a character of a header's value: visible, space, tab, or beyond ASCII (RFC 9110 section 5.5).
[[nodiscard]] constexpr bool is_value_char(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7F) || c == '\t';
}

/// Whether `c` is a character of a request's target: visible, and no '#', because a fragment is never sent.
[[nodiscard]] constexpr bool is_target_char(char c) noexcept { return c > 0x20 && c < 0x7F && c != '#'; }

/// Returns `text` without the spaces and tabs around it.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace detail

/// The head of a request, as a host's hooks receive it. It never has a body. All of it is the client's own text, and
/// `query_value`, `cookie` and `token` decode to any bytes: print it through `printable`. `remote_address` and the
/// result of `forwarded_for` are addresses and no more. Where the target is a whole URL, its host stands in place of
/// the value of `Host` (RFC 9112 section 3.2.2).
///
///     manager.authenticate([](const hotline::http_request& q, std::string_view) {
///       return q.token() == "secret" ? hotline::admission{} : hotline::admission::refuse(401);
///     });
struct http_request {
  std::string method{};
  /// The whole target, not decoded. It may have a token in it: for a log, take `path`.
  std::string target{};
  std::string path{};                                          ///< the part of `target` up to '?', not decoded
  std::string query{};                                         ///< the part of `target` after '?', not decoded
  std::vector<std::pair<std::string, std::string>> headers{};  ///< in the order they came, values trimmed
  std::string remote_address{};                                ///< the peer's, as the transport writes it
  /// The scheme that the client uses, "http" or "https": the one that `ws_manager::client_scheme` returns, else "https"
  /// with a transport that has TLS, else empty, because a proxy may have used either.
  std::string scheme{};

  /// Returns the value of the first header called `name`, in whatever case; empty when there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;

  /// Returns how many headers are called `name`.
  [[nodiscard]] std::size_t header_count(std::string_view name) const noexcept;

  /// Returns whether a header is called `name`.
  [[nodiscard]] bool has_header(std::string_view name) const noexcept { return header_count(name) > 0; }

  /// Returns the address that a proxy saw, for a client that comes through a chain of `trusted_proxies` proxies, each
  /// of which appends the address that it saw to the header `name`. It counts from the right over all lines of that
  /// header, because a stranger can send what stands further left. With fewer elements than proxies it takes the first
  /// one. Returns "192.0.2.1", "2001:db8::1", or either with a port as the proxy wrote it; empty when that element is
  /// no address, when there is no such header, and for no trusted proxy.
  ///
  ///     manager.client_address([](const hotline::http_request& q) { return q.forwarded_for(1); });
  [[nodiscard]] std::string forwarded_for(std::size_t trusted_proxies, std::string_view name = "X-Forwarded-For") const;

  /// Returns whether `token` is an element of the comma-separated lists in all headers called `name`, in whatever case.
  [[nodiscard]] bool header_lists(std::string_view name, std::string_view token) const noexcept;

  /// Returns the value of the first query parameter called `name`, decoded once as browsers encode it (%XX, and '+' for
  /// a space). Nothing if there is none or its value cannot be decoded; empty for "?name" and "?name=".
  [[nodiscard]] std::optional<std::string> query_value(std::string_view name) const;

  /// Returns the value of the first cookie called `name` (RFC 6265 section 4.2), without the quotes that it may stand
  /// in. It is not decoded, because a cookie's value has no encoding of its own: where a script wrote it with
  /// `encodeURIComponent`, pass it to `percent_decode`.
  [[nodiscard]] std::optional<std::string> cookie(std::string_view name) const;

  /// Returns the token that the client shows: in `Authorization: Bearer` (RFC 6750), which programs can send; else in
  /// the query parameter `name`, as hotline's client sends it, because a browser's script cannot set headers here; else
  /// in the cookie `name`, as it stands there, not percent-decoded. Nothing when there is none, or an empty one.
  [[nodiscard]] std::optional<std::string> token(std::string_view name = "token") const;

  /// Returns whether the client asks for WebSocket. The handshake checks later whether it asks correctly.
  [[nodiscard]] bool is_upgrade() const noexcept { return header_lists("Upgrade", "websocket"); }
};

/// A host's response to a plain HTTP request. The connection ends after it.
struct http_response {
  int status = 200;  ///< 200 to 599; anything else goes out as 500
  std::string content_type = "text/plain; charset=utf-8";
  std::string body{};
  /// Further headers. Left out on the wire: names that are no token, values with control characters in them, and the
  /// headers that frame a message or name its type (Connection, Content-Length, Content-Type, Transfer-Encoding, …).
  std::vector<std::pair<std::string, std::string>> headers{};
};

namespace detail {

/// Returns whether `token` is an element of the comma-separated `list`, in whatever case.
[[nodiscard]] bool lists(std::string_view list, std::string_view token) noexcept;

/// Returns whether a client that sent `If-None-Match` has `tag`, an entity tag with its quotes (RFC 9110 section
/// 13.1.2): its list names it, weak or not, or is "*". A list that breaks the grammar names nothing from there on.
[[nodiscard]] bool has_current(const http_request& request, std::string_view tag);

/// Returns the reason phrase of `status` (RFC 9110 section 15).
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

/// Returns whether a host may set the header: those that frame the message are `serialize`'s alone.
[[nodiscard]] bool is_free_header(std::string_view name, std::string_view value) noexcept;

/// Returns the status that goes out for a host's: itself, unless it does not end an exchange.
[[nodiscard]] constexpr int final_status(int status) noexcept { return status >= 200 && status <= 599 ? status : 500; }

/// Returns the bytes of a response that ends the connection (RFC 9112). With `head_only` (HEAD) without its body but
/// with its length. It leaves out all that a host must not send, so nothing in `response` can start a header or a
/// response.
[[nodiscard]] std::string serialize(const http_response& response, bool head_only = false);

/// Returns the response that says nothing but `status`, with the headers that RFC 9110 demands of it. `retry_after`
/// goes with 429 and 503, and says when another try may do better (section 10.2.3); zero: unknown. 204 is the response
/// to OPTIONS.
[[nodiscard]] http_response plain_response(int status, std::chrono::milliseconds retry_after = {});

}  // namespace detail

}  // namespace hotline

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/wire/http.ipp>
#endif
#endif
