#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound, at the upgrade and at a socket's end: sessions that wait for their client, and how it comes back to them.

#include <hotline/command/command_desk.hpp>
#include <hotline/manager/census.hpp>
#include <hotline/manager/hooks.hpp>
#include <hotline/manager/parked_sessions.hpp>
#include <hotline/options.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/digest.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// What became of a wish to go on with a session.
struct takeover {
  /// A connection that the session had until now. Nobody is told when its socket ends, so it is to be told at once.
  struct replaced_connection {
    connection_info info;
    close_code code;
    std::string reason;
  };

  resume_outcome what = resume_outcome::resumed;  ///< also when there was no such wish
  std::optional<replaced_connection> replaced{};
};

/// A manager's sessions, those with a connection and those without.
template <class Delivery>
class resumption {
 public:
  using client_type = typename Delivery::client_type;

  resumption(Delivery& outbound, hooks& calls, const resume_options& options)
      : outbound_(outbound), calls_(calls), parked_(options) {}

  /// Those that wait.
  [[nodiscard]] auto begin() const noexcept { return parked_.begin(); }
  [[nodiscard]] auto end() const noexcept { return parked_.end(); }

  /// Waiting or with a connection, open or closing; null when there is none of that number.
  [[nodiscard]] client_type* find(std::uint64_t number) const {
    for (client_type* c = untold_; c != nullptr; c = c->touched_before)
      if (c->number() == number) return c;
    return find_resumable(number);
  }

  ~resumption() {
    while (untold_ != nullptr) take_untold();
  }

  /// Tells the host how a connection ended, as its client was told it. False: there was no memory to; `tell_later`.
  [[nodiscard]] bool tell_end(client_type& c, bool may_resume) noexcept {
    connection_info info;
    try {
      info = c.info();
    } catch (...) {
      return false;
    }
    log_end(info, c.ended_with, c.ended_because);
    if (std::exchange(c.announced, false))
      calls_.tell("on_disconnect", calls_.on_disconnect, info,
                  disconnection{c.ended_with, c.ended_because, may_resume});
    return true;
  }

  /// The same of a connection whose session goes on over a newer one: from here on it is nobody's.
  void tell_replaced(const takeover::replaced_connection& old) noexcept {
    outbound_.counted().disconnections[old.code].add();
    log_end(old.info, old.code, old.reason);
    calls_.tell("on_disconnect", calls_.on_disconnect, old.info, disconnection{old.code, old.reason, true});
  }

  /// Kept, without memory, until the host can be told of its end.
  void tell_later(std::unique_ptr<client_type> gone, bool may_resume) noexcept {
    gone->park();
    gone->may_return = may_resume;
    gone->touched_before = untold_;
    untold_ = gone.release();
  }

  /// Those of `tell_later`, in the end.
  void tell_late(steady_time now) {
    while (untold_ != nullptr) {
      std::unique_ptr<client_type> gone = take_untold();
      const bool may_resume = gone->may_return;
      if (!tell_end(*gone, may_resume)) return tell_later(std::move(gone), may_resume);
      if (may_resume) park(std::move(gone), now);
    }
  }

  /// Its socket has ended. Another one may have to go for it.
  void park(std::unique_ptr<client_type> gone, steady_time now) {
    if (gone->connection != nullptr) gone->park();
    crowded_out<client_type> other;
    if (!calls_.guard("on_closed", [&] { other = parked_.park(gone, counted_address(gone->remote_address), now); }))
      other.session = std::move(gone);
    if (other.over) outbound_.counted().limits[*other.over].add();
    if (other.session) expire(*other.session);
    count();
  }

  /// Who is connected still and gave out that token, for whomever; null when nobody did.
  [[nodiscard]] client_type* holder(const resume_request& asked) const {
    const std::optional<resume_token> token = resume_token::parse(asked.token);
    client_type* const old = token ? outbound_.clients.find_connected(token->number) : nullptr;
    return old != nullptr && old->gave_out(*token) ? old : nullptr;
  }

  /// Who is connected still as the token's session; null when nobody is.
  [[nodiscard]] client_type* connected(const resume_request& asked, std::string_view project,
                                       std::string_view principal) const {
    client_type* const old = holder(asked);
    return old != nullptr && old->may_be_resumed_by(project, principal) ? old : nullptr;
  }

