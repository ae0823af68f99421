#pragma once
// The driver: joins transport, sessions, commands and rooms. Decisions are theirs; the order of things is kept here.

#include <hotline/command/command_desk.hpp>
#include <hotline/command/inquiry.hpp>
#include <hotline/command/subscriptions.hpp>
#include <hotline/concepts.hpp>
#include <hotline/manager/delivery.hpp>
#include <hotline/manager/hooks.hpp>
#include <hotline/manager/mailbox.hpp>
#include <hotline/manager/resumption.hpp>
#include <hotline/manager/route.hpp>
#include <hotline/options.hpp>
#include <hotline/session/admission.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/decoder_pool.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::detail {

template <transport Transport, heartbeat_policy Heartbeat, event_log Log>
class manager_core final : public transport_receiver<typename Transport::connection_type> {
 public:
  using connection_type = typename Transport::connection_type;
  using delivery_type = delivery<Transport, Heartbeat, Log>;
  using room_type = typename delivery_type::room_type;
  using client_type = typename delivery_type::client_type;

  manager_core(Transport transport, std::shared_ptr<Log> log, manager_options options, Heartbeat heartbeat)
      : transport_(std::move(transport)),
        log_(std::move(log)),
        options_(std::move(options)),
        heartbeat_(std::move(heartbeat)),
        mailbox_(std::make_shared<mailbox<Transport, room_type>>(transport_, [this] { on_mail(); })),
        desk(options_, mailbox_),
        outbound(transport_, log_, options_, heartbeat_, mailbox_,
                 [this](client_type& c) {
                   std::string bytes = c.take_unread();
                   take_in(c, bytes);
                 }),
        decoders_(options_.session),
        sessions_(outbound, calls, options_.resume) {
    desk.on_error = [this](std::string_view where, std::exception_ptr thrown) {
      calls.report(where, std::move(thrown));
    };
    desk.find_client = [this](std::uint64_t number) { return sessions_.find(number); };
  }

  manager_core(const manager_core&) = delete;
  manager_core& operator=(const manager_core&) = delete;

  ~manager_core() {
    mailbox_->close();
    transport_.stop();
    sessions_.part_all();
  }

