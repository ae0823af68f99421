#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

/// \file
/// Opt-in: hotline in an io_context of Boost.Asio's. For Linux. Needs Boost 1.74 or newer: link `hotline::boost_asio`.

#include <hotline/connection/heartbeat.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/options.hpp>
#include <hotline/transport/boost_asio_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <memory>
#include <utility>

namespace hotline {

/// As `make_ws_manager`, for a host on Boost.Asio.
///
///     boost::asio::io_context io;
///     auto manager = hotline::make_ws_manager(io, events, {.port = 8080});
template <heartbeat_policy Heartbeat = interval_heartbeat>
[[nodiscard]] ws_manager<boost_asio_transport> make_ws_manager(boost::asio::io_context& io, event_emitter& emitter,
                                                               listen_options listen = {}, manager_options options = {},
                                                               Heartbeat heartbeat = Heartbeat{}) {
  auto env = std::shared_ptr<environment>(emitter.log(), &emitter.log()->env());
  return ws_manager<boost_asio_transport>(boost_asio_transport(io, std::move(listen), std::move(env)), emitter,
                                          std::move(options), std::move(heartbeat));
}

}  // namespace hotline
#endif
