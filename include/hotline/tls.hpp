#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

/// \file
/// Opt-in: `wss` without a proxy. Needs OpenSSL 3: link `hotline::tls`.

#include <hotline/connection/heartbeat.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/options.hpp>
#include <hotline/transport/asio_transport.hpp>
#include <hotline/transport/tls_context.hpp>
#include <hotline/transport/tls_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <hotline/ws_or_wss_manager.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace hotline {

/// As `make_ws_manager`, for clients that come over TLS.
template <heartbeat_policy Heartbeat = interval_heartbeat>
[[nodiscard]] ws_manager<tls_transport> make_wss_manager(asio::io_context& io, event_emitter& emitter, tls_context tls,
                                                         listen_options listen = {}, manager_options options = {},
                                                         Heartbeat heartbeat = Heartbeat{},
                                                         tls_handshake_limits handshakes = {}) {
  auto env = std::shared_ptr<environment>(emitter.log(), &emitter.log()->env());
  return ws_manager<tls_transport>(tls_transport(io, std::move(tls), std::move(listen), handshakes, std::move(env)),
                                   emitter, std::move(options), std::move(heartbeat));
}

/// A manager over `asio_transport` or `tls_transport`.
using ws_or_wss_manager = basic_ws_or_wss_manager<asio_transport, tls_transport>;

/// As `make_wss_manager` where there is a context, else as `make_ws_manager`.
template <heartbeat_policy Heartbeat = interval_heartbeat>
[[nodiscard]] ws_or_wss_manager make_ws_or_wss_manager(asio::io_context& io, event_emitter& emitter,
                                                       std::optional<tls_context> tls, listen_options listen = {},
                                                       manager_options options = {}, Heartbeat heartbeat = Heartbeat{},
                                                       tls_handshake_limits handshakes = {}) {
  auto env = std::shared_ptr<environment>(emitter.log(), &emitter.log()->env());
  if (!tls)
    return ws_or_wss_manager(asio_transport(io, std::move(listen), std::move(env)), emitter, std::move(options),
                             std::move(heartbeat));
  return ws_or_wss_manager(tls_transport(io, *std::move(tls), std::move(listen), handshakes, std::move(env)), emitter,
                           std::move(options), std::move(heartbeat));
}

}  // namespace hotline
#endif
