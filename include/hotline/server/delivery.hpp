#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Output to connections and sessions, sent once when a turn of the loop ends.

#include <hotline/command/command_output.hpp>
#include <hotline/concepts.hpp>
#include <hotline/connection/any_heartbeat.hpp>
#include <hotline/connection/connection.hpp>
#include <hotline/connection/pauses.hpp>
#include <hotline/keyed_hash.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/room/room_output.hpp>
#include <hotline/server/carrier.hpp>
#include <hotline/server/connections.hpp>
#include <hotline/server/hooks.hpp>
#include <hotline/server/mailbox.hpp>
#include <hotline/server/pacing.hpp>
#include <hotline/server/room_list.hpp>
#include <hotline/server/turn_list.hpp>
#include <hotline/session/admission.hpp>
#include <hotline/session/session_table.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::detail {

/// Looks at what was read from a connection and set aside.
class reader {
 public:
  virtual void read_on(connection& c) noexcept = 0;

 protected:
  ~reader() = default;
};

/// A hub's output: rooms, outboxes and sockets. Calls nothing of the host's but its error hook. For one loop; the
/// arguments of the constructor must outlive it.
///
///     const turn_list::turn scope(outbound.turns());
///     outbound.answer(s, text);                                     // queued; sent when the turn ends
///     outbound.close(c, close_code::going_away, "see you later");   // comes after the answer
class delivery final : public room_output, public command_output, public settler {
 public:
  delivery(carrier& out, std::shared_ptr<memory_event_log> log, const manager_options& options,
           const any_heartbeat& heartbeat, std::shared_ptr<mailbox> mail, live_metrics& counted, hooks& calls,
           connections& all, session_table& sessions, pauses& gaps, const hash_key& key, reader& input)
      : rooms_(std::move(log), *this, options.catch_up_bytes, mail, counted, key),
        paces_(mail, counted, key, &gaps),
        carrier_(out),
        options_(options),
        heartbeat_(heartbeat),
        mail_(std::move(mail)),
        counted_(counted),
        calls_(calls),
        connections_(all),
        sessions_(sessions),
        input_(input) {}

  [[nodiscard]] room_list& rooms() noexcept { return rooms_; }
  [[nodiscard]] turn_list& turns() noexcept { return turns_; }
  [[nodiscard]] pacing& paces() noexcept { return paces_; }
  [[nodiscard]] steady_time now() { return carrier_.env().now(); }
  [[nodiscard]] wall_time wall() { return carrier_.env().wall_now(); }

  /// Queues a message. A session that does not read its messages is closed; one that is detached keeps them within a
  /// bound.
  void send(session& s, std::string_view text) {
    if (s.connection() != nullptr) return send(*s.connection(), text);
    if (s.has_overflowed()) return;
    // Without memory this throws and the answer is not kept. Its command has run: a client that repeats it receives the
    // answer, or `answer_forgotten`.
    if (s.keep_answer(text, options_.session.control_lane_bytes)) return;
    s.overflow();
    counted_.limits[limit::control_lane_bytes].add();
  }

  /// Queues a message for every connection of the project whose session is that principal's. Returns for how many: not
  /// those that were closed, because they do not read their messages.
  [[nodiscard]] std::size_t send_to_principal(std::string_view project, std::string_view principal,
                                              std::string_view text) {
    project_room* const room = rooms_.find(project);
    if (room == nullptr) return 0;
    std::vector<session*> theirs;  // a connection that is closed leaves the room, which may end then; no session does
    room->subscribers().for_each([&](subscriber& s) {
      session* const of = static_cast<connection&>(s).of();
      if (of != nullptr && of->principal() == principal) theirs.push_back(of);
    });
    const turn_list::turn scope(turns_);
    std::size_t sent = 0;
    for (session* const s : theirs) {
      send(*s, text);
      if (s->is_open()) ++sent;
    }
    return sent;
  }

  /// Sends a client that receives few events its position, so that it can come back from there, and not from the last
  /// event that it received.
  void tell_position(connection& c) {
    if (c.room == nullptr) return;
    const auto seq = c.room->subscribers().untold(c);
    if (!seq || !c.queue(position_text(*seq, wall()))) return;
    c.told_at = *seq;
    turns_.touch(c);
  }

  /// Starts the close handshake, with a `disconnected` message.
  void close(connection& c, close_code code, std::string_view reason,
             std::optional<std::chrono::milliseconds> retry_after = {}) {
    close(c, ending{code, may_reconnect(code)}, reason, retry_after);
  }

