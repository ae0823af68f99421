#pragma once
#include <hotline/transport/posix_only.hpp>
#if HOTLINE_DETAIL_POSIX

#include <hotline/concepts.hpp>
#include <hotline/dialer.hpp>
#include <hotline/transport/asio_dialer.hpp>
#include <hotline/transport/system_environment.hpp>
#include <hotline/transport/tls/tls_dial_layer.hpp>
#include <hotline/transport/tls/tls_layer.hpp>
#include <hotline/transport/tls_client_context.hpp>

#include <asio/io_context.hpp>

#include <concepts>
#include <memory>
#include <string_view>
#include <utility>

namespace hotline {

/// TLS over the connections of `basic_asio_dialer`, with all that is said there. Link `hotline::tls`.
///
///     hotline::tls_client_context tls;
///     if (auto failed = tls.load({.ca_file = "internal-ca.pem"})) return report(failed);
///     hotline::tls_dialer dialer(io, tls, {.resolve = hotline::asio_resolver(io.get_executor())});
///
/// *Handshakes.* `on_open` comes once one is done and the certificate is proved for `dial_options::tls_name` or `host`. A host's
/// name is sent as well (SNI, RFC 6066). A dial to a Unix socket needs a `tls_name`. With TLS 1.3 a server that refuses the
/// client's certificate says so after `on_open`, by `on_closed`.
///
/// *How it ends.* As `basic_tls_transport` says.
template <class Executor = asio::io_context::executor_type>
class basic_tls_dialer : public basic_asio_dialer<Executor, detail::tls_dial_layer> {
  using base = basic_asio_dialer<Executor, detail::tls_dial_layer>;

 public:
  using typename base::connection_type;

  /// Where nothing has been loaded into `context`, `start` loads the system's issuers. It fails with
  /// `std::errc::invalid_argument` where a `load` has failed.
  explicit basic_tls_dialer(const Executor& executor, tls_client_context context = {}, dialer_options options = {},
                            std::shared_ptr<environment> env = default_environment())
      : base(executor, std::move(options), std::move(env), detail::tls_dial_layer::shared(std::move(context))) {}

  explicit basic_tls_dialer(asio::io_context& io, tls_client_context context = {}, dialer_options options = {},
                            std::shared_ptr<environment> env = default_environment()) requires
      std::constructible_from<Executor, asio::io_context::executor_type>
      : basic_tls_dialer(Executor(io.get_executor()), std::move(context), std::move(options), std::move(env)) {}

  /// On the loop. Returns the protocol of ALPN that the server of `c` chose, until `shutdown(c)`; empty without one.
  [[nodiscard]] std::string_view protocol(const connection_type& c) const noexcept {
    return this->traffic()->layer_of(c).protocol();
  }

  /// On the loop.
  [[nodiscard]] const tls_handshake_counts& handshakes() const noexcept { return this->layers().counts; }
};

/// The dialer over an io_context that one thread runs. A class of its own, so that <hotline/fwd.hpp> can name it.
class tls_dialer final : public basic_tls_dialer<asio::io_context::executor_type> {
 public:
  using basic_tls_dialer::basic_tls_dialer;
};

static_assert(dialer<tls_dialer>);

}  // namespace hotline
#endif
