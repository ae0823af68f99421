#pragma once
// The driver: joins transport, sessions, commands and rooms. Decisions are theirs; the order of things is kept here.

#include <hotline/command/command_desk.hpp>
#include <hotline/concepts.hpp>
#include <hotline/manager/client.hpp>
#include <hotline/manager/client_book.hpp>
#include <hotline/manager/hooks.hpp>
#include <hotline/manager/mailbox.hpp>
#include <hotline/manager/project_room.hpp>
#include <hotline/manager/route.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/decoder_pool.hpp>
#include <hotline/wire/handshake.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hotline::detail {

template <transport Transport, heartbeat_policy Heartbeat, event_log Log>
class manager_core final : public transport_receiver<typename Transport::connection_type>, public room_output {
 public:
  using connection_type = typename Transport::connection_type;
  using room_type = project_room<Transport, Log>;
  using client_type = client<manager_core>;

  manager_core(Transport transport, std::shared_ptr<Log> log, manager_options options, Heartbeat heartbeat)
      : transport_(std::move(transport)),
        log_(std::move(log)),
        options_(std::move(options)),
        heartbeat_(std::move(heartbeat)),
        mailbox_(std::make_shared<mailbox<Transport, room_type>>(transport_, [this] { on_mail(); })),
        desk(options_, mailbox_),
        decoders_(options_.session) {
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
  }

