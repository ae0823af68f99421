#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/connection/any_heartbeat.hpp>
#include <hotline/connection/heartbeat.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/fwd.hpp>
#include <hotline/manager.hpp>
#include <hotline/options.hpp>
#include <hotline/server/transport_carrier.hpp>

#include <memory>
#include <utility>

namespace hotline {

/// Keeps the screens of a service's users live: takes their connections, runs their commands, and sends them the
/// events of their project that they subscribe to. `manager` has its members; this class adds the transport.
///
/// Several managers, each with a loop of its own, may share one log. A manager can be neither copied nor moved: a
/// member is initialised from `make_ws_manager(…)` in its class's constructor.
///
///     asio::io_context io;
///     hotline::event_emitter events;
///     auto manager = hotline::make_ws_manager(io, events, {.port = 8080});
///     manager.on_command("greet", [](const hotline::request& q) { return hotline::json_object{{"hello", q.project()}}; });
///     if (auto failed = manager.start()) return report(failed);
///     io.run();
template <class Transport>
class ws_manager : public manager {
  static_assert(hotline::transport<Transport>, "hotline: ws_manager needs a model of hotline::transport");

 public:
  using transport_type = Transport;

  /// Sends what `emitter`, and any other writer to its log, emits. `heartbeat` is a model of `heartbeat_policy`. Throws
  /// `std::invalid_argument` for options with which nobody could be served; options.hpp names them.
  template <heartbeat_policy Heartbeat = interval_heartbeat>
  ws_manager(Transport transport, event_emitter& emitter, manager_options options = {}, Heartbeat heartbeat = {})
      : ws_manager(std::move(transport), emitter.log(), std::move(options), std::move(heartbeat)) {}

  /// Over a log that emitters and other managers share.
  template <heartbeat_policy Heartbeat = interval_heartbeat>
  ws_manager(Transport transport, std::shared_ptr<memory_event_log> log, manager_options options = {},
             Heartbeat heartbeat = {})
      : manager(std::make_unique<detail::transport_carrier<Transport>>(std::move(transport)), std::move(log),
                std::move(options), detail::any_heartbeat(std::move(heartbeat))) {}

  /// Returns the transport that it was given: what it listens on, what it can adopt.
  [[nodiscard]] Transport& transport() noexcept {
    return static_cast<detail::transport_carrier<Transport>&>(carrier()).transport();
  }
};

}  // namespace hotline
#endif
