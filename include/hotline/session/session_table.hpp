#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/connection.hpp>
#include <hotline/connection/pauses.hpp>
#include <hotline/intrusive_list.hpp>
#include <hotline/metrics.hpp>
#include <hotline/number_table.hpp>
#include <hotline/options.hpp>
#include <hotline/session/address_table.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/session/session.hpp>
#include <hotline/types.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hotline::detail {

/// A session that must end so that another can be detached, and the limit that says so.
struct crowded_out {
  session* goes = nullptr;
  std::optional<limit> over{};
};

/// A manager's sessions: it owns them, finds them and changes their state.
///
///     session& s = table.add(number, project, client_names(principal, address));
///     table.attach(s, c, now, wall);       // its client is here
///     table.detach(s, now);                // the socket has ended; the session waits
///     table.end(s);                        // its client does not come back
///     table.remove(s);                     // the host was notified
///
/// The loop reads it freely and changes it under its lock; other threads read it under the lock, by `read`. `attach`,
/// `detach`, `end` and `remove` take no memory and cannot fail.
class session_table {
 public:
  session_table(const resume_options& options, address_table& addresses) noexcept
      : options_(options), addresses_(addresses) {}
  session_table(const session_table&) = delete;
  session_table& operator=(const session_table&) = delete;
  ~session_table() {
    while (session* const s = oldest()) stop_waiting(*s);
  }

  // ------------------------------------------------------------------------------------------------- lookups

  [[nodiscard]] bool contains(std::uint64_t number) const noexcept { return sessions_.find(number) != nullptr; }

  /// Returns the session of that number, whatever its state; null when there is none.
  [[nodiscard]] session* find(std::uint64_t number) noexcept { return sessions_.find(number); }

  /// Returns the session of that connection id while its connection is open; null otherwise.
  [[nodiscard]] session* find_open(std::string_view id) {
    std::uint64_t number = 0;
    const char* const last = id.data() + id.size();
    const auto [end, wrong] = std::from_chars(id.data(), last, number, 16);
    if (id.size() != id_digits || wrong != std::errc() || end != last) return nullptr;
    session* const found = find(number);
    return found != nullptr && found->is_open() ? found : nullptr;
  }

  /// Returns the session that gave out the token and has not ended; null when there is none.
  [[nodiscard]] session* find_by(const resume_token& token) {
    session* const found = find(token.number);
    return found != nullptr && found->at() != session::state::ended && found->gave_out(token) ? found : nullptr;
  }

  /// Returns whether this token's session was here and waited too long. Remembered for the latest few.
  [[nodiscard]] bool has_expired(const resume_token& token) const {
    for (const resume_token& known : expired_)
      if (known.number == token.number && equal_in_constant_time(known.secret, token.secret)) return true;
    return false;
  }

  /// Calls `f(session&)` with each session, on the loop; `f` may change their state, and removes none.
  template <class F>
  void for_each(F f) {
    for (session* s = sessions_.first(); s != nullptr; s = sessions_.after(*s)) f(*s);
  }

  /// Calls `f(session&)` with each session, on the loop, and frees those for which it returns true: they have ended.
  template <class F>
  void sift(F f) {
    for (session* s = sessions_.first(); s != nullptr;) {
      session& one = *std::exchange(s, sessions_.after(*s));
      if (f(one)) remove(one);
    }
  }

  /// Calls `f(session&)` with each that is detached, the one that has waited longest first; `f` ends none.
  template <class F>
  void for_each_waiting(F f) const {
    for (session& s : waiting_) f(s);
  }

  /// Any thread: calls `f(const session&)` with each that is attached.
  template <class F>
  void read(F f) const {
    const std::lock_guard lock(mutex_);
    for (const session* s = sessions_.first(); s != nullptr; s = sessions_.after(*s))
      if (s->at() == session::state::attached) f(*s);
  }

  /// Changes what other threads may be reading of a session.
  template <class F>
  void change(F f) {
    const std::lock_guard lock(mutex_);
    f();
  }

