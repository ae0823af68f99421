#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A client's state that survives its sockets. No I/O here, time is an argument.

#include <hotline/connection/carried.hpp>
#include <hotline/connection/connection.hpp>
#include <hotline/options.hpp>
#include <hotline/session/address_table.hpp>
#include <hotline/session/client_names.hpp>
#include <hotline/session/command_origin.hpp>
#include <hotline/session/command_table.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/digest.hpp>
#include <hotline/wire/frame.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// How a session's latest connection ended, or ends.
struct ending {
  close_code code = close_code::abnormal;
  bool may_resume = true;      ///< the code, or the reason behind it, lets a client come back to its session
  bool lacked_memory = false;  ///< that is the reason, and none other is kept
};

/// How much the host knows of a session.
enum class announcement : std::uint8_t {
  nothing,       ///< no connection was announced yet
  connected,     ///< a connection was announced, and not yet its end
  disconnected,  ///< the end of the latest connection was announced too
};

/// A client's state that survives its sockets: its id, project, principal, filter, commands, rates and resume token.
///
///     attached <--attach/detach--> detached --end--> ended
///         \----------------------end----------------^
///
/// While it is attached it has a connection; what it is sent goes there. While it is detached it keeps what it is
/// answered, within `session_limits::control_lane_bytes`. `session_table` owns sessions and changes their state. For
/// one loop; what other threads may read is changed under the table's lock, or atomically.
class session final : public carried, public session_links {
 public:
  enum class state : std::uint8_t { attached, detached, ended };

  /// `project` points to the name in its project's stream, and owns the stream: were the stream forgotten when the client has
  /// left its room, a session that missed nothing could not go on.
  session(std::uint64_t number, std::shared_ptr<const std::string> project, client_names names)
      : carried(number), project_(std::move(project)), names_(std::move(names)) {}

  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() { delete rarely(); }

  // ------------------------------------------------------------------------------------------------ who it is

  using carried::number;
  /// Returns its connection id: its number as 16 hexadecimal digits.
  [[nodiscard]] std::string id() const { return hexadecimal(number()); }
  [[nodiscard]] const std::string& project() const noexcept { return *project_; }
  [[nodiscard]] std::string_view principal() const noexcept { return names_.principal(); }
  /// Returns the facts that all its commands share. They are made with the first command that the host sees.
  [[nodiscard]] const std::shared_ptr<const command_origin>& origin() {
    std::shared_ptr<const command_origin>& known = rare().origin;
    if (!known)
      known = std::make_shared<const command_origin>(command_origin{id(), *project_, std::string(principal())});
    return known;
  }

  // -------------------------------------------------------------------------------------------- its connection

  [[nodiscard]] state at() const noexcept { return state_; }
  /// Returns its connection, null unless it is attached.
  [[nodiscard]] detail::connection* connection() const noexcept { return connection_; }
  /// Returns the address of the client whose connection it has, or had last.
  [[nodiscard]] std::string_view remote_address() const noexcept { return names_.remote_address(); }
  /// Returns whether its connection takes messages.
  [[nodiscard]] bool is_open() const noexcept { return connection_ != nullptr && connection_->is_open(); }
  [[nodiscard]] steady_time detached_at() const noexcept { return last_ping; }

  /// Makes `c` its connection. For `session_table`.
  void attach(detail::connection& c, steady_time now, wall_time wall) noexcept {
    connection_ = &c;
    c.carry(*this);
    c.place.kept_up = kept_up_;
    connected_at = c.came_at();
    hear(now);
    connected_wall_ = wall;
    end_connection(close_code::abnormal, true);
    state_ = state::attached;
  }

  /// Its client has these names from here on. For `session_table`.
  void rename(client_names names) noexcept { names_ = std::move(names); }

  /// Its connection has ended, or carries it no more. For `session_table`.
  void detach(steady_time now) noexcept {
    kept_up_ = connection_->place.kept_up;
    connection_->put_down();
    connection_ = nullptr;
    last_ping = now;
    state_ = state::detached;
  }

  /// It will not be resumed. For `session_table`.
  void end() noexcept { state_ = state::ended; }

