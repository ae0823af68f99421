#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/concepts.hpp>
#include <hotline/dialer.hpp>
#include <hotline/transport/epoll_dialer.hpp>
#include <hotline/transport/system_environment.hpp>
#include <hotline/transport/tls/tls_dial_layer.hpp>
#include <hotline/transport/tls/tls_layer.hpp>
#include <hotline/transport/tls_client_context.hpp>

#include <memory>
#include <string_view>
#include <utility>

namespace hotline {

/// TLS over the connections of `basic_epoll_dialer`, with all that is said there, and of `basic_tls_dialer` about handshakes
/// and ends. Link `hotline::tls`.
class tls_epoll_dialer final : public basic_epoll_dialer<detail::tls_dial_layer> {
  using base = basic_epoll_dialer<detail::tls_dial_layer>;

 public:
  using typename base::connection_type;

  /// Where nothing has been loaded into `context`, `start` loads the system's issuers. It fails with
  /// `std::errc::invalid_argument` where a `load` has failed.
  explicit tls_epoll_dialer(tls_client_context context = {}, dialer_options options = {},
                            std::shared_ptr<environment> env = default_environment())
      : base(std::move(options), std::move(env), detail::tls_dial_layer::shared(std::move(context))) {}

  /// On the loop. Returns the protocol of ALPN that the server of `c` chose, until `shutdown(c)`; empty without one.
  [[nodiscard]] std::string_view protocol(const connection_type& c) const noexcept {
    return this->traffic()->layer_of(c).protocol();
  }

  /// On the loop.
  [[nodiscard]] const tls_handshake_counts& handshakes() const noexcept { return this->layers().counts; }
};

static_assert(dialer<tls_epoll_dialer>);

}  // namespace hotline
#endif
