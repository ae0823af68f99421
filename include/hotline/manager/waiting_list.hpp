#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Sessions that wait for their client, linked through themselves: to let one wait takes no memory, so it cannot fail.

namespace hotline::detail {

struct waiter;

/// A place in a circle; nowhere while it is null.
struct waiting_link {
  waiter* earlier = nullptr;
  waiter* later = nullptr;
};

/// What each client has, so that it can wait.
struct waiter {
  waiting_link among_all;
  waiting_link of_address;
};

/// The one that has waited longest goes first.
template <waiting_link waiter::*Link>
class waiting_list {
 public:
  /// Null when nobody waits.
  [[nodiscard]] waiter* oldest() const noexcept { return oldest_; }

  void add(waiter& w) noexcept {
    if (oldest_ == nullptr) {
      oldest_ = &w;
      w.*Link = {&w, &w};
      return;
    }
    waiter& youngest = *(oldest_->*Link).earlier;
    w.*Link = {&youngest, oldest_};
    (youngest.*Link).later = &w;
    (oldest_->*Link).earlier = &w;
  }

  /// Only when it is in the list.
  void remove(waiter& w) noexcept {
    const waiting_link at = w.*Link;
    w.*Link = {};
    if (at.later == &w) {
      oldest_ = nullptr;
      return;
    }
    (at.earlier->*Link).later = at.later;
    (at.later->*Link).earlier = at.earlier;
    if (oldest_ == &w) oldest_ = at.later;
  }

 private:
  waiter* oldest_ = nullptr;
};

}  // namespace hotline::detail
#endif