  /// The session's admission has ended. With a new one its client may come back to it.
  void expire(connection& c) { close(c, ending{close_code::unauthorized, true}, "the authentication has expired"); }

  /// Ends its socket at once.
  void abort(connection& c) { carrier_.abort(*c.socket); }

  /// Returns whether a client that the log's old end has overtaken is closed, and not sent a gap.
  [[nodiscard]] bool closes_laggards() const noexcept { return options_.laggards != laggard_policy::gap; }

  /// At a tick, where laggards are closed. The room notices one when its socket takes more, which the socket of a
  /// client that reads nothing at all never does.
  void notice_lag(connection& c) {
    if (!c.blocked || !c.is_open() || c.room == nullptr || c.agreed_to_gap) return;
    if (c.room->subscribers().is_overtaken(c)) leave_behind(c);
  }

  /// The connection receives no more events.
  void leave(connection& c) noexcept {
    if (c.room == nullptr || paces_.empty()) return rooms_.leave(c);
    paces_.lose(c.room->project(), c, now());
    std::string project;
    try {
      project = c.room->project();
    } catch (...) {
      return rooms_.leave(c);  // no memory: the project's producer learns it at the next tick
    }
    rooms_.leave(c);
    if (project_room* const room = rooms_.find(project))
      paces_.measure_relief(*room, now());
    else
      paces_.measure_nobody(project);
  }

  /// Flushes a room whose log has grown.
  void flush(project_room& room) {
    room.flush();
    if (!paces_.empty()) paces_.measure(room, now());
  }

  /// Measures the pace of every project, at a tick: a producer's patience may be over.
  void measure_paces() {
    paces_.for_each([this](const std::string& project) {
      if (project_room* const room = rooms_.find(project))
        paces_.measure(*room, now());
      else
        paces_.measure_nobody(project);
    });
  }

  /// Closes each connection that has received everything, from here on.
  void drain() {
    draining_ = true;
    rooms_.flush();
    touch_all();
  }

  [[nodiscard]] bool is_draining() const noexcept { return draining_; }

  /// Has every connection settled when the turn ends.
  void touch_all() noexcept {
    for (connection& c : connections_) turns_.touch(c);
  }

  /// Sends what the connection is owed, as far as its socket takes it.
  void settle(connection& c) noexcept override {
    try {
      send_owed(c);
    } catch (...) {
      give_up(c);
    }
  }

  // ------------------------------------------------------------------------------------------------ room_output

  std::size_t write(subscriber& s, std::span<const std::string_view> bytes) noexcept override {
    try {
      const std::size_t taken = carrier_.write(*s.socket, bytes);
      counted_.writes.add();
      counted_.sent_bytes.add(taken);
      return taken;
    } catch (...) {
      give_up(s);
      return 0;
    }
  }

  /// There is no memory for what the connection is owed, or for what it asks: it is ended, with 1011, when the turn
  /// ends. Its session goes on like one whose socket was lost.
  void give_up(subscriber& s) noexcept override {
    connection& c = static_cast<connection&>(s);
    if (c.fate == doom::given_up) return;
    counted_.out_of_memory.add();
    c.fate = doom::given_up;
    session* const of = c.of();
    if (of != nullptr && of->ended().code == close_code::abnormal) of->end_without_memory();
    turns_.touch(c);
  }

