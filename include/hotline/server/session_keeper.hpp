#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// At the upgrade and at a socket's end: how sessions begin, wait, go on and end, and how the host is notified.

#include <hotline/command/dispatcher.hpp>
#include <hotline/connection/pauses.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/log_level.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/server/delivery.hpp>
#include <hotline/server/hooks.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/session/session_table.hpp>
#include <hotline/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// The result of a request to resume a session.
struct takeover {
  /// A connection that the session had until now. The host is notified of its end at once: the end of its socket
  /// notifies no hook, or, without memory, the host was not notified before.
  struct replaced_connection {
    connection_info info;
    ending how;
    std::string reason;
  };

  resume_outcome what = resume_outcome::resumed;  ///< also when there was no such wish
  session* resumed = nullptr;                     ///< the session, attached; null when none was resumed
  std::optional<replaced_connection> replaced{};
};

/// Begins, resumes and ends a hub's sessions, and notifies the host. `session_table` owns them. For one loop.
///
///     session& s = keeper.begin(c, project, principal);
///     keeper.leave(s, true, now);       // the socket has ended; the session waits
///     keeper.expire_late(now, gaps);    // at a tick
///     keeper.tell_late();               // at a tick
class session_keeper {
 public:
  session_keeper(session_table& sessions, delivery& outbound, hooks& calls, live_metrics& counted) noexcept
      : sessions_(sessions), outbound_(outbound), calls_(calls), counted_(counted) {}

  /// Makes a new session, attached to `c`. Nothing has changed when it throws.
  [[nodiscard]] session& begin(connection& c, const std::shared_ptr<memory_stream>& stream,
                               std::string_view principal) {
    std::uint64_t number = c.arriving()->number;  // as good as another random one, which is a call of the system
    while (sessions_.contains(number)) ++number;
    const wall_time wall = outbound_.wall();
    const std::shared_ptr<const std::string> project(stream, &stream->project());
    session& s = sessions_.add(number, project, client_names(principal, c.arriving()->remote_address));
    sessions_.attach(s, c, outbound_.now(), wall);
    return s;
  }

  /// Returns the connection of the session that gave out the token, for any client; null when there is none.
  [[nodiscard]] connection* connection_of(const resume_request& asked) const {
    session* const s = find(asked);
    return s == nullptr ? nullptr : s->connection();
  }

  /// The same, for the client that may resume it.
  [[nodiscard]] connection* connection_of(const resume_request& asked, std::string_view project,
                                          std::string_view principal) const {
    session* const s = find(asked);
    return s == nullptr || !s->may_be_resumed_by(project, principal) ? nullptr : s->connection();
  }

  /// Attaches the session that the token stands for to `c`. A right token is used up, unless the session goes on: then
  /// it is good until the client has sent something, for `connected` and the next token may be lost on their way.
  /// Nothing has changed when it throws; and whatever `c` meets afterwards, its session then waits with that token.
  [[nodiscard]] takeover take_over(connection& c, std::string_view epoch, log_bounds bounds, std::string_view project,
                                   std::string_view principal, const resume_request& asked) {
    const resume_outcome position = check_position(asked, epoch, bounds);
    const std::optional<resume_token> token = resume_token::parse(asked.token);
    session* const s = token ? sessions_.find_by(*token) : nullptr;
    if (s == nullptr || !s->may_be_resumed_by(project, principal)) {
      if (position == resume_outcome::epoch_changed) return {position};
      return {token && sessions_.has_expired(*token) ? resume_outcome::expired : resume_outcome::unknown_token};
    }
    // All that takes memory, before anything has changed.
    const bool waited = s->connection() == nullptr;
    auto kept = s->prepare_resume(*token);
    client_names names(principal, c.arriving()->remote_address);
    takeover outcome{s->has_overflowed() ? resume_outcome::expired : position};
    connection_info info = outbound_.info(*s);
    const wall_time wall = outbound_.wall();
    if (!waited) end_for_newer(*s->connection());
    if (outcome.what != resume_outcome::resumed) {
      s->begin_resume(nullptr);
      if (waited) end(*s);
      return outcome;
    }
    s->begin_resume(std::move(kept));
    if (!waited) counted_.disconnections[s->ended().code].add();
    if (!waited || s->announced() == announcement::connected)
      outcome.replaced = {std::move(info), s->ended(), s->take_reason()};
    sessions_.attach(*s, c, outbound_.now(), wall, std::move(names));
    outcome.resumed = s;
    count();
    return outcome;
  }

