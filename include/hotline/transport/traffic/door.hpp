// The rules for all connections of one listener. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/traffic/arrival_queue.hpp>

namespace hotline::detail {

template <class Connection>
struct door {
  explicit door(const listen_options& options)
      : is_proxied(options.listen && options.proxy_protocol),
        headers(options.proxy_header_timeout, options.proxy_headers_at_once) {}

  const bool is_proxied;  ///< each connection begins with a PROXY header
  arrival_queue<Connection> headers;
};

}  // namespace hotline::detail
#endif
