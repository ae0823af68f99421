#pragma once
// The driver: joins transport, sessions, commands and rooms. Decisions are theirs; the order of things is kept here.

#include <hotline/command/command_desk.hpp>
#include <hotline/concepts.hpp>
#include <hotline/manager/client.hpp>
#include <hotline/manager/client_book.hpp>
#include <hotline/manager/hooks.hpp>
#include <hotline/manager/mailbox.hpp>
#include <hotline/manager/parked_sessions.hpp>
#include <hotline/manager/room_list.hpp>
#include <hotline/manager/route.hpp>
#include <hotline/manager/turn_list.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/decoder_pool.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::detail {

template <transport Transport, heartbeat_policy Heartbeat, event_log Log>
class manager_core final : public transport_receiver<typename Transport::connection_type>, public room_output {
 public:
  using connection_type = typename Transport::connection_type;
  using room_type = typename room_list<Transport, Log>::room_type;
  using client_type = client<manager_core>;

  manager_core(Transport transport, std::shared_ptr<Log> log, manager_options options, Heartbeat heartbeat)
      : transport_(std::move(transport)),
        log_(std::move(log)),
        options_(std::move(options)),
        heartbeat_(std::move(heartbeat)),
        mailbox_(std::make_shared<mailbox<Transport, room_type>>(transport_, [this] { on_mail(); })),
        desk(options_, mailbox_),
        decoders_(options_.session),
        rooms_(log_, *this, options_.catch_up_bytes, mailbox_),
        parked_(options_.resume.window, options_.resume.sessions) {
    desk.on_error = [this](std::string_view where, std::exception_ptr thrown) {
      calls.report(where, std::move(thrown));
    };
  }

  manager_core(const manager_core&) = delete;
  manager_core& operator=(const manager_core&) = delete;

  ~manager_core() {
    mailbox_->close();
    transport_.stop();
    for (auto& [number, c] : clients_) part(*c);
    for (auto& waiting : parked_) part(*waiting.session);
  }

  [[nodiscard]] Transport& carrier() noexcept { return transport_; }
  [[nodiscard]] Log& log() noexcept { return *log_; }
  [[nodiscard]] const manager_options& options() const noexcept { return options_; }
  [[nodiscard]] const Heartbeat& heartbeat() const noexcept { return heartbeat_; }
  [[nodiscard]] bool is_running() const noexcept { return state_ == state::running; }

  std::error_code start() {
    if (state_ != state::idle) return errc::already_running;
    if (const std::error_code failed = transport_.start(*this)) return failed;
    state_ = state::running;
    return {};
  }

  void post(std::function<void()> task) { mailbox_->post(std::move(task)); }

  /// Tells everybody, lets them read what was accepted, and ends; then calls `done`.
  void stop(std::function<void()> done) {
    if (done) when_stopped_.push_back(std::move(done));
    if (state_ == state::stopping) return;
    if (state_ != state::running) return finish_stop();
    const turn scope(turns_);
    state_ = state::stopping;
    drain_until_ = now() + options_.drain_timeout;
    transport_.stop_accepting();
    rooms_.flush();
    for (auto& waiting : parked_) part(*waiting.session);  // nobody can come back for the answers
    for (auto& [number, c] : clients_) {
      if (c->at() == session::phase::head) transport_.abort(*c->connection);
      turns_.touch(*c);
    }
    if (clients_.empty()) finish_stop_later();
  }

  // ------------------------------------------------------------------------------------------- for one client

  [[nodiscard]] client_type* find(std::string_view connection_id) const { return clients_.find(connection_id); }

  /// Queues a message; a client that does not read what it is told is closed.
  void send(client_type& c, std::string_view text) {
    if (c.connection == nullptr) {
      c.overflowed = c.overflowed || !c.queue(text);
      return;
    }
    if (!c.is_open()) return;
    const turn scope(turns_);
    if (!c.queue(text)) return close(c, close_code::too_slow, "answers are not read");
    turns_.touch(c);
  }

  void subscribe(client_type& c, const filter& wanted) {
    if (c.room == nullptr) return;
    const turn scope(turns_);
    clients_.change([&] { c.wanted = wanted; });
    c.subscribed = true;
    c.room->listeners.set_filter(c, wanted);
    turns_.touch(c);
  }

  void close(client_type& c, close_code code, std::string_view reason) {
    if (!c.is_open()) return;
    const turn scope(turns_);
    c.ended_with = code;
    c.ended_because = reason;
    rooms_.leave(c);
    c.close(code, reason, disconnected_text(code, reason, may_reconnect(code), {}, wall()), now());
    turns_.touch(c);
  }

  /// Any thread: calls `f` with every client that has upgraded and whose socket has not ended.
  template <class F>
  void read_clients(F f) const {
    clients_.read(std::move(f));
  }

  hooks calls;

 private:
  enum class state : std::uint8_t { idle, running, stopping, stopped };

  using turns = turn_list<client_type>;
  using turn = typename turns::turn;