  /// The session's socket has ended. With `may_resume` the session waits, else it ends. The host is notified: at once
  /// or, without memory, later.
  void leave(session& s, bool may_resume, steady_time now) noexcept {
    if (!may_resume) part(s);
    counted_.disconnections[s.ended().code].add();
    const bool told = tell_end(s, may_resume);
    if (!may_resume) {
      sessions_.end(s);
      return told ? sessions_.remove(s) : (void)++untold_;
    }
    if (!told) ++untold_;
    const crowded_out other = sessions_.detach(s, now);
    if (other.over) counted_.limits[*other.over].add();
    if (other.goes != nullptr) expire(*other.goes);
    count();
  }

  /// The same of a connection whose session goes on over a newer one: from here on it is nobody's.
  void tell_replaced(const takeover::replaced_connection& old) noexcept {
    log_end(old.info, old.how, old.reason);
    calls_.tell("on_disconnect", calls_.on_disconnect, old.info, disconnection{old.how.code, old.reason, true});
  }

  /// Notifies the host of ends for which there was no memory before.
  void tell_late() noexcept {
    if (std::exchange(untold_, 0) == 0) return;
    sessions_.sift([&](session& s) {
      if (s.connection() != nullptr) return false;
      const bool has_ended = s.at() == session::state::ended;
      if (!has_ended && s.announced() != announcement::connected) return false;
      if (tell_end(s, !has_ended)) return has_ended;
      ++untold_;
      return false;
    });
  }

  /// Ends the detached sessions whose time is over, pauses left out.
  void expire_late(steady_time now, const pauses& gaps) noexcept {
    while (session* const late = sessions_.overdue(now, gaps)) expire(*late);
    count();
  }

  /// Ends all detached sessions.
  void expire_all() noexcept {
    while (session* const waiting = sessions_.oldest()) expire(*waiting);
    count();
  }

  /// Requests the commands of all sessions to stop: their manager is going.
  void part_all() {
    sessions_.for_each([&](session& s) { part(s); });
  }

 private:
  [[nodiscard]] session* find(const resume_request& asked) const {
    const std::optional<resume_token> token = resume_token::parse(asked.token);
    return token ? sessions_.find_by(*token) : nullptr;
  }

  // Requests the commands of a client that is gone to stop.
  void part(session& s) {
    if (s.has_commands()) calls_.guard("stop callback", [&] { dispatcher::abandon(s); });
  }

  void end_for_newer(connection& old) noexcept {
    try {
      outbound_.close(old, close_code::taken_over, "the session goes on over a newer connection");
      outbound_.settle(old);
    } catch (...) {
      outbound_.give_up(old);
    }
  }

  // Notifies the host how a connection ended, as its client knows it. When the host knows that already, it is notified
  // that the session has ended. Returns false when there was no memory.
  [[nodiscard]] bool tell_end(session& s, bool may_resume) noexcept {
    connection_info info;
    const ending how = s.ended();
    std::string reason;
    if (calls_.on_disconnect || calls_.on_session_expired || calls_.on_log) {
      try {
        info = outbound_.info(s);
        reason = s.end_reason();
      } catch (...) {
        return s.announced() == announcement::nothing || (s.announced() == announcement::disconnected && may_resume);
      }
    }
    if (s.announced() == announcement::connected || s.connection() != nullptr) log_end(info, how, reason);
    if (s.announced() == announcement::connected) {
      s.announce(announcement::disconnected);
      calls_.tell("on_disconnect", calls_.on_disconnect, info, disconnection{how.code, reason, may_resume});
    } else if (s.announced() == announcement::disconnected && !may_resume) {
      calls_.tell("on_session_expired", calls_.on_session_expired, info);
    }
    return true;
  }

  void log_end(const connection_info& c, const ending& how, std::string_view reason) noexcept {
    if (!calls_.on_log) return;
    calls_.guard("on_log", [&] {
      std::string line = c.id + " of " + c.project + " (" + c.remote_address +
                         ") ended: " + std::to_string(static_cast<int>(how.code)) + ", " +
                         std::string(to_string(how.code));
      if (!reason.empty()) line.append(": ").append(reason);
      calls_.log(log_level::info, line);
    });
  }

  void count() noexcept { counted_.waiting_sessions.set(sessions_.waiting()); }

  // It has waited too long, or others need its place.
  void expire(session& s) noexcept { end(s); }

  // A detached session will not be resumed any more.
  void end(session& s) noexcept {
    counted_.expired_sessions.add();
    part(s);
    sessions_.end(s);
    if (tell_end(s, false))
      sessions_.remove(s);
    else
      ++untold_;
    count();
  }

  session_table& sessions_;
  delivery& outbound_;
  hooks& calls_;
  live_metrics& counted_;
  std::size_t untold_ = 0;  // the ends that the host does not know of, for there was no memory
};

}  // namespace hotline::detail
#endif
