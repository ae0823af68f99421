// The rules for all connections of one listener. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/arrival_queue.hpp>
#include <hotline/transport/listen_options.hpp>

#include <asio/ip/address.hpp>
#include <asio/ip/address_v4.hpp>
#include <asio/ip/address_v6.hpp>

#include <string>
#include <system_error>

namespace hotline::detail {

/// Whether only this machine reaches a listener at `address`: 127.0.0.0/8, also as IPv6 writes it, and ::1.
[[nodiscard]] inline bool is_loopback_address(const std::string& address) {
  std::error_code failed;
  const asio::ip::address at = asio::ip::make_address(address, failed);
  if (failed) return false;
  if (at.is_v6() && at.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, at.to_v6()).is_loopback();
  return at.is_loopback();
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
