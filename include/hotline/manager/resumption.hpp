#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound, at the upgrade and at a socket's end: sessions that wait for their client, and how it comes back to them.

#include <hotline/command/command_desk.hpp>
#include <hotline/manager/census.hpp>
#include <hotline/manager/client.hpp>
#include <hotline/manager/hooks.hpp>
#include <hotline/manager/parked_sessions.hpp>
#include <hotline/options.hpp>
#include <hotline/session/pauses.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// What became of a wish to go on with a session.
struct takeover {
  /// A connection that the session had until now. The host is told of its end at once: it is told nothing when the socket
  /// ends, or it could not be told before, when memory was short.
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

  resumption(Delivery& outbound, hooks& calls, const resume_options& options, census& addresses)
      : outbound_(outbound), calls_(calls), parked_(options, addresses) {}

  /// Waiting or with a connection, open or closing; null when there is none of that number.
  [[nodiscard]] client_type* find(std::uint64_t number) const {
    for (client_type* c = untold_; c != nullptr; c = c->touched_before)
      if (c->number() == number) return c;
    return outbound_.clients.find_any(number);
  }

  ~resumption() {
    while (untold_ != nullptr) take_untold();
  }

  /// Tells the host how a connection ended, as its client was told it; or, where it knows that, that its session has. False:
  /// there was no memory to. Then it is told later, by `park` or `tell_later`.
  [[nodiscard]] bool tell_end(client_type& c, bool may_resume) noexcept {
    connection_info info;
    std::string reason;
    try {
      info = c.info();
      reason = c.ended_because;
    } catch (...) {
      return !c.announced && (may_resume || !c.known);
    }
    if (c.announced || c.connection != nullptr) log_end(info, c.ended_with, reason);
    if (std::exchange(c.announced, false))
      calls_.tell("on_disconnect", calls_.on_disconnect, info, disconnection{c.ended_with, reason, may_resume});
    else if (c.known && !may_resume)
      calls_.tell("on_session_expired", calls_.on_session_expired, info);
    return true;
  }

  /// The same of a connection whose session goes on over a newer one: from here on it is nobody's.
  void tell_replaced(const takeover::replaced_connection& old) noexcept {
    log_end(old.info, old.code, old.reason);
    calls_.tell("on_disconnect", calls_.on_disconnect, old.info, disconnection{old.code, old.reason, true});
  }

  /// Kept, without memory, until the host can be told of its end, and that it does not come back.
  void tell_later(std::unique_ptr<client_type> gone) noexcept {
    gone->connection = nullptr;
    gone->touched_before = untold_;
    untold_ = gone.release();
  }

  /// Those whom the host could not be told of.
  void tell_late() noexcept {
    if (std::exchange(waits_untold_, false))
      for (auto& [number, c] : outbound_.clients)
        if (c->connection == nullptr && c->announced && !tell_end(*c, true)) waits_untold_ = true;
    while (untold_ != nullptr) {
      std::unique_ptr<client_type> gone = take_untold();
      if (!tell_end(*gone, false)) return tell_later(std::move(gone));
    }
  }

  /// Its socket has ended, and its session waits. That takes no memory: it was promised. Another one may have to go for it.
  void park(client_type& gone, steady_time now) noexcept {
    outbound_.clients.park(gone, now);
    if (gone.announced) waits_untold_ = true;
    const crowded_out<client_type> other = parked_.park(gone);
    if (other.over) outbound_.counted().limits[*other.over].add();
    if (other.session != nullptr) expire(*other.session);
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
  /// is good until the client is heard, for `connected` and the next token may be lost on their way. A failure has
  /// changed nothing; and whatever `c` meets afterwards, its session then waits with that token.
  template <class Stream>
  [[nodiscard]] takeover take_over(client_type& c, const Stream& stream, std::string_view project,
                                   std::string_view principal, const resume_request& asked) {
    const resume_outcome position = check_position(asked, stream.epoch(), stream.bounds());
    const std::optional<resume_token> token = resume_token::parse(asked.token);
    client_type* const old = token ? outbound_.clients.find_any(token->number) : nullptr;
    if (old == nullptr || !old->may_be_resumed_by(project, principal) || !old->gave_out(*token)) {
      if (position == resume_outcome::epoch_changed) return {position};
      return {token && parked_.has_expired(*token) ? resume_outcome::expired : resume_outcome::unknown_token};
    }
    // All that takes memory, before anything has changed.
    const bool waited = old->connection == nullptr;
    auto brought = std::make_unique<passing>();
    brought->former_secret = token->secret;
    if (waited) brought->frames = old->lane.pending();
    connection_info info = old->info();
    old->resume_secret = {};
    old->held.reset();
    if (waited) {
      parked_.remove(*old);
      count();
    } else {
      end_for_newer(*old);
    }
    takeover outcome{old->overflowed ? resume_outcome::expired : position};
    if (outcome.what == resume_outcome::resumed) {
      if (!waited) outbound_.counted().disconnections[old->ended_with].add();
      if (!waited || old->announced)
        outcome.replaced = {std::move(info), old->ended_with, std::move(old->ended_because)};
      c.bring(std::move(brought));
      outbound_.clients.inherit(c, *old);
    } else if (waited) {
      end(outbound_.clients.take(*old));
    }
    return outcome;
  }

  void expire_late(steady_time now, const pauses& gaps) noexcept {
    while (client_type* const late = parked_.overdue(now, gaps)) expire(*late);
    count();
  }

  void expire_all() noexcept {
    while (client_type* const waiting = parked_.oldest()) expire(*waiting);
    count();
  }

  /// Commands of a client that is gone are told to stop.
  void part(client_type& c) {
    if (c.has_commands()) calls_.guard("stop callback", [&] { command_desk::abandon(c); });
  }

  /// As `part`, with everybody: their manager is going.
  void part_all() {
    for (auto& [number, c] : outbound_.clients) part(*c);
    for (client_type* c = untold_; c != nullptr; c = c->touched_before) part(*c);
  }

 private:
  void end_for_newer(client_type& old) noexcept {
    try {
      outbound_.close(old, close_code::taken_over, "the session goes on over a newer connection");
      outbound_.settle(old);
    } catch (...) {
      outbound_.give_up(old);
    }
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

  // It has waited too long, or others need its place.
  void expire(client_type& c) noexcept {
    parked_.expire(c);
    end(outbound_.clients.take(c));
  }

  // The session will not be resumed any more.
  void end(std::unique_ptr<client_type> over) noexcept {
    outbound_.counted().expired_sessions.add();
    part(*over);
    if (!tell_end(*over, false)) tell_later(std::move(over));
  }

  Delivery& outbound_;
  hooks& calls_;
  parked_sessions<client_type> parked_;
  client_type* untold_ = nullptr;  // of whose end the host could not be told, for want of memory; they do not come back
  bool waits_untold_ = false;      // some that wait are announced still, for the same reason
};

}  // namespace hotline::detail
#endif
