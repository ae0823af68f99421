#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/authority.hpp>
#include <hotline/wire/percent.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline {

namespace detail {

/// A character of a method or a header's name (RFC 9110 section 5.6.2).
[[nodiscard]] constexpr bool is_token_char(char c) noexcept {
  const char lower = ascii_lower(c);
  const bool alphanumeric = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
  return alphanumeric || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

/// A character of a header's value: visible, space, tab, or beyond ASCII (RFC 9110 section 5.5).
[[nodiscard]] constexpr bool is_value_char(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7F) || c == '\t';
}

/// `text` without the spaces and tabs around it.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace detail

/// A request's head as it came: what a host's hooks are shown. It never has a body. All of it is the client's own text,
/// `query_value`, `cookie` and `token` decoded to any bytes: print it through `printable`. `remote_address` and what
/// `forwarded_for` returns are addresses and no more. Where the target is a whole URL, its
/// host stands in place of what `Host` said (RFC 9112 section 3.2.2).
struct http_request {
  std::string method{};
  /// The whole of what was asked for, not decoded. It may hold a token: for a log, take `path`.
  std::string target{};
  std::string path{};                                          ///< of `target`, up to '?', not decoded
  std::string query{};                                         ///< of `target`, behind '?', not decoded
  std::vector<std::pair<std::string, std::string>> headers{};  ///< in the order they came, values trimmed
  std::string remote_address{};                                ///< the peer's, in the transport's writing
  /// What the client speaks, "http" or "https": as `ws_manager::client_scheme` says, else "https" behind a transport with
  /// TLS, else empty, for a proxy may have spoken either.
  std::string scheme{};

  /// The value of the first header called `name`, in whatever case; empty if there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept {
    for (const auto& [key, value] : headers) {
      if (detail::equal_ignoring_case(key, name)) return value;
    }
    return {};
  }