  /// Notes how its connection ends.
  void end_connection(close_code code, bool may_resume) noexcept { end_as({code, may_resume}); }
  /// Notes that there is no memory for its connection, which ends.
  void end_without_memory() noexcept { end_as({close_code::internal_error, true, true}); }
  /// Notes why its connection ends, for the host. Nothing has changed when it throws.
  void explain_end(std::string reason) {
    if (reason.empty()) return forget_reason();
    rare().reason = std::move(reason);
  }
  /// Returns how its latest connection ended, or is ending.
  [[nodiscard]] ending ended() const noexcept { return {ended_with_, may_resume_, lacked_memory_}; }
  /// Returns why, and forgets it. Takes no memory.
  [[nodiscard]] std::string take_reason() noexcept {
    if (rare_state* const known = rarely(); known != nullptr && !known->reason.empty())
      return std::exchange(known->reason, std::string());
    return lacked_memory_ ? "out of memory" : "";
  }
  /// Returns why its latest connection ended, or is ending.
  [[nodiscard]] std::string_view end_reason() const noexcept {
    if (const rare_state* const known = rarely(); known != nullptr && !known->reason.empty()) return known->reason;
    return lacked_memory_ ? "out of memory" : "";
  }

  /// Returns what the host knows of it.
  [[nodiscard]] announcement announced() const noexcept { return announced_; }
  /// Notes what the host was notified of.
  void announce(announcement known) noexcept { announced_ = known; }

  /// Returns the facts that a host receives; `timeout`: of the heartbeat policy.
  [[nodiscard]] connection_info info(std::chrono::milliseconds timeout) const {
    connection_info told;
    told.id = id();
    told.project = project();
    told.principal = principal();
    told.remote_address = remote_address();
    told.connected_at = connected_at;
    told.connected_at_wall = connected_wall_;
    told.last_heard = last_heard();
    told.timeout = timeout;
    told.expires_at = expires_at();
    told.hears_all = wanted_.hears_all();
    told.subscriptions = wanted_.names();
    return told;
  }

  // -------------------------------------------------------------------------------------------------- resuming

  /// Returns whether it is for this project and principal, and its connection ended in a way that lets it go on.
  [[nodiscard]] bool may_be_resumed_by(std::string_view project, std::string_view principal) const noexcept {
    return may_resume_ && *project_ == project && this->principal() == principal;
  }

  /// Returns whether the token is its own: the latest, or the one before until the client has surely read the latest.
  [[nodiscard]] bool gave_out(const resume_token& token) const noexcept {
    return equal_in_constant_time(secret_, token.secret) ||
           (former() && equal_in_constant_time(*former(), token.secret));
  }

  /// The client has sent something after its request, so it has read the token that it was given.
  void confirm_token() noexcept {
    rare_state* const known = rarely();
    if (known == nullptr || !known->kept || !is_open()) return;
    known->kept->former.reset();
    if (known->kept->answers.empty()) known->kept.reset();
  }

  /// The state that a session keeps between two connections.
  struct interim {
    std::optional<digest> former{};  ///< that of the token before the latest
    std::string answers{};           ///< frames that came while it was detached; sent after `connected`
  };

  /// Returns what `begin_resume` takes. Takes all the memory that a resume by `token` needs.
  [[nodiscard]] std::unique_ptr<interim> prepare_resume(const resume_token& token) {
    (void)rare();
    auto kept = std::make_unique<interim>();
    kept->former = token.secret;
    kept->answers = kept_answers();
    return kept;
  }
  /// Uses up its tokens. With `kept` the one that it was prepared for stays good until `confirm_token`.
  void begin_resume(std::unique_ptr<interim> kept) noexcept {
    secret_ = {};
    if (rare_state* const known = rarely()) known->kept = std::move(kept);
  }
  /// Its client is given a new token with this secret, and the answers that it kept.
  void finish_resume(const digest& secret) noexcept {
    if (rare_state* const known = rarely(); known != nullptr && known->kept) std::string().swap(known->kept->answers);
    secret_ = secret;
  }
  /// Calls `f(secret)` for each secret by which it can be resumed.
  template <class F>
  void for_each_secret(F f) const {
    if (former()) f(*former());
    if (secret_ != digest{}) f(secret_);
  }

  /// Returns the frames that it kept while it was detached.
  [[nodiscard]] std::string_view kept_answers() const noexcept {
    const rare_state* const known = rarely();
    return known != nullptr && known->kept ? std::string_view(known->kept->answers) : std::string_view();
  }
  /// While it is detached: keeps an answer. Returns false when that would be more than `most` bytes
  /// (`session_limits::control_lane_bytes`); nothing is kept when it throws.
  [[nodiscard]] bool keep_answer(std::string_view text, std::size_t most) {
    if (!rare().kept) rare().kept = std::make_unique<interim>();
    std::string& kept = rare().kept->answers;
    const bool is_full = kept.size() > most / 2;
    if (is_full && kept.size() + text.size() + frame_header > most) return false;
    append_frame(kept, opcode::text, text);
    return true;
  }
  /// Returns whether it was answered more, while it was detached, than is kept: then it cannot be resumed.
  [[nodiscard]] bool has_overflowed() const noexcept { return overflowed_; }
  /// Notes that an answer was not kept.
  void overflow() noexcept { overflowed_ = true; }

