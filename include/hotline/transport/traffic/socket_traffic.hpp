// Sockets become bytes, bytes go to sockets. No WebSocket here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/observers.hpp>
#include <hotline/subscription.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/traffic/arrival_queue.hpp>
#include <hotline/transport/traffic/plain_layer.hpp>
#include <hotline/transport/traffic/proxy_header.hpp>
#include <hotline/transport/traffic/socket_connection.hpp>
#include <hotline/transport/traffic/socket_roll.hpp>

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

/// The connections of one transport, and everything that is done with them, but for how one waits. `Traffic` derives from
/// it, waits, and calls the functions `take_…` and `send_on` when a wait is over. Its own part, on the loop but for
/// `is_stopped`, which is for any of its calls:
///
/// | expression                  | meaning |
/// |-----------------------------|---------|
/// | `t.is_stopped()`            | nothing is called from here on |
/// | `t.wait_header(c)`          | `take_header` follows when there is something to read |
/// | `t.wait_input(c)`           | `take_input` follows when there is something to read |
/// | `t.take_input_later(c)`     | `take_input` follows in a turn of its own |
/// | `t.wait_error(c)`           | `take_error` follows after the peer's reset, if no read comes first |
/// | `t.wait_output(c)`          | `send_on` follows when the socket has room |
/// | `t.open_later(c)`           | `open` follows; throws without memory for it |
/// | `t.report_later(c, why)`    | `report` follows; false without memory for it |
/// | `t.was_read(c, drained)`    | a read is over; `drained`: it left nothing in the socket |
/// | `t.close(c)`                | closes the descriptor |
/// | `t.hold(c)`                 | takes over what the list had: an object after whose end `c` is gone, unless a wait keeps it |
/// | `Traffic::ended_early()`    | the reason for an end of the peer's that is not in good order |
/// | `t.note_turn()`             | the loop has a turn |
template <class Traffic, class Connection, class Layer>
class socket_traffic {
 public:
  using connection = Connection;
  using receiver = transport_receiver<Connection>;

  socket_traffic(const socket_traffic&) = delete;
  socket_traffic& operator=(const socket_traffic&) = delete;

  /// Null before `start`.
  [[nodiscard]] receiver* started_for() const noexcept { return receiver_; }
  void start(receiver& r) noexcept { receiver_ = &r; }

  /// Ends connections whose header or handshake is late. The receiver may do anything in the call for one. Without `judges`
  /// no time counts.
  void tick(bool judges) {
    tell_untold();
    if (!judges) return;
    // By number: a hook may adopt a listener, which has a door too.
    for (std::size_t which = 0; !derived().is_stopped() && which < roll_.doors().size(); ++which)
      end_late(roll_.doors()[which].headers);
    end_late(roll_.handshakes());
  }

  /// Drops those that the receiver does not know. Without `stop`, adopted sockets stay, for which nothing is awaited.
  void stop_accepting() noexcept {
    drop_unready();
    if constexpr (Layer::shakes_hands) {
      for (std::size_t left = roll_.size(); left > 0; --left) {
        connection& c = *roll_.pop();
        c.opened_ ? roll_.add(c) : drop(c);
      }
    }
  }

  std::size_t write(connection& c, std::span<const std::string_view> spans) {
    if (derived().is_stopped() || c.closing_ || c.ended_) return 0;  // stopped: `c` is gone
    if (c.awaits_output_) {
      c.owes_writable_ = true;
      return 0;
    }
    const layer_output out = c.layer_.send(layers_, c.descriptor(), spans);
    c.owes_writable_ = !out.all;
    if (out.failed) end(c, out.failed);
    if (out.busy) await_output(c);
    return out.taken;
  }

  void pause_reading(connection& c) noexcept {
    if (!derived().is_stopped()) c.paused_ = true;
  }

  void resume_reading(connection& c) {
    if (derived().is_stopped()) return;
    c.paused_ = c.error_told_ = false;
    await_input(c);
  }

