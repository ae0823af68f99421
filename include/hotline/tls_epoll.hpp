#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

/// \file
/// Opt-in: `wss` in any loop, by one descriptor. For Linux. Needs OpenSSL 3: link `hotline::tls`.

#include <hotline/connection/heartbeat.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/options.hpp>
#include <hotline/transport/epoll_transport.hpp>
#include <hotline/transport/tls_context.hpp>
#include <hotline/transport/tls_epoll_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <hotline/ws_or_wss_manager.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace hotline {

/// As `make_epoll_ws_manager`, for clients that come over TLS.
template <heartbeat_policy Heartbeat = interval_heartbeat>
[[nodiscard]] ws_manager<tls_epoll_transport> make_epoll_wss_manager(event_emitter& emitter, tls_context tls,
                                                                     listen_options listen = {},
                                                                     manager_options options = {},
                                                                     Heartbeat heartbeat = Heartbeat{},
                                                                     tls_handshake_limits handshakes = {}) {
  auto env = std::shared_ptr<environment>(emitter.log(), &emitter.log()->env());
  return ws_manager<tls_epoll_transport>(
      tls_epoll_transport(std::move(tls), std::move(listen), handshakes, std::move(env)), emitter, std::move(options),
      std::move(heartbeat));
}

/// A manager over `epoll_transport` or `tls_epoll_transport`. Both have `fd()` and `run_ready()`: `with_transport` calls them.
using epoll_ws_or_wss_manager = basic_ws_or_wss_manager<epoll_transport, tls_epoll_transport>;

/// As `make_epoll_wss_manager` where there is a context, else as `make_epoll_ws_manager`.
template <heartbeat_policy Heartbeat = interval_heartbeat>
[[nodiscard]] epoll_ws_or_wss_manager make_epoll_ws_or_wss_manager(
    event_emitter& emitter, std::optional<tls_context> tls, listen_options listen = {}, manager_options options = {},
    Heartbeat heartbeat = Heartbeat{}, tls_handshake_limits handshakes = {}) {
  auto env = std::shared_ptr<environment>(emitter.log(), &emitter.log()->env());
  if (!tls)
    return epoll_ws_or_wss_manager(epoll_transport(std::move(listen), std::move(env)), emitter, std::move(options),
                                   std::move(heartbeat));
  return epoll_ws_or_wss_manager(tls_epoll_transport(*std::move(tls), std::move(listen), handshakes, std::move(env)),
                                 emitter, std::move(options), std::move(heartbeat));
}

}  // namespace hotline
#endif
