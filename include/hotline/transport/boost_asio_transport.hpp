#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/concepts.hpp>
#include <hotline/transport/asio/context_watch.hpp>
#include <hotline/transport/asio/executor_place.hpp>
#include <hotline/transport/asio/hosted_epoll.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/loop/loop_thread.hpp>
#include <hotline/transport/system_environment.hpp>
#include <hotline/transport/traffic/plain_layer.hpp>

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/query.hpp>
#include <boost/system/error_code.hpp>

#include <concepts>
#include <memory>
#include <utility>
#include <vector>

namespace hotline {

namespace detail {

template <class Executor>
struct boost_asio_host {
  using executor = Executor;
  using descriptor = boost::asio::posix::basic_stream_descriptor<Executor>;
  using error_code = boost::system::error_code;
  using context = boost::asio::execution_context;
  using tcp_endpoint = boost::asio::ip::tcp::endpoint;

  [[nodiscard]] static context_watch<context>& watch_of(const Executor& executor) {
    return context_watch<context>::of(boost::asio::query(executor, boost::asio::execution::context));
  }

  [[nodiscard]] static bool runs_elsewhere(const Executor& executor, const loop_thread& last) noexcept {
    return detail::runs_elsewhere(place_of(executor), last);
  }

  /// `any_io_executor`, which hides its executor, is not checked.
  template <class Any>
  [[nodiscard]] static executor_place place_of(const Any& executor) noexcept {
    if constexpr (!requires { executor.running_in_this_thread(); }) {
      return executor_place::unknown;
    } else if (executor.running_in_this_thread()) {
      return executor_place::inside;
    } else if constexpr (requires { executor.get_inner_executor(); }) {
      const executor_place inner = place_of(executor.get_inner_executor());
      if (inner == executor_place::inside) return executor_place::beside;
      return inner == executor_place::unknown ? executor_place::outside : inner;
    } else if constexpr (requires { executor.context().stopped(); }) {
      return executor.context().stopped() ? executor_place::ended : executor_place::outside;
    } else {
      return executor_place::outside;
    }
  }

  /// An io_context that ran out of work before there was any of ours would run none of it.
  static void restart_if_stopped(const Executor& executor) {
    if constexpr (requires { executor.context().restart(); })
      if (executor.context().stopped() && !executor.running_in_this_thread()) executor.context().restart();
  }
};

}  // namespace detail

/// TCP and Unix sockets over an executor of Boost.Asio's that the host owns: a `transport`, for Linux. One
/// `boost::asio::io_context` runs the host's timers and hotline, which it sees as one descriptor. Link `hotline::boost_asio`.
/// It needs Boost 1.74 or newer, and may stand beside `asio_transport` in one program. In one file with Asio's headers it
/// needs a Boost whose names differ from Asio's: those of 1.74 do not, those of 1.81 do.
///
/// *Which thread.* All callbacks run on the executor, one at a time, so an io_context that several threads run needs a
/// strand. All functions but `post` are for the same executor, or for before the loop runs and after it has ended.
///
/// *A stopped io_context.* A successful `start` restarts one that was stopped, as `basic_asio_transport` does, where the
/// executor is an io_context's own. With a strand or `any_io_executor` the host calls `restart` itself.
///
/// *How it ends.* As `basic_epoll_transport`. After `stop()`, which the destructor calls, nothing of the transport keeps
/// `io_context::run` from returning. It may be destroyed in its own callbacks, and before or after its io_context.
template <class Executor = boost::asio::io_context::executor_type, class Layer = detail::plain_layer>
class basic_boost_asio_transport : public detail::hosted_epoll_transport<detail::boost_asio_host<Executor>, Layer> {
  using base = detail::hosted_epoll_transport<detail::boost_asio_host<Executor>, Layer>;

 public:
  explicit basic_boost_asio_transport(const Executor& executor, listen_options options = {},
                                      std::shared_ptr<environment> env = default_environment())
      : basic_boost_asio_transport(executor, std::vector<listen_options>{std::move(options)}, std::move(env)) {}

  /// Several at once: ports, addresses, Unix sockets.
  basic_boost_asio_transport(const Executor& executor, std::vector<listen_options> options,
                             std::shared_ptr<environment> env = default_environment())
      : base(executor, std::move(options), std::move(env), {}) {}

  explicit basic_boost_asio_transport(boost::asio::io_context& context, listen_options options = {},
                                      std::shared_ptr<environment> env = default_environment()) requires
      std::constructible_from<Executor, boost::asio::io_context::executor_type>
      : basic_boost_asio_transport(Executor(context.get_executor()), std::move(options), std::move(env)) {}

  basic_boost_asio_transport(boost::asio::io_context& context, std::vector<listen_options> options,
                             std::shared_ptr<environment> env = default_environment()) requires
      std::constructible_from<Executor, boost::asio::io_context::executor_type>
      : basic_boost_asio_transport(Executor(context.get_executor()), std::move(options), std::move(env)) {}

 protected:
  basic_boost_asio_transport(const Executor& executor, std::vector<listen_options> options,
                             std::shared_ptr<environment> env, typename Layer::shared layers)
      : base(executor, std::move(options), std::move(env), std::move(layers)) {}
};

/// The transport over an io_context that one thread runs.
class boost_asio_transport final : public basic_boost_asio_transport<> {
 public:
  using basic_boost_asio_transport::basic_boost_asio_transport;
};

static_assert(transport<boost_asio_transport>);

}  // namespace hotline
#endif
