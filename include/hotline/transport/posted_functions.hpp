#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace hotline::detail {

/// Functions that any thread gives to a loop, in order. All members may be called from any thread.
class posted_functions {
 public:
  /// Keeps `function`, unless it is closed. Calls `wake` when it is the only one, and never after `close` has returned.
  template <class Function, class Wake>
  void add(Function&& function, const Wake& wake) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    kept_.emplace_back(std::forward<Function>(function));
    if (kept_.size() == 1) wake();
  }

  [[nodiscard]] std::size_t size() const noexcept {
    const std::lock_guard lock(mutex_);
    return kept_.size();
  }

  /// Returns the first, empty when there is none.
  [[nodiscard]] std::function<void()> take() {
    const std::lock_guard lock(mutex_);
    if (kept_.empty()) return nullptr;
    std::function<void()> first = std::move(kept_.front());
    kept_.pop_front();
    return first;
  }

  /// Nothing is kept from here on, and what was kept is gone.
  void close() noexcept {
    std::deque<std::function<void()>> dropped;  // outside of the lock: their destructors are somebody else's
    const std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(kept_);
  }

 private:
  mutable std::mutex mutex_;
  std::deque<std::function<void()>> kept_;
  bool closed_ = false;
};

}  // namespace hotline::detail
#endif
