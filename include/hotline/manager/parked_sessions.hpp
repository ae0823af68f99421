#pragma once
// Sessions whose socket went, while they wait for their client to come back.

#include <hotline/session/resume.hpp>
#include <hotline/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>

namespace hotline::detail {

/// Bounded in number and in time; the one that has waited longest goes first.
template <class Client>
class parked_sessions {
 public:
  parked_sessions(std::chrono::milliseconds window, std::size_t most) : window_(window), most_(most) {}

  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  [[nodiscard]] auto begin() const noexcept { return waiting_.begin(); }
  [[nodiscard]] auto end() const noexcept { return waiting_.end(); }

  /// Answers who had to go for it, if somebody had. It takes `gone` unless it throws, for want of memory.
  [[nodiscard]] std::unique_ptr<Client> park(std::unique_ptr<Client>& gone, steady_time now) {
    const auto found = places_.try_emplace(gone->number()).first;
    try {
      waiting_.push_back({nullptr, later(now, window_)});
    } catch (...) {
      places_.erase(found);
      throw;
    }
    found->second = std::prev(waiting_.end());
    waiting_.back().session = std::move(gone);
    return waiting_.size() > most_ ? expire_first() : nullptr;
  }

  /// Null when nobody of that number waits.
  [[nodiscard]] Client* find(std::uint64_t number) const {
    const auto found = places_.find(number);
    return found == places_.end() ? nullptr : found->second->session.get();
  }

  /// Only when it is there.
  [[nodiscard]] std::unique_ptr<Client> take(std::uint64_t number) {
    const auto found = places_.find(number);
    std::unique_ptr<Client> taken = std::move(found->second->session);
    waiting_.erase(found->second);
    places_.erase(found);
    return taken;
  }

  /// One whose time is over; null when there is none.
  [[nodiscard]] std::unique_ptr<Client> take_expired(steady_time now) {
    return waiting_.empty() || waiting_.front().until > now ? nullptr : expire_first();
  }

  /// The one that has waited longest; null when nobody waits.
  [[nodiscard]] std::unique_ptr<Client> take_first() { return waiting_.empty() ? nullptr : expire_first(); }

  /// Whether this token's session was here and waited too long. Remembered for the latest few.
  [[nodiscard]] bool has_expired(const resume_token& token) const {
    for (const resume_token& known : expired_)
      if (known.number == token.number && equal_in_constant_time(known.secret, token.secret)) return true;
    return false;
  }

 private:
  static constexpr std::size_t remembered = 1024;

  struct place {
    std::unique_ptr<Client> session;
    steady_time until;
  };

  [[nodiscard]] std::unique_ptr<Client> expire_first() {
    const Client& first = *waiting_.front().session;
    const std::uint64_t number = first.number();
    try {
      if (first.former_secret) expired_.push_back({number, *first.former_secret});
      expired_.push_back({number, first.resume_secret});
    } catch (...) {
      // No memory: its client will be told that its token is unknown, which it then is.
    }
    while (expired_.size() > remembered) expired_.pop_front();
    return take(number);
  }

  const std::chrono::milliseconds window_;
  const std::size_t most_;
  std::list<place> waiting_;  // in the order in which their time ends
  std::unordered_map<std::uint64_t, typename std::list<place>::iterator> places_;
  std::deque<resume_token> expired_;
};

}  // namespace hotline::detail
