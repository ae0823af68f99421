#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound, before anything else of a request is looked at: whether the host that it names is one of ours. No I/O here.

#include <hotline/authority.hpp>
#include <hotline/origin.hpp>
#include <hotline/server/route.hpp>
#include <hotline/wire/http.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::detail {

/// Returns the address between the brackets of `host`; nothing when it is no IPv6 address.
[[nodiscard]] constexpr std::optional<ipv6_bytes> ipv6_in(std::string_view host) noexcept {
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return std::nullopt;
  return parse_ipv6(host.substr(1, host.size() - 2));
}

/// A name's dot at its end says only that it is whole.
[[nodiscard]] constexpr std::string_view without_last_dot(std::string_view host) noexcept {
  return host.size() > 1 && host.back() == '.' ? host.substr(0, host.size() - 1) : host;
}

/// Whether `host` names the machine that asks, whatever DNS says: no stranger can make it lead elsewhere, or be its
/// owner. Addresses in their usual form, as browsers write them.
[[nodiscard]] constexpr bool is_loopback_name(std::string_view host) noexcept {
  if (const std::optional<ipv6_bytes> address = ipv6_in(host)) {
    const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
    const bool is_mapped = std::all_of(address->begin(), address->begin() + 10, is_zero) && (*address)[10] == 0xff &&
                           (*address)[11] == 0xff;
    return is_mapped ? (*address)[12] == 127
                     : std::all_of(address->begin(), address->end() - 1, is_zero) && address->back() == 1;
  }
  host = without_last_dot(host);
  if (const std::optional<ipv4_bytes> address = parse_ipv4(host)) return address->front() == 127;
  constexpr std::string_view name = "localhost";
  if (host.size() < name.size() || !equal_ignoring_case(host.substr(host.size() - name.size()), name)) return false;
  return host.size() == name.size() || (host.size() > name.size() + 1 && host[host.size() - name.size() - 1] == '.');
}

/// Returns whether a `Host` can equal the entry `text`, which is one without "*".
[[nodiscard]] constexpr bool can_be_host(std::string_view text) noexcept {
  const std::optional<authority> named = parse_authority(text);
  if (!named || named->host.empty() || port_of(named->port, "http") > 65535) return false;
  if (named->host.front() == '[') return ipv6_in(named->host).has_value();
  const std::string_view host = without_last_dot(named->host);
  return host != "." && host.find_first_of("*%,") == std::string_view::npos &&
         (!ends_in_number(host) || parse_ipv4(host));
}

/// Returns whether the entry `served` of `hosts` is for `asked`. Without a scheme the default port is that of either
/// scheme.
[[nodiscard]] constexpr bool serves(std::string_view served, const authority& asked, std::string_view scheme) noexcept {
  if (served == "*") return true;
  const std::optional<authority> entry = parse_authority(served);
  if (!entry || !is_same_host(without_last_dot(entry->host), without_last_dot(asked.host))) return false;
  if (entry->port.empty()) return true;
  const auto port = port_of(entry->port, {});
  if (!asked.port.empty() || !scheme.empty()) return port == port_of(asked.port, scheme);
  return port == port_of({}, "http") || port == port_of({}, "https");
}

/// Returns the rule that refuses the request; nothing when its host is served. `is_local`: an empty `hosts` then serves
/// loopback names alone.
[[nodiscard]] inline std::optional<std::string> misdirected(const http_request& request,
                                                            const std::vector<std::string>& hosts, bool is_local) {
  if ((hosts.empty() && !is_local) || !request.has_header("Host")) return std::nullopt;
  const std::string_view text = request.header("Host");
  const authority asked = parse_authority(text).value_or(authority{});
  if (hosts.empty() && is_loopback_name(asked.host)) return std::nullopt;
  for (const std::string& served : hosts)
    if (serves(served, asked, request.scheme)) return std::nullopt;
  constexpr std::size_t most = 100;  // the length of a stranger's text that is shown
  std::string rule = "hosts, which does not list ";
  rule.append(text.substr(0, most));
  if (hosts.empty())
    rule.append(" (empty, at a loopback address without authenticate or client_address: loopback names alone)");
  return rule;
}

/// Returns the answer to such a request. The name is a stranger's, and is not repeated.
[[nodiscard]] inline reception misdirected_answer(const http_request& request, std::string rule) {
  http_response response = plain_response(421);
  response.body.append(
      "The server does not serve the host name that this request asks for. Its operator lists the names in "
      "hotline::manager_options::hosts.\n");
  reception answer = as_reception(response, request.method == "HEAD");
  answer.rule = std::move(rule);
  return answer;
}

}  // namespace hotline::detail
#endif
