#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Sessions whose socket went, while they wait for their client to come back.

#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace hotline::detail {

/// Who had to go for another one, and why; nobody, mostly.
template <class Client>
struct crowded_out {
  std::unique_ptr<Client> session{};
  std::optional<limit> over{};
};

/// Bounded in number, for each address too, and in time; the one that has waited longest goes first.
template <class Client>
class parked_sessions {
 public:
  explicit parked_sessions(const resume_options& options) : options_(options) {}

  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  [[nodiscard]] auto begin() const noexcept { return waiting_.begin(); }
  [[nodiscard]] auto end() const noexcept { return waiting_.end(); }

  /// Answers who had to go for it, if somebody had. It takes `gone` unless it throws, for want of memory. `address`: whom
  /// it counts for; empty: nobody.
  [[nodiscard]] crowded_out<Client> park(std::unique_ptr<Client>& gone, const std::string& address, steady_time now) {
    const std::uint64_t number = gone->number();
    share* const of = address.empty() ? nullptr : &*by_address_.try_emplace(address).first;
    try {
      if (of != nullptr) of->second.push_back(number);
      const auto found = places_.try_emplace(number).first;
      try {
        waiting_.push_back({nullptr, later(now, options_.window), of, {}});
      } catch (...) {
        places_.erase(found);
        throw;
      }
      found->second = std::prev(waiting_.end());
    } catch (...) {
      if (of != nullptr && !of->second.empty() && of->second.back() == number) of->second.pop_back();
      drop_if_empty(of);
      throw;
    }
    place& taken = waiting_.back();
    taken.session = std::move(gone);
    if (of != nullptr) taken.in_share = std::prev(of->second.end());
    if (of != nullptr && of->second.size() > options_.per_address)
      return {expire(places_.find(of->second.front())->second), limit::address_waiting_sessions};
    if (waiting_.size() > options_.sessions) return {expire(waiting_.begin()), limit::waiting_sessions};
    return {};
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
    share* const of = found->second->of;
    if (of != nullptr) of->second.erase(found->second->in_share);
    drop_if_empty(of);
    waiting_.erase(found->second);
    places_.erase(found);
    return taken;
  }

  /// One whose time is over; null when there is none.
  [[nodiscard]] std::unique_ptr<Client> take_expired(steady_time now) {
    return waiting_.empty() || waiting_.front().until > now ? nullptr : expire(waiting_.begin());
  }

  /// The one that has waited longest; null when nobody waits.
  [[nodiscard]] std::unique_ptr<Client> take_first() { return waiting_.empty() ? nullptr : expire(waiting_.begin()); }

  /// Whether this token's session was here and waited too long. Remembered for the latest few.
  [[nodiscard]] bool has_expired(const resume_token& token) const {
    for (const resume_token& known : expired_)
      if (known.number == token.number && equal_in_constant_time(known.secret, token.secret)) return true;
    return false;
  }

 private:
  static constexpr std::size_t remembered = 1024;

  /// An address, and who waits of it, the one that has waited longest first.
  using share = std::pair<const std::string, std::list<std::uint64_t>>;

  struct place {
    std::unique_ptr<Client> session;
    steady_time until;
    share* of;  // null: of no address
    std::list<std::uint64_t>::iterator in_share;
  };

  void drop_if_empty(share* of) noexcept {
    if (of != nullptr && of->second.empty()) by_address_.erase(by_address_.find(of->first));
  }

  [[nodiscard]] std::unique_ptr<Client> expire(typename std::list<place>::iterator which) {
    const Client& over = *which->session;
    const std::uint64_t number = over.number();
    try {
      if (over.former_secret) expired_.push_back({number, *over.former_secret});
      expired_.push_back({number, over.resume_secret});
    } catch (...) {
      // No memory: its client will be told that its token is unknown, which it then is.
    }
    while (expired_.size() > remembered) expired_.pop_front();
    return take(number);
  }

  const resume_options& options_;
  std::list<place> waiting_;  // in the order in which their time ends
  std::unordered_map<std::uint64_t, typename std::list<place>::iterator> places_;
  std::unordered_map<std::string, std::list<std::uint64_t>> by_address_;
  std::deque<resume_token> expired_;
};

}  // namespace hotline::detail
#endif
