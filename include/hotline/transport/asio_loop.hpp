// Inbound 1/6, outbound 6/6: sockets become bytes, bytes go to sockets. No WebSocket here.
#pragma once

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/asio_connection.hpp>
#include <hotline/transport/asio_error.hpp>
#include <hotline/transport/asio_listener.hpp>
#include <hotline/transport/asio_plain.hpp>
#include <hotline/transport/asio_socket.hpp>
#include <hotline/transport/context_watch.hpp>
#include <hotline/transport/listen_options.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::detail {

/// What the connections of one transport share, and everything that is done with them. Pending operations keep it
/// alive, so the transport may go before they do; after `stop()` they find nothing to do.
template <class Executor, class Layer>
class asio_loop final : public std::enable_shared_from_this<asio_loop<Executor, Layer>>, public context_watcher {
 public:
  using connection = asio_connection<Executor, Layer>;
  using reference = connection_reference<connection>;
  using socket_type = typename connection::socket_type;
  using receiver = transport_receiver<connection>;

  asio_loop(const Executor& executor, std::vector<listen_options> options, typename Layer::shared common)
      : layers(std::move(common)),
        executor_(executor),
        watch_(&context_watch::of(executor)),
        options_(std::move(options)) {
    watch_->add(*this);
  }

  asio_loop(const asio_loop&) = delete;
  asio_loop& operator=(const asio_loop&) = delete;

  std::error_code start(receiver& r) {
    if (stopped_) return errc::not_running;
    if (receiver_ != nullptr) return errc::already_running;
    std::size_t bytes = 1;
    for (const listen_options& o : options_) bytes = std::max(bytes, o.read_buffer_bytes);
    if (const std::error_code failed = layers.prepare(bytes)) return failed;
    if (const std::error_code failed = listeners_.open(*executor_, options_)) return as_standard(failed);
    receiver_ = &r;
    tick_.emplace(*executor_);
    tick_later();
    listen();
    return {};
  }

  void stop_accepting() noexcept {
    listeners_.close();
    if constexpr (Layer::shakes_hands) drop_arriving();
  }