  [[nodiscard]] Transport& carrier() noexcept { return transport_; }
  [[nodiscard]] Log& log() noexcept { return *log_; }
  [[nodiscard]] const manager_options& options() const noexcept { return options_; }
  [[nodiscard]] std::chrono::milliseconds heartbeat_timeout() const { return heartbeat_.timeout(); }
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
    const turn scope(*this);
    state_ = state::stopping;
    drain_until_ = now() + options_.drain_timeout;
    transport_.stop_accepting();
    for (auto& [name, room] : rooms_) room->listeners.flush();
    for (auto& [number, c] : clients_) {
      if (c->at() == session::phase::head) transport_.abort(*c->connection);
      touch(*c);
    }
    if (clients_.empty()) finish_stop_later();
  }

  // ------------------------------------------------------------------------------------------- for one client

  [[nodiscard]] client_type* find(std::string_view connection_id) const { return clients_.find(connection_id); }

  /// Queues a message; a client that does not read what it is told is closed.
  void send(client_type& c, std::string_view text) {
    if (!c.is_open()) return;
    const turn scope(*this);
    if (!c.queue(text)) return close(c, close_code::too_slow, "answers are not read");
    touch(c);
  }

  void subscribe(client_type& c, const filter& wanted) {
    if (c.room == nullptr) return;
    const turn scope(*this);
    clients_.change([&] { c.wanted = wanted; });
    c.subscribed = true;
    c.room->listeners.set_filter(c, wanted);
    touch(c);
  }

  /// Starts the close handshake, with a `disconnected` message before it.
  void close(client_type& c, close_code code, std::string_view reason) {
    if (!c.is_open()) return;
    const turn scope(*this);
    c.ended_with = code;
    c.ended_because = reason;
    leave_room(c);
    c.close(code, reason, disconnected_text(code, reason, may_reconnect(code), {}, wall()), now());
    touch(c);
  }

  /// Any thread: calls `f` with every client that has upgraded and whose socket has not ended.
  template <class F>
  void read_clients(F f) const {
    clients_.read(std::move(f));
  }

  hooks calls;

 private:
  enum class state : std::uint8_t { idle, running, stopping, stopped };

  // When the outermost one ends, everybody who was given something is sent it, once.
  class turn {
   public:
    explicit turn(manager_core& core) : core_(core) { ++core_.depth_; }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
      if (--core_.depth_ == 0) core_.settle_touched();
    }

   private:
    manager_core& core_;
  };

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
    const turn scope(*this);
    const steady_time at = now();
    for (;;) {
      const session::received got = c.receive(bytes, at, decoders_);
      switch (got.what) {
        case session::inbound::need_more: return touch(c);
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
          leave_room(c);
          break;
      }
    }
  }

  void on_writable(connection_type& connection) override {
    client_type& c = of(connection);
    const turn scope(*this);
    c.blocked = false;
    touch(c);
  }

  void on_closed(connection_type& connection, std::error_code reason) override {
    client_type& c = of(connection);
    const turn scope(*this);
    const bool was_open = c.origin() != nullptr;
    if (was_open && c.is_open() && reason) c.ended_because = reason.message();
    leave_room(c);
    c.finish();
    part(c);
    if (was_open && calls.on_disconnect) {
      const connection_info info = c.info();
      calls.guard("on_disconnect", [&] { calls.on_disconnect(info, c.ended_with, c.ended_because); });
    }
    if (c.touched) std::erase(touched_, &c);
    clients_.erase(c);
    if (state_ == state::stopping && clients_.empty()) finish_stop_later();
  }

  void on_tick() override {
    const turn scope(*this);
    log_->sweep();
    const steady_time at = now();
    for (auto& [number, c] : clients_) {
      switch (c->tick(at, heartbeat_)) {
        case session::due::nothing: break;
        case session::due::ping_queued: touch(*c); break;
        case session::due::head_timeout:
          c->respond(serialize(plain_response(408)), at);
          touch(*c);
          break;
        case session::due::heartbeat_lost: close(*c, close_code::heartbeat_timeout, "nothing was heard"); break;
        case session::due::close_timeout: transport_.abort(*c->connection); break;
      }
      if (c->has_commands()) desk.expire(*c, at, wall());
      if (state_ == state::stopping && at >= drain_until_) transport_.abort(*c->connection);
    }
  }

  // ------------------------------------------------------------------------------------------------ room_output

  std::size_t write(session& s, std::span<const std::string_view> bytes) override {
    return transport_.write(*static_cast<client_type&>(s).connection, bytes);
  }

  std::string gap_message(sequence from, sequence to) override { return gap_text(from, to, "evicted", wall()); }

  // ------------------------------------------------------------------------------------------------- requests

  void answer_request(client_type& c, steady_time at) {
    http_request request = c.take_request();
    request.remote_address = c.remote_address;
    const bool head_only = request.method == "HEAD";
    route target = find_route(request, options_);
    if (state_ != state::running) target = {route::kind::refused, {}, 503};
    if (target.what == route::kind::host) {
      c.respond(serialize(calls.answer_http(request, options_.http_response_bytes), head_only), at);
    } else if (target.what == route::kind::refused) {
      c.respond(serialize(plain_response(target.status), head_only), at);
    } else if (const auto opened = accept_upgrade(request); opened.status != 101) {
      c.respond(opened.response_head, at);
    } else {
      welcome(c, target.project, opened.response_head, at);
    }
  }

  void welcome(client_type& c, const std::string& project, std::string_view response_head, steady_time at) {
    room_type& room = room_of(project);
    c.upgrade(response_head, at);
    const wall_time wall_now = wall();
    clients_.change([&] {
      c.welcome(client_book<client_type>::id_of(c.number()), room, wall_now);
      c.wanted = options_.hears_all ? filter::everything() : filter();
    });
    room.listeners.join(c, c.wanted);
    connected_info hello;
    hello.connection_id = c.origin()->connection_id;
    hello.project_id = project;
    hello.epoch = room.listeners.stream().epoch();
    hello.seq = c.cursor;
    hello.heartbeat_interval = heartbeat_.interval();
    hello.heartbeat_timeout = heartbeat_.timeout();
    hello.limits = &options_.session;
    c.queue_unbounded(connected_text(hello, wall_now));
    if (calls.on_connect) {
      const connection_info info = c.info();
      calls.guard("on_connect", [&] { calls.on_connect(info); });
    }
  }

  // ---------------------------------------------------------------------------------------------------- rooms

  [[nodiscard]] room_type& room_of(const std::string& project) {
    auto& room = rooms_[project];
    if (!room)
      room = std::make_unique<room_type>(project, log_->open(project), *this, options_.catch_up_bytes, mailbox_);
    return *room;
  }

  void leave_room(client_type& c) {
    if (c.room == nullptr) return;
    room_type& room = *std::exchange(c.room, nullptr);
    room.listeners.leave(c);
    if (room.listeners.size() == 0) rooms_.erase(rooms_.find(room.project));
  }

  /// Commands of a client that is gone are told to stop.
  void part(client_type& c) {
    if (c.has_commands()) calls.guard("stop callback", [&] { command_desk::abandon(c); });
  }

  void on_mail() {
    const turn scope(*this);
    mail<room_type> mail = mailbox_->take();
    for (room_type* const room : mail.rooms) room->flush();
    for (const command_message& message : mail.messages) {
      if (client_type* const c = clients_.find(message.session)) command_desk::deliver(*c, message);
    }
    for (auto& task : mail.tasks) calls.guard("post", task);
    if (state_ == state::stopping) {
      for (auto& [number, c] : clients_) touch(*c);
    }
  }

  // ------------------------------------------------------------------------------------------- a turn's end

  void touch(client_type& c) {
    if (std::exchange(c.touched, true)) return;
    touched_.push_back(&c);
  }

  void settle_touched() {
    ++depth_;
    while (!touched_.empty()) {
      client_type& c = *touched_.back();
      touched_.pop_back();
      c.touched = false;
      settle(c);
    }
    --depth_;
  }

  void settle(client_type& c) {
    if (c.room != nullptr) {
      c.room->listeners.resume(c);
      if (c.room->listeners.has_busy()) c.room->wake();
      if (state_ == state::stopping && c.is_open() && c.lane.empty() && c.position() >= c.room->listeners.flushed())
        return close(c, close_code::going_away, "the server is shutting down");
    } else if (!c.blocked && !c.lane.empty()) {
      const std::string_view pending = c.lane.pending();
      const std::size_t taken = write(c, {&pending, 1});
      c.blocked = taken != pending.size();
      c.lane.consume(taken);
    }
    if (c.lane.empty() && c.may_end()) {
      c.finish();
      return transport_.shutdown(*c.connection);
    }
    // Who does not read answers may not ask for more of them.
    const bool full = c.lane.size() > options_.session.control_lane_bytes / 2;
    if (full == c.paused) return;
    c.paused = full;
    if (full)
      transport_.pause_reading(*c.connection);
    else
      transport_.resume_reading(*c.connection);
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
  std::unordered_map<std::string, std::unique_ptr<room_type>> rooms_;
  client_book<client_type> clients_;
  std::vector<client_type*> touched_;
  std::vector<std::function<void()>> when_stopped_;
  steady_time drain_until_{};
  int depth_ = 0;
  state state_ = state::idle;
};

}  // namespace hotline::detail
