#pragma once
#include <hotline/transport/posix_only.hpp>
#if HOTLINE_DETAIL_POSIX

#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/dialer.hpp>
#include <hotline/transport/asio/asio_connection.hpp>
#include <hotline/transport/asio/asio_loop.hpp>
#include <hotline/transport/dialing/dial_layer.hpp>
#include <hotline/transport/dialing/dialer_face.hpp>
#include <hotline/transport/dialing/dialing_traffic.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/system_environment.hpp>

#include <asio/io_context.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline {

/// Connections to TCP and Unix sockets, over an executor that the host owns: a `dialer`.
///
///     hotline::asio_dialer dialer(io, {.resolve = hotline::asio_resolver(io.get_executor())});
///     if (auto failed = dialer.start(client)) return report(failed);
///     auto dialed = dialer.dial({.host = "redis.internal", .port = 6379, .timeout = 3s});
///
/// *Which thread.* All callbacks run on the executor, one at a time, so an io_context that several threads run needs a
/// strand. All functions but `post` and what says so are for the same executor, or for before the loop runs and after it has
/// ended.
///
/// *How it ends.* As a connection of `basic_asio_transport`, with the same errors. After `stop()`, which the destructor calls,
/// nothing of the dialer keeps `io_context::run` from returning, but for a resolver's own work. A stopped io_context is as for
/// `basic_asio_transport`.
///
/// *Lifetime.* The dialer may be destroyed in its own callbacks, and before or after its io_context. When the process has no
/// descriptors left, a dial fails with `std::errc::too_many_files_open`.
///
/// `Layer` is what stands between connections and sockets; `basic_tls_dialer` brings one.
template <class Executor = asio::io_context::executor_type, class Layer = detail::dial_layer>
class basic_asio_dialer : public detail::dialer_face<detail::asio_traffic<Executor, Layer>> {
  using base = detail::dialer_face<detail::asio_traffic<Executor, Layer>>;

 public:
  using executor_type = Executor;
  using typename base::connection_type;

  explicit basic_asio_dialer(const Executor& executor, dialer_options options = {},
                             std::shared_ptr<environment> env = default_environment())
      : basic_asio_dialer(executor, std::move(options), std::move(env), {}) {}

  explicit basic_asio_dialer(asio::io_context& context, dialer_options options = {},
                             std::shared_ptr<environment> env = default_environment()) requires
      std::constructible_from<Executor, asio::io_context::executor_type>
      : basic_asio_dialer(Executor(context.get_executor()), std::move(options), std::move(env)) {}

  basic_asio_dialer(basic_asio_dialer&&) noexcept = default;
  basic_asio_dialer& operator=(basic_asio_dialer&&) = delete;
  ~basic_asio_dialer();

  /// Dials and ticks from here on. A failure is `errc::already_running`, or `errc::not_running` once stopped.
  [[nodiscard]] std::error_code start(dialer_receiver<connection_type>& receiver);

  /// No connection is valid afterwards but the one whose callback is running, until that returns.
  void stop() noexcept;

  [[nodiscard]] std::chrono::nanoseconds lateness() const;

 protected:
  basic_asio_dialer(const Executor& executor, dialer_options options, std::shared_ptr<environment> env,
                    typename Layer::shared layers)
      : basic_asio_dialer(make_loop(executor, options, std::move(layers)), std::move(env), std::move(options.resolve)) {
  }

  [[nodiscard]] typename Layer::shared& layers() const noexcept { return this->traffic()->layers(); }

 private:
  using loop_type = detail::asio_loop<Executor, Layer>;

  basic_asio_dialer(std::shared_ptr<loop_type> loop, std::shared_ptr<environment> env, name_resolver resolve)
      : base(std::shared_ptr<detail::asio_traffic<Executor, Layer>>(loop, &loop->traffic()), std::move(env),
             std::move(resolve)),
        loop_(std::move(loop)) {}

  [[nodiscard]] static std::shared_ptr<loop_type> make_loop(const Executor& executor, const dialer_options& options,
                                                            typename Layer::shared layers) {
    listen_options listens_at_nothing;
    listens_at_nothing.listen = false;
    listens_at_nothing.read_buffer_bytes = options.read_buffer_bytes;
    return std::make_shared<loop_type>(executor, std::vector<listen_options>{std::move(listens_at_nothing)},
                                       std::move(layers));
  }

  std::shared_ptr<loop_type> loop_;
};

// Not within the class: members that are not inline are compiled once, where `asio_dialer` is.

template <class Executor, class Layer>
basic_asio_dialer<Executor, Layer>::~basic_asio_dialer() {
  if (loop_) loop_->stop();
}

template <class Executor, class Layer>
std::error_code basic_asio_dialer<Executor, Layer>::start(dialer_receiver<connection_type>& receiver) {
  if (const std::error_code failed = loop_->start(receiver)) return failed;
  this->begin_dials(receiver);
  try {
    this->post([] {});  // the loop's first turn notes its thread
  } catch (...) {
    // Out of memory: the first tick notes it.
  }
  return {};
}

template <class Executor, class Layer>
void basic_asio_dialer<Executor, Layer>::stop() noexcept {
  loop_->stop();
}

template <class Executor, class Layer>
std::chrono::nanoseconds basic_asio_dialer<Executor, Layer>::lateness() const {
  return loop_->lateness();
}

/// The dialer over an io_context that one thread runs. A class of its own, so that <hotline/fwd.hpp> can name it.
class asio_dialer final : public basic_asio_dialer<asio::io_context::executor_type, detail::dial_layer> {
 public:
  using basic_asio_dialer::basic_asio_dialer;
};

static_assert(dialer<asio_dialer>);

#if HOTLINE_DETAIL_COMPILED
extern template class basic_asio_dialer<asio::io_context::executor_type, detail::dial_layer>;
#endif

}  // namespace hotline
#endif
