#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A client's state that survives its sockets. No I/O here, time is an argument.

#include <hotline/connection/carried.hpp>
#include <hotline/connection/connection.hpp>
#include <hotline/options.hpp>
#include <hotline/session/address_table.hpp>
#include <hotline/session/command_origin.hpp>
#include <hotline/session/command_table.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/digest.hpp>
#include <hotline/wire/frame.hpp>

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
/// one loop; what other threads may read is changed under the table's lock.
class session final : public carried, public session_links {
 public:
  enum class state : std::uint8_t { attached, detached, ended };

  /// `project` points to the name in its project's stream, and owns the stream: were the stream forgotten when the client has
  /// left its room, a session that missed nothing could not go on.
  session(const session_limits& limits, std::uint64_t number, std::shared_ptr<const std::string> project,
          std::string principal)
      : limits_(limits), number_(number), project_(std::move(project)), principal_(std::move(principal)) {}

  session(const session&) = delete;
  session& operator=(const session&) = delete;

  // ------------------------------------------------------------------------------------------------ who it is

  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  /// Returns its connection id: its number as 16 hexadecimal digits.
  [[nodiscard]] std::string id() const { return hexadecimal(number_); }
  [[nodiscard]] const std::string& project() const noexcept { return *project_; }
  [[nodiscard]] const std::string& principal() const noexcept { return principal_; }
  /// Returns the facts that all its commands share. They are made with the first command that the host sees.
  [[nodiscard]] const std::shared_ptr<const command_origin>& origin() {
    if (!origin_) origin_ = std::make_shared<const command_origin>(command_origin{id(), *project_, principal_});
    return origin_;
  }

  // -------------------------------------------------------------------------------------------- its connection

  [[nodiscard]] state at() const noexcept { return state_; }
  /// Returns its connection, null unless it is attached.
  [[nodiscard]] detail::connection* connection() const noexcept { return connection_; }
  /// Returns whether its connection takes messages.
  [[nodiscard]] bool is_open() const noexcept { return connection_ != nullptr && connection_->is_open(); }
  [[nodiscard]] steady_time detached_at() const noexcept { return detached_at_; }

  /// Makes `c` its connection. For `session_table`.
  void attach(detail::connection& c, std::string remote_address, wall_time wall) noexcept {
    connection_ = &c;
    c.carry(*this);
    c.place.kept_up = kept_up_;
    remote_address_ = std::move(remote_address);
    connected_wall_ = wall;
    end_connection(close_code::abnormal, true);
    state_ = state::attached;
  }

  /// Its connection has ended, or carries it no more. For `session_table`.
  void detach(steady_time now) noexcept {
    connected_at_ = connection_->connected_at();
    last_heard_ = connection_->last_heard();
    kept_up_ = connection_->place.kept_up;
    connection_->put_down();
    connection_ = nullptr;
    detached_at_ = now;
    state_ = state::detached;
  }

  /// It will not be resumed. For `session_table`.
  void end() noexcept { state_ = state::ended; }

  /// Notes how its connection ends.
  void end_connection(close_code code, bool may_resume) noexcept {
    ending_ = ending{code, may_resume};
    reason_.reset();
  }
  /// Notes that there is no memory for its connection, which ends.
  void end_without_memory() noexcept {
    ending_ = ending{close_code::internal_error, true, true};
    reason_.reset();
  }
  /// Notes why its connection ends, for the host. Nothing has changed when it throws.
  void explain_end(std::string reason) {
    if (reason.empty()) return reason_.reset();
    reason_ = std::make_unique<std::string>(std::move(reason));
  }
  /// Returns how its latest connection ended, or is ending.
  [[nodiscard]] const ending& ended() const noexcept { return ending_; }
  /// Returns why, and forgets it. Takes no memory.
  [[nodiscard]] std::string take_reason() noexcept {
    const std::unique_ptr<std::string> reason = std::move(reason_);
    return reason ? std::move(*reason) : std::string(ending_.lacked_memory ? "out of memory" : "");
  }
  /// Returns why its latest connection ended, or is ending.
  [[nodiscard]] std::string_view end_reason() const noexcept {
    if (reason_) return *reason_;
    return ending_.lacked_memory ? "out of memory" : "";
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
    told.remote_address = remote_address_;
    told.connected_at = connection_ != nullptr ? connection_->connected_at() : connected_at_;
    told.connected_at_wall = connected_wall_;
    told.last_heard = connection_ != nullptr ? connection_->last_heard() : last_heard_;
    told.timeout = timeout;
    told.expires_at = expires_at_;
    told.hears_all = wanted_.hears_all();
    told.subscriptions = wanted_.names();
    return told;
  }

  // -------------------------------------------------------------------------------------------------- resuming