  [[nodiscard]] steady_time now() { return transport_.env().now(); }
  [[nodiscard]] wall_time wall() { return transport_.env().wall_now(); }
  [[nodiscard]] static client_type& of(connection_type& connection) {
    return *static_cast<client_type*>(connection.context());
  }

  // ----------------------------------------------------------------------------------------- transport_receiver

  void on_open(connection_type& connection) override {
    const std::uint64_t salt = transport_.env().random();
    std::uint64_t number = transport_.env().random();
    while (clients_.contains(number)) ++number;
    auto arrived = std::make_unique<client_type>(*this, connection, number, now(), salt);
    connection.context() = arrived.get();
    clients_.add(std::move(arrived));
  }

  void on_data(connection_type& connection, std::span<char> bytes) override {
    client_type& c = of(connection);
    const turn scope(turns_);
    const steady_time at = now();
    for (;;) {
      const session::received got = c.receive(bytes, at, decoders_);
      switch (got.what) {
        case session::inbound::need_more: return turns_.touch(c);
        case session::inbound::request: answer_request(c, at); break;
        case session::inbound::refused: c.respond(serialize(plain_response(got.status)), at); break;
        case session::inbound::message:
          desk.receive(c, got.text, at, wall());
          // A burst of commands must not fill the lane of a client that reads.
          if (c.lane.size() > options_.session.control_lane_bytes / 2) settle(c);
          break;
        case session::inbound::failed: close(c, got.code, got.reason); break;
        case session::inbound::peer_closed:
          if (c.room != nullptr) {
            c.ended_with = got.code;
            c.ended_because = got.reason;
          }
          rooms_.leave(c);
          break;
      }
    }
  }

  void on_writable(connection_type& connection) override {
    client_type& c = of(connection);
    const turn scope(turns_);
    c.blocked = false;
    turns_.touch(c);
  }

  void on_closed(connection_type& connection, std::error_code reason) override {
    client_type& c = of(connection);
    const turn scope(turns_);
    const bool was_open = c.origin() != nullptr;
    if (was_open && c.is_open() && reason) c.ended_because = reason.message();
    rooms_.leave(c);
    c.finish();
    const bool may_resume =
        was_open && state_ == state::running && options_.resume.window.count() > 0 && may_reconnect(c.ended_with);
    if (!may_resume) part(c);
    if (was_open)
      calls.tell("on_disconnect", calls.on_disconnect, c.info(),
                 disconnection{c.ended_with, c.ended_because, may_resume});
    turns_.forget(c);
    std::unique_ptr<client_type> gone = clients_.take(c);
    if (may_resume) {
      gone->park(log_->open(gone->origin()->project));
      if (const auto crowded_out = parked_.park(std::move(gone), now())) expire(*crowded_out);
    }
    if (state_ == state::stopping && clients_.empty()) finish_stop_later();
  }

  void on_tick() override {
    const turn scope(turns_);
    log_->sweep();
    const steady_time at = now();
    for (auto& [number, c] : clients_) {
      switch (c->tick(at, heartbeat_)) {
        case session::due::nothing: break;
        case session::due::ping_queued: turns_.touch(*c); break;
        case session::due::head_timeout:
          c->respond(serialize(plain_response(408)), at);
          turns_.touch(*c);
          break;
        case session::due::heartbeat_lost: close(*c, close_code::heartbeat_timeout, "nothing was heard"); break;
        case session::due::close_timeout: transport_.abort(*c->connection); break;
      }
      if (c->has_commands()) desk.expire(*c, at, wall());
      if (state_ == state::stopping && at >= drain_until_) transport_.abort(*c->connection);
    }
    for (auto& waiting : parked_)
      if (waiting.session->has_commands()) desk.expire(*waiting.session, at, wall());
    while (const auto late = parked_.take_expired(at)) expire(*late);
  }

  // ------------------------------------------------------------------------------------------------ room_output

  std::size_t write(session& s, std::span<const std::string_view> bytes) override {
    return transport_.write(*static_cast<client_type&>(s).connection, bytes);
  }

  bool allows_gap(session& s) override {
    if (options_.laggards == laggard_policy::gap) return true;
    // Not from inside the room: it is in the middle of something.
    mailbox_->post([this, number = static_cast<client_type&>(s).number()] {
      if (client_type* const c = clients_.find(number)) close(*c, close_code::too_slow, "the log went by");
    });
    return false;
  }

  std::string gap_message(sequence from, sequence to) override { return gap_text(from, to, "evicted", wall()); }

  // ------------------------------------------------------------------------------------------------- requests

  void answer_request(client_type& c, steady_time at) {
    if (state_ != state::running) return c.respond(serialize(plain_response(503)), at);
    http_request request = c.take_request();
    request.remote_address = c.remote_address;
    reception answer{serialize(plain_response(500))};
    calls.guard("a rule of the options", [&] { answer = receive_request(request, options_, calls); });
    if (!answer.upgraded) return c.respond(answer.response, at);
    c.upgrade(answer.response, at);
    welcome(c, answer.project, answer.entry);
  }

