#pragma once
// Inbound, at the upgrade and at a socket's end: sessions that wait for their client, and how it comes back to them.

#include <hotline/command/command_desk.hpp>
#include <hotline/manager/hooks.hpp>
#include <hotline/manager/parked_sessions.hpp>
#include <hotline/options.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/digest.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// A manager's sessions, those with a connection and those without.
template <class Delivery>
class resumption {
 public:
  using client_type = typename Delivery::client_type;

  resumption(Delivery& outbound, hooks& calls, const resume_options& options)
      : outbound_(outbound), calls_(calls), parked_(options.window, options.sessions) {}

  /// Those that wait.
  [[nodiscard]] auto begin() const noexcept { return parked_.begin(); }
  [[nodiscard]] auto end() const noexcept { return parked_.end(); }

  /// Waiting or with a connection, open or closing; null when there is none of that number.
  [[nodiscard]] client_type* find(std::uint64_t number) const {
    client_type* const waiting = parked_.find(number);
    return waiting != nullptr ? waiting : outbound_.clients.find_connected(number);
  }

  /// Its socket has ended. Another one may have to go for it.
  void park(std::unique_ptr<client_type> gone, steady_time now) {
    gone->park();
    if (const auto crowded_out = parked_.park(std::move(gone), now)) expire(*crowded_out);
  }

  /// Makes `c` the session that the token stands for. A right token is used up, unless `c` takes on the session: then it
  /// is good until the client is heard, for `connected` and the next token may be lost on their way.
  template <class Stream>
  [[nodiscard]] resume_refusal take_over(client_type& c, const Stream& stream, std::string_view project,
                                         std::string_view principal, const resume_request& asked) {
    const resume_refusal position = check_position(asked, stream.epoch(), stream.bounds());
    const std::optional<resume_token> token = resume_token::parse(asked.token);
    client_type* const old = token ? find(token->number) : nullptr;
    if (old == nullptr || !old->may_be_resumed_with(*token, project, principal)) {
      if (position == resume_refusal::epoch_changed) return position;
      return token && parked_.has_expired(*token) ? resume_refusal::expired : resume_refusal::unknown_token;
    }
    old->resume_secret = {};
    old->former_secret.reset();
    const std::unique_ptr<client_type> unparked = old->connection == nullptr ? parked_.take(token->number) : nullptr;
    if (!unparked) {
      outbound_.close(*old, close_code::taken_over, "the session goes on over a newer connection");
      outbound_.settle(*old);
    }
    const resume_refusal refused = old->overflowed ? resume_refusal::expired : position;
    if (refused == resume_refusal::none) {
      c.former_secret = std::make_unique<digest>(token->secret);
      if (unparked) c.inherited_frames = std::make_unique<std::string>(unparked->lane.pending());
      outbound_.clients.inherit(c, *old);
    } else if (unparked) {
      expire(*unparked);
    }
    return refused;
  }

  void expire_late(steady_time now) {
    while (const auto late = parked_.take_expired(now)) expire(*late);
  }

  void expire_all() {
    for (const auto& waiting : parked_.take_all()) expire(*waiting);
  }

  /// Commands of a client that is gone are told to stop.
  void part(client_type& c) {
    if (c.has_commands()) calls_.guard("stop callback", [&] { command_desk::abandon(c); });
  }

  /// As `part`, with everybody: their manager is going.
  void part_all() {
    for (auto& [number, c] : outbound_.clients) part(*c);
    for (auto& waiting : parked_) part(*waiting.session);
  }

 private:
  // The session will not be resumed any more.
  void expire(client_type& c) {
    part(c);
    calls_.tell("on_session_expired", calls_.on_session_expired, c.info());
  }

  Delivery& outbound_;
  hooks& calls_;
  parked_sessions<client_type> parked_;
};

}  // namespace hotline::detail