  /// How many headers are called `name`.
  [[nodiscard]] std::size_t header_count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(std::count_if(headers.begin(), headers.end(), [&](const auto& header) {
      return detail::equal_ignoring_case(header.first, name);
    }));
  }

  [[nodiscard]] bool has_header(std::string_view name) const noexcept { return header_count(name) > 0; }

  /// The address that a proxy saw, when the client comes through `trusted_proxies` proxies, one behind the other, each of
  /// which appends the address that it saw to the header `name`. Counts from the right over all lines of that header,
  /// because what stands further left is what a stranger has sent. With fewer elements than proxies it is the first one.
  /// Returns "192.0.2.1", "2001:db8::1", or either with a port as the proxy wrote it; empty when that element is no address,
  /// when there is no such header, and for no trusted proxy.
  ///
  ///     manager.client_address([](const hotline::http_request& q) { return q.forwarded_for(1); });
  [[nodiscard]] std::string forwarded_for(std::size_t trusted_proxies,
                                          std::string_view name = "X-Forwarded-For") const {
    std::string_view found;
    for (auto header = headers.rbegin(); header != headers.rend() && trusted_proxies > 0; ++header) {
      if (!detail::equal_ignoring_case(header->first, name)) continue;
      std::string_view rest = header->second;
      while (!rest.empty() && trusted_proxies > 0) {
        const std::size_t comma = rest.rfind(',');
        const std::string_view element = detail::trimmed(rest.substr(comma == std::string_view::npos ? 0 : comma + 1));
        rest = rest.substr(0, comma == std::string_view::npos ? 0 : comma);
        if (element.empty()) continue;  // counts for none (RFC 9110 section 5.6.1.2)
        found = element;
        --trusted_proxies;
      }
    }
    return detail::is_ip_address(found) ? std::string(found) : std::string();
  }

  /// Whether `token` is an element of the comma-separated lists in all headers called `name`, in whatever case.
  [[nodiscard]] bool header_lists(std::string_view name, std::string_view token) const noexcept {
    for (const auto& [key, value] : headers) {
      if (!detail::equal_ignoring_case(key, name)) continue;
      std::string_view rest = value;
      for (bool more = true; more;) {
        const std::size_t comma = rest.find(',');
        if (detail::equal_ignoring_case(detail::trimmed(rest.substr(0, comma)), token)) return true;
        more = comma != std::string_view::npos;
        if (more) rest.remove_prefix(comma + 1);
      }
    }
    return false;
  }

  /// The value of the first query parameter called `name`, decoded once as browsers encode it (%XX, and '+' for a
  /// space). Nothing if there is none or its value cannot be decoded; empty for "?name" and "?name=".
  [[nodiscard]] std::optional<std::string> query_value(std::string_view name) const {
    const auto decode = [](std::string_view text) {
      std::string spaced(text);
      std::replace(spaced.begin(), spaced.end(), '+', ' ');
      return percent_decode(spaced);
    };
    std::string_view rest = query;
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      const std::size_t equals = std::min(pair.find('='), pair.size());
      if (decode(pair.substr(0, equals)) != name) continue;
      return decode(pair.substr(std::min(equals + 1, pair.size())));
    }
    return std::nullopt;
  }

  /// The value of the first cookie called `name` (RFC 6265 section 4.2), without the quotes that it may stand in. It is not
  /// decoded, for a cookie's value has no encoding of its own: where a script wrote it with `encodeURIComponent`, pass it to
  /// `percent_decode`.
  [[nodiscard]] std::optional<std::string> cookie(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (!detail::equal_ignoring_case(key, "Cookie")) continue;
      std::string_view rest = value;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(';'), rest.size());
        const std::string_view pair = detail::trimmed(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (pair.size() <= name.size() || pair[name.size()] != '=' || !pair.starts_with(name)) continue;
        std::string_view found = pair.substr(name.size() + 1);
        if (found.size() >= 2 && found.front() == '"' && found.back() == '"') found = found.substr(1, found.size() - 2);
        return std::string(found);
      }
    }
    return std::nullopt;
  }

  /// The token that the client shows: in `Authorization: Bearer` (RFC 6750), which programs can send; else in the query
  /// parameter `name`, as hotline's client sends it, for a browser's script cannot set headers here; else in the cookie
  /// `name`, as it stands there, not percent-decoded. Nothing when there is none, or an empty one.
  [[nodiscard]] std::optional<std::string> token(std::string_view name = "token") const {
    constexpr std::string_view bearer = "Bearer ";
    const std::string_view credentials = header("Authorization");
    std::optional<std::string> found;
    if (detail::equal_ignoring_case(credentials.substr(0, bearer.size()), bearer))
      found = detail::trimmed(credentials.substr(bearer.size()));
    if (!found) found = query_value(name);
    if (!found) found = cookie(name);
    return found && found->empty() ? std::nullopt : found;
  }

  /// Whether the client asks for WebSocket. Whether it asks rightly is found when the upgrade is answered.
  [[nodiscard]] bool is_upgrade() const noexcept { return header_lists("Upgrade", "websocket"); }
};

/// What a host answers to a plain HTTP request. The connection ends behind it.
struct http_response {
  int status = 200;  ///< 200 to 599; anything else goes out as 500
  std::string content_type = "text/plain; charset=utf-8";
  std::string body{};
  /// Further headers. Left out on the wire: names that are no token, values with control characters in them, and what
  /// frames a message or names its type (Connection, Content-Length, Content-Type, Transfer-Encoding, …).
  std::vector<std::pair<std::string, std::string>> headers{};
};

