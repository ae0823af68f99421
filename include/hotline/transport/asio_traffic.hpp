// Sockets become bytes, bytes go to sockets. No WebSocket here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/observers.hpp>
#include <hotline/subscription.hpp>
#include <hotline/transport/arrival_queue.hpp>
#include <hotline/transport/asio_connection.hpp>
#include <hotline/transport/asio_error.hpp>
#include <hotline/transport/asio_plain.hpp>
#include <hotline/transport/asio_roll.hpp>
#include <hotline/transport/asio_socket.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/loop_executor.hpp>
#include <hotline/transport/peer_address.hpp>
#include <hotline/transport/proxy_header.hpp>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::detail {

/// The connections of one transport, and everything that is done with them. Pending operations keep it alive, so the
/// transport may go before they do; after `stop()` they find nothing to do.
template <class Executor, class Layer>
class asio_traffic final : public std::enable_shared_from_this<asio_traffic<Executor, Layer>> {
 public:
  using connection = asio_connection<Executor, Layer>;
  using reference = connection_reference<connection>;
  using socket_type = typename connection::socket_type;
  using receiver = transport_receiver<connection>;

  asio_traffic(const Executor& executor, const std::vector<listen_options>& options, typename Layer::shared common)
      : layers_(std::move(common)), executor_(executor), roll_(options, layers_) {}

  asio_traffic(const asio_traffic&) = delete;
  asio_traffic& operator=(const asio_traffic&) = delete;

  [[nodiscard]] const Executor& executor() const noexcept { return *executor_; }
  [[nodiscard]] bool is_stopped() const noexcept { return executor_.is_stopped(); }
  /// Null before `start`.
  [[nodiscard]] receiver* started_for() const noexcept { return receiver_; }

  void start(receiver& r) noexcept { receiver_ = &r; }

  /// Whether it had not stopped before. Nothing is posted any more.
  bool begin_to_stop() noexcept { return executor_.stop(); }

