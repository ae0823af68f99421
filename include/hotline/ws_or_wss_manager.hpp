#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/connection/any_heartbeat.hpp>
#include <hotline/connection/heartbeat.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/manager.hpp>
#include <hotline/options.hpp>
#include <hotline/server/carrier.hpp>
#include <hotline/server/transport_carrier.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace hotline {

/// A manager whose clients come over TLS, or all without it, as was decided when it was made: by a configuration that names
/// a certificate or none. It costs no more than one of either kind. Code that adds handlers takes a `manager&`.
///
///     std::optional<hotline::tls_context> tls;
///     if (config.has_certificate())
///       if (const auto failed = tls.emplace().load(config.certificate())) return report(failed);
///     auto manager = hotline::make_ws_or_wss_manager(io, events, tls, {.port = 8443});
///     if (const auto failed = manager.start()) return report(failed);
///     std::cout << (manager.is_encrypted() ? "wss" : "ws") << "://localhost:" << manager.port() << '\n';
///
/// As any manager it can be neither copied nor moved. `Plain` and `Tls` are the transports that it has one of.
template <class Plain, class Tls>
class basic_ws_or_wss_manager final : public manager {
  static_assert(transport<Plain> && transport<Tls>,
                "hotline: ws_or_wss_manager needs two models of hotline::transport");

 public:
  /// Without TLS. Throws `std::invalid_argument` for options with which no client could be served, as the next one does.
  template <heartbeat_policy Heartbeat = interval_heartbeat>
  basic_ws_or_wss_manager(Plain transport, event_emitter& emitter, manager_options options = {},
                          Heartbeat heartbeat = {})
      : basic_ws_or_wss_manager(false, std::make_unique<plain>(std::move(transport)), emitter, std::move(options),
                                detail::any_heartbeat(std::move(heartbeat))) {}

  /// With TLS.
  template <heartbeat_policy Heartbeat = interval_heartbeat>
  basic_ws_or_wss_manager(Tls transport, event_emitter& emitter, manager_options options = {}, Heartbeat heartbeat = {})
      : basic_ws_or_wss_manager(true, std::make_unique<encrypted>(std::move(transport)), emitter, std::move(options),
                                detail::any_heartbeat(std::move(heartbeat))) {}

  /// Any thread. Returns whether clients come over TLS.
  [[nodiscard]] bool is_encrypted() const noexcept { return is_encrypted_; }

  /// Calls `f` with the transport, a `Plain&` or a `Tls&`, and returns the result of `f`, which is of
  /// one type for both: `with_transport([&](auto& t) { return t.adopt(std::move(socket)); })`. On the loop.
  template <class F>
  decltype(auto) with_transport(F&& f) {
    return is_encrypted_ ? std::forward<F>(f)(static_cast<encrypted&>(carrier()).transport())
                         : std::forward<F>(f)(static_cast<plain&>(carrier()).transport());
  }

  /// Returns the port that the first TCP listener got; 0 without one, and before `start`. On the loop.
  [[nodiscard]] std::uint16_t port() {
    return with_transport([](auto& transport) { return transport.port(); });
  }

 private:
  using plain = detail::transport_carrier<Plain>;
  using encrypted = detail::transport_carrier<Tls>;

  basic_ws_or_wss_manager(bool is_encrypted, std::unique_ptr<detail::carrier> transport, event_emitter& emitter,
                          manager_options options, detail::any_heartbeat heartbeat)
      : manager(std::move(transport), emitter.log(), std::move(options), std::move(heartbeat)),
        is_encrypted_(is_encrypted) {}

  const bool is_encrypted_;
};

}  // namespace hotline
#endif