  void stop() noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopped_, true)) return;
    }
    if (watch_ != nullptr) watch_->remove(*this);
    tick_.reset();
    listeners_.close();
    drop_arriving();
    drop_all(opened_);
    executor_.reset();  // a strand's executor needs its context even to be destroyed
  }

  /// From any thread. A lock, because `stop()` must be able to rely on nobody being on the way to the io_context.
  template <class Function>
  void post(Function&& function) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    asio::post(*executor_, [self = this->shared_from_this(), f = std::forward<Function>(function)]() mutable {
      if (!self->stopped_) f();
    });
  }

  [[nodiscard]] const asio_listeners<Executor>& listeners() const noexcept { return listeners_; }

  // ------------------------------------------------------------------------------------------- connections

  /// A socket of another executor is registered anew with ours.
  template <class Protocol, class Other>
  std::error_code adopt(asio::basic_stream_socket<Protocol, Other> theirs, std::string_view already_read) {
    if (stopped_ || receiver_ == nullptr) return errc::not_running;
    if constexpr (std::convertible_to<Other, Executor>)
      if (*executor_ == Executor(theirs.get_executor())) return adopt(socket_type(std::move(theirs)), already_read);
    socket_type socket(*executor_);
    if (const std::error_code failed = move_socket(theirs, socket)) return as_standard(failed);
    return adopt(std::move(socket), already_read);
  }

  std::error_code adopt(socket_type socket, std::string_view already_read) {
    if (stopped_ || receiver_ == nullptr) return errc::not_running;
    std::error_code failed;
    const auto peer = socket.remote_endpoint(failed);
    const auto timeout = options_.empty() ? listen_options{}.user_timeout : options_.front().user_timeout;
    if (!failed) failed = prepare_socket(socket, peer, timeout);
    if (failed) return as_standard(failed);
    connection& c = link(std::move(socket), peer);
    try {
      if (!already_read.empty()) c.early_.put_back(already_read);
      asio::post(*executor_, [c = reference(c)] {
        if (!c->closing_) c->loop_->protect(*c, [&] { c->loop_->open(*c); });
      });
    } catch (const std::bad_alloc&) {
      close(*unlink(c));
      return std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
  }

  std::size_t write(connection& c, std::span<const std::string_view> spans) {
    if (c.closing_ || c.ended_) return 0;
    if ((c.owes_writable_ = c.awaits_output_)) return 0;
    const layer_output out = c.layer_.send(layers, c.socket_, spans);
    c.owes_writable_ = !out.all;
    if (out.failed) end(c, out.failed);
    if (out.busy) await_output(c);
    return out.taken;
  }

  void pause_reading(connection& c) noexcept { c.paused_ = true; }

  void resume_reading(connection& c) {
    c.paused_ = c.error_told_ = false;
    await_input(c);
  }

  void shutdown(connection& c) {
    if (c.closing_ || c.ended_) return;
    c.ended_ = true;
    c.early_.reset();
    const layer_output out = c.layer_.end(layers, c.socket_);
    const std::error_code failed = out.failed || out.busy ? out.failed : send_fin(c);
    if (failed) return end(c, failed);
    if (out.busy) await_output(c);
    await_input(c);
  }

  void abort(connection& c) {
    if (c.closing_) return;
    std::error_code ignored;  // a Unix socket has no lingering to switch off
    c.socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    end(c, asio::error::operation_aborted);
  }

  typename Layer::shared layers;  ///< the loop's, but for what is said to be for others

 private:
  // ----------------------------------------------------------------------------------- listening and ticking

  /// The listeners keep no hold of us: they are silent once they are closed, and we close them before we go.
  void listen() {
    listeners_.start([this](socket_type socket, const asio::generic::stream_protocol::endpoint& peer) {
      const reference c(link(std::move(socket), peer));
      protect(*c, [&] { open(*c); });
    });
  }

  void tick_later() {
    tick_->expires_after(tick_interval);
    tick_->async_wait(in_room{&tick_room_, [self = this->shared_from_this()](std::error_code) {
                                self->tell_untold();
                                self->drop_late();
                                if (!self->stopped_) self->receiver_->on_tick();
                                if (!self->stopped_) self->tick_later();
                              }});
  }

  void context_ends() noexcept override {
    watch_ = nullptr;
    stop();
  }

  // ------------------------------------------------------------------------------------ a connection's life

  connection& link(socket_type socket, const asio::generic::stream_protocol::endpoint& peer) {
    auto* const c = new connection(this->shared_from_this(), std::move(socket), peer_address(peer));
    c->references_ = 1;  // the list's
    arriving_.add(*c);
    return *c;
  }

  reference unlink(connection& c) noexcept {
    (c.opened_ ? opened_ : arriving_).remove(c);
    return reference::of_held(c);
  }

  void drop_all(connection_list<connection>& list) noexcept {
    while (list.first() != nullptr) {
      const reference c = unlink(*list.first());
      close(*c);
    }
  }

  void drop_arriving() noexcept {
    if constexpr (Layer::shakes_hands) arriving_.for_each([&](connection& c) { c.layer_.drop(layers); });
    drop_all(arriving_);
  }

  /// Those whose hands are still not shaken at the layer's deadline. Whoever is told of one may do anything.
  void drop_late() {
    if constexpr (Layer::shakes_hands) {
      layers.tick();
      const auto is_late = [this](const connection& c) { return c.layer_.is_late(layers); };
      for (connection* c = nullptr; !stopped_ && (c = arriving_.find(is_late)) != nullptr;)
        finish(*c, std::make_error_code(std::errc::timed_out));
    }
  }

  void open(connection& c) {
    if (const std::error_code failed = c.layer_.begin(layers)) return finish(c, failed);
    if (c.layer_.is_established())
      introduce(c);
    else
      await_input(c);
  }

  void introduce(connection& c) {
    arriving_.remove(c);
    opened_.add(c);
    c.opened_ = true;
    receiver_->on_open(c);
    await_input(c);
  }

  static void close(connection& c) noexcept {
    c.closing_ = true;
    std::error_code ignored;
    c.socket_.close(ignored);
  }

  /// From one of our functions: the receiver hears of it later.
  void end(connection& c, std::error_code why) {
    close(c);
    try {
      asio::post(*executor_, [c = reference(c), why] { c->loop_->report(*c, why); });
    } catch (...) {
      untold_ = c.untold_ = true;
    }
  }

  void tell_untold() {
    if (!std::exchange(untold_, false)) return;
    for (connection* c = nullptr; !stopped_ && (c = opened_.find(&connection::untold_)) != nullptr;) {
      c->untold_ = false;
      report(*c, asio::error::no_memory);
    }
  }

  /// From an operation's end: what runs out of memory there is the end of the connection, and not of the host's loop.
  template <class Function>
  void protect(connection& c, const Function& f) {
    try {
      f();
    } catch (...) {
      if (!c.closing_) finish(c, asio::error::no_memory);
    }
  }

  /// From an operation's end: the receiver hears of it now.
  void finish(connection& c, std::error_code why) {
    close(c);
    report(c, why);
  }

  void report(connection& c, std::error_code why) {
    if (stopped_) return;
    const reference held = unlink(c);
    if (c.opened_) return receiver_->on_closed(c, as_standard(why));
    if constexpr (Layer::shakes_hands) layers.refused(c.remote_address(), as_standard(why));
  }

  // ------------------------------------------------------------------------------------------------- input

  struct input_ready {
    using allocator_type = operation_allocator<void>;

    reference c;

    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(c->room_); }
    void operator()(std::error_code failed = {}) {
      c->loop_->protect(*c, [&] { c->loop_->take_input(*c, failed); });
    }
  };

  /// Waits for what the connection may hear next: bytes, or, when it is paused, the peer's reset.
  void await_input(connection& c) {
    if (c.closing_) return;
    if (c.paused_ && !c.ended_) {
      if (!c.awaits_input_) await_error(c);
    } else if (!c.awaits_input_) {
      if (c.early_ || c.layer_.has_input()) {
        asio::post(*executor_, input_ready{reference(c)});
      } else {
        c.socket_.async_wait(asio::socket_base::wait_read, input_ready{reference(c)});
      }
      c.awaits_input_ = true;
    }
  }

  /// One read a turn, however much there is: the others wait for theirs.
  void take_input(connection& c, std::error_code failed) {
    c.awaits_input_ = false;
    if (c.closing_) return;
    if (failed) return finish(c, failed);
    if (!c.paused_ || c.ended_) {
      const auto read = [&c](asio::mutable_buffer into, std::error_code& why) {
        return c.early_ ? c.early_.take(into) : c.socket_.receive(into, 0, why);
      };
      const layer_input in = c.layer_.receive(layers, c.socket_, read);
      if (in.failed && in.failed != asio::error::interrupted && !is_busy(in.failed))
        return finish(c, c.end_of_input(in.failed));
      if (in.busy) await_output(c);
      if (!in.rest.empty()) c.early_.put_back(in.rest);
      if (!c.opened_ && c.layer_.is_established()) return introduce(c);
      if (!in.bytes.empty() && !c.ended_) receiver_->on_data(c, in.bytes);
    }
    await_input(c);
  }

  /// The kernel tells of a reset even when nobody reads; of a FIN it does not, that waits until reading goes on.
  void await_error(connection& c) {
    if (c.error_told_ || c.awaits_error_) return;
    c.socket_.async_wait(asio::socket_base::wait_error, [c = reference(c)](std::error_code) {
      c->awaits_error_ = false;
      if (c->closing_) return;
      if (const std::error_code pending = pending_error(c->socket_)) return c->loop_->finish(*c, pending);
      c->error_told_ = c->paused_;  // a hang-up: asked again, the wait would end at once, for ever
    });
    c.awaits_error_ = true;
  }

  // ------------------------------------------------------------------------------------------------ output

  void await_output(connection& c) {
    if (c.awaits_output_) return;
    c.socket_.async_wait(asio::socket_base::wait_write, [c = reference(c)](std::error_code failed) {
      c->awaits_output_ = false;
      if (!c->closing_) c->loop_->protect(*c, [&] { c->loop_->send_on(*c, failed); });
    });
    c.awaits_output_ = true;
  }

  void send_on(connection& c, std::error_code failed) {
    if (failed) return finish(c, failed);
    const layer_output out = c.layer_.flush(layers, c.socket_);
    if (out.failed) return finish(c, out.failed);
    if (out.busy) return await_output(c);
    if (c.ended_) {
      if ((failed = send_fin(c))) finish(c, failed);
    } else if (std::exchange(c.owes_writable_, false)) {
      receiver_->on_writable(c);
    }
  }

  static std::error_code send_fin(connection& c) {
    std::error_code failed;
    if (!std::exchange(c.fin_sent_, true)) c.socket_.shutdown(asio::socket_base::shutdown_send, failed);
    return failed;
  }

  std::optional<Executor> executor_;
  context_watch* watch_;
  std::vector<listen_options> options_;
  receiver* receiver_ = nullptr;
  std::optional<asio_timer<Executor>> tick_;
  asio_listeners<Executor> listeners_;
  connection_list<connection> arriving_;  // not known to the receiver yet
  connection_list<connection> opened_;
  operation_room tick_room_;
  bool untold_ = false;   // somebody's end is still to be told
  std::mutex mutex_;      // for post: guards stopped_ and executor_ against stop
  bool stopped_ = false;  // written on the loop only
};

}  // namespace hotline::detail