  void shutdown(connection& c) {
    if (derived().is_stopped() || c.closing_ || c.ended_) return;
    c.ended_ = true;
    c.early_.reset();
    const layer_output out = c.layer_.end(layers_, c.descriptor());
    const std::error_code failed = out.failed || out.busy ? out.failed : send_fin(c);
    if (failed) return end(c, failed);
    if (out.busy) await_output(c);
    await_input(c);
  }

  void abort(connection& c) {
    if (derived().is_stopped() || c.closing_) return;
    native_socket::reset_on_close(c.descriptor());
    end(c, native_socket::aborted_here());
  }

  /// The state that connections share. It belongs to the loop, but for what says that it is for other threads.
  [[nodiscard]] typename Layer::shared& layers() noexcept { return layers_; }

  /// Adds a hook for each socket that ends before it is a connection. From any thread.
  [[nodiscard]] subscription on_refused(std::function<void(std::string_view, std::error_code)> f) {
    return refusals_.add(std::move(f));
  }

  /// Adds a door for a listener that comes later, and returns its number.
  std::size_t add_door(const listen_options& options) {
    roll_.doors().emplace_back(options);
    return roll_.doors().size() - 1;
  }

 protected:
  socket_traffic(const std::vector<listen_options>& options, typename Layer::shared common)
      : layers_(std::move(common)), roll_(options, layers_) {}
  ~socket_traffic() = default;

  [[nodiscard]] static bool is_closing(const connection& c) noexcept { return c.closing_; }
  [[nodiscard]] static bool awaits_input(const connection& c) noexcept { return c.awaits_input_; }
  [[nodiscard]] static bool awaits_output(const connection& c) noexcept { return c.awaits_output_; }
  [[nodiscard]] static bool awaits_error(const connection& c) noexcept { return c.awaits_error_; }

  /// No callback follows.
  void drop_all() noexcept {
    drop_unready();
    while (connection* const c = roll_.pop()) drop(*c);
    refusals_.clear();
  }

  // -------------------------------------------------------------------------------------------- a new connection

  /// Whether a socket of the listener `which` owes something before it is one: then `arrive` is given an `arrival`. First, for
  /// who has no memory for it is no connection yet.
  [[nodiscard]] std::unique_ptr<arrival<connection>> debt_at(std::size_t which) {
    const bool owes = roll_.doors()[which].is_proxied || Layer::shakes_hands;
    return owes ? std::make_unique<arrival<connection>>() : nullptr;
  }

  /// A new connection whose socket the listener `which` has accepted.
  void arrive(connection& c, std::unique_ptr<arrival<connection>> debt, std::size_t which, bool is_loopback) {
    door<connection>& by = roll_.doors()[which];
    roll_.add(c);
    c.arrival_ = std::move(debt);
    c.through_loopback_ = is_loopback && !by.is_proxied;
    protect(c, [&] { by.is_proxied ? expect_header(c, by.headers) : open(c); });
  }

