// The inside of a transport: its listeners, its ticks, and the context that it lives in.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/asio/asio_error.hpp>
#include <hotline/transport/asio/asio_listener.hpp>
#include <hotline/transport/asio/asio_listeners.hpp>
#include <hotline/transport/asio/asio_timer.hpp>
#include <hotline/transport/asio/asio_traffic.hpp>
#include <hotline/transport/asio/context_watch.hpp>
#include <hotline/transport/asio/stopped_context.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/loop/tick_schedule.hpp>
#include <hotline/transport/socket/adopted_listeners.hpp>
#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/socket/native_types.hpp>
#include <hotline/transport/socket/peer_address.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/query.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::detail {

/// All of one transport. Its tick keeps it alive until it stops.
template <class Executor, class Layer>
class asio_loop final : public std::enable_shared_from_this<asio_loop<Executor, Layer>>, public context_watcher {
 public:
  using traffic_type = asio_traffic<Executor, Layer>;
  using socket_type = typename traffic_type::socket_type;
  using receiver = typename traffic_type::receiver;

  asio_loop(const Executor& executor, std::vector<listen_options> options, typename Layer::shared common)
      : traffic_(std::make_shared<traffic_type>(executor, options, std::move(common))),
        watch_(&watch_type::of(asio::query(executor, asio::execution::context))),
        options_(std::move(options)) {
    watch_->add(*this);
  }

  asio_loop(const asio_loop&) = delete;
  asio_loop& operator=(const asio_loop&) = delete;

  [[nodiscard]] std::error_code start(receiver& r) {
    if (traffic_->is_stopped()) return errc::not_running;
    if (traffic_->started_for() != nullptr) return errc::already_running;
    const Executor& executor = traffic_->executor();
    std::size_t bytes = 1;
    for (const listen_options& o : options_) bytes = std::max(bytes, o.read_buffer_bytes);
    if (const std::error_code failed = traffic_->layers().prepare(bytes)) return failed;
    try {
      if (const std::error_code failed = listeners_.open(executor, options_, adopted_)) return as_standard(failed);
      tick_.emplace(executor);
      listeners_.start(arrivals());
    } catch (...) {
      listeners_.abandon();
      tick_.reset();
      throw;
    }
    adopted_.forget();
    traffic_->start(r);
    ticks_.began(clock::now());
    tick_later();
    restart_if_stopped(executor);
    return {};
  }

  /// A socket that listens already, from here on or, before `start`, from then on. It is the caller's after a failure.
  [[nodiscard]] std::error_code adopt_listener(int descriptor, listen_options options) {
    if (traffic_->is_stopped()) return errc::not_running;
    if (const std::error_code failed = asio_listener<Executor>::check(descriptor)) return failed;
    options.descriptor = descriptor;
    options.listen = true;
    const std::size_t which = traffic_->add_door(options);
    if (traffic_->started_for() == nullptr) {
      adopted_.add(std::move(options), which);
      return {};
    }
    const std::error_code failed = listeners_.add(traffic_->executor(), options, which);
    if (!failed) listeners_.start_last(arrivals());
    return as_standard(failed);
  }

  /// The descriptors of the listeners, which are the caller's and go on to listen.
  [[nodiscard]] std::vector<int> release_listeners() {
    std::vector<int> descriptors = listeners_.release();
    adopted_.release(descriptors);
    return descriptors;
  }

  void stop_accepting() noexcept {
    listeners_.close();
    traffic_->stop_accepting();
  }

  void stop() noexcept {
    if (!traffic_->begin_to_stop()) return;
    if (watch_ != nullptr) watch_->remove(*this);
    tick_.reset();
    listeners_.close();
    adopted_.close();
    traffic_->finish_stop();
  }

  /// A socket of another executor is registered again with ours. Without `peer` its address is the socket's. Throws without
  /// memory for it.
  template <class Protocol, class Other>
  [[nodiscard]] std::error_code adopt(asio::basic_stream_socket<Protocol, Other> theirs, std::string_view already_read,
                                      const std::optional<asio::ip::tcp::endpoint>& peer) {
    if (traffic_->is_stopped() || traffic_->started_for() == nullptr) return errc::not_running;
    const Executor& executor = traffic_->executor();
    if constexpr (std::convertible_to<Other, Executor>)
      if (executor == Executor(theirs.get_executor()))
        return adopt_ours(socket_type(std::move(theirs)), already_read, peer);
    socket_type socket(executor);
    if (const std::error_code failed = move_socket(theirs, socket)) return as_standard(failed);
    return adopt_ours(std::move(socket), already_read, peer);
  }

  [[nodiscard]] std::chrono::nanoseconds lateness() const { return ticks_.lateness(clock::now()); }

  [[nodiscard]] const asio_listeners<Executor>& listeners() const noexcept { return listeners_; }
  [[nodiscard]] traffic_type& traffic() const noexcept { return *traffic_; }

 private:
  using endpoint = asio::generic::stream_protocol::endpoint;
  using watch_type = context_watch<asio::execution_context>;
  using clock = typename asio_timer<Executor>::clock_type;

  std::error_code adopt_ours(socket_type socket, std::string_view already_read,
                             const std::optional<asio::ip::tcp::endpoint>& peer) {
    std::error_code failed;
    const endpoint from = socket.remote_endpoint(failed);
    const auto timeout = options_.empty() ? listen_options{}.user_timeout : options_.front().user_timeout;
    if (!failed) socket.non_blocking(true, failed);
    if (failed) return as_standard(failed);
    native_socket::prepare(socket.native_handle(), from.protocol().family(), timeout);
    const endpoint named = peer ? endpoint(*peer) : from;
    return traffic_->adopt(std::move(socket), already_read, peer_address(named.data(), named.size()));
  }

  template <class Protocol, class Other>
  [[nodiscard]] static std::error_code move_socket(asio::basic_stream_socket<Protocol, Other>& theirs,
                                                   socket_type& socket) {
    std::error_code failed;
    const asio::generic::stream_protocol protocol(theirs.local_endpoint(failed).protocol());
    if (failed) return failed;
    const native_handle descriptor = theirs.release(failed);
    if (failed) return failed;
    socket.assign(protocol, descriptor, failed);
    if (failed) native_socket::close(descriptor);
    return failed;
  }

  // The listeners keep no hold of us: they are silent once they are closed, and we close them before we go.
  [[nodiscard]] typename asio_listeners<Executor>::on_accept arrivals() {
    return [this](socket_type socket, const peer_address& peer, const asio_listener<Executor>& by) {
      traffic_->arrive(std::move(socket), peer, by.which(), by.is_loopback());
    };
  }

  void tick_later() {
    tick_->expires_after(tick_interval);
    tick_->async_wait(in_room{&tick_room_, [self = this->shared_from_this()](std::error_code) {
                                traffic_type& traffic = *self->traffic_;
                                traffic.note_turn();
                                traffic.tick(self->ticks_.judges(clock::now()));
                                const typename clock::time_point began = clock::now();
                                if (!traffic.is_stopped()) traffic.started_for()->on_tick();
                                if (traffic.is_stopped()) return;
                                self->ticks_.began(began);
                                self->tick_later();
                              }});
  }

  void context_ends() noexcept override {
    watch_ = nullptr;
    stop();
  }

  const std::shared_ptr<traffic_type> traffic_;
  watch_type* watch_;
  std::vector<listen_options> options_;
  adopted_listeners adopted_;
  std::optional<asio_timer<Executor>> tick_;
  tick_schedule ticks_;
  asio_listeners<Executor> listeners_;
  wait_room<Executor> tick_room_;
};

}  // namespace hotline::detail
#endif
