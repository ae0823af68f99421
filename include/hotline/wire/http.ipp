#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/authority.hpp>
#include <hotline/wire/http.hpp>
#include <hotline/wire/percent.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline {

HOTLINE_DETAIL_INLINE std::string_view http_request::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (detail::equal_ignoring_case(key, name)) return value;
  }
  return {};
}

HOTLINE_DETAIL_INLINE std::size_t http_request::header_count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(std::count_if(headers.begin(), headers.end(), [&](const auto& header) {
    return detail::equal_ignoring_case(header.first, name);
  }));
}

HOTLINE_DETAIL_INLINE std::string http_request::forwarded_for(std::size_t trusted_proxies,
                                                              std::string_view name) const {
  std::string_view found;
  for (std::size_t left = headers.size(); left > 0 && trusted_proxies > 0; --left) {
    const auto& [key, value] = headers[left - 1];
    if (!detail::equal_ignoring_case(key, name)) continue;
    std::string_view rest = value;
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

HOTLINE_DETAIL_INLINE bool http_request::header_lists(std::string_view name, std::string_view token) const noexcept {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& header) {
    return detail::equal_ignoring_case(header.first, name) && detail::lists(header.second, token);
  });
}

HOTLINE_DETAIL_INLINE std::optional<std::string> http_request::query_value(std::string_view name) const {
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

HOTLINE_DETAIL_INLINE std::optional<std::string> http_request::cookie(std::string_view name) const {
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

HOTLINE_DETAIL_INLINE std::optional<std::string> http_request::token(std::string_view name) const {
  constexpr std::string_view bearer = "Bearer ";
  const std::string_view credentials = header("Authorization");
  std::optional<std::string> found;
  if (detail::equal_ignoring_case(credentials.substr(0, bearer.size()), bearer))
    found = detail::trimmed(credentials.substr(bearer.size()));
  if (!found) found = query_value(name);
  if (!found) found = cookie(name);
  return found && found->empty() ? std::nullopt : found;
}

namespace detail {

/// Returns whether `text` is a token (RFC 9110 section 5.6.2).
[[nodiscard]] inline bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

HOTLINE_DETAIL_INLINE bool lists(std::string_view list, std::string_view token) noexcept {
  for (;;) {
    const std::size_t comma = list.find(',');
    if (equal_ignoring_case(trimmed(list.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

HOTLINE_DETAIL_INLINE bool has_current(const http_request& request, std::string_view tag) {
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

HOTLINE_DETAIL_INLINE std::string_view reason_phrase(int status) noexcept {
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

HOTLINE_DETAIL_INLINE bool is_free_header(std::string_view name, std::string_view value) noexcept {
  if (!is_token(name) || !std::all_of(value.begin(), value.end(), is_value_char)) return false;
  for (const std::string_view taken :
       {"Connection", "Content-Length", "Content-Type", "Keep-Alive", "Trailer", "Transfer-Encoding"}) {
    if (equal_ignoring_case(name, taken)) return false;
  }
  return true;
}

HOTLINE_DETAIL_INLINE std::string serialize(const http_response& response, bool head_only) {
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

HOTLINE_DETAIL_INLINE http_response plain_response(int status, std::chrono::milliseconds retry_after) {
  http_response response;
  response.status = status;
  response.body.append(std::to_string(status)).append(" ").append(reason_phrase(status)).append("\n");
  const auto add = [&response](std::string name, std::string value) {
    response.headers.emplace_back(std::move(name), std::move(value));
  };
  if (status == 401) add("WWW-Authenticate", "Bearer");
  if ((status == 429 || status == 503) && retry_after.count() > 0)
    add("Retry-After", std::to_string((retry_after.count() - 1) / 1000 + 1));
  if (status == 405 || status == 204) add("Allow", "GET, HEAD, OPTIONS");
  if (status == 426) {
    add("Upgrade", "websocket");
    add("Sec-WebSocket-Version", "13");
  }
  return response;
}

}  // namespace detail

}  // namespace hotline
#endif