  void welcome(client_type& c, const std::string& project, const entry_request& entry) {
    resume_refusal refused = resume_refusal::none;
    if (entry.resume) refused = take_over(c, project, *entry.resume);
    room_type& room = rooms_.open(project);
    const bool resumed = entry.resume && refused == resume_refusal::none;
    clients_.change([&] {
      c.welcome(client_book<client_type>::id_of(c.number()), room, wall());
      if (!resumed) c.wanted = options_.hears_all ? filter::everything() : filter();
    });
    if (resumed)
      room.listeners.rejoin(c, c.wanted, entry.resume->after);
    else
      room.listeners.join(c, c.wanted, entry.last);
    c.greet(resumed, refused, transport_.env());
    calls.tell(resumed ? "on_resumed" : "on_connect", resumed ? calls.on_resumed : calls.on_connect, c.info());
  }

  // Makes `c` the session that the token stands for. A right token is used up in any case.
  [[nodiscard]] resume_refusal take_over(client_type& c, const std::string& project, const resume_request& asked) {
    const auto stream = log_->open(project);  // held: the session that is taken over may be the last in its room
    const resume_refusal position = check_position(asked, stream->epoch(), stream->bounds());
    const std::optional<resume_token> token = resume_token::parse(asked.token);
    client_type* const old = token ? find_session(token->number) : nullptr;
    if (old == nullptr || !old->may_be_resumed_with(*token, project)) {
      if (position == resume_refusal::epoch_changed) return position;
      return token && parked_.has_expired(*token) ? resume_refusal::expired : resume_refusal::unknown_token;
    }
    old->resume_secret = {};
    const std::unique_ptr<client_type> unparked = old->connection == nullptr ? parked_.take(token->number) : nullptr;
    if (!unparked) {
      close(*old, close_code::taken_over, "the session goes on over a newer connection");
      settle(*old);
    }
    const resume_refusal refused = old->overflowed ? resume_refusal::expired : position;
    if (refused == resume_refusal::none) {
      if (unparked) c.inherited_frames = unparked->lane.pending();
      clients_.inherit(c, *old);
    } else if (unparked) {
      expire(*unparked);
    }
    return refused;
  }

  // Waiting or with a connection, open or closing.
  [[nodiscard]] client_type* find_session(std::uint64_t number) const {
    client_type* const waiting = parked_.find(number);
    return waiting != nullptr ? waiting : clients_.find_connected(number);
  }

  // The session will not be resumed any more.
  void expire(client_type& c) {
    part(c);
    calls.tell("on_session_expired", calls.on_session_expired, c.info());
  }

  /// Commands of a client that is gone are told to stop.
  void part(client_type& c) {
    if (c.has_commands()) calls.guard("stop callback", [&] { command_desk::abandon(c); });
  }

  void on_mail() {
    const turn scope(turns_);
    mail<room_type> mail = mailbox_->take();
    for (room_type* const room : mail.rooms) room->flush();
    for (const command_message& message : mail.messages) {
      if (client_type* const c = find_session(message.session)) command_desk::deliver(*c, message);
    }
    for (auto& task : mail.tasks) calls.guard("post", task);
    if (state_ == state::stopping) {
      for (auto& [number, c] : clients_) turns_.touch(*c);
    }
  }

  // ------------------------------------------------------------------------------------------- a turn's end

  void settle(client_type& c) {
    if (c.room != nullptr) {
      c.room->listeners.resume(c);
      if (c.room->listeners.has_busy()) c.room->wake();
      if (state_ == state::stopping && c.is_open() && c.lane.empty() && c.position() >= c.room->listeners.flushed())
        return close(c, close_code::going_away, "the server is shutting down");
    } else if (!c.blocked && !c.lane.empty()) {
      (void)send_lane(c, *this);
    }
    if (c.lane.empty() && c.may_end()) {
      c.finish();
      return transport_.shutdown(*c.connection);
    }
    // Who does not read answers may not ask for more of them.
    const bool full = c.lane.size() > options_.session.control_lane_bytes / 2;
    if (full == c.paused) return;
    c.paused = full;
    full ? transport_.pause_reading(*c.connection) : transport_.resume_reading(*c.connection);
  }

  // On its own, with nothing of ours below it on the stack: what is called then may destroy the manager.
  void finish_stop_later() {
    transport_.post([this] { finish_stop(); });
  }

  void finish_stop() {
    state_ = state::stopped;
    mailbox_->close();
    transport_.stop();
    for (auto& done : std::exchange(when_stopped_, {})) done();
  }

  Transport transport_;
  const std::shared_ptr<Log> log_;
  const manager_options options_;
  const Heartbeat heartbeat_;
  const std::shared_ptr<mailbox<Transport, room_type>> mailbox_;

 public:
  command_desk desk;

 private:
  decoder_pool decoders_;
  room_list<Transport, Log> rooms_;
  client_book<client_type> clients_;
  parked_sessions<client_type> parked_;
  turns turns_{[this](client_type& c) { settle(c); }};
  std::vector<std::function<void()>> when_stopped_;
  steady_time drain_until_{};
  state state_ = state::idle;
};

}  // namespace hotline::detail
