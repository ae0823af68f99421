#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/authority.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hotline {

namespace detail {

/// The origin of a page (RFC 6454 section 4).
struct origin {
  std::string_view scheme;
  authority where;
};

/// An origin as browsers write it (RFC 6454 section 6.2), "https://app.example:8443": a scheme, a host, perhaps a port, and
/// nothing more. Returns nothing for other texts, "null" among them.
[[nodiscard]] constexpr std::optional<origin> parse_origin(std::string_view text) noexcept {
  const std::size_t size = text.find("://");
  if (size == std::string_view::npos || size == 0 || !is_letter(text.front())) return std::nullopt;
  const std::string_view scheme = text.substr(0, size);
  for (const char c : scheme)
    if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return std::nullopt;
  const std::optional<authority> where = parse_authority(text.substr(size + 3));
  if (!where || where->host.empty()) return std::nullopt;
  return origin{scheme, *where};
}

/// The scheme of a page at the place to which `scheme` leads: a WebSocket's port is HTTP's.
[[nodiscard]] constexpr std::string_view page_scheme(std::string_view scheme) noexcept {
  if (equal_ignoring_case(scheme, "ws")) return "http";
  if (equal_ignoring_case(scheme, "wss")) return "https";
  return scheme;
}

/// The port, or the scheme's default; 0 if there is neither.
[[nodiscard]] constexpr std::uint32_t port_of(std::string_view port, std::string_view scheme) noexcept {
  constexpr std::uint32_t none = 65536;  // over all ports
  std::uint32_t number = 0;
  for (const char digit : port) number = std::min(number * 10 + static_cast<std::uint32_t>(digit - '0'), none);
  if (!port.empty()) return number;
  if (equal_ignoring_case(page_scheme(scheme), "http")) return 80;
  return equal_ignoring_case(page_scheme(scheme), "https") ? 443 : 0;
}

/// Whether browsers take `host` for an IPv4 address, and so name it as four decimal numbers (WHATWG URL, "ends in a number").
[[nodiscard]] constexpr bool ends_in_number(std::string_view host) noexcept {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  std::string_view label = host.substr(host.rfind('.') + 1);
  const bool is_hex = label.size() >= 2 && equal_ignoring_case(label.substr(0, 2), "0x");
  if (is_hex) label.remove_prefix(2);
  return (is_hex || !label.empty()) && std::all_of(label.begin(), label.end(), is_hex ? is_hex_digit : is_digit);
}

/// Whether a browser can name `text` as a page's origin. It names a host as it resolved it: without escapes, and an address
/// in its usual form. A '*' or a ',' may be in a name, but in an entry it means a pattern or two entries. "null" is the
/// origin of sandboxed pages and files, "file://" that of files in some shells around a browser.
[[nodiscard]] constexpr bool can_be_origin(std::string_view text) noexcept {
  if (equal_ignoring_case(text, "null") || equal_ignoring_case(text, "file://")) return true;
  const std::optional<origin> page = parse_origin(text);
  if (!page || equal_ignoring_case(page->scheme, "file")) return false;
  const std::string_view host = page->where.host;
  const bool is_address = host.front() != '[' || parse_ipv6(host.substr(1, host.size() - 2));
  return host.find_first_of("*%,") == std::string_view::npos && is_address &&
         (!ends_in_number(host) || parse_ipv4(host)) && port_of(page->where.port, page->scheme) <= 65535;
}

/// Whether two origins are the same (RFC 6454 section 5): by scheme, host and port, default ports included.
[[nodiscard]] constexpr bool is_same_origin(const origin& a, const origin& b) noexcept {
  return equal_ignoring_case(page_scheme(a.scheme), page_scheme(b.scheme)) &&
         is_same_host(a.where.host, b.where.host) && port_of(a.where.port, a.scheme) == port_of(b.where.port, b.scheme);
}

}  // namespace detail

/// Whether a page of `origin` was served by the host that it connects to: the default rule for browsers. Any page may open a
/// WebSocket to any host, and the browser leaves it to the server to refuse.
///
/// `origin` is the browser's `Origin`, `host` the value of `Host` ("app.example", "app.example:443"), `scheme` the client's
/// scheme, "http" or "https", or empty if it is unknown: then the page's own is used. Compares as RFC 6454 section 5 does: a
/// port that is left out is the scheme's (80, 443). Returns false for "null" and for texts that are no origin. Any thread.
[[nodiscard]] constexpr bool is_same_origin(std::string_view origin, std::string_view host,
                                            std::string_view scheme = {}) noexcept {
  const std::optional<detail::origin> page = detail::parse_origin(origin);
  const std::optional<detail::authority> asked = detail::parse_authority(host);
  if (!page || !asked) return false;
  return detail::is_same_origin(*page, {scheme.empty() ? page->scheme : scheme, *asked});
}

/// Decides whether a page of an origin may connect: a function of the page's origin and the host that it connects to (both
/// as `is_same_origin` takes them), which may take the scheme as well. Null refuses all of them.
///
///     options.allows_origin = [](std::string_view origin, std::string_view) { return origin == "https://app.example"; };
class origin_rule {
 public:
  origin_rule(std::nullptr_t = nullptr) noexcept {}

  template <class F>
  requires std::is_invocable_r_v<bool, F&, std::string_view, std::string_view, std::string_view> ||
      std::is_invocable_r_v<bool, F&, std::string_view, std::string_view>
      origin_rule(F rule) {
    // An empty function is none. A lambda converts to bool too, but is never empty.
    if constexpr (std::is_pointer_v<F> || requires { rule.operator bool(); }) {
      if (!rule) return;
    }
    if constexpr (std::is_invocable_r_v<bool, F&, std::string_view, std::string_view, std::string_view>)
      rule_ = std::move(rule);
    else
      rule_ = [rule = std::move(rule)](std::string_view page, std::string_view host, std::string_view) mutable {
        return rule(page, host);
      };
  }

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(rule_); }

  /// Only when there is one. Throws what the function throws.
  [[nodiscard]] bool operator()(std::string_view origin, std::string_view host, std::string_view scheme = {}) const {
    return rule_(origin, host, scheme);
  }

 private:
  std::function<bool(std::string_view origin, std::string_view host, std::string_view scheme)> rule_;
};

}  // namespace hotline
#endif
