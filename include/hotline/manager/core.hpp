#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The driver: joins transport, sessions, commands and rooms. Decisions are theirs; the order of things is kept here.

#include <hotline/command/command_desk.hpp>
#include <hotline/concepts.hpp>
#include <hotline/manager/delivery.hpp>
#include <hotline/manager/entrance.hpp>
#include <hotline/manager/hooks.hpp>
#include <hotline/manager/log_metrics.hpp>
#include <hotline/manager/mailbox.hpp>
#include <hotline/manager/resumption.hpp>
#include <hotline/manager/timekeeper.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/decoder_pool.hpp>

#include <atomic>
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

template <transport Transport, heartbeat_policy Heartbeat>
class manager_core final : public transport_receiver<typename Transport::connection_type> {
 public:
  using connection_type = typename Transport::connection_type;
  using delivery_type = delivery<Transport, Heartbeat>;
  using room_type = typename delivery_type::room_type;
  using client_type = typename delivery_type::client_type;

  manager_core(Transport transport, std::shared_ptr<memory_event_log> log, manager_options options, Heartbeat heartbeat)
      : transport_(std::move(transport)),
        log_(std::move(log)),
        options_(std::move(options)),
        heartbeat_(std::move(heartbeat)),
        mailbox_(std::make_shared<mailbox<Transport, room_type>>(transport_, [this] { on_mail(); })),
        calls(counted_),
        desk(options_, mailbox_, counted_),
        outbound(transport_, log_, options_, heartbeat_, mailbox_, counted_, time_.gaps,
                 [this](client_type& c) {
                   protect(c, [&] {
                     std::string bytes = c.take_unread();
                     take_in(c, bytes);
                   });
                 }),
        decoders_(options_.session),
        crowd_(options_.connections, counted_, outbound.key),
        sessions_(outbound, calls, options_.resume, crowd_),
        entrance_(outbound, log_, calls, desk, sessions_, crowd_, mailbox_) {
    desk.on_error = [this](std::string_view where, std::exception_ptr thrown) { calls.report(where, thrown); };
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
  [[nodiscard]] memory_event_log& log() noexcept { return *log_; }
  [[nodiscard]] bool is_running() const noexcept { return state_ == state::running; }

  [[nodiscard]] std::error_code start() {
    if (runs_elsewhere()) return errc::wrong_thread;
    if (state_ != state::idle) return errc::already_running;
    if (const std::error_code failed = transport_.start(*this)) return failed;
    time_.gaps.begin(now());
    state_ = state::running;
    return {};
  }

  void post(std::function<void()> task) { mailbox_->post(std::move(task)); }

  /// Any thread: whether another one runs the loop, so that this one may call only what is for any thread.
  [[nodiscard]] bool runs_elsewhere() noexcept {
    if constexpr (requires { transport_.runs_elsewhere(); }) return transport_.runs_elsewhere();
    return false;
  }

  /// The same, for a member that has no error to return: `on_error` receives its name, on the loop.
  [[nodiscard]] bool refuses_here(const char* member) noexcept {
    if (!runs_elsewhere()) return false;
    try {
      post([this, member] {
        calls.report(member, std::make_exception_ptr(std::system_error(make_error_code(errc::wrong_thread), member)));
      });
    } catch (...) {
      // For want of memory nobody is told; nothing was done either way.
    }
    return true;
  }

  /// Tells everybody, lets them read what was accepted, and ends; then calls `done`.
  void stop(std::function<void()> done) {
    if (done) when_stopped_.push_back(std::move(done));
    if (state_ == state::stopping) return;
    if (state_ != state::running) return finish_stop();
    const visit scope(*this);
    state_ = state::stopping;
    entrance_.close();
    drain_until_ = later(now(), options_.drain_timeout);
    transport_.stop_accepting();
    for (auto& [number, c] : outbound.clients) {
      if (c->at() == session::phase::head) transport_.abort(*c->connection);
      if (c->at() == session::phase::waiting) protect(*c, [&, &c = *c] { entrance_.respond(c, 503); });
    }
    outbound.drain();
    // Nobody can come back for the answers. Not at once: it may be one of them whose command stops us.
    post([this] { sessions_.expire_all(); });
    if (!outbound.clients.has_connected()) finish_stop_later();
  }

  /// What the manager's destructor does. Nothing of the host's is called any more; in the middle of a call from here, the
  /// core goes when that has returned.
  static void end(manager_core* core) {
    if (core->visits_ == 0) return delete core;
    core->orphaned_ = true;
    core->entrance_.close();  // nobody comes in without the hooks that decide it
    core->mailbox_->close();
    core->sessions_.part_all();
    core->calls.forget_host();
    core->desk.forget_host();
    core->outbound.paces.clear();
  }

  /// Any thread.
  [[nodiscard]] manager_metrics metrics() {
    manager_metrics told = snapshot(counted_);
    put_in(told, log_->status());
    if constexpr (requires { transport_.turned_away(); }) told.turned_away = transport_.turned_away();
    return told;
  }

 private:
  enum class state : std::uint8_t { idle, running, stopping, stopped };
  using turn = typename delivery_type::turn;

  // Counts who is inside. When the host has destroyed the manager, the core goes with the outermost.
  class presence {
   public:
    explicit presence(manager_core& core) : core_(core) { ++core_.visits_; }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;
    ~presence() {
      if (--core_.visits_ == 0 && core_.orphaned_) delete &core_;
    }

   private:
    manager_core& core_;
  };

  // A turn in which the host may be called.
  class visit {
   public:
    explicit visit(manager_core& core) : presence_(core), turn_(core.outbound.turns) {}

   private:
    presence presence_;  // ends behind the turn
    turn turn_;
  };

  [[nodiscard]] steady_time now() { return transport_.env().now(); }
  [[nodiscard]] wall_time wall() { return transport_.env().wall_now(); }
  [[nodiscard]] static client_type& of(connection_type& connection) {
    return *static_cast<client_type*>(connection.context());
  }

  // ----------------------------------------------------------------------------------------- transport_receiver

  // For want of memory a connection may end, but nothing else: what a receiver throws would end the host's loop.

  void on_open(connection_type& connection) override {
    const visit scope(*this);
    if (!calls.guard("on_open", [&] { take_up(connection); })) transport_.abort(connection);
  }

  void take_up(connection_type& connection) {
    const std::uint64_t salt = transport_.env().random();
    std::uint64_t number = transport_.env().random();
    while (outbound.clients.contains(number)) ++number;
    auto arrived = std::make_unique<client_type>(outbound, connection, number, now(), salt);
    client_type& c = *arrived;
    outbound.clients.add(std::move(arrived));
    connection.context() = &c;
    protect(c, [&] { entrance_.arrive(c); });
  }

  // Whatever goes wrong with a client is the end of its connection, and of nothing else.
  template <class F>
  void protect(client_type& c, F f) noexcept {
    if (!calls.guard("connection", f)) outbound.give_up(c);
  }

  void on_data(connection_type& connection, std::span<char> bytes) override {
    client_type& c = of(connection);
    const visit scope(*this);
    counted_.received_bytes.add(bytes.size());
    c.was_heard();
    protect(c, [&] { take_in(c, bytes); });
  }

  void on_writable(connection_type& connection) override {
    client_type& c = of(connection);
    const turn scope(outbound.turns);
    c.blocked = false;
    outbound.turns.touch(c);
  }

  void on_closed(connection_type& connection, std::error_code reason) override {
    if (connection.context() == nullptr) return;  // there was no memory to take it up
    client_type& c = of(connection);
    const visit scope(*this);
    const bool was_open = c.origin() != nullptr;
    if (was_open && c.is_open() && reason) calls.guard("on_closed", [&] { c.ended_because = reason.message(); });
    entrance_.leave(c);
    outbound.leave(c);
    c.finish();
    const bool may_resume =
        was_open && c.known && state_ == state::running && options_.resume.window.count() > 0 && c.may_come_back();
    if (!may_resume) sessions_.part(c);
    if (was_open) counted_.disconnections[c.ended_with].add();
    const bool told = !was_open || sessions_.tell_end(c, may_resume);
    outbound.turns.forget(c);
    if (may_resume) {
      sessions_.park(c, now());
    } else {
      crowd_.let_go(c.address);
      if (auto gone = outbound.clients.take(c); !told) sessions_.tell_later(std::move(gone));
    }
    if (state_ == state::stopping && !outbound.clients.has_connected()) finish_stop_later();
  }

  void on_tick() override {
    const visit scope(*this);
    const steady_time at = now();
    // First what waits: answers, and events that may be too old by now.
    if (time_.gaps.tick(at)) mailbox_->open_now();
    calls.guard("log", [&] { log_->sweep(); });
    for (auto& [number, c] : outbound.clients) protect(*c, [&, &c = *c] { grow_older(c, at); });
    if (outbound.closes_laggards())
      for (auto& [number, c] : outbound.clients) protect(*c, [&, &c = *c] { outbound.notice_lag(c); });
    calls.guard("on_pace", [&] { outbound.measure_paces(); });
    sessions_.expire_late(at, time_.gaps);
    sessions_.tell_late();
    mailbox_->open_unannounced();
    if (state_ != state::stopping) return;
    outbound.touch_all();
    if (!outbound.clients.has_connected()) finish_stop_later();
  }

  void on_refused(std::string_view address, std::error_code why) override {
    counted_.refused_sockets.add();
    if (!calls.on_log) return;
    const visit scope(*this);
    const bool over = why == std::errc::timed_out || why == std::errc::connection_refused;
    const log_level level = over ? log_level::info : log_level::debug;
    calls.guard("on_log", [&] { calls.log(level, std::string(address) + " was cut off: " + why.message()); });
  }

  void grow_older(client_type& c, steady_time at) {
    const session::due found = c.tick(at, heartbeat_);
    switch (found <= session::due::ping_queued ? found : time_.confirm(c, found, at, heartbeat_)) {
      case session::due::nothing: break;
      case session::due::ping_queued: outbound.turns.touch(c); break;
      case session::due::head_timeout: entrance_.refuse(c, 408, limit::handshake_time); break;
      case session::due::admission_timeout: entrance_.refuse(c, 503, limit::handshake_time); break;
      case session::due::heartbeat_lost: outbound.close(c, close_code::heartbeat_timeout, "nothing was heard"); break;
      case session::due::linger_over: outbound.turns.touch(c); break;
      case session::due::close_timeout:
        counted_.limits[limit::close_time].add();
        return transport_.abort(*c.connection);
    }
    if (c.position_is_due(at)) outbound.tell_position(c);
    if (c.has_commands()) desk.expire(c, at, wall(), &time_.gaps);
    if (at >= c.expires_at) outbound.expire(c);
    if (state_ != state::stopping || c.connection == nullptr) return;
    if (!time_.is_over(drain_until_, options_.drain_timeout, at)) return;
    counted_.limits[limit::drain_time].add();
    transport_.abort(*c.connection);
  }

  // ------------------------------------------------------------------------------------------------- what comes in

  void take_in(client_type& c, std::span<char> bytes) {
    const steady_time at = now();
    while (!orphaned_) {
      const session::received got = c.receive(bytes, at, decoders_, outbound.compression(), &time_.gaps);
      if (got.over) counted_.limits[*got.over].add();
      switch (got.what) {
        case session::inbound::need_more: return outbound.turns.touch(c);
        case session::inbound::request:
          entrance_.ask(c);
          if (c.at() != session::phase::waiting) break;
          c.paused = true;
          c.set_aside({bytes.data(), bytes.size()});
          return transport_.pause_reading(*c.connection);
        case session::inbound::refused:
          if (got.status == 431)
            entrance_.refuse(c, got.status, limit::head);
          else
            entrance_.respond(c, got.status);
          break;
        case session::inbound::message:
          desk.receive(c, got.text, at, wall(), got.over);
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

  void on_mail() {
    const visit scope(*this);
    const auto mail = mailbox_->take();
    deliver(mail);
    for (const auto& task : mail.tasks) {
      if (orphaned_) return;
      calls.guard("post", task);
    }
  }

  void deliver(const mail& mail) {
    while (room_type* const room = mailbox_->next_room()) calls.guard("log", [&] { outbound.flush(*room); });
    for (const command_message& message : mail.messages) {
      if (client_type* const c = sessions_.find(message.session)) protect(*c, [&] { desk.deliver(*c, message); });
    }
    if (state_ == state::stopping) outbound.touch_all();
  }

  // Not from inside the transport's last `on_closed`, which has more to do with the connection.
  void finish_stop_later() {
    calls.guard("stop", [&] { transport_.post([this] { finish_stop(); }); });  // else at the next tick
  }

  void finish_stop() {
    const visit scope(*this);
    sessions_.tell_late();
    sessions_.expire_all();
    state_ = state::stopped;
    mailbox_->close();
    transport_.stop();
    for (const auto& done : std::exchange(when_stopped_, {})) {
      if (orphaned_) return;
      calls.guard("stop", done);
    }
  }

  Transport transport_;
  const std::shared_ptr<memory_event_log> log_;
  const manager_options options_;
  const Heartbeat heartbeat_;
  const std::shared_ptr<mailbox<Transport, room_type>> mailbox_;
  live_metrics counted_;
  timekeeper<Transport> time_{transport_};

 public:
  hooks calls;
  command_desk desk;
  delivery_type outbound;

 private:
  decoder_pool decoders_;
  census crowd_;
  resumption<delivery_type> sessions_;
  entrance<delivery_type> entrance_;
  std::vector<std::function<void()>> when_stopped_;
  steady_time drain_until_{};
  std::atomic<state> state_ = state::idle;  // written on the loop; others may ask
  int visits_ = 0;                          // how many calls from here the host may be in
  bool orphaned_ = false;                   // its manager is gone
};

}  // namespace hotline::detail
#endif
