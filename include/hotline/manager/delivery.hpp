#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 6/6: what a manager's clients are owed, sent once when a turn of the loop ends.

#include <hotline/concepts.hpp>
#include <hotline/keyed_hash.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/manager/client.hpp>
#include <hotline/manager/client_book.hpp>
#include <hotline/manager/mailbox.hpp>
#include <hotline/manager/pacing.hpp>
#include <hotline/manager/room_list.hpp>
#include <hotline/manager/turn_list.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// The clients of a manager and their rooms: who is told what, and whose socket takes it. Calls nothing of the host's.
template <transport Transport, heartbeat_policy Heartbeat>
class delivery final : public room_output {
 public:
  using connection_type = typename Transport::connection_type;
  using room_type = typename room_list<Transport>::room_type;
  using mailbox_type = mailbox<Transport, room_type>;
  using client_type = client<delivery>;
  using turns_type = turn_list<client_type>;
  using turn = typename turns_type::turn;

  /// `go_on` is called, in a turn of its own, for a client that was not read from and may be again.
  delivery(Transport& carrier, std::shared_ptr<memory_event_log> log, const manager_options& options,
           const Heartbeat& heartbeat, std::shared_ptr<mailbox_type> mail, live_metrics& counted, pauses& gaps,
           std::function<void(client_type&)> go_on)
      : key(hash_key::draw(carrier.env())),
        rooms(std::move(log), *this, options.catch_up_bytes, mail, counted, key),
        paces([mail](std::function<void()> f) { mail->post(std::move(f)); }, counted, key, &gaps),
        carrier_(carrier),
        options_(options),
        heartbeat_(heartbeat),
        mail_(std::move(mail)),
        counted_(counted),
        go_on_(std::move(go_on)) {}

  [[nodiscard]] const manager_options& options() const noexcept { return options_; }
  [[nodiscard]] const Heartbeat& heartbeat() const noexcept { return heartbeat_; }
  [[nodiscard]] environment& env() { return carrier_.env(); }
  /// What clients speak, as far as the transport knows: see `transport`.
  [[nodiscard]] std::string_view scheme() const noexcept {
    if constexpr (requires { carrier_.scheme(); }) return carrier_.scheme();
    return {};
  }
  [[nodiscard]] steady_time now() { return carrier_.env().now(); }
  [[nodiscard]] wall_time wall() { return carrier_.env().wall_now(); }
  [[nodiscard]] live_metrics& counted() noexcept { return counted_; }

  /// Queues a message; a client that does not read what it is told is closed.
  void send(client_type& c, std::string_view text) {
    if (c.connection == nullptr) {
      if (c.overflowed) return;
      // An answer that finds no memory is not kept: its command has run, and gets it, or is told so, when it is repeated.
      c.overflowed = !c.queue(text);
      if (c.overflowed) counted_.limits[limit::control_lane_bytes].add();
      return;
    }
    if (!c.is_open()) return;
    const turn scope(turns);
    if (!c.queue(text)) {
      settle(c);  // the socket may take what the turn has brought so far
      if (!c.is_open()) return;
      if (!c.queue(text)) {
        counted_.limits[limit::control_lane_bytes].add();
        return close(c, close_code::too_slow, "answers are not read");
      }
    }
    turns.touch(c);
  }

  void subscribe(client_type& c, const filter& wanted) {
    if (c.room == nullptr) return;
    const turn scope(turns);
    // With another filter it can pass by what it was waited for to read.
    if (!paces.empty()) paces.lose(c.room->project, c, now());
    c.room->listeners.set_filter(c, wanted);
    // The room's copy: clients with the same filter share it.
    clients.change([&] { c.wanted = c.room->listeners.filter_of(c); });
    c.subscribed = true;
    turns.touch(c);
  }

  void renew(client_type& c, std::optional<wall_time> until) {
    clients.change([&] { c.expires_at = deadline_of(until, wall(), now()); });
  }

  /// So that a client who hears little can come back from where it stands, and not from the last that it heard.
  void tell_position(client_type& c) {
    if (c.room == nullptr) return;
    const auto seq = c.room->listeners.untold(c);
    if (!seq || !c.queue(position_text(*seq, wall()))) return;
    c.told_at = *seq;
    turns.touch(c);
  }

  void close(client_type& c, close_code code, std::string_view reason,
             std::optional<std::chrono::milliseconds> retry_after = {}) {
    if (!c.is_open()) return;
    const turn scope(turns);
    c.ended_with = code;
    try {
      c.ended_because = reason;
      leave(c);
      c.close(code, reason, disconnected_text(code, reason, c.may_come_back(), retry_after, wall()), now());
    } catch (...) {
      give_up(c);  // without being told why
    }
    turns.touch(c);
  }

  /// Its socket ends at once.
  void abort(client_type& c) { carrier_.abort(*c.connection); }

  /// Its admission has ended. With a new one it may come back, and to its session.
  void expire(client_type& c) {
    if (!c.is_open()) return;
    c.expired = true;
    close(c, close_code::unauthorized, "the authentication has expired");
  }

  [[nodiscard]] bool closes_laggards() const noexcept { return options_.laggards != laggard_policy::gap; }

  /// At a tick, where laggards are closed. The room notices one when its socket takes more, which the socket of a client
  /// that reads nothing at all never does.
  void notice_lag(client_type& c) {
    if (!c.blocked || !c.is_open() || c.room == nullptr || c.agreed_to_gap) return;
    if (!c.room->listeners.is_overtaken(c)) return;
    c.left_behind = true;
    turns.touch(c);
  }