  // ------------------------------------------------------------------------------------------------ its traits

  /// Returns the event types that it subscribes to.
  [[nodiscard]] const filter& wanted() const noexcept { return wanted_; }
  void want(filter wanted) noexcept { wanted_ = std::move(wanted); }
  /// Returns whether its client has ever subscribed; before that its filter is the manager's default.
  [[nodiscard]] bool has_subscribed() const noexcept { return subscribed_; }
  void note_subscribed() noexcept { subscribed_ = true; }

  /// Returns when its admission ends; the maximum: never.
  [[nodiscard]] steady_time expires_at() const noexcept {
    const rare_state* const known = rarely();
    return known != nullptr ? known->expires_at : steady_time::max();
  }
  /// Nothing has changed when it throws.
  void expire_at(steady_time at) {
    if (rarely() != nullptr || at != steady_time::max()) rare().expires_at = at;
  }

  /// Returns the event after which it began.
  [[nodiscard]] sequence first() const noexcept { return first_; }
  void begin_at(sequence first) noexcept { first_ = first; }

  /// Its address's record, null for no address. `session_table` sets it.
  [[nodiscard]] address_record*& address() noexcept { return address_; }

  /// Returns its commands.
  [[nodiscard]] command_table& commands() noexcept { return commands_; }
  [[nodiscard]] bool has_commands() const noexcept { return commands_.under_way() > 0; }
  /// Returns false where neither a command nor its admission can be overdue.
  [[nodiscard]] bool may_be_due(steady_time now) const noexcept {
    const rare_state* const known = rarely();
    return has_commands() || (known != nullptr && now >= known->expires_at);
  }

 private:
  static constexpr std::size_t frame_header = 10;

  /// State that most sessions never have.
  struct rare_state {
    std::shared_ptr<const command_origin> origin{};  // from the first command that the host sees on
    std::unique_ptr<interim> kept{};
    std::string reason{};  // why its connection ends
    steady_time expires_at = steady_time::max();
  };

  /// Null where it has none. Any thread may read `expires_at` there, under the table's lock.
  [[nodiscard]] rare_state* rarely() const noexcept { return rare_.load(std::memory_order_acquire); }
  [[nodiscard]] rare_state& rare() {
    if (rare_state* const known = rarely()) return *known;
    auto* const made = new rare_state;
    rare_.store(made, std::memory_order_release);
    return *made;
  }

  /// Returns the secret of the token before the latest; null when that is good no more.
  [[nodiscard]] const digest* former() const noexcept {
    const rare_state* const known = rarely();
    return known != nullptr && known->kept && known->kept->former ? &*known->kept->former : nullptr;
  }

  void end_as(const ending& how) noexcept {
    ended_with_ = how.code;
    may_resume_ = how.may_resume;
    lacked_memory_ = how.lacked_memory;
    forget_reason();
  }

  void forget_reason() noexcept {
    if (rare_state* const known = rarely()) std::string().swap(known->reason);
  }

  const std::shared_ptr<const std::string> project_;
  client_names names_;
  detail::connection* connection_ = nullptr;
  command_table commands_;
  std::atomic<rare_state*> rare_{nullptr};  // made while other threads may look for it
  filter wanted_;
  sequence first_ = 0;
  address_record* address_ = nullptr;
  wall_time connected_wall_{};
  digest secret_{};  // that of the token that its client was given last
  // Its latest connection's `ending`, and bits: each idle session has them. Other threads read `state_`, so it is no bit.
  close_code ended_with_ = close_code::abnormal;
  state state_ = state::detached;
  bool may_resume_ : 1 = true;
  bool lacked_memory_ : 1 = false;
  bool subscribed_ : 1 = false;
  bool overflowed_ : 1 = false;
  bool kept_up_ : 1 = false;  // detached: its place's
  announcement announced_ : 2 = announcement::nothing;
};

inline session* connection::of() const noexcept { return static_cast<session*>(carried_); }

}  // namespace hotline::detail
#endif