namespace detail {

/// Whether a client that sent `If-None-Match` has `tag`, an entity tag with its quotes (RFC 9110 section 13.1.2): its list
/// names it, weak or not, or is "*". A list that is none names nothing from there on.
[[nodiscard]] inline bool has_current(const http_request& request, std::string_view tag) {
  const auto opaque = [](std::string_view of) { return of.substr(0, 2) == "W/" ? of.substr(2) : of; };
  for (const auto& [name, value] : request.headers) {
    if (!equal_ignoring_case(name, "If-None-Match")) continue;
    if (value == "*") return true;
    std::string_view rest = value;
    while (!(rest = trimmed(rest)).empty()) {
      if (rest.front() == ',') {
        rest.remove_prefix(1);
        continue;
      }
      const std::size_t open = rest.substr(0, 2) == "W/" ? 2 : 0;
      const std::size_t close =
          open < rest.size() && rest[open] == '"' ? rest.find('"', open + 1) : std::string_view::npos;
      if (close == std::string_view::npos) break;
      if (opaque(rest.substr(0, close + 1)) == opaque(tag)) return true;
      rest = trimmed(rest.substr(close + 1));
      if (!rest.empty() && rest.front() != ',') break;
    }
  }
  return false;
}

/// The reason phrase of `status` (RFC 9110 section 15).
[[nodiscard]] constexpr std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: break;
  }
  if (status < 300) return "OK";
  if (status < 400) return "Redirect";
  return status < 500 ? "Client Error" : "Server Error";
}

/// Whether a host may set the header: what frames the message is `serialize`'s alone.
[[nodiscard]] inline bool is_free_header(std::string_view name, std::string_view value) noexcept {
  if (!is_token(name) || !std::all_of(value.begin(), value.end(), is_value_char)) return false;
  for (const std::string_view taken :
       {"Connection", "Content-Length", "Content-Type", "Keep-Alive", "Trailer", "Transfer-Encoding"}) {
    if (equal_ignoring_case(name, taken)) return false;
  }
  return true;
}

/// What goes out for a host's status: as it is, unless it is none that ends an exchange.
[[nodiscard]] constexpr int final_status(int status) noexcept { return status >= 200 && status <= 599 ? status : 500; }

/// The bytes of an answer that ends the connection (RFC 9112). With `head_only` (HEAD) without its body but with its
/// length. What a host cannot be allowed to send is left out, so nothing in `response` can start a header or an answer.
[[nodiscard]] inline std::string serialize(const http_response& response, bool head_only = false) {
  const int status = final_status(response.status);
  const bool may_have_body = status != 204 && status != 304;  // RFC 9112 section 6.3
  std::string bytes;
  const auto line = [&](std::string_view name, std::string_view value) {
    bytes.append(name).append(": ").append(value).append("\r\n");
  };
  bytes.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason_phrase(status)).append("\r\n");
  bool upgrade = false;
  for (const auto& [name, value] : response.headers) {
    if (!is_free_header(name, value)) continue;
    line(name, value);
    upgrade = upgrade || equal_ignoring_case(name, "Upgrade");
  }
  const std::string& type = response.content_type;
  if (may_have_body && !type.empty() && std::all_of(type.begin(), type.end(), is_value_char))
    line("Content-Type", type);
  if (may_have_body) line("Content-Length", std::to_string(response.body.size()));
  line("Connection", upgrade ? "close, Upgrade" : "close");  // RFC 9110 section 7.8
  bytes.append("\r\n");
  if (may_have_body && !head_only) bytes.append(response.body);
  return bytes;
}

/// The answer that says nothing but `status`, with the headers that RFC 9110 demands of it. `retry_after` goes with 429
/// and 503, and says when another try may do better (section 10.2.3); zero: nobody knows. 204 answers OPTIONS.
[[nodiscard]] inline http_response plain_response(int status, std::chrono::milliseconds retry_after = {}) {
  http_response response;
  response.status = status;
  response.body.append(std::to_string(status)).append(" ").append(reason_phrase(status)).append("\n");
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if ((status == 429 || status == 503) && retry_after.count() > 0)
    response.headers.emplace_back("Retry-After", std::to_string((retry_after.count() - 1) / 1000 + 1));
  if (status == 405 || status == 204) response.headers.emplace_back("Allow", "GET, HEAD, OPTIONS");
  if (status == 426) {
    response.headers.emplace_back("Upgrade", "websocket");
    response.headers.emplace_back("Sec-WebSocket-Version", "13");
  }
  return response;
}

}  // namespace detail

}  // namespace hotline
#endif
