// Inbound 1/6, outbound 6/6: sockets become bytes, bytes go to sockets. No WebSocket here.
#pragma once

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/asio_connection.hpp>
#include <hotline/transport/asio_error.hpp>
#include <hotline/transport/asio_listener.hpp>
#include <hotline/transport/context_watch.hpp>
#include <hotline/transport/listen_options.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>
#include <asio/wait_traits.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace hotline::detail {

/// What the connections of one transport share, and everything that is done with them. Pending operations keep it
/// alive, so the transport may go before they do; after `stop()` they find nothing to do.
template <class Executor>
class asio_loop final : public std::enable_shared_from_this<asio_loop<Executor>>, public context_watcher {
 public:
  using connection = asio_connection<Executor>;
  using reference = connection_reference<connection>;
  using socket_type = typename connection::socket_type;
  using receiver = transport_receiver<connection>;

  asio_loop(const Executor& executor, std::vector<listen_options> options)
      : executor_(executor), watch_(&context_watch::of(executor)), options_(std::move(options)) {
    watch_->add(*this);
  }

  asio_loop(const asio_loop&) = delete;
  asio_loop& operator=(const asio_loop&) = delete;

  std::error_code start(receiver& r) {
    if (stopped_) return errc::not_running;
    if (receiver_ != nullptr) return errc::already_running;
    if (const std::error_code failed = open_listeners()) {
      close_listeners();
      return as_standard(failed);
    }
    receiver_ = &r;
    std::size_t bytes = 1;
    for (const listen_options& o : options_) bytes = std::max(bytes, o.read_buffer_bytes);
    buffer_.resize(bytes);
    tick_.emplace(*executor_);
    tick_later();
    for (const auto& listener : listeners_) listen(*listener);
    return {};
  }

  void stop_accepting() noexcept { close_listeners(); }

