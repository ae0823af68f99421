#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

/// \file
/// Opt-in: hotline in an io_context, which sees it as one descriptor. For Linux hosts with many connections or messages.

#include <hotline/connection/heartbeat.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/options.hpp>
#include <hotline/transport/asio_epoll_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <memory>
#include <utility>

namespace hotline {

/// As `make_ws_manager`, over an epoll set of hotline's own instead of one wait of Asio's a socket.
///
///     auto manager = hotline::make_epoll_ws_manager(io, events, {.port = 8080});
template <heartbeat_policy Heartbeat = interval_heartbeat>
[[nodiscard]] ws_manager<asio_epoll_transport> make_epoll_ws_manager(asio::io_context& io, event_emitter& emitter,
                                                                     listen_options listen = {},
                                                                     manager_options options = {},
                                                                     Heartbeat heartbeat = Heartbeat{}) {
  auto env = std::shared_ptr<environment>(emitter.log(), &emitter.log()->env());
  return ws_manager<asio_epoll_transport>(asio_epoll_transport(io, std::move(listen), std::move(env)), emitter,
                                          std::move(options), std::move(heartbeat));
}

}  // namespace hotline
#endif
