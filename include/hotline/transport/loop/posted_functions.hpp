#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/any_invocable.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace hotline::detail {

/// Functions that any thread gives to a loop, in order. All members may be called from any thread.
class posted_functions {
 public:
  /// Keeps `function`, unless it is closed. Calls `wake` when it is the only one and the loop does not have a turn, and never
  /// after `close` has returned.
  template <class Function, class Wake>
  void add(Function&& function, const Wake& wake) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    kept_.emplace_back(as_copyable(std::forward<Function>(function)));
    if (kept_.size() == 1 && !has_turn_) wake();
  }

  /// The loop looks at the functions before its turn ends, so it needs no waking until then.
  void begin_turn() noexcept {
    const std::lock_guard lock(mutex_);
    has_turn_ = true;
  }

  /// Returns whether functions are left.
  bool end_turn() noexcept {
    const std::lock_guard lock(mutex_);
    has_turn_ = false;
    return !kept_.empty();
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

  /// Nothing is kept from here on, and what was kept is gone. It takes no memory: a queue's own constructor may.
  void close() noexcept {
    for (std::function<void()> dropped;; dropped = nullptr) {  // outside of the lock: its destructor is somebody else's
      const std::lock_guard lock(mutex_);
      closed_ = true;
      if (kept_.empty()) return;
      dropped.swap(kept_.front());
      kept_.pop_front();
    }
  }

 private:
  mutable std::mutex mutex_;
  std::deque<std::function<void()>> kept_;
  bool has_turn_ = false;
  bool closed_ = false;
};

}  // namespace hotline::detail
#endif