  /// A new connection whose socket the host has accepted: its `on_open` comes later.
  std::error_code adopt(connection& c, std::string_view already_read) {
    roll_.add(c);
    try {
      if (!already_read.empty()) c.early_.put_back(already_read);
      if constexpr (Layer::shakes_hands) c.arrival_ = std::make_unique<arrival<connection>>();
      derived().open_later(c);
    } catch (const std::bad_alloc&) {
      roll_.strike(c);
      drop(c);
      return std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
  }

  // ------------------------------------------------------------------------------------------ a wait that is over

  void take_header(connection& c, std::error_code failed = {}) {
    if (c.closing_) return;
    if (failed) return finish(c, failed);
    const std::span<char> room = layers_.reading_room();
    const std::span<char> part = room.first(std::min(room.size(), proxy_header_reader::longest));
    const received_bytes read = native_socket::receive(c.descriptor(), part);
    if (read.failed) return finish(c, read.failed);
    if (read.ended) return finish(c, Traffic::ended_early());
    derived().was_read(c, read.drained);
    if (read.count == 0) return derived().wait_header(c);
    const std::string_view bytes(part.data(), read.count);
    const proxy_header_reader::step got = c.arrival_->header->consume(bytes);
    if (got.state == proxy_header_reader::state::need_more) return derived().wait_header(c);
    if (got.state == proxy_header_reader::state::refused)
      return finish(c, std::make_error_code(std::errc::protocol_error));
    if (got.consumed < bytes.size()) c.early_.put_back(bytes.substr(got.consumed));
    if (const auto& named = c.arrival_->header->named()) c.peer_ = *named;
    roll_.leave_queue(c);
    c.arrival_->header.reset();
    open(c);
  }

  /// One read a turn, however much there is: the others wait for theirs.
  void take_input(connection& c, std::error_code failed = {}) {
    c.awaits_input_ = false;
    if (c.closing_) return;
    if (failed) return finish(c, failed);
    if (!c.paused_ || c.ended_) {
      const layer_input in = c.layer_.receive(layers_, c.descriptor(), c.early_);
      if (in.failed) return finish(c, in.failed);
      if (in.ended) return finish(c, end_of_input(c));
      derived().was_read(c, in.drained);
      if (in.busy) await_output(c);
      if (!in.rest.empty()) c.early_.put_back(in.rest);
      if (!c.opened_ && c.layer_.is_established()) return derived().introduce(c);
      if (!in.bytes.empty() && !c.ended_) receiver_->on_data(c, in.bytes);
    }
    await_input(c);
  }

  void take_error(connection& c) {
    c.awaits_error_ = false;
    if (c.closing_) return;
    if (const std::error_code pending = native_socket::pending_error(c.descriptor())) return finish(c, pending);
    c.error_told_ = c.paused_;  // a hang-up: asked again, the wait would end at once, for ever
  }

  void send_on(connection& c, std::error_code failed = {}) {
    c.awaits_output_ = false;
    if (c.closing_) return;
    if (failed) return finish(c, failed);
    const layer_output out = c.layer_.flush(layers_, c.descriptor());
    if (out.failed) return finish(c, out.failed);
    if (out.busy) return await_output(c);
    if (c.ended_) {
      if ((failed = send_fin(c))) finish(c, failed);
    } else if (c.owes_writable_) {
      c.owes_writable_ = false;
      receiver_->on_writable(c);
    }
  }

  void open(connection& c) {
    if (c.closing_) return;
    if (const std::error_code failed = c.layer_.begin(layers_)) return finish(c, failed);
    if constexpr (!Layer::shakes_hands) return derived().introduce(c);
    enter(roll_.handshakes(), c);
    await_input(c);
  }

  /// From a wait's end: what runs out of memory there is the end of the connection, and not of the host's loop.
  template <class Function>
  void protect(connection& c, const Function& f) {
    derived().note_turn();
    try {
      f();
    } catch (...) {
      if (!derived().is_stopped() && !c.closing_) finish(c, std::make_error_code(std::errc::not_enough_memory));
    }
  }

  void report(connection& c, std::error_code why) {
    if (derived().is_stopped()) return;
    roll_.strike(c);
    const auto held = derived().hold(c);
    if (c.opened_) return receiver_->on_closed(c, why);
    if constexpr (Layer::shakes_hands)
      if (c.layer_.is_shaking_hands()) layers_.refused(why);
    const std::string address = c.address_or_nothing();
    refusals_.call([](const std::exception_ptr&) { /* no one is left to notify */ }, address, why);
    if (!derived().is_stopped()) receiver_->on_refused(address, why);
  }

 private:
  friend dialing_traffic<Traffic, Connection, Layer>;
  [[nodiscard]] Traffic& derived() noexcept { return static_cast<Traffic&>(*this); }
  // ------------------------------------------------------------------------ PROXY headers and TLS handshakes

  /// The connection owes the queue's header or handshake from here on. Another one may have to go for it, or itself.
  void enter(arrival_queue<connection>& queue, connection& c) {
    if (connection* const surplus = queue.add(c)) finish(*surplus, std::make_error_code(std::errc::connection_refused));
  }

  void end_late(arrival_queue<connection>& queue) {
    queue.tick();
    for (connection* c = nullptr; !derived().is_stopped() && (c = queue.late()) != nullptr;)
      finish(*c, std::make_error_code(std::errc::timed_out));
  }

  void expect_header(connection& c, arrival_queue<connection>& queue) {
    c.arrival_->header.emplace();
    enter(queue, c);
    if (!c.closing_) derived().wait_header(c);
  }

  // ------------------------------------------------------------------------------------- opening and ending

  void introduce(connection& c) {
    roll_.leave_queue(c);
    c.arrival_.reset();
    c.opened_ = true;
    receiver_->on_open(c);
    await_input(c);
  }

  /// The peer's FIN is the end for us too: a peer that sends no more will not answer a close frame either. The end is orderly
  /// unless the peer has left something unread.
  [[nodiscard]] static std::error_code end_of_input(const connection& c) noexcept {
    return c.ended_ || !c.awaits_output_ ? std::error_code{} : Traffic::ended_early();
  }

  std::error_code send_fin(connection& c) noexcept {
    if (c.fin_sent_) return {};
    c.fin_sent_ = true;
    return native_socket::send_fin(c.descriptor());
  }

  /// The receiver learns no more of it than its end.
  void close(connection& c) noexcept {
    c.closing_ = true;
    derived().close(c);
  }

  /// From one of our functions: the receiver is notified later.
  void end(connection& c, std::error_code why) {
    close(c);
    if (!derived().report_later(c, why)) untold_ = c.untold_ = true;
  }

  void tell_untold() {
    if (!std::exchange(untold_, false)) return;
    for (connection* c = nullptr; !derived().is_stopped() && (c = roll_.find_untold()) != nullptr;) {
      c->untold_ = false;
      derived().report(*c, std::make_error_code(std::errc::not_enough_memory));
    }
  }

  /// From a wait's end: the receiver is notified now.
  void finish(connection& c, std::error_code why) {
    close(c);
    derived().report(c, why);
  }

  /// `c` is in no list any more, and its end is nobody's news.
  void drop(connection& c) noexcept {
    const auto held = derived().hold(c);
    close(c);
  }

  void drop_unready() noexcept {
    while (connection* const c = roll_.pop_unready(layers_)) drop(*c);
  }

  // ------------------------------------------------------------------------------------------------- waiting

  /// Waits for the next input of the connection: bytes, or, when it is paused, the peer's reset.
  void await_input(connection& c) {
    if (c.closing_ || c.awaits_input_) return;
    if (c.paused_ && !c.ended_) return await_error(c);
    if (c.early_ || c.layer_.has_input())
      derived().take_input_later(c);
    else
      derived().wait_input(c);
    c.awaits_input_ = true;
  }

  /// The kernel tells of a reset even when nobody reads; of a FIN it does not, that waits until reading goes on.
  void await_error(connection& c) {
    if (c.error_told_ || c.awaits_error_) return;
    derived().wait_error(c);
    c.awaits_error_ = true;
  }

  void await_output(connection& c) {
    if (c.closing_ || c.awaits_output_) return;
    derived().wait_output(c);
    c.awaits_output_ = true;
  }

  typename Layer::shared layers_;
  observers<std::string_view, std::error_code> refusals_;
  receiver* receiver_ = nullptr;
  socket_roll<connection, Layer> roll_;
  bool untold_ = false;  // the receiver is still to be notified of an end
};

}  // namespace hotline::detail
#endif
