#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Sessions that wait for their client to come back. No I/O here.

#include <hotline/manager/census.hpp>
#include <hotline/manager/waiting_list.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/session/pauses.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <deque>
#include <optional>

namespace hotline::detail {

/// The session that had to go for another one, and why; none, mostly.
template <class Client>
struct crowded_out {
  Client* session = nullptr;
  std::optional<limit> over{};
};

/// The order in which sessions wait: bounded in number, for each address too, and in time; the one that has waited longest
/// goes first. The manager's book owns the sessions. To wait takes no memory: what a client needs for it came with it.
template <class Client>
class parked_sessions {
 public:
  parked_sessions(const resume_options& options, census& addresses) : options_(options), addresses_(addresses) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Returns the session that has to go for it: it is to be taken away.
  [[nodiscard]] crowded_out<Client> park(Client& c) noexcept {
    all_.add(c);
    ++size_;
    if (c.address != nullptr) {
      census::address_use& use = c.address->second;
      use.waiters.add(c);
      if (++use.waiting > options_.per_address) return {of(use.waiters.oldest()), limit::address_waiting_sessions};
    }
    if (size_ > options_.sessions) return {oldest(), limit::waiting_sessions};
    return {};
  }

  /// It waits no longer. Only when it did.
  void remove(Client& c) noexcept {
    all_.remove(c);
    --size_;
    if (c.address == nullptr) return;
    c.address->second.waiters.remove(c);
    --c.address->second.waiting;
    addresses_.let_go(c.address);
  }

  /// The same, for it may not come back any more.
  void expire(Client& c) noexcept {
    try {
      if (c.held && c.held->former_secret) expired_.push_back({c.number(), *c.held->former_secret});
      expired_.push_back({c.number(), c.resume_secret});
    } catch (...) {
      // No memory: its client will be told that its token is unknown, which it then is.
    }
    while (expired_.size() > remembered) expired_.pop_front();
    remove(c);
  }

  /// The one that has waited longest; null when nobody waits.
  [[nodiscard]] Client* oldest() const noexcept { return of(all_.oldest()); }

  /// One whose time is over; null when there is none. While the loop did not run (`gaps`) nobody could come back.
  [[nodiscard]] Client* overdue(steady_time now, const pauses& gaps) const noexcept {
    Client* const first = oldest();
    if (first == nullptr) return nullptr;
    const steady_time until = later(first->detached_at(), options_.window);
    return until > now || until + gaps.since(first->detached_at()) > now ? nullptr : first;
  }

  /// Whether this token's session was here and waited too long. Remembered for the latest few.
  [[nodiscard]] bool has_expired(const resume_token& token) const {
    for (const resume_token& known : expired_)
      if (known.number == token.number && equal_in_constant_time(known.secret, token.secret)) return true;
    return false;
  }

 private:
  static constexpr std::size_t remembered = 1024;

  [[nodiscard]] static Client* of(waiter* w) noexcept { return static_cast<Client*>(w); }

  const resume_options& options_;
  census& addresses_;
  waiting_list<&waiter::among_all> all_;  // in the order in which their time ends
  std::size_t size_ = 0;
  std::deque<resume_token> expired_;
};

}  // namespace hotline::detail
#endif
