// An epoll transport in a loop of Asio's, or of Boost.Asio's: one wait of that loop for all sockets.
#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/asio/context_watch.hpp>
#include <hotline/transport/epoll_transport.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/loop/operation_room.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>

namespace hotline::detail {

/// Runs a traffic each time that its descriptor is readable. The wait that is pending keeps it alive, so it is gone with its
/// io_context. The descriptor is the traffic's: it is taken out of the loop before that closes it, because a set goes on to
/// report a descriptor that it was not taken out of.
template <class Host, class Traffic>
class epoll_wait final : public std::enable_shared_from_this<epoll_wait<Host, Traffic>> {
 public:
  epoll_wait(const typename Host::executor& executor, std::shared_ptr<Traffic> traffic)
      : traffic_(std::move(traffic)), watched_(executor) {}
  epoll_wait(const epoll_wait&) = delete;
  epoll_wait& operator=(const epoll_wait&) = delete;
  ~epoll_wait() { end(); }

  /// Before `begin`.
  [[nodiscard]] std::error_code open() {
    typename Host::error_code failed;
    watched_.assign(traffic_->descriptor(), failed);
    return {failed.value(), std::system_category()};
  }

  /// Waits until `end`.
  void begin() {
    watched_.async_wait(Host::descriptor::wait_read,
                        in_room{&room_, [self = this->shared_from_this()](const typename Host::error_code& failed) {
                                  if (!failed && self->watched_.is_open()) self->take_turn();
                                }});
  }

  void end() noexcept {
    if (watched_.is_open()) (void)watched_.release();
  }

 private:
  static constexpr std::size_t most = 256;  // events, then the loop's other work has its turn

  void take_turn() {
    try {
      traffic_->run(most, 0);
    } catch (...) {  // a posted function of the host's throws to its loop
      wait_again();
      throw;
    }
    wait_again();
  }

  void wait_again() {
    if (traffic_->is_stopped()) end();
    if (watched_.is_open()) begin();
  }

  std::shared_ptr<Traffic> traffic_;
  typename Host::descriptor watched_;
  wait_room<typename Host::executor> room_;
};

/// A traffic in the loop of an executor, until it stops or the executor's context ends.
template <class Host, class Traffic>
class epoll_tenant final : public context_watcher {
 public:
  using executor_type = typename Host::executor;

  epoll_tenant(const executor_type& executor, std::shared_ptr<Traffic> traffic)
      : traffic_(std::move(traffic)), executor_(executor), watch_(&Host::watch_of(executor)) {
    watch_->add(*this);
  }
  epoll_tenant(const epoll_tenant&) = delete;
  epoll_tenant& operator=(const epoll_tenant&) = delete;
  ~epoll_tenant() { stop(); }

  template <class Receiver>
  [[nodiscard]] std::error_code start(Receiver& receiver) {
    if (traffic_->is_stopped()) return errc::not_running;
    if (traffic_->started_for() != nullptr) return errc::already_running;
    const auto wait = std::make_shared<wait_type>(*executor_, traffic_);
    if (const std::error_code failed = traffic_->opened()) return failed;
    if (const std::error_code failed = wait->open()) return failed;
    if (const std::error_code failed = traffic_->start(receiver)) return failed;
    try {
      wait->begin();
    } catch (...) {
      stop();  // it has begun to listen, and nothing would run it
      throw;
    }
    wait_ = wait;
    Host::restart_if_stopped(*executor_);
    return {};
  }

  void stop() noexcept {
    const auto traffic = traffic_;  // a posted function that it drops may be the last owner of this
    if (const auto wait = wait_.lock()) wait->end();
    if (context_watch_type* const watch = std::exchange(watch_, nullptr)) watch->remove(*this);
    {
      const std::lock_guard lock(mutex_);
      executor_.reset();  // that of a strand needs its context even to be destroyed
    }
    traffic->stop();
  }

