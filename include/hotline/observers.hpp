#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/subscription.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace hotline::detail {

/// Functions of the host's that observe one thing: each is called, in the order in which they were added. One that throws
/// keeps no other from being called. Any thread may add and end one, also from inside a call.
template <class... Args>
class observers {
 public:
  using function = std::function<void(Args...)>;

  observers() = default;
  observers(observers&&) noexcept = default;  // only to be destroyed afterwards
  observers& operator=(observers&&) = delete;
  ~observers() { clear(); }

  /// `f` is called from the next call on. A null one is not added.
  [[nodiscard]] subscription add(function f) {
    if (!f) return subscription();
    auto added = std::make_shared<observer>(std::move(f));
    shared_->change([&](list& all) { all.push_back(added); });
    return subscription([shared = std::weak_ptr(shared_), gone = std::weak_ptr(added)] {
      const auto target = gone.lock();
      if (!target) return;
      target->live.store(false, std::memory_order_release);
      try {
        if (const auto left = shared.lock()) left->change([&](list& all) { std::erase(all, target); });
      } catch (...) {
        // Out of memory for a shorter list: it stays in the longer one, and is called no more.
      }
    });
  }

  /// Whether there are any.
  [[nodiscard]] explicit operator bool() const noexcept { return shared_->count.load(std::memory_order_acquire) != 0; }

  /// None is called any more, those of a call under way included.
  void clear() noexcept {
    const std::shared_ptr<const list> gone = shared_ ? shared_->take() : nullptr;
    if (!gone) return;
    for (const auto& o : *gone) o->live.store(false, std::memory_order_release);
  }

  /// `failed(std::exception_ptr)` receives what they throw; it may not throw itself. They may destroy this object.
  template <class Failed>
  void call(const Failed& failed, Args... args) const noexcept {
    if (!*this) return;
    const std::shared_ptr<const list> all = shared_->get();
    if (!all) return;
    for (const auto& o : *all) {
      if (!o->live.load(std::memory_order_acquire)) continue;
      try {
        o->call(args...);
      } catch (...) {
        failed(std::current_exception());
      }
    }
  }

 private:
  struct observer {
    explicit observer(function f) : call(std::move(f)) {}
    const function call;
    std::atomic<bool> live{true};
  };
  using list = std::vector<std::shared_ptr<observer>>;

  struct state {
    std::mutex mutex;
    std::shared_ptr<const list> all;  // replaced, never changed; null while there is none
    std::atomic<std::size_t> count{0};

    std::shared_ptr<const list> get() noexcept {
      const std::lock_guard lock(mutex);
      return all;
    }

    std::shared_ptr<const list> take() noexcept {
      const std::lock_guard lock(mutex);
      count.store(0, std::memory_order_release);
      return std::exchange(all, nullptr);
    }

    template <class F>
    void change(F f) {
      std::shared_ptr<const list> former;  // destroyed without the lock: its functions may own subscriptions
      const std::lock_guard lock(mutex);
      auto next = all ? std::make_shared<list>(*all) : std::make_shared<list>();
      f(*next);
      count.store(next->size(), std::memory_order_release);
      former = std::exchange(all, std::move(next));
    }
  };

  std::shared_ptr<state> shared_ = std::make_shared<state>();
};

}  // namespace hotline::detail
#endif
