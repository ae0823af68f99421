// The rules for all connections of one listener. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/authority.hpp>
#include <hotline/transport/arrival_queue.hpp>
#include <hotline/transport/listen_options.hpp>

#include <cstddef>
#include <string_view>

namespace hotline::detail {

/// Whether only this machine reaches a listener at `address`: 127.0.0.0/8, also as IPv6 writes it, and ::1.
[[nodiscard]] constexpr bool is_loopback_address(std::string_view address) noexcept {
  if (const auto v4 = parse_ipv4(address)) return v4->front() == 127;
  const auto v6 = parse_ipv6(address);
  if (!v6) return false;
  std::size_t zeros = 0;
  while (zeros < v6->size() && (*v6)[zeros] == 0) ++zeros;
  const bool is_mapped = zeros == 10 && (*v6)[10] == 0xff && (*v6)[11] == 0xff;
  return is_mapped ? (*v6)[12] == 127 : zeros == 15 && v6->back() == 1;
}

template <class Connection>
struct door {
  explicit door(const listen_options& options)
      : is_proxied(options.listen && options.proxy_protocol),
        is_loopback(options.listen && options.unix_path.empty() && is_loopback_address(options.address)),
        headers(options.proxy_header_timeout, options.proxy_headers_at_once) {}

  const bool is_proxied;   ///< each connection begins with a PROXY header
  const bool is_loopback;  ///< no connection comes from another machine
  arrival_queue<Connection> headers;
};

}  // namespace hotline::detail
#endif