  /// Any thread.
  [[nodiscard]] bool runs_elsewhere() const noexcept {
    const std::lock_guard lock(mutex_);
    return executor_ && !traffic_->is_stopped() && Host::runs_elsewhere(*executor_, traffic_->thread());
  }

 private:
  using wait_type = epoll_wait<Host, Traffic>;
  using context_watch_type = context_watch<typename Host::context>;

  void context_ends() noexcept override {
    watch_ = nullptr;
    stop();
  }

  const std::shared_ptr<Traffic> traffic_;
  mutable std::mutex mutex_;  // guards executor_ against stop
  std::optional<executor_type> executor_;
  context_watch_type* watch_;
  std::weak_ptr<wait_type> wait_;  // owned by the operation that is pending in the loop
};

/// `basic_epoll_transport` in the loop of an executor. `Host` is a struct of static members: the types `executor`,
/// `descriptor`, `error_code`, `context` and `tcp_endpoint`, and the functions `watch_of(executor)`,
/// `runs_elsewhere(executor, loop_thread)` and `restart_if_stopped(executor)`.
template <class Host, class Layer>
class hosted_epoll_transport : public basic_epoll_transport<Layer> {
  using base = basic_epoll_transport<Layer>;
  using tenant_type = epoll_tenant<Host, typename base::traffic_type>;

 public:
  using executor_type = typename Host::executor;
  using typename base::connection_type;

  /// As that of `basic_epoll_transport`. A failure of the system's leaves nothing behind.
  [[nodiscard]] std::error_code start(transport_receiver<connection_type>& receiver) {
    return tenant_->start(receiver);
  }

  /// Any thread: whether another one runs the executor's loop, so that this one may call nothing but what is for any thread.
  [[nodiscard]] bool runs_elsewhere() const noexcept { return tenant_->runs_elsewhere(); }

  /// No connection is valid afterwards but the one whose callback is running, until that returns.
  void stop() noexcept { tenant_->stop(); }

  /// Takes over a connected socket, as `adopt` of `basic_epoll_transport`.
  [[nodiscard]] std::error_code adopt(int socket, std::string_view already_read = {}, const ::sockaddr* peer = nullptr,
                                      ::socklen_t peer_size = 0) {
    if (!runs_elsewhere()) return this->traffic()->adopt(socket, already_read, peer, peer_size);
    base::close_descriptor(socket);
    return errc::wrong_thread;
  }

  /// Takes over a connected socket of the host's loop, or of another one, to which nothing may be pending. `peer` is the
  /// client's address where the host knows it better than the socket.
  template <class Socket>
  requires requires(Socket socket) { socket.lowest_layer(); }
  [[nodiscard]] std::error_code adopt(Socket socket, std::string_view already_read = {},
                                      const std::optional<typename Host::tcp_endpoint>& peer = {}) {
    if (runs_elsewhere()) return errc::wrong_thread;
    typename Host::error_code failed;
    const int descriptor = socket.release(failed);
    if (failed) return {failed.value(), std::system_category()};
    if (!peer) return adopt(descriptor, already_read);
    return adopt(descriptor, already_read, static_cast<const ::sockaddr*>(static_cast<const void*>(peer->data())),
                 static_cast<::socklen_t>(peer->size()));
  }

  /// Takes over a socket that listens already, as `adopt_listener` of `basic_epoll_transport`.
  [[nodiscard]] std::error_code adopt_listener(int descriptor, listen_options options = {}) {
    if (runs_elsewhere()) return errc::wrong_thread;
    return this->traffic()->adopt_listener(descriptor, std::move(options));
  }

 protected:
  hosted_epoll_transport(const executor_type& executor, std::vector<listen_options> options,
                         std::shared_ptr<environment> env, typename Layer::shared layers)
      : base(std::move(options), std::move(env), std::move(layers)),
        tenant_(std::make_unique<tenant_type>(executor, this->traffic())) {}

 private:
  std::unique_ptr<tenant_type> tenant_;
};

}  // namespace hotline::detail
#endif
