#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound 3/6: a session with its connection, its commands and its room.

#include <hotline/command/command_client.hpp>
#include <hotline/command/command_table.hpp>
#include <hotline/manager/census.hpp>
#include <hotline/manager/route.hpp>
#include <hotline/manager/waiting_list.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/session/session.hpp>
#include <hotline/wire/digest.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// What few clients have, and those for a while. Apart, so that an idle one has a pointer for all of it.
struct passing {
  std::optional<digest> former_secret{};  ///< of the token that it came with, until it has surely read the next
  std::string frames{};                   ///< answers from while its session waited; sent behind `connected`
  std::string unread{};                   ///< was read and is not to be looked at yet

  [[nodiscard]] bool is_over() const noexcept { return !former_secret && frames.empty() && unread.empty(); }
};

/// One client of a manager. What it is to be sent goes through the manager's `Delivery`.
template <class Delivery>
class client final : public session, public command_client, public waiter {
 public:
  using connection_type = typename Delivery::connection_type;
  using room_type = typename Delivery::room_type;

  client(Delivery& outbound, connection_type& carried_by, std::uint64_t number, steady_time now, std::uint64_t salt)
      : session(outbound.options(), now, salt),
        connection(&carried_by),
        remote_address(carried_by.remote_address()),
        outbound_(outbound),
        number_(number) {}

  /// Who it is: new, unless it inherited a session.
  void introduce(std::string id, std::string project, std::string principal) {
    if (origin_) return;
    origin_ =
        std::make_shared<const command_origin>(command_origin{std::move(id), std::move(project), std::move(principal)});
  }

  /// The request was taken: from here on the client is in its project's room.
  /// `stream` stays as long as it does, however quiet: were it forgotten when the client has left its room, a session
  /// that missed nothing could not go on.
  void welcome(room_type& joined, std::shared_ptr<const void> stream, wall_time now) {
    room = &joined;
    stream_ = std::move(stream);
    connected_wall_ = now;
  }

  /// The session goes on over this connection: from here on this client is who `old` was.
  void inherit(client& old) {
    number_ = old.number_;
    origin_ = std::move(old.origin_);
    commands_ = std::move(old.commands_);
    wanted = std::move(old.wanted);
    subscribed = old.subscribed;
    inherit_rates(old);
    stream_ = old.stream_;
    first = old.first;
    place.kept_up = old.place.kept_up;
    announced = std::exchange(old.announced, false);
    known = old.known;
  }

  /// Takes another number, for a number of its own is with its heir.
  void renumber(std::uint64_t number) noexcept { number_ = number; }

  /// Queues `connected`, with a new token (the one before is good until the client is heard), and behind it what the session was
  /// answered while it waited. `events`: what it hears, unless nobody decides that but the client. A failure leaves the
  /// former token, and those answers, for the next time.
  void greet(bool resumed, resume_outcome outcome, std::string events, environment& env) {
    connected_info hello{.connection_id = origin_->connection_id,
                         .project_id = origin_->project,
                         .epoch = std::string(room->listeners.stream().epoch()),
                         .seq = room->listeners.flushed(),
                         .resumed = resumed,
                         .resume_reason = std::string(reason_of(outcome)),
                         .resume_token = {},
                         .resume_window = outbound_.options().resume.window,
                         .heartbeat_interval = outbound_.heartbeat().interval(),
                         .heartbeat_timeout = outbound_.heartbeat().timeout(),
                         .limits = &outbound_.options().session,
                         .events = std::move(events)};
    if (expires_at != steady_time::max())
      hello.expires_in = std::chrono::duration_cast<std::chrono::milliseconds>(expires_at - env.now());
    told_at = position();
    digest secret{};
    if (hello.resume_window > std::chrono::milliseconds::zero())
      secret = resume_token::make(number_, hello.connection_id, env, hello.resume_token).secret;
    queue_unbounded(connected_text(hello, env.wall_now()));
    if (held) lane.append_frames(held->frames);
    if (held) std::string().swap(held->frames);
    resume_secret = secret;
  }

  /// Whether its session outlives its socket; asked when that has ended, or is about to.
  [[nodiscard]] bool may_come_back() const noexcept { return expired || may_reconnect(ended_with); }

  /// With the right token, that is: `gave_out`.
  [[nodiscard]] bool may_be_resumed_by(std::string_view project, std::string_view principal) const {
    return origin_ && may_come_back() && origin_->project == project && origin_->principal == principal;
  }

  /// Whether it is this session's token, the last or the one before that.
  [[nodiscard]] bool gave_out(const resume_token& token) const noexcept {
    return equal_in_constant_time(resume_secret, token.secret) ||
           (held && held->former_secret && equal_in_constant_time(*held->former_secret, token.secret));
  }