  /// Returns how many are detached.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
  /// Returns the one that has been detached longest, null when there is none.
  [[nodiscard]] session* oldest() const noexcept { return waiting_.front(); }

  /// Returns a detached session whose time is over, null when there is none. While the loop did not run (`gaps`) no
  /// client could come back.
  [[nodiscard]] session* overdue(steady_time now, const pauses& gaps) const noexcept {
    session* const first = oldest();
    if (first == nullptr) return nullptr;
    const steady_time until = later(first->detached_at(), options_.window);
    return until > now || until + gaps.since(first->detached_at()) > now ? nullptr : first;
  }

  // --------------------------------------------------------------------------------------------- transitions

  /// Adds a new session, which is to be attached at once. No session has that number yet.
  session& add(std::uint64_t number, std::shared_ptr<const std::string> project, client_names names) {
    const std::lock_guard lock(mutex_);
    return sessions_.add(number, std::move(project), std::move(names));
  }

  /// Its client is here, over `c`. A session that was attached to another connection leaves that one.
  void attach(session& s, connection& c, steady_time now, wall_time wall) noexcept {
    const std::lock_guard lock(mutex_);
    attach_locked(s, c, now, wall);
  }
  /// As `attach`; the client has other names than before: it comes from another address.
  void attach(session& s, connection& c, steady_time now, wall_time wall, client_names names) noexcept {
    const std::lock_guard lock(mutex_);
    s.rename(std::move(names));
    attach_locked(s, c, now, wall);
  }

  /// Its socket has ended, and the session waits. Returns the session that must end for that, which may be `s`.
  [[nodiscard]] crowded_out detach(session& s, steady_time now) noexcept {
    const std::lock_guard lock(mutex_);
    s.detach(now);
    waiting_.push_back(s);
    if (address_record* const address = s.address()) {
      address->waiting.push_back(s);
      if (address->waiting.size() > options_.per_address)
        return {address->waiting.front(), limit::address_waiting_sessions};
    }
    if (waiting_.size() > options_.sessions) return {oldest(), limit::waiting_sessions};
    return {};
  }

  /// Its client does not come back. A session that has waited is remembered for `has_expired`.
  void end(session& s) noexcept {
    const std::lock_guard lock(mutex_);
    if (waiting_list::is_linked(s)) remember(s);
    stop_waiting(s);
    if (s.connection() != nullptr) s.detach(steady_time{});
    addresses_.let_go(s.address());
    s.end();
  }

  /// Destroys the session. Only once it has ended.
  void remove(session& s) noexcept {
    const std::unique_ptr<session> gone(&s);  // freed without the lock: its commands may call the host
    const std::lock_guard lock(mutex_);
    sessions_.release(s);
  }

 private:
  using waiting_list = intrusive_list<session, &session_links::among_waiting>;

  static constexpr std::size_t id_digits = 16;
  static constexpr std::size_t remembered = 1024;

  void attach_locked(session& s, connection& c, steady_time now, wall_time wall) noexcept {
    stop_waiting(s);
    if (s.connection() != nullptr) s.detach(steady_time{});
    addresses_.let_go(s.address());
    s.address() = address_table::share(c.address);
    s.attach(c, now, wall);
  }

  void stop_waiting(session& s) noexcept {
    if (!waiting_list::is_linked(s)) return;
    waiting_.remove(s);
    if (s.address() != nullptr) s.address()->waiting.remove(s);
  }

  void remember(const session& s) noexcept {
    try {
      s.for_each_secret([&](const digest& secret) { expired_.push_back({s.number(), secret}); });
    } catch (...) {
      // No memory: its client will receive that its token is unknown, which it then is.
    }
    while (expired_.size() > remembered) expired_.pop_front();
  }

  const resume_options& options_;
  address_table& addresses_;
  mutable std::mutex mutex_;
  number_table<session> sessions_;
  waiting_list waiting_;  // in the order in which their time ends
  std::deque<resume_token> expired_;
};

}  // namespace hotline::detail
#endif
