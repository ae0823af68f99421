#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/concepts.hpp>
#include <hotline/transport/epoll_transport.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/system_environment.hpp>
#include <hotline/transport/tls/tls_layer.hpp>
#include <hotline/transport/tls_context.hpp>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline {

/// TLS over the TCP and Unix sockets of `basic_epoll_transport`, with all that is said there, and of `basic_tls_transport`
/// about handshakes, ends and memory. Link `hotline::tls`.
class tls_epoll_transport final : public basic_epoll_transport<detail::tls_layer> {
  using base = basic_epoll_transport<detail::tls_layer>;

 public:
  /// `start` fails when nothing has been loaded into `context`.
  tls_epoll_transport(tls_context context, std::vector<listen_options> options, tls_handshake_limits limits = {},
                      std::shared_ptr<environment> env = default_environment())
      : base(std::move(options), std::move(env), {std::move(context), limits}) {}

  explicit tls_epoll_transport(tls_context context, listen_options options = {}, tls_handshake_limits limits = {},
                               std::shared_ptr<environment> env = default_environment())
      : tls_epoll_transport(std::move(context), std::vector<listen_options>{std::move(options)}, limits,
                            std::move(env)) {}

  /// "https": a page that was not fetched by TLS is of another origin.
  [[nodiscard]] static constexpr std::string_view scheme() noexcept { return "https"; }

  /// On the loop.
  [[nodiscard]] const tls_handshake_counts& handshakes() const noexcept { return this->layers().counts; }
};

static_assert(transport<tls_epoll_transport>);

}  // namespace hotline
#endif
