#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/transport/asio_transport.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/system_environment.hpp>
#include <hotline/transport/tls/tls_layer.hpp>
#include <hotline/transport/tls_context.hpp>

#include <asio/io_context.hpp>

#include <concepts>
#include <memory>
#include <utility>
#include <vector>

namespace hotline {

/// TLS over the TCP and Unix sockets of `basic_asio_transport`, with all that is said there. Link `hotline::tls`.
///
/// *Handshakes.* `on_open` comes once one is done, so the manager never sees clients that do not speak TLS: they are cut off
/// within `tls_handshake_limits`, and `on_refused` is called for them. `stop_accepting` ends handshakes that are under way,
/// without telling of them.
///
/// *How it ends.* `shutdown` sends `close_notify` before the FIN. A peer that sends it, or answers ours, has ended in good
/// order; one whose socket ends without it has `tls_truncated()`. A peer that breaks TLS's rules ends with an error of
/// `tls_category()`. Clients cannot renegotiate.
///
/// *Memory.* Buffers belong to the loop. A peer that does not read keeps one record, 16 KiB, here.
template <class Executor = asio::io_context::executor_type>
class basic_tls_transport : public basic_asio_transport<Executor, detail::tls_layer> {
  using base = basic_asio_transport<Executor, detail::tls_layer>;

 public:
  /// `start` fails when nothing has been loaded into `context`.
  basic_tls_transport(const Executor& executor, tls_context context, std::vector<listen_options> options,
                      tls_handshake_limits limits = {}, std::shared_ptr<environment> env = default_environment())
      : base(executor, std::move(options), std::move(env), {std::move(context), limits}) {}

  basic_tls_transport(const Executor& executor, tls_context context, listen_options options = {},
                      tls_handshake_limits limits = {}, std::shared_ptr<environment> env = default_environment())
      : basic_tls_transport(executor, std::move(context), std::vector<listen_options>{std::move(options)}, limits,
                            std::move(env)) {}

  basic_tls_transport(asio::io_context& io, tls_context context, listen_options options = {},
                      tls_handshake_limits limits = {},
                      std::shared_ptr<environment> env = default_environment()) requires
      std::constructible_from<Executor, asio::io_context::executor_type>
      : basic_tls_transport(Executor(io.get_executor()), std::move(context), std::move(options), limits,
                            std::move(env)) {}

  basic_tls_transport(asio::io_context& io, tls_context context, std::vector<listen_options> options,
                      tls_handshake_limits limits = {},
                      std::shared_ptr<environment> env = default_environment()) requires
      std::constructible_from<Executor, asio::io_context::executor_type>
      : basic_tls_transport(Executor(io.get_executor()), std::move(context), std::move(options), limits,
                            std::move(env)) {}

  /// "https": a page that was not fetched by TLS is of another origin.
  [[nodiscard]] static constexpr std::string_view scheme() noexcept { return "https"; }

  /// On the loop.
  [[nodiscard]] const tls_handshake_counts& handshakes() const noexcept { return this->layers().counts; }
};

/// The transport over an io_context that one thread runs. A class of its own, so that <hotline/fwd.hpp> can name it.
class tls_transport final : public basic_tls_transport<asio::io_context::executor_type> {
 public:
  using basic_tls_transport::basic_tls_transport;
};

static_assert(transport<tls_transport>);

}  // namespace hotline
#endif