  bool allows_gap(subscriber& s) override {
    connection& c = static_cast<connection&>(s);
    if (!closes_laggards() || std::exchange(c.agreed_to_gap, false)) return true;
    // Closed when the turn ends, for the room is in the middle of something.
    leave_behind(c);
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

  // --------------------------------------------------------------------------------------------- command_output

  session* find(std::uint64_t number) noexcept override { return sessions_.find(number); }
  connection_info info(const session& s) const override { return s.info(heartbeat_.timeout()); }
  void answer(session& s, std::string_view text) override { send(s, text); }
  void give_up(session& s) noexcept override {
    if (s.connection() != nullptr) give_up(*s.connection());
  }
  void renew(session& s, std::optional<wall_time> until) override {
    sessions_.change([&] { s.expire_at(deadline_of(until, wall(), now())); });
  }
  void subscribe(session& s, const filter& wanted) override {
    connection* const c = s.connection();
    if (c == nullptr || c->room == nullptr) return;
    const turn_list::turn scope(turns_);
    // With another filter it can pass by the events that a producer waited for it to read.
    if (!paces_.empty()) paces_.lose(c->room->project(), *c, now());
    room& in = c->room->subscribers();
    in.set_filter(*c, wanted);
    // The room's copy: sessions with the same filter share it.
    sessions_.change([&] { s.want(in.filter_of(*c)); });
    s.note_subscribed();
    turns_.touch(*c);
  }
  sequence position(const session& s) const noexcept override {
    const connection* const c = s.connection();
    return c == nullptr || c->room == nullptr ? 0 : c->room->subscribers().position(*c);
  }
  sequence log_end(const session& s) const noexcept override {
    const connection* const c = s.connection();
    return c == nullptr || c->room == nullptr ? 0 : c->room->subscribers().stream().end();
  }
  void report(std::string_view where, const std::exception_ptr& thrown) noexcept override {
    calls_.report(where, thrown);
  }

 private:
  void send(connection& c, std::string_view text) {
    if (!c.is_open()) return;
    const turn_list::turn scope(turns_);
    if (!c.queue(text)) {
      settle(c);  // the socket may take what the turn has brought so far
      if (!c.is_open()) return;
      if (!c.queue(text)) {
        counted_.limits[limit::control_lane_bytes].add();
        return close(c, close_code::too_slow, "answers are not read");
      }
    }
    turns_.touch(c);
  }

  void close(connection& c, ending how, std::string_view reason,
             std::optional<std::chrono::milliseconds> retry_after = {}) {
    if (!c.is_open()) return;
    const turn_list::turn scope(turns_);
    session* const s = c.of();
    if (s != nullptr) s->end_connection(how.code, how.may_resume);
    try {
      if (s != nullptr) s->explain_end(std::string(reason));
      leave(c);
      c.close(how.code, reason, disconnected_text(how.code, reason, how.may_resume, retry_after, wall()), now());
    } catch (...) {
      give_up(c);  // without a reason for the client
    }
    turns_.touch(c);
  }

  void leave_behind(connection& c) noexcept {
    if (c.fate == doom::none) c.fate = doom::left_behind;
    turns_.touch(c);
  }

  void send_owed(connection& c) {
    if (c.fate == doom::given_up) return end_at_once(c);
    if (c.fate == doom::left_behind) close(c, close_code::too_slow, "the log went by");
    if (c.room != nullptr) {
      room& in = c.room->subscribers();
      in.resume(c);
      if (in.has_busy()) c.room->wake();
      if (!paces_.empty()) paces_.measure_relief(*c.room, now());
      if (draining_ && c.is_open() && c.out.empty() && in.position(c) >= in.flushed())
        return close(c, close_code::going_away, "the server is shutting down", some_time());
    } else if (!c.blocked && !c.out.empty()) {
      const std::size_t owed = c.out.size();
      (void)send_outbox(c, *this);
      if (c.out.size() < owed) c.was_read(now());
    }
    if (c.out.empty() && c.may_end()) {
      c.finish();
      return carrier_.shutdown(*c.socket);
    }
    // A client that does not read answers may not ask for more of them.
    if (c.outbox_is_full() != c.is_paused()) change_reading(c);
  }

  void change_reading(connection& c) {
    c.pause(!c.is_paused());
    if (c.is_paused()) return carrier_.pause_reading(*c.socket);
    if (!c.has_unread() || c.of() == nullptr) return carrier_.resume_reading(*c.socket);
    // In a turn of its own, for what was set aside may fill the outbox again.
    c.pause(true);
    mail_->post([this, number = c.of()->number()] {
      session* const s = sessions_.find(number);
      if (s != nullptr && s->connection() != nullptr) read_on(*s->connection());
    });
  }

  void read_on(connection& c) noexcept {
    if (!c.is_paused() || c.outbox_is_full()) return;
    const turn_list::turn scope(turns_);
    c.pause(false);
    input_.read_on(c);
    try {
      if (!c.is_paused()) carrier_.resume_reading(*c.socket);
    } catch (...) {
      give_up(c);
    }
  }

  // Not the same for all: a restart should not bring everybody back at once.
  [[nodiscard]] std::chrono::milliseconds some_time() {
    const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(options_.restart_spread.count(), 0));
    return std::chrono::milliseconds(carrier_.env().random() % (most + 1));
  }

  void end_at_once(connection& c) {
    leave(c);
    c.out.clear();
    c.finish();
    carrier_.abort(*c.socket);
  }

  room_list rooms_;
  pacing paces_;
  turn_list turns_{*this};
  carrier& carrier_;
  const manager_options& options_;
  const any_heartbeat& heartbeat_;
  const std::shared_ptr<mailbox> mail_;
  live_metrics& counted_;
  hooks& calls_;
  connections& connections_;
  session_table& sessions_;
  reader& input_;
  std::unique_ptr<message_compression> compression_;
  bool draining_ = false;
};

}  // namespace hotline::detail
#endif
