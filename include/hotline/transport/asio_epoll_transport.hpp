#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/concepts.hpp>
#include <hotline/transport/asio/asio_place.hpp>
#include <hotline/transport/asio/context_watch.hpp>
#include <hotline/transport/asio/hosted_epoll.hpp>
#include <hotline/transport/asio/stopped_context.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/loop/loop_thread.hpp>
#include <hotline/transport/system_environment.hpp>
#include <hotline/transport/traffic/plain_layer.hpp>

#include <asio/error_code.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <asio/query.hpp>

#include <concepts>
#include <memory>
#include <utility>
#include <vector>

namespace hotline {

namespace detail {

template <class Executor>
struct asio_host {
  using executor = Executor;
  using descriptor = asio::posix::basic_stream_descriptor<Executor>;
  using error_code = asio::error_code;
  using context = asio::execution_context;
  using tcp_endpoint = asio::ip::tcp::endpoint;

  [[nodiscard]] static context_watch<context>& watch_of(const Executor& executor) {
    return context_watch<context>::of(asio::query(executor, asio::execution::context));
  }

  [[nodiscard]] static bool runs_elsewhere(const Executor& executor, const loop_thread& last) noexcept {
    return detail::runs_elsewhere(place_of(executor), last);
  }
  static void restart_if_stopped(const Executor& executor) { detail::restart_if_stopped(executor); }
};

}  // namespace detail

/// As `basic_asio_transport`, over an epoll set of hotline's own that the executor's loop sees as one descriptor: for Linux
/// hosts with many connections or messages. docs/performance.md says what it saves, and how much more a lone message in an idle
/// loop costs. Threads and a stopped io_context are as for `basic_asio_transport`, ends as for `basic_epoll_transport`.
template <class Executor = asio::io_context::executor_type, class Layer = detail::plain_layer>
class basic_asio_epoll_transport : public detail::hosted_epoll_transport<detail::asio_host<Executor>, Layer> {
  using base = detail::hosted_epoll_transport<detail::asio_host<Executor>, Layer>;

 public:
  explicit basic_asio_epoll_transport(const Executor& executor, listen_options options = {},
                                      std::shared_ptr<environment> env = default_environment())
      : basic_asio_epoll_transport(executor, std::vector<listen_options>{std::move(options)}, std::move(env)) {}

  /// Several at once: ports, addresses, Unix sockets.
  basic_asio_epoll_transport(const Executor& executor, std::vector<listen_options> options,
                             std::shared_ptr<environment> env = default_environment())
      : base(executor, std::move(options), std::move(env), {}) {}

  explicit basic_asio_epoll_transport(asio::io_context& context, listen_options options = {},
                                      std::shared_ptr<environment> env = default_environment()) requires
      std::constructible_from<Executor, asio::io_context::executor_type>
      : basic_asio_epoll_transport(Executor(context.get_executor()), std::move(options), std::move(env)) {}

  basic_asio_epoll_transport(asio::io_context& context, std::vector<listen_options> options,
                             std::shared_ptr<environment> env = default_environment()) requires
      std::constructible_from<Executor, asio::io_context::executor_type>
      : basic_asio_epoll_transport(Executor(context.get_executor()), std::move(options), std::move(env)) {}

 protected:
  basic_asio_epoll_transport(const Executor& executor, std::vector<listen_options> options,
                             std::shared_ptr<environment> env, typename Layer::shared layers)
      : base(executor, std::move(options), std::move(env), std::move(layers)) {}
};

/// The transport over an io_context that one thread runs.
class asio_epoll_transport final : public basic_asio_epoll_transport<> {
 public:
  using basic_asio_epoll_transport::basic_asio_epoll_transport;
};

static_assert(transport<asio_epoll_transport>);

}  // namespace hotline
#endif
