#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/dialer.hpp>
#include <hotline/transport/dialing/dial_layer.hpp>
#include <hotline/transport/dialing/dialer_face.hpp>
#include <hotline/transport/dialing/dialing_traffic.hpp>
#include <hotline/transport/epoll/epoll_set.hpp>
#include <hotline/transport/epoll/epoll_traffic.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/system_environment.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline {

/// Connections to TCP and Unix sockets in any loop, by one descriptor: a `dialer`, for Linux, without Asio. The host's loop
/// waits until `fd()` is readable, then calls `run_ready()`, as for `basic_epoll_transport`; a program that has one of those
/// too waits for both descriptors.
///
///     hotline::epoll_dialer dialer;
///     if (auto failed = dialer.start(client)) return report(failed);
///     auto dialed = dialer.dial({.host = "192.0.2.7", .port = 6379, .timeout = 3s});
///     while (client.is_needed()) dialer.wait_ready(1s);
///
/// *Which thread.* All callbacks run inside `run_ready` and `wait_ready`, on the thread that calls those. All functions but
/// `post` and what says so are for the same thread, or for before the loop runs and after it has ended.
///
/// *How it ends.* As a connection of `basic_epoll_transport`, with the same errors.
///
/// *Lifetime.* The dialer may be destroyed in its own callbacks. When the process has no descriptors left, a dial fails with
/// `std::errc::too_many_files_open`.
///
/// `Layer` is what stands between connections and sockets; `tls_epoll_dialer` brings one.
template <class Layer = detail::dial_layer>
class basic_epoll_dialer : public detail::dialer_face<detail::epoll_traffic<Layer>> {
  using traffic_type = detail::epoll_traffic<Layer>;
  using base = detail::dialer_face<traffic_type>;

 public:
  using typename base::connection_type;

  explicit basic_epoll_dialer(dialer_options options = {}, std::shared_ptr<environment> env = default_environment())
      : basic_epoll_dialer(std::move(options), std::move(env), {}) {}

  basic_epoll_dialer(basic_epoll_dialer&&) noexcept = default;
  basic_epoll_dialer& operator=(basic_epoll_dialer&&) = delete;
  ~basic_epoll_dialer();

  /// Returns the descriptor that is readable when `run_ready` has something to do; the same one for the dialer's life. As of
  /// `basic_epoll_transport`. -1 when the system had none left: `start` tells why.
  [[nodiscard]] int fd() const noexcept;

  /// Handles up to about `most` events, without a wait, and returns whether more is left, which keeps `fd()` readable. Inside
  /// a callback it does nothing. An exception of a posted function or a timer passes through; the loop goes on with the next
  /// call.
  bool run_ready(std::size_t most = 256);

  /// As `run_ready`, after a wait of at most `time` for the first. Returns early when a signal handler ran.
  bool wait_ready(std::chrono::milliseconds time, std::size_t most = 256);

  /// Dials and ticks from here on. A failure is the system's, `errc::already_running`, or `errc::not_running` once stopped.
  [[nodiscard]] std::error_code start(dialer_receiver<connection_type>& receiver);

  /// No connection is valid afterwards but the one whose callback is running, until that returns.
  void stop() noexcept;

  [[nodiscard]] std::chrono::nanoseconds lateness() const;

 protected:
  basic_epoll_dialer(dialer_options options, std::shared_ptr<environment> env, typename Layer::shared layers)
      : base(make_traffic(options, std::move(layers)), std::move(env), std::move(options.resolve)) {}

  [[nodiscard]] typename Layer::shared& layers() const noexcept { return this->traffic()->layers(); }

 private:
  [[nodiscard]] static std::shared_ptr<traffic_type> make_traffic(const dialer_options& options,
                                                                  typename Layer::shared layers) {
    return std::make_shared<traffic_type>(listen_options_of(options), std::move(layers));
  }

  /// A loop that listens at nothing.
  [[nodiscard]] static std::vector<listen_options> listen_options_of(const dialer_options& options) {
    std::vector<listen_options> made(1);
    made[0].listen = false;
    made[0].read_buffer_bytes = options.read_buffer_bytes;
    return made;
  }
};

// Not within the class: members that are not inline are compiled once, where `epoll_dialer` is.

template <class Layer>
basic_epoll_dialer<Layer>::~basic_epoll_dialer() {
  if (this->traffic()) this->traffic()->stop();
}

template <class Layer>
int basic_epoll_dialer<Layer>::fd() const noexcept {
  return this->traffic()->descriptor();
}

template <class Layer>
bool basic_epoll_dialer<Layer>::run_ready(std::size_t most) {
  return this->traffic()->run(most, 0);
}

template <class Layer>
bool basic_epoll_dialer<Layer>::wait_ready(std::chrono::milliseconds time, std::size_t most) {
  return this->traffic()->run(most, detail::as_wait(time));
}

template <class Layer>
std::error_code basic_epoll_dialer<Layer>::start(dialer_receiver<connection_type>& receiver) {
  if (const std::error_code failed = this->traffic()->start(receiver)) return failed;
  this->begin_dials(receiver);
  return {};
}

template <class Layer>
void basic_epoll_dialer<Layer>::stop() noexcept {
  const auto kept = this->traffic();  // a function that it drops may own this dialer
  kept->stop();
}

template <class Layer>
std::chrono::nanoseconds basic_epoll_dialer<Layer>::lateness() const {
  return this->traffic()->lateness();
}

/// The dialer without TLS. A class of its own, so that <hotline/fwd.hpp> can name it.
class epoll_dialer final : public basic_epoll_dialer<detail::dial_layer> {
 public:
  using basic_epoll_dialer::basic_epoll_dialer;
};

static_assert(dialer<epoll_dialer>);

#if HOTLINE_DETAIL_COMPILED
extern template class basic_epoll_dialer<detail::dial_layer>;
#endif

}  // namespace hotline
#endif