  /// Makes `c` the session that the token stands for. A right token is used up, unless `c` takes on the session: then it
  /// is good until the client is heard, for `connected` and the next token may be lost on their way.
  template <class Stream>
  [[nodiscard]] takeover take_over(client_type& c, const Stream& stream, std::string_view project,
                                   std::string_view principal, const resume_request& asked) {
    const resume_outcome position = check_position(asked, stream.epoch(), stream.bounds());
    const std::optional<resume_token> token = resume_token::parse(asked.token);
    client_type* const old = token ? find_resumable(token->number) : nullptr;
    if (old == nullptr || !old->may_be_resumed_by(project, principal) || !old->gave_out(*token)) {
      if (position == resume_outcome::epoch_changed) return {position};
      return {token && parked_.has_expired(*token) ? resume_outcome::expired : resume_outcome::unknown_token};
    }
    // All that takes memory, before anything has changed.
    c.former_secret = std::make_unique<digest>(token->secret);
    if (old->connection == nullptr) c.inherited_frames = std::make_unique<std::string>(old->lane.pending());
    connection_info info = old->info();
    old->resume_secret = {};
    old->former_secret.reset();
    const std::unique_ptr<client_type> unparked = old->connection == nullptr ? parked_.take(token->number) : nullptr;
    if (!unparked) {
      outbound_.close(*old, close_code::taken_over, "the session goes on over a newer connection");
      outbound_.settle(*old);
    }
    count();
    takeover outcome{old->overflowed ? resume_outcome::expired : position};
    if (outcome.what == resume_outcome::resumed) {
      if (!unparked) outcome.replaced = {std::move(info), old->ended_with, std::move(old->ended_because)};
      outbound_.clients.inherit(c, *old);
    } else {
      c.former_secret.reset();
      c.inherited_frames.reset();
      if (unparked) expire(*unparked);
    }
    return outcome;
  }

  void expire_late(steady_time now) {
    while (const auto late = parked_.take_expired(now)) expire(*late);
    count();
  }

  void expire_all() {
    while (const auto waiting = parked_.take_first()) expire(*waiting);
    count();
  }

  /// Commands of a client that is gone are told to stop.
  void part(client_type& c) {
    if (c.has_commands()) calls_.guard("stop callback", [&] { command_desk::abandon(c); });
  }

  /// As `part`, with everybody: their manager is going.
  void part_all() {
    for (auto& [number, c] : outbound_.clients) part(*c);
    for (auto& waiting : parked_) part(*waiting.session);
    for (client_type* c = untold_; c != nullptr; c = c->touched_before) part(*c);
  }

 private:
  [[nodiscard]] client_type* find_resumable(std::uint64_t number) const {
    client_type* const waiting = parked_.find(number);
    return waiting != nullptr ? waiting : outbound_.clients.find_connected(number);
  }

  std::unique_ptr<client_type> take_untold() noexcept {
    return std::unique_ptr<client_type>(std::exchange(untold_, untold_->touched_before));
  }

  void log_end(const connection_info& c, close_code code, std::string_view reason) noexcept {
    if (!calls_.on_log) return;
    calls_.guard("on_log", [&] {
      std::string line = c.id + " of " + c.project + " (" + c.remote_address +
                         ") ended: " + std::to_string(static_cast<int>(code)) + ", " + std::string(to_string(code));
      if (!reason.empty()) line.append(": ").append(reason);
      calls_.log(log_level::info, line);
    });
  }

  void count() noexcept { outbound_.counted().waiting_sessions.set(parked_.size()); }

  // The session will not be resumed any more.
  void expire(client_type& c) {
    outbound_.counted().expired_sessions.add();
    part(c);
    if (!calls_.on_session_expired) return;
    calls_.guard("on_session_expired", [&] { calls_.tell("on_session_expired", calls_.on_session_expired, c.info()); });
  }

  Delivery& outbound_;
  hooks& calls_;
  parked_sessions<client_type> parked_;
  client_type* untold_ = nullptr;  // whose end the host could not be told, for want of memory
};

}  // namespace hotline::detail
#endif