  void finish_stop() noexcept {
    roll_.drop_all(layers_);
    refusals_.clear();
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

  /// A socket that the listener of the option `which` has accepted.
  void arrive(socket_type socket, const asio::generic::stream_protocol::endpoint& peer, std::size_t which) {
    door<connection>& by = roll_.doors()[which];
    // First, for who has no memory for it is no connection yet.
    auto owes = by.is_proxied || Layer::shakes_hands ? std::make_unique<arrival<connection>>() : nullptr;
    const reference c(link(std::move(socket), peer_address(peer)));
    c->arrival_ = std::move(owes);
    c->through_loopback_ = by.is_loopback && !by.is_proxied;
    protect(*c, [&] { by.is_proxied ? expect_header(*c, by.headers) : open(*c); });
  }

  /// A socket that the host has accepted: its `on_open` comes later.
  std::error_code adopt(socket_type socket, std::string_view already_read, const peer_address& peer) {
    connection& c = link(std::move(socket), peer);
    try {
      if (!already_read.empty()) c.early_.put_back(already_read);
      if constexpr (Layer::shakes_hands) c.arrival_ = std::make_unique<arrival<connection>>();
      asio::post(*executor_, [c = reference(c)] {
        if (!c->closing_) c->traffic_->protect(*c, [&] { c->traffic_->open(*c); });
      });
    } catch (const std::bad_alloc&) {
      roll_.strike(c)->close();
      return std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
  }

  /// Ends connections whose header or handshake is late. The receiver may do anything in the call for one. Without `judges`
  /// no time counts.
  void tick(bool judges) {
    executor_.note_thread();
    tell_untold();
    if (!judges) return;
    for (door<connection>& by : roll_.doors()) end_late(by.headers);
    end_late(roll_.handshakes());
  }

  /// Drops those that the receiver does not know. Without `stop`, adopted sockets stay, for which nothing is awaited.
  void stop_accepting() noexcept { roll_.drop_unready(layers_); }

  std::size_t write(connection& c, std::span<const std::string_view> spans) {
    if (c.closing_ || c.ended_) return 0;
    if ((c.owes_writable_ = c.awaits_output_)) return 0;
    const layer_output out = c.layer_.send(layers_, c.socket_, spans);
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
    const layer_output out = c.layer_.end(layers_, c.socket_);
    const std::error_code failed = out.failed || out.busy ? out.failed : c.send_fin();
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

  /// The state that connections share. It belongs to the loop, but for what says that it is for other threads.
  [[nodiscard]] typename Layer::shared& layers() noexcept { return layers_; }

  /// Adds a hook for each socket that ends before it is a connection. From any thread.
  [[nodiscard]] subscription on_refused(std::function<void(std::string_view, std::error_code)> f) {
    return refusals_.add(std::move(f));
  }

 private:
  // ------------------------------------------------------------------------------------ a connection's life

  connection& link(socket_type socket, const peer_address& peer) {
    auto* const c = new connection(this->shared_from_this(), std::move(socket), peer);
    c->references_ = 1;  // the list's
    roll_.add(*c);
    return *c;
  }

  // ------------------------------------------------------------------------ PROXY headers and TLS handshakes

  /// The connection owes the queue's header or handshake from here on. Another one may have to go for it, or itself.
  void enter(arrival_queue<connection>& queue, connection& c) {
    if (connection* const surplus = queue.add(c)) finish(*surplus, std::make_error_code(std::errc::connection_refused));
  }

  void end_late(arrival_queue<connection>& queue) {
    queue.tick();
    for (connection* c = nullptr; !is_stopped() && (c = queue.late()) != nullptr;)
      finish(*c, std::make_error_code(std::errc::timed_out));
  }

  void expect_header(connection& c, arrival_queue<connection>& queue) {
    c.arrival_->header.emplace();
    enter(queue, c);
    if (!c.closing_) await_header(c);
  }

  struct header_ready {
    using allocator_type = operation_allocator<void, input_room<Executor>>;

    reference c;

    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(c->room_); }
    void operator()(std::error_code failed) {
      if (!c->closing_) c->traffic_->protect(*c, [&] { c->traffic_->take_header(*c, failed); });
    }
  };

  void await_header(connection& c) { c.socket_.async_wait(asio::socket_base::wait_read, header_ready{reference(c)}); }

  void take_header(connection& c, std::error_code failed) {
    if (failed) return finish(c, failed);
    const std::span<char> room = layers_.reading_room();
    const std::span<char> part = room.first(std::min(room.size(), proxy_header_reader::longest));
    const std::size_t n = c.socket_.receive(asio::buffer(part.data(), part.size()), 0, failed);
    if (failed == asio::error::interrupted || is_busy(failed)) return await_header(c);
    if (failed) return finish(c, failed);
    const std::string_view bytes(part.data(), n);
    const proxy_header_reader::step got = c.arrival_->header->consume(bytes);
    if (got.state == proxy_header_reader::state::need_more) return await_header(c);
    if (got.state == proxy_header_reader::state::refused)
      return finish(c, std::make_error_code(std::errc::protocol_error));
    if (got.consumed < n) c.early_.put_back(bytes.substr(got.consumed));
    if (const auto& named = c.arrival_->header->named()) c.peer_ = *named;
    roll_.leave_queue(c);
    c.arrival_->header.reset();
    open(c);
  }

  // ------------------------------------------------------------------------------------- opening and ending

  void open(connection& c) {
    if (const std::error_code failed = c.layer_.begin(layers_)) return finish(c, failed);
    if constexpr (!Layer::shakes_hands) return introduce(c);
    enter(roll_.handshakes(), c);
    await_input(c);
  }

  void introduce(connection& c) {
    roll_.leave_queue(c);
    c.arrival_.reset();
    c.opened_ = true;
    receiver_->on_open(c);
    await_input(c);
  }

  /// From one of our functions: the receiver is notified later.
  void end(connection& c, std::error_code why) {
    c.close();
    try {
      asio::post(*executor_, [c = reference(c), why] { c->traffic_->report(*c, why); });
    } catch (...) {
      untold_ = c.untold_ = true;
    }
  }

  void tell_untold() {
    if (!std::exchange(untold_, false)) return;
    for (connection* c = nullptr; !is_stopped() && (c = roll_.find_untold()) != nullptr;) {
      c->untold_ = false;
      report(*c, asio::error::no_memory);
    }
  }

  /// From an operation's end: what runs out of memory there is the end of the connection, and not of the host's loop.
  template <class Function>
  void protect(connection& c, const Function& f) {
    executor_.note_thread();
    try {
      f();
    } catch (...) {
      if (!c.closing_) finish(c, asio::error::no_memory);
    }
  }

  /// From an operation's end: the receiver is notified now.
  void finish(connection& c, std::error_code why) {
    c.close();
    report(c, why);
  }

  void report(connection& c, std::error_code why) {
    if (is_stopped()) return;
    const reference held = roll_.strike(c);
    why = as_standard(why);
    if (c.opened_) return receiver_->on_closed(c, why);
    if constexpr (Layer::shakes_hands)
      if (c.layer_.is_shaking_hands()) layers_.refused(why);
    const std::string address = c.address_or_nothing();
    refusals_.call([](const std::exception_ptr&) { /* no one is left to notify */ }, address, why);
    if (!is_stopped()) receiver_->on_refused(address, why);
  }

  struct input_ready {
    using allocator_type = operation_allocator<void, input_room<Executor>>;

    reference c;

    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(c->room_); }
    void operator()(std::error_code failed = {}) {
      c->traffic_->protect(*c, [&] { c->traffic_->take_input(*c, failed); });
    }
  };

  /// Waits for the next input of the connection: bytes, or, when it is paused, the peer's reset.
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
      const layer_input in = c.layer_.receive(layers_, c.socket_, read);
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
      if (const std::error_code pending = pending_error(c->socket_)) return c->traffic_->finish(*c, pending);
      c->error_told_ = c->paused_;  // a hang-up: asked again, the wait would end at once, for ever
    });
    c.awaits_error_ = true;
  }

  void await_output(connection& c) {
    if (c.awaits_output_) return;
    c.socket_.async_wait(asio::socket_base::wait_write, [c = reference(c)](std::error_code failed) {
      c->awaits_output_ = false;
      if (!c->closing_) c->traffic_->protect(*c, [&] { c->traffic_->send_on(*c, failed); });
    });
    c.awaits_output_ = true;
  }

  void send_on(connection& c, std::error_code failed) {
    if (failed) return finish(c, failed);
    const layer_output out = c.layer_.flush(layers_, c.socket_);
    if (out.failed) return finish(c, out.failed);
    if (out.busy) return await_output(c);
    if (c.ended_) {
      if ((failed = c.send_fin())) finish(c, failed);
    } else if (std::exchange(c.owes_writable_, false)) {
      receiver_->on_writable(c);
    }
  }

  typename Layer::shared layers_;
  observers<std::string_view, std::error_code> refusals_;
  loop_executor<Executor> executor_;
  receiver* receiver_ = nullptr;
  asio_roll<connection, Layer> roll_;
  bool untold_ = false;  // the receiver is still to be notified of an end
};

}  // namespace hotline::detail
#endif