  /// Returns whether it is for this project and principal, and its connection ended in a way that lets it go on.
  [[nodiscard]] bool may_be_resumed_by(std::string_view project, std::string_view principal) const noexcept {
    return ending_.may_resume && *project_ == project && principal_ == principal;
  }

  /// Returns whether the token is its own: the latest, or the one before until the client has surely read the latest.
  [[nodiscard]] bool gave_out(const resume_token& token) const noexcept {
    return equal_in_constant_time(secret_, token.secret) ||
           (interim_ && interim_->former && equal_in_constant_time(*interim_->former, token.secret));
  }

  /// The client has sent something after its request, so it has read the token that it was given.
  void confirm_token() noexcept {
    if (!interim_ || !is_open()) return;
    interim_->former.reset();
    if (interim_->answers.empty()) interim_.reset();
  }

  /// The state that a session keeps between two connections.
  struct interim {
    std::optional<digest> former{};  ///< that of the token before the latest
    std::string answers{};           ///< frames that came while it was detached; sent after `connected`
  };

  /// Returns what `begin_resume` takes: all the memory that a resume by `token` needs.
  [[nodiscard]] std::unique_ptr<interim> prepare_resume(const resume_token& token) const {
    auto kept = std::make_unique<interim>();
    kept->former = token.secret;
    kept->answers = kept_answers();
    return kept;
  }
  /// Uses up its tokens. With `kept` the one that it was prepared for stays good until `confirm_token`.
  void begin_resume(std::unique_ptr<interim> kept) noexcept {
    secret_ = {};
    interim_ = std::move(kept);
  }
  /// Its client is given a new token with this secret, and the answers that it kept.
  void finish_resume(const digest& secret) noexcept {
    if (interim_) std::string().swap(interim_->answers);
    secret_ = secret;
  }
  /// Calls `f(secret)` for each secret by which it can be resumed.
  template <class F>
  void for_each_secret(F f) const {
    if (interim_ && interim_->former) f(*interim_->former);
    if (secret_ != digest{}) f(secret_);
  }

  /// Returns the frames that it kept while it was detached.
  [[nodiscard]] std::string_view kept_answers() const noexcept {
    return interim_ ? std::string_view(interim_->answers) : std::string_view();
  }
  /// While it is detached: keeps an answer. Returns false when that would be more than is kept; nothing is kept when it
  /// throws.
  [[nodiscard]] bool keep_answer(std::string_view text) {
    if (!interim_) interim_ = std::make_unique<interim>();
    std::string& kept = interim_->answers;
    const bool is_full = kept.size() > limits_.control_lane_bytes / 2;
    if (is_full && kept.size() + text.size() + frame_header > limits_.control_lane_bytes) return false;
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
  [[nodiscard]] steady_time expires_at() const noexcept { return expires_at_; }
  void expire_at(steady_time at) noexcept { expires_at_ = at; }

  /// Returns the event after which it began.
  [[nodiscard]] sequence first() const noexcept { return first_; }
  void begin_at(sequence first) noexcept { first_ = first; }

  /// Its address's record, null for no address. `session_table` sets it.
  [[nodiscard]] address_record*& address() noexcept { return address_; }

  /// Returns its commands. The table is made with the first call.
  [[nodiscard]] command_table& commands() {
    if (!commands_) commands_ = std::make_unique<command_table>(limits_);
    return *commands_;
  }
  [[nodiscard]] bool has_commands() const noexcept { return commands_ && commands_->under_way() > 0; }

 private:
  static constexpr std::size_t frame_header = 10;

  const session_limits& limits_;
  const std::uint64_t number_;
  const std::shared_ptr<const std::string> project_;
  const std::string principal_;
  std::shared_ptr<const command_origin> origin_;  // from the first command that the host sees on
  detail::connection* connection_ = nullptr;
  std::unique_ptr<command_table> commands_;  // from the first command on
  std::unique_ptr<interim> interim_;         // null, mostly
  filter wanted_;
  sequence first_ = 0;
  steady_time expires_at_ = steady_time::max();
  address_record* address_ = nullptr;
  std::string remote_address_;  // that of the connection that it has, or had last
  wall_time connected_wall_{};
  steady_time connected_at_{};  // detached: of the connection that it had last; so are the next two
  steady_time last_heard_{};
  steady_time detached_at_{};
  std::unique_ptr<std::string> reason_;  // why its connection ends: mostly null
  digest secret_{};                      // that of the token that its client was given last
  ending ending_;
  state state_ = state::detached;
  announcement announced_ = announcement::nothing;
  bool subscribed_ = false;
  bool overflowed_ = false;
  bool kept_up_ = false;  // detached: its place's
};

inline session* connection::of() const noexcept { return static_cast<session*>(carried_); }

}  // namespace hotline::detail
#endif