  /// The client has sent something behind the request: it has read the token that it was given.
  void was_heard() noexcept {
    if (!held || !is_open()) return;
    held->former_secret.reset();
    if (held->is_over()) held.reset();
  }

  /// From here on these are good too: the token that it came with, and what the session was answered while it waited.
  void bring(std::unique_ptr<passing> from_session) noexcept {
    if (held) from_session->unread = std::move(held->unread);
    held = std::move(from_session);
  }

  /// The socket has ended, the session waits. What it is answered meanwhile waits in its lane.
  void park(steady_time now) noexcept {
    connection = nullptr;
    (void)take_unread();
    drop_input();
    lane.hold(held ? std::exchange(held->frames, {}) : std::string());
    blocked = paused = false;
    detach(now);
  }

  std::uint64_t number() const noexcept override { return number_; }
  const std::shared_ptr<const command_origin>& origin() const noexcept override { return origin_; }

  connection_info info() const override {
    connection_info told;
    told.id = origin_->connection_id;
    told.project = origin_->project;
    told.principal = origin_->principal;
    told.remote_address = remote_address;
    told.connected_at = connected_at();
    told.connected_at_wall = connected_wall_;
    told.last_heard = last_heard();
    told.timeout = outbound_.heartbeat().timeout();
    told.expires_at = expires_at;
    told.hears_all = wanted.hears_all();
    told.subscriptions = wanted.names();
    return told;
  }

  command_table& commands() override {
    if (!commands_) commands_ = std::make_unique<command_table>(outbound_.options().session);
    return *commands_;
  }
  [[nodiscard]] bool has_commands() const noexcept { return commands_ && commands_->under_way() > 0; }

  void answer(std::string_view text) override { outbound_.send(*this, text); }
  void give_up() noexcept override { outbound_.give_up(*this); }
  void renew(std::optional<wall_time> until) override { outbound_.renew(*this, until); }
  const filter& hears() const noexcept override { return wanted; }
  bool has_subscribed() const noexcept override { return subscribed; }
  void subscribe(const filter& f) override { outbound_.subscribe(*this, f); }
  sequence position() const noexcept override { return room == nullptr ? 0 : room->listeners.position(*this); }
  sequence log_end() const override { return room == nullptr ? 0 : room->listeners.stream().end(); }

  /// What was read and is not to be looked at yet.
  void set_aside(std::string_view bytes) {
    if (bytes.empty()) return (void)take_unread();
    if (!held) held = std::make_unique<passing>();
    held->unread = bytes;
  }
  [[nodiscard]] bool has_unread() const noexcept { return held && !held->unread.empty(); }
  [[nodiscard]] std::string take_unread() noexcept {
    if (!held) return {};
    std::string bytes = std::exchange(held->unread, {});
    if (held->is_over()) held.reset();
    return bytes;
  }

  connection_type* connection;      ///< null while the session waits for its client
  std::string remote_address;       ///< the peer's, or whom the host says it stands for; fixed once it has upgraded
  room_type* room = nullptr;        ///< while it hears events
  filter wanted;                    ///< as the room knows it; kept for when it has left
  std::unique_ptr<reception> asks;  ///< while it is not decided whether it may come in
  std::unique_ptr<passing> held;    ///< null, mostly
  steady_time expires_at = steady_time::max();  ///< when its admission ends
  digest resume_secret{};                       ///< of the token that it was given last
  close_code ended_with = close_code::abnormal;
  census::place counted_as = census::place::nowhere;
  bool subscribed = false;
  census::address_share* address = nullptr;  ///< from the upgrade on, until it or its session is gone
  client* touched_before = nullptr;          ///< while `touched`, and while the host is to be told of its end
  bool touched = false;                      ///< has something to send when the turn ends
  bool overflowed = false;                   ///< was answered more, while it waited, than is kept for it
  bool announced = false;                    ///< the host was told of its connection, and not yet of its end
  bool known = false;                        ///< the host was told of its session
  bool given_up = false;                     ///< for want of memory; ended when the turn ends
  bool left_behind = false;                  ///< the log's old end has overtaken it, and it is to be closed for that
  bool agreed_to_gap = false;                ///< it came back for what is left of what it missed
  bool expired = false;                      ///< closed because its admission ended: with a new one it may come back
  std::string ended_because;

 private:
  Delivery& outbound_;
  std::uint64_t number_;
  std::shared_ptr<const command_origin> origin_;  // null until the upgrade
  std::unique_ptr<command_table> commands_;       // from the first command on
  std::shared_ptr<const void> stream_;            // from the upgrade on
  wall_time connected_wall_{};
};

}  // namespace hotline::detail
#endif
