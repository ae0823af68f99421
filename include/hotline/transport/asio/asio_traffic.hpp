// How a transport over Asio waits for its sockets: one operation of Asio's for each wait.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/asio/asio_alarm.hpp>
#include <hotline/transport/asio/asio_connection.hpp>
#include <hotline/transport/asio/asio_error.hpp>
#include <hotline/transport/asio/loop_executor.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/socket/owned_descriptor.hpp>
#include <hotline/transport/socket/peer_address.hpp>
#include <hotline/transport/traffic/arrival_queue.hpp>
#include <hotline/transport/traffic/socket_traffic.hpp>
#include <hotline/types.hpp>

#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>

#include <cstddef>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::detail {

/// The connections of one transport. Pending operations keep it alive, so the transport may go before they do; after
/// `finish_stop` they find nothing to do.
template <class Executor, class Layer>
class asio_traffic final : public std::enable_shared_from_this<asio_traffic<Executor, Layer>>,
                           public traffic_over<asio_traffic<Executor, Layer>, asio_connection<Executor, Layer>, Layer> {
  using base = traffic_over<asio_traffic, asio_connection<Executor, Layer>, Layer>;
  friend socket_traffic<asio_traffic, asio_connection<Executor, Layer>, Layer>;
  friend dialing_traffic<asio_traffic, asio_connection<Executor, Layer>, Layer>;

 public:
  using connection = asio_connection<Executor, Layer>;
  using reference = connection_reference<connection>;
  using socket_type = typename connection::socket_type;

  asio_traffic(const Executor& executor, const std::vector<listen_options>& options, typename Layer::shared common)
      : base(options, std::move(common)), executor_(executor) {}

  [[nodiscard]] const Executor& executor() const noexcept { return *executor_; }
  [[nodiscard]] bool is_stopped() const noexcept { return executor_.is_stopped(); }

  /// This thread runs the loop.
  void note_turn() noexcept { executor_.note_thread(); }

  /// Whether it had not stopped before. Nothing is posted any more.
  bool begin_to_stop() noexcept { return executor_.stop(); }

  void finish_stop() noexcept {
    this->drop_all();
    alarm_.reset();
    executor_.reset();
  }

  /// From any thread.
  template <class Function>
  void post(Function&& function) {
    executor_.post([self = this->shared_from_this(), f = std::forward<Function>(function)]() mutable {
      self->executor_.note_thread();
      if (!self->is_stopped()) f();
    });
  }

  /// From any thread: whether another one runs the loop.
  [[nodiscard]] bool runs_elsewhere() noexcept { return executor_.runs_elsewhere(); }

  /// A socket that the listener of the door `which` has accepted. Throws without memory for it.
  void arrive(socket_type socket, const peer_address& peer, std::size_t which, bool is_loopback) {
    auto debt = this->debt_at(which);
    const reference c(link(std::move(socket), peer));
    base::arrive(*c, std::move(debt), which, is_loopback);
  }

  /// A socket that the host has accepted: its `on_open` comes later. Throws without memory for it.
  std::error_code adopt(socket_type socket, std::string_view already_read, const peer_address& peer) {
    return base::adopt(link(std::move(socket), peer), already_read);
  }

 private:
  [[nodiscard]] connection& link(socket_type socket, const peer_address& peer) {
    return *new connection(this->shared_from_this(), std::move(socket), peer);
  }

  [[nodiscard]] static std::error_code ended_early() noexcept { return asio::error::eof; }

  static void close(connection& c) noexcept {
    std::error_code ignored;
    c.socket_.close(ignored);
  }

  [[nodiscard]] static reference hold(connection& c) noexcept { return reference::of_held(c); }

  static void was_read(const connection&, bool) noexcept {}

  struct input_ready {
    using allocator_type = operation_allocator<void, input_room<Executor>>;

    reference c;

    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(c->room_); }
    void operator()(std::error_code failed = {}) {
      asio_traffic& traffic = *c->traffic_;
      traffic.protect(*c, [&] { traffic.take_input(*c, as_standard(failed)); });
    }
  };

  struct header_ready {
    using allocator_type = operation_allocator<void, input_room<Executor>>;

    reference c;

    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(c->room_); }
    void operator()(std::error_code failed) {
      asio_traffic& traffic = *c->traffic_;
      traffic.protect(*c, [&] { traffic.take_header(*c, as_standard(failed)); });
    }
  };

  void wait_header(connection& c) { c.socket_.async_wait(asio::socket_base::wait_read, header_ready{reference(c)}); }

  void wait_input(connection& c) { c.socket_.async_wait(asio::socket_base::wait_read, input_ready{reference(c)}); }

  void take_input_later(connection& c) { asio::post(*executor_, input_ready{reference(c)}); }

  void wait_error(connection& c) {
    c.socket_.async_wait(asio::socket_base::wait_error,
                         [c = reference(c)](std::error_code) { c->traffic_->take_error(*c); });
  }

  void wait_output(connection& c) {
    c.socket_.async_wait(asio::socket_base::wait_write, [c = reference(c)](std::error_code failed) {
      asio_traffic& traffic = *c->traffic_;
      traffic.protect(*c, [&] { traffic.send_on(*c, as_standard(failed)); });
    });
  }

  void open_later(connection& c) {
    asio::post(*executor_, [c = reference(c)] {
      asio_traffic& traffic = *c->traffic_;
      traffic.protect(*c, [&] { traffic.open(*c); });
    });
  }

  [[nodiscard]] bool report_later(connection& c, std::error_code why) noexcept {
    try {
      asio::post(*executor_, [c = reference(c), why] { c->traffic_->report(*c, why); });
      return true;
    } catch (...) {
      return false;
    }
  }

  // ------------------------------------------------------------------------------- as `dialing_traffic` asks for it

  /// Makes `made` of the descriptor, which is the caller's still on failure.
  [[nodiscard]] std::error_code link(owned_descriptor& descriptor, int family, const peer_address& peer,
                                     connection*& made) {
    socket_type socket(*executor_);
    std::error_code failed;
    socket.assign(asio::generic::stream_protocol(family, 0), descriptor.get(), failed);
    if (failed) return as_standard(failed);
    (void)descriptor.release();
    made = &link(std::move(socket), peer);
    return {};
  }

  void set_alarm(steady_time when) noexcept {
    alarm_.set(*executor_, when, [self = this->shared_from_this()] {
      self->note_turn();
      if (!self->is_stopped()) self->run_timers();
    });
  }

  loop_executor<Executor> executor_;
  [[no_unique_address]] asio_alarm<Executor, Layer::dials> alarm_;
};

}  // namespace hotline::detail
#endif
