#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

/// \file
/// Opt-in: hotline in any loop, by one descriptor. For Linux.

#include <hotline/connection/heartbeat.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/options.hpp>
#include <hotline/transport/epoll_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <memory>
#include <utility>

namespace hotline {

/// As `make_ws_manager`, for a loop of any kind: it waits until `manager.transport().fd()` is readable, and then calls
/// `manager.transport().run_ready()`.
///
///     auto manager = hotline::make_epoll_ws_manager(events, {.port = 8080});
template <heartbeat_policy Heartbeat = interval_heartbeat>
[[nodiscard]] ws_manager<epoll_transport> make_epoll_ws_manager(event_emitter& emitter, listen_options listen = {},
                                                                manager_options options = {},
                                                                Heartbeat heartbeat = Heartbeat{}) {
  auto env = std::shared_ptr<environment>(emitter.log(), &emitter.log()->env());
  return ws_manager<epoll_transport>(epoll_transport(std::move(listen), std::move(env)), emitter, std::move(options),
                                     std::move(heartbeat));
}

}  // namespace hotline
#endif