  void stop() noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopped_, true)) return;
    }
    if (watch_ != nullptr) watch_->remove(*this);
    tick_.reset();
    close_listeners();
    while (first_ != nullptr) {
      const reference c = unlink(*first_);
      close(*c);
    }
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

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  // ------------------------------------------------------------------------------------------- connections

  /// A socket of another executor is registered anew with ours.
  template <class Protocol, class Other>
  std::error_code adopt(asio::basic_stream_socket<Protocol, Other> theirs, std::string_view already_read) {
    if (stopped_ || receiver_ == nullptr) return errc::not_running;
    if constexpr (std::convertible_to<Other, Executor>)
      if (*executor_ == Executor(theirs.get_executor())) return adopt(socket_type(std::move(theirs)), already_read);
    std::error_code failed;
    const asio::generic::stream_protocol protocol(theirs.local_endpoint(failed).protocol());
    if (failed) return as_standard(failed);
    const int descriptor = theirs.release(failed);
    if (failed) return as_standard(failed);
    socket_type socket(*executor_);
    socket.assign(protocol, descriptor, failed);
    if (!failed) return adopt(std::move(socket), already_read);
    ::close(descriptor);
    return as_standard(failed);
  }

  std::error_code adopt(socket_type socket, std::string_view already_read) {
    if (stopped_ || receiver_ == nullptr) return errc::not_running;
    std::error_code failed;
    const auto peer = socket.remote_endpoint(failed);
    if (!failed) failed = prepare(socket, peer);
    if (failed) return as_standard(failed);
    connection& c = link(std::move(socket), peer);
    if (!already_read.empty()) c.early_ = std::make_unique<early_input>(early_input{std::string(already_read), 0});
    asio::post(*executor_, [c = reference(c)] {
      if (!c->loop_->stopped_) c->loop_->open(*c);
    });
    return {};
  }

  std::size_t write(connection& c, std::span<const std::string_view> spans) {
    if (c.closing_ || c.ended_ || c.awaits_output_) return 0;
    if (spans.size() == 1)  // mostly: and a plain send costs the kernel less than a gathering one
      return send(c, asio::buffer(spans.front()), spans.front().size());
    std::array<asio::const_buffer, 64> buffers;  // as many as Asio hands to the kernel at once
    std::size_t taken = 0;
    for (auto next = spans.begin(); next != spans.end();) {
      std::size_t count = 0;
      std::size_t offered = 0;
      for (; next != spans.end() && count < buffers.size(); ++next) {
        buffers[count++] = asio::buffer(*next);
        offered += next->size();
      }
      const std::size_t sent = send(c, std::span<const asio::const_buffer>(buffers.data(), count), offered);
      taken += sent;
      if (sent < offered) break;
    }
    return taken;
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
    std::error_code failed;
    c.socket_.shutdown(asio::socket_base::shutdown_send, failed);
    if (failed) return end(c, failed);
    await_input(c);
  }

  void abort(connection& c) {
    if (c.closing_) return;
    std::error_code ignored;  // a Unix socket has no lingering to switch off
    c.socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    end(c, asio::error::operation_aborted);
  }

 private:
  using timer =
      asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

  // ----------------------------------------------------------------------------------- listening and ticking

  std::error_code open_listeners() {
    port_ = 0;
    for (const listen_options& o : options_) {
      if (!o.listen) continue;
      auto listener = std::make_shared<asio_listener<Executor>>(*executor_);
      if (const std::error_code failed = listener->open(o)) return failed;
      if (port_ == 0) port_ = listener->port();
      listeners_.push_back(std::move(listener));
    }
    return {};
  }

  void close_listeners() noexcept {
    for (const auto& listener : listeners_) listener->close();
    listeners_.clear();
  }

  /// The listener keeps no hold of us: it is silent once it is closed, and we close it before we go.
  void listen(asio_listener<Executor>& listener) {
    listener.start([this](socket_type socket, const asio::generic::stream_protocol::endpoint& peer) {
      if (prepare(socket, peer)) return;
      const reference c(link(std::move(socket), peer));
      open(*c);
    });
  }

  void tick_later() {
    tick_->expires_after(tick_interval);
    tick_->async_wait([self = this->shared_from_this()](std::error_code) {
      if (self->stopped_) return;
      self->receiver_->on_tick();
      if (!self->stopped_) self->tick_later();
    });
  }

  void context_ends() noexcept override {
    watch_ = nullptr;
    stop();
  }

  // ------------------------------------------------------------------------------------ a connection's life

  static std::error_code prepare(socket_type& socket, const asio::generic::stream_protocol::endpoint& peer) {
    std::error_code failed;
    socket.non_blocking(true, failed);
    if (failed) return failed;
    std::error_code ignored;  // better slow than not at all
    const int family = peer.protocol().family();
    if (family == AF_INET || family == AF_INET6) socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    return {};
  }

  connection& link(socket_type socket, const asio::generic::stream_protocol::endpoint& peer) {
    auto* const c = new connection(this->shared_from_this(), std::move(socket), peer_address(peer));
    c->references_ = 1;  // the list's
    c->next_ = first_;
    if (first_ != nullptr) first_->previous_ = c;
    return *(first_ = c);
  }

  reference unlink(connection& c) noexcept {
    (c.previous_ != nullptr ? c.previous_->next_ : first_) = c.next_;
    if (c.next_ != nullptr) c.next_->previous_ = c.previous_;
    c.previous_ = c.next_ = nullptr;
    return reference::of_held(c);
  }

  void open(connection& c) {
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
    asio::post(*executor_, [c = reference(c), why] { c->loop_->report(*c, why); });
  }

  /// From an operation's end: the receiver hears of it now.
  void finish(connection& c, std::error_code why) {
    close(c);
    report(c, why);
  }

  void report(connection& c, std::error_code why) {
    if (stopped_) return;
    const reference held = unlink(c);
    receiver_->on_closed(c, as_standard(why));
  }

  // ------------------------------------------------------------------------------------------------- input

  struct input_ready {
    using allocator_type = operation_allocator<void>;

    reference c;

    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(c->room_); }
    void operator()(std::error_code failed = {}) { c->loop_->take_input(*c, failed); }
  };

  /// Waits for what the connection may hear next: bytes, or, when it is paused, the peer's reset.
  void await_input(connection& c) {
    if (c.closing_) return;
    if (c.paused_ && !c.ended_) {
      if (!c.awaits_input_) await_error(c);
    } else if (!std::exchange(c.awaits_input_, true)) {
      if (c.early_) {
        asio::post(*executor_, input_ready{reference(c)});
      } else {
        c.socket_.async_wait(asio::socket_base::wait_read, input_ready{reference(c)});
      }
    }
  }

  /// One read a turn, however much there is: the others wait for theirs.
  void take_input(connection& c, std::error_code failed) {
    c.awaits_input_ = false;
    if (c.closing_) return;
    if (failed) return finish(c, failed);
    if (!c.paused_ || c.ended_) {
      if (c.early_) {
        deliver_early(c);
      } else {
        const std::size_t n = c.socket_.receive(asio::buffer(buffer_), 0, failed);
        if (failed && failed != asio::error::interrupted && !is_busy(failed)) return finish(c, end_of_input(c, failed));
        if (n > 0 && !c.ended_) receiver_->on_data(c, std::span(buffer_.data(), n));
      }
    }
    await_input(c);
  }

  /// The peer's FIN is the end for us too: who sends no more will not answer a close frame either. The end is orderly
  /// unless the peer has left something unread.
  static std::error_code end_of_input(const connection& c, std::error_code failed) noexcept {
    return failed == asio::error::eof && (c.ended_ || !c.awaits_output_) ? std::error_code{} : failed;
  }

  void deliver_early(connection& c) {
    const std::size_t n = std::min(buffer_.size(), c.early_->bytes.size() - c.early_->delivered);
    std::copy_n(c.early_->bytes.data() + c.early_->delivered, n, buffer_.data());
    c.early_->delivered += n;
    if (c.early_->delivered == c.early_->bytes.size()) c.early_.reset();
    receiver_->on_data(c, std::span(buffer_.data(), n));
  }

  /// The kernel tells of a reset even when nobody reads; of a FIN it does not, that waits until reading goes on.
  void await_error(connection& c) {
    if (c.error_told_ || std::exchange(c.awaits_error_, true)) return;
    c.socket_.async_wait(asio::socket_base::wait_error, [c = reference(c)](std::error_code) {
      c->awaits_error_ = false;
      if (c->closing_) return;
      if (const std::error_code pending = pending_error(*c)) return c->loop_->finish(*c, pending);
      c->error_told_ = c->paused_;  // a hang-up: asked again, the wait would end at once, for ever
    });
  }

  static std::error_code pending_error(connection& c) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(c.socket_.native_handle(), SOL_SOCKET, SO_ERROR, &value, &size) != 0) return {};
    return {value, std::system_category()};
  }

  // ------------------------------------------------------------------------------------------------ output

  template <class Buffers>
  std::size_t send(connection& c, const Buffers& buffers, std::size_t offered) {
    if (offered == 0) return 0;
    std::error_code failed;
    std::size_t sent = 0;
    do {
      sent = c.socket_.send(buffers, 0, failed);
    } while (failed == asio::error::interrupted);
    if (failed && !is_busy(failed))
      end(c, failed);
    else if (sent < offered)
      await_output(c);
    return sent;
  }

  void await_output(connection& c) {
    c.awaits_output_ = true;
    c.socket_.async_wait(asio::socket_base::wait_write, [c = reference(c)](std::error_code failed) {
      c->awaits_output_ = false;
      if (c->closing_) return;
      if (failed) return c->loop_->finish(*c, failed);
      if (!c->ended_) c->loop_->receiver_->on_writable(*c);
    });
  }

  std::optional<Executor> executor_;
  context_watch* watch_;
  std::vector<listen_options> options_;
  receiver* receiver_ = nullptr;
  std::vector<char> buffer_;
  std::optional<timer> tick_;
  std::vector<std::shared_ptr<asio_listener<Executor>>> listeners_;
  connection* first_ = nullptr;
  std::uint16_t port_ = 0;
  std::mutex mutex_;      // for post: guards stopped_ and executor_ against stop
  bool stopped_ = false;  // written on the loop only
};

}  // namespace hotline::detail