  /// The client hears no more events.
  void leave(client_type& c) noexcept {
    if (c.room == nullptr || paces.empty()) return rooms.leave(c);
    paces.lose(c.room->project, c, now());
    std::string project;
    try {
      project = c.room->project;
    } catch (...) {
      return rooms.leave(c);  // no memory: whoever paces this project learns it at the next tick
    }
    rooms.leave(c);
    if (room_type* const room = rooms.find(project))
      paces.measure_relief(*room, now());
    else
      paces.measure_nobody(project);
  }

  /// The log has grown.
  void flush(room_type& room) {
    room.flush();
    if (!paces.empty()) paces.measure(room, now());
  }

  /// Patience ends.
  void measure_paces() {
    for (const auto& [project, watched] : paces) {
      if (room_type* const room = rooms.find(project))
        paces.measure(*room, now());
      else
        paces.measure_nobody(project);
    }
  }

  /// From here on, who has got everything is closed.
  void drain() {
    draining_ = true;
    rooms.flush();
    touch_all();
  }

  /// Everybody who has a connection is looked after when the turn ends.
  void touch_all() noexcept {
    for (auto& [number, c] : clients)
      if (c->connection != nullptr) turns.touch(*c);
  }

  /// Sends what the client is owed, as far as its socket takes it.
  void settle(client_type& c) {
    if (c.given_up) return end_at_once(c);
    if (c.left_behind) close(c, close_code::too_slow, "the log went by");
    if (c.room != nullptr) {
      c.room->listeners.resume(c);
      if (c.room->listeners.has_busy()) c.room->wake();
      if (!paces.empty()) paces.measure_relief(*c.room, now());
      if (draining_ && c.is_open() && c.lane.empty() && c.position() >= c.room->listeners.flushed())
        return close(c, close_code::going_away, "the server is shutting down", some_time());
    } else if (!c.blocked && !c.lane.empty()) {
      const std::size_t owed = c.lane.size();
      (void)send_lane(c, *this);
      if (c.lane.size() < owed) c.was_read(now());
    }
    if (c.lane.empty() && c.may_end()) {
      c.finish();
      return carrier_.shutdown(*c.connection);
    }
    // Who does not read answers may not ask for more of them.
    if (c.lane_is_full() == c.paused) return;
    c.paused = !c.paused;
    if (c.paused) return carrier_.pause_reading(*c.connection);
    if (!c.has_unread()) return carrier_.resume_reading(*c.connection);
    c.paused = true;
    mail_->post([this, number = c.number()] {
      if (client_type* const waiting = clients.find_connected(number)) go_on(*waiting);
    });
  }

  // ------------------------------------------------------------------------------------------------ room_output

  std::size_t write(session& s, std::span<const std::string_view> bytes) noexcept override {
    try {
      const std::size_t taken = carrier_.write(*static_cast<client_type&>(s).connection, bytes);
      counted_.writes.add();
      counted_.sent_bytes.add(taken);
      return taken;
    } catch (...) {
      give_up(s);
      return 0;
    }
  }

  /// There is no memory for what it is owed, or for what it asks: it is ended, with 1011, when the turn ends. Its session
  /// goes on like one whose socket was lost.
  void give_up(session& s) noexcept override {
    client_type& c = static_cast<client_type&>(s);
    if (c.connection == nullptr || c.given_up) return;
    counted_.out_of_memory.add();
    c.given_up = true;
    if (c.ended_with == close_code::abnormal) {
      c.ended_with = close_code::internal_error;
      c.ended_because = "out of memory";  // so short that it needs none
    }
    turns.touch(c);
  }

  bool allows_gap(session& s) override {
    client_type& c = static_cast<client_type&>(s);
    if (!closes_laggards() || std::exchange(c.agreed_to_gap, false)) return true;
    // Closed when the turn ends, for the room is in the middle of something.
    c.left_behind = true;
    turns.touch(c);
    return false;
  }

  std::string gap_message(sequence from, sequence to) override {
    std::string text = gap_text(from, to, "evicted", wall());
    counted_.gaps.add();
    counted_.missed_events.add(to - from + 1);
    return text;
  }

  message_compression* compression() noexcept override { return compression_.get(); }
  void compress_with(std::unique_ptr<message_compression> compression) { compression_ = std::move(compression); }

  const hash_key key;  ///< of the tables that strangers fill
  client_book<client_type> clients;
  room_list<Transport> rooms;
  pacing<room_type> paces;
  turns_type turns{[this](client_type& c) noexcept {
    try {
      settle(c);
    } catch (...) {
      give_up(c);
    }
  }};

 private:
  // Not the same for all: a restart should not bring everybody back at once.
  [[nodiscard]] std::chrono::milliseconds some_time() {
    const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(options_.restart_spread.count(), 0));
    return std::chrono::milliseconds(carrier_.env().random() % (most + 1));
  }

  void end_at_once(client_type& c) {
    leave(c);
    c.lane.clear();
    c.finish();
    carrier_.abort(*c.connection);
  }

  // What was read and set aside goes first. It may fill the lane again.
  void go_on(client_type& c) {
    if (!c.paused || c.lane_is_full()) return;
    const turn scope(turns);
    c.paused = false;
    go_on_(c);
    if (!c.paused) carrier_.resume_reading(*c.connection);
  }

  Transport& carrier_;
  const manager_options& options_;
  const Heartbeat& heartbeat_;
  const std::shared_ptr<mailbox_type> mail_;
  live_metrics& counted_;
  const std::function<void(client_type&)> go_on_;
  std::unique_ptr<message_compression> compression_;
  bool draining_ = false;
};

}  // namespace hotline::detail
#endif
