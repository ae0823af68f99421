// An epoll transport in a loop of Asio's, or of Boost.Asio's: one wait of that loop for all sockets.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/epoll_transport.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/operation_room.hpp>

#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

namespace hotline::detail {

/// Runs a traffic each time that its descriptor is readable. The wait that is pending keeps it alive, so it is gone with its
/// io_context. The descriptor is the traffic's: it is taken out of the loop before that closes it, because a set goes on to
/// report a descriptor that it was not taken out of.
///
/// `Host` names the loop's types: `executor`, `descriptor`, `error_code`.
template <class Host, class Traffic>
class epoll_wait final : public std::enable_shared_from_this<epoll_wait<Host, Traffic>> {
 public:
  epoll_wait(const typename Host::executor& executor, std::shared_ptr<Traffic> traffic)
      : traffic_(std::move(traffic)), watched_(executor, traffic_->descriptor()) {}
  epoll_wait(const epoll_wait&) = delete;
  epoll_wait& operator=(const epoll_wait&) = delete;
  ~epoll_wait() { end(); }

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

/// `basic_epoll_transport` in the loop of an executor. `Host` is a struct of static members: the types of `epoll_wait`,
/// `runs_elsewhere(executor, loop_thread)` and `restart_if_stopped(executor)`.
template <class Host, class Layer>
class hosted_epoll_transport : public basic_epoll_transport<Layer> {
  using base = basic_epoll_transport<Layer>;
  using wait_type = epoll_wait<Host, typename base::traffic_type>;

 public:
  using executor_type = typename Host::executor;
  using typename base::connection_type;

  hosted_epoll_transport(hosted_epoll_transport&&) noexcept = default;
  hosted_epoll_transport& operator=(hosted_epoll_transport&&) = delete;
  ~hosted_epoll_transport() {
    if (this->traffic()) stop();
  }

  [[nodiscard]] std::error_code start(transport_receiver<connection_type>& receiver) {
    if (const std::error_code failed = base::start(receiver)) return failed;
    const auto wait = std::make_shared<wait_type>(executor_, this->traffic());
    wait->begin();
    wait_ = wait;
    Host::restart_if_stopped(executor_);
    return {};
  }

  /// Any thread: whether another one runs the executor's loop, so that this one may call nothing but what is for any thread.
  [[nodiscard]] bool runs_elsewhere() const noexcept {
    return !this->traffic()->is_stopped() && Host::runs_elsewhere(executor_, this->traffic()->thread());
  }

  void stop() noexcept {
    base::stop();
    if (const auto wait = wait_.lock()) wait->end();
  }

  /// Takes over a connected socket of the host's loop, or of another one, as `adopt` of a descriptor.
  template <class Socket>
  requires requires(Socket socket) { socket.lowest_layer(); }
  [[nodiscard]] std::error_code adopt(Socket socket, std::string_view already_read = {}) {
    return adopt_released(socket, [&](int descriptor) { return base::adopt(descriptor, already_read); });
  }

  /// With the client's address, where the host knows it better than the socket.
  template <class Socket, class Endpoint>
  requires requires(Socket socket) { socket.lowest_layer(); }
  [[nodiscard]] std::error_code adopt(Socket socket, std::string_view already_read, const Endpoint& peer) {
    return adopt_released(socket, [&](int descriptor) {
      return base::adopt(descriptor, already_read,
                         static_cast<const ::sockaddr*>(static_cast<const void*>(peer.data())),
                         static_cast<::socklen_t>(peer.size()));
    });
  }
  using base::adopt;

 protected:
  hosted_epoll_transport(const executor_type& executor, std::vector<listen_options> options,
                         std::shared_ptr<environment> env, typename Layer::shared layers)
      : base(std::move(options), std::move(env), std::move(layers)), executor_(executor) {}

 private:
  template <class Socket, class Function>
  [[nodiscard]] std::error_code adopt_released(Socket& socket, const Function& f) {
    if (runs_elsewhere()) return errc::wrong_thread;
    typename Host::error_code failed;
    const int descriptor = socket.release(failed);
    return failed ? std::error_code(failed.value(), std::system_category()) : f(descriptor);
  }

  executor_type executor_;
  std::weak_ptr<wait_type> wait_;  // owned by what is pending in the loop
};

}  // namespace hotline::detail
#endif