  [[nodiscard]] Transport& carrier() noexcept { return transport_; }
  [[nodiscard]] Log& log() noexcept { return *log_; }
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
    const turn scope(outbound.turns);
    state_ = state::stopping;
    drain_until_ = now() + options_.drain_timeout;
    transport_.stop_accepting();
    for (auto& [number, c] : outbound.clients) {
      if (c->at() == session::phase::head) transport_.abort(*c->connection);
      if (c->at() == session::phase::waiting) c->respond(serialize(plain_response(503)), now());
    }
    outbound.drain();
    // Nobody can come back for the answers. Not at once: it may be one of them whose command stops us.
    post([this] { sessions_.expire_all(); });
    if (outbound.clients.empty()) finish_stop_later();
  }

  /// What the manager's destructor does. Nothing of the host's is called any more; in the middle of a call from here, the
  /// core goes when that has returned.
  static void end(manager_core* core) {
    if (core->visits_ == 0) return delete core;
    core->orphaned_ = true;
    core->mailbox_->close();
    core->sessions_.part_all();
    core->calls = {};
    core->desk.forget_host();
    core->outbound.paces.clear();
  }

  hooks calls;

 private:
  enum class state : std::uint8_t { idle, running, stopping, stopped };

  using turn = typename delivery_type::turn;

  // A turn in which the host may be called. When it destroyed the manager, the core goes at the end of the outermost.
  class visit {
   public:
    explicit visit(manager_core& core) : core_(core), turn_(std::in_place, core.outbound.turns) { ++core_.visits_; }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() {
      turn_.reset();
      if (--core_.visits_ == 0 && core_.orphaned_) delete &core_;
    }

   private:
    manager_core& core_;
    std::optional<turn> turn_;
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
    while (outbound.clients.contains(number)) ++number;
    auto arrived = std::make_unique<client_type>(outbound, connection, number, now(), salt);
    connection.context() = arrived.get();
    outbound.clients.add(std::move(arrived));
  }

  void on_data(connection_type& connection, std::span<char> bytes) override {
    client_type& c = of(connection);
    const visit scope(*this);
    c.was_heard();
    take_in(c, bytes);
  }

  void on_writable(connection_type& connection) override {
    client_type& c = of(connection);
    const turn scope(outbound.turns);
    c.blocked = false;
    outbound.turns.touch(c);
  }

  void on_closed(connection_type& connection, std::error_code reason) override {
    client_type& c = of(connection);
    const visit scope(*this);
    const bool was_open = c.origin() != nullptr;
    if (was_open && c.is_open() && reason) c.ended_because = reason.message();
    outbound.leave(c);
    c.finish();
    const bool may_resume = was_open && state_ == state::running && options_.resume.window.count() > 0 &&
                            (c.expired || may_reconnect(c.ended_with));
    if (!may_resume) sessions_.part(c);
    if (was_open)
      calls.tell("on_disconnect", calls.on_disconnect, c.info(),
                 disconnection{c.ended_with, c.ended_because, may_resume});
    outbound.turns.forget(c);
    std::unique_ptr<client_type> gone = outbound.clients.take(c);
    if (may_resume) sessions_.park(std::move(gone), now());
    if (state_ == state::stopping && outbound.clients.empty()) finish_stop_later();
  }

  void on_tick() override {
    const visit scope(*this);
    log_->sweep();
    const steady_time at = now();
    for (auto& [number, c] : outbound.clients) {
      switch (c->tick(at, heartbeat_)) {
        case session::due::nothing: break;
        case session::due::ping_queued: outbound.turns.touch(*c); break;
        case session::due::head_timeout:
          c->respond(serialize(plain_response(408)), at);
          outbound.turns.touch(*c);
          break;
        case session::due::admission_timeout:
          c->respond(serialize(plain_response(503)), at);
          outbound.turns.touch(*c);
          break;
        case session::due::heartbeat_lost:
          outbound.close(*c, close_code::heartbeat_timeout, "nothing was heard");
          break;
        case session::due::close_timeout: transport_.abort(*c->connection); break;
      }
      if (c->position_is_due(at)) outbound.tell_position(*c);
      if (c->has_commands()) desk.expire(*c, at, wall());
      if (at >= c->expires_at) outbound.expire(*c);
      if (state_ == state::stopping && at >= drain_until_) transport_.abort(*c->connection);
    }
    outbound.measure_paces();
    for (auto& waiting : sessions_)
      if (waiting.session->has_commands()) desk.expire(*waiting.session, at, wall());
    sessions_.expire_late(at);
  }

  // ------------------------------------------------------------------------------------------------- what comes in

  void take_in(client_type& c, std::span<char> bytes) {
    const steady_time at = now();
    while (!orphaned_) {
      const session::received got = c.receive(bytes, at, decoders_, outbound.compression());
      switch (got.what) {
        case session::inbound::need_more: return outbound.turns.touch(c);
        case session::inbound::request:
          answer_request(c, at);
          if (c.at() != session::phase::waiting) break;
          c.paused = true;
          c.set_aside({bytes.data(), bytes.size()});
          return transport_.pause_reading(*c.connection);
        case session::inbound::refused: c.respond(serialize(plain_response(got.status)), at); break;
        case session::inbound::message:
          desk.receive(c, got.text, at, wall());
          if (!c.lane_is_full()) break;
          // A burst of commands must not fill the lane of a client that reads.
          outbound.settle(c);
          if (!c.paused) break;
          c.set_aside({bytes.data(), bytes.size()});
          return outbound.turns.touch(c);
        case session::inbound::failed: outbound.close(c, got.code, got.reason); break;
        case session::inbound::peer_closed:
          if (c.room != nullptr) {
            c.ended_with = got.code;
            c.ended_because = got.reason;
          }
          outbound.leave(c);
          break;
      }
    }
  }

  void answer_request(client_type& c, steady_time at) {
    if (state_ != state::running) return c.respond(serialize(plain_response(503)), at);
    http_request request = c.take_request();
    request.remote_address = c.remote_address;
    reception answer{serialize(plain_response(500))};
    calls.guard("a rule of the options",
                [&] { answer = receive_request(request, options_, calls, outbound.compression() != nullptr); });
    if (!answer.upgraded) return c.respond(answer.response, at);
    c.asks = std::make_unique<reception>(std::move(answer));
    if (!calls.authenticate) return admit(c, admission());
    // What answers later runs while the manager is there, or never.
    inquiry asked(mailbox_,
                  [this, number = c.number()](std::optional<admission> told) { admit(number, std::move(told)); });
    std::optional<admission> told;
    calls.guard("authenticate", [&] { told = calls.authenticate(request, c.asks->project, asked); });
    if (!told && asked.made()) return c.wait();
    admit(c, std::move(told));
  }

  // It may be gone by now, or have been turned away.
  void admit(std::uint64_t number, std::optional<admission> told) {
    client_type* const c = outbound.clients.find_connected(number);
    if (c == nullptr || c->at() != session::phase::waiting) return;
    const visit scope(*this);
    admit(*c, std::move(told));
    outbound.turns.touch(*c);
  }

  // Nothing: the host has failed to say.
  void admit(client_type& c, std::optional<admission> told) {
    const std::unique_ptr<reception> asks = std::move(c.asks);
    int refusal = told ? told->refusal : 500;
    if (refusal == 0 && has_expired(*told, wall())) refusal = 401;
    if (state_ != state::running) refusal = 503;
    if (refusal != 0) return c.respond(serialize(plain_response(refusal)), now());
    welcome(c, *asks, *told);
  }

  void welcome(client_type& c, const reception& let_in, const admission& who) {
    const entry_request& entry = let_in.entry;
    resume_refusal refused = resume_refusal::none;
    if (entry.resume) {
      // Held: the session that is taken over may be the last in its room.
      const auto stream = log_->open(let_in.project);
      refused = sessions_.take_over(c, *stream, let_in.project, who.principal, *entry.resume);
    }
    const bool resumed = entry.resume && refused == resume_refusal::none;
    outbound.clients.change([&] {
      c.introduce(client_book<client_type>::id_of(c.number()), let_in.project, who.principal);
      if (!resumed) c.wanted = options_.hears_all ? filter::everything() : filter();
    });
    c.renew(who.expires_at);
    if (desk.filters.authorize) restrict(c);
    c.upgrade(let_in.response, now());
    c.takes_deflate = let_in.deflate;
    room_type& room = outbound.rooms.open(let_in.project);
    outbound.clients.change([&] { c.welcome(room, log_->open(let_in.project), wall()); });
    if (resumed)
      room.listeners.rejoin(c, c.wanted, entry.resume->after);
    else
      room.listeners.join(c, c.wanted, entry.last);
    c.greet(resumed, refused, desk.filters.authorize ? std::string(subscriptions::names_of(c.wanted).text()) : "",
            transport_.env());
    calls.tell(resumed ? "on_resumed" : "on_connect", resumed ? calls.on_resumed : calls.on_connect, c.info());
  }

  // Before it is open: what the host does from in there is not done to it.
  void restrict(client_type& c) {
    filter allowed;
    calls.guard("authorize_subscriptions", [&] { allowed = desk.filters.allowed(c.info(), c.wanted); });
    outbound.clients.change([&] { c.wanted = std::move(allowed); });
  }

  void on_mail() {
    const visit scope(*this);
    const mail<room_type> mail = mailbox_->take();
    deliver(mail);
    for (const auto& task : mail.tasks) {
      calls.guard("post", task);
      if (orphaned_) return;
    }
  }

  void deliver(const mail<room_type>& mail) {
    for (room_type* const room : mail.rooms) outbound.flush(*room);
    for (const command_message& message : mail.messages) {
      if (client_type* const c = sessions_.find(message.session)) command_desk::deliver(*c, message);
    }
    if (state_ == state::stopping) {
      for (auto& [number, c] : outbound.clients) outbound.turns.touch(*c);
    }
  }

  // Not from inside the transport's last `on_closed`, which has more to do with the connection.
  void finish_stop_later() {
    transport_.post([this] { finish_stop(); });
  }

  void finish_stop() {
    const visit scope(*this);
    state_ = state::stopped;
    mailbox_->close();
    transport_.stop();
    for (const auto& done : std::exchange(when_stopped_, {})) calls.guard("stop", done);
  }

  Transport transport_;
  const std::shared_ptr<Log> log_;
  const manager_options options_;
  const Heartbeat heartbeat_;
  const std::shared_ptr<mailbox<Transport, room_type>> mailbox_;

 public:
  command_desk desk;
  delivery_type outbound;

 private:
  decoder_pool decoders_;
  resumption<delivery_type> sessions_;
  std::vector<std::function<void()>> when_stopped_;
  steady_time drain_until_{};
  state state_ = state::idle;
  int visits_ = 0;         // how many calls from here the host may be in
  bool orphaned_ = false;  // its manager is gone
};

}  // namespace hotline::detail
