#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/heartbeat.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/options.hpp>
#include <hotline/transport/asio_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <memory>
#include <utility>

namespace hotline {

/// The common case: returns a manager that listens on a port of the host's io_context and sends what `emitter` emits.
template <heartbeat_policy Heartbeat = interval_heartbeat>
[[nodiscard]] ws_manager<asio_transport> make_ws_manager(asio::io_context& io, event_emitter& emitter,
                                                         listen_options listen = {}, manager_options options = {},
                                                         Heartbeat heartbeat = Heartbeat{}) {
  auto env = std::shared_ptr<environment>(emitter.log(), &emitter.log()->env());
  return ws_manager<asio_transport>(asio_transport(io, std::move(listen), std::move(env)), emitter, std::move(options),
                                    std::move(heartbeat));
}

}  // namespace hotline
#endif
