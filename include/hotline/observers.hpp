#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>
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

/// One observer, as its `observer_list` knows it.
struct observer {
  observer() = default;
  observer(const observer&) = delete;
  observer& operator=(const observer&) = delete;
  virtual ~observer() = default;

  std::atomic<bool> live{true};  ///< false: it is not called any more, in whichever list it still stands
};

/// The one list of observers: who is on it, in the order in which they were added. It is replaced and never changed, so a
/// caller walks over the list of the moment without a lock, while others add and remove. Any thread.
class observer_list {
 public:
  using observers = std::vector<std::shared_ptr<observer>>;

  /// Adds an observer, which it owns, also when it throws. Returns the subscription that keeps it on the list that `to`
  /// holds. Throws `std::bad_alloc`.
  [[nodiscard]] static subscription add(const std::shared_ptr<observer_list>& to, observer* owned);

  [[nodiscard]] bool empty() const noexcept { return count_.load(std::memory_order_acquire) == 0; }

  /// The observers of the moment; null when there are none.
  [[nodiscard]] std::shared_ptr<const observers> get() const noexcept;

  /// Ends all of them.
  void clear() noexcept;

 private:
  void insert(const std::shared_ptr<observer>& added);
  void remove(observer& gone) noexcept;
  void replace(std::shared_ptr<const observers>& by) noexcept;

  mutable std::mutex mutex_;
  std::shared_ptr<const observers> all_;
  std::atomic<std::size_t> count_{0};
};

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

  /// `f` is called from the next call on. A null one is not added. Throws `std::bad_alloc`.
  [[nodiscard]] subscription add(function f) {
    if (!f) return subscription();
    return observer_list::add(list_, new callee(std::move(f)));
  }

  /// Whether there are any.
  [[nodiscard]] explicit operator bool() const noexcept { return !list_->empty(); }

  /// None is called any more, those of a call under way included.
  void clear() noexcept {
    if (list_) list_->clear();
  }

  /// `failed(std::exception_ptr)` receives what they throw; it may not throw itself. They may destroy this object.
  template <class Failed>
  void call(const Failed& failed, Args... args) const noexcept {
    if (list_->empty()) return;
    const std::shared_ptr<const observer_list::observers> all = list_->get();
    if (!all) return;
    for (const std::shared_ptr<observer>& o : *all) {
      if (!o->live.load(std::memory_order_acquire)) continue;
      try {
        static_cast<const callee&>(*o).call(args...);
      } catch (...) {
        failed(std::current_exception());
      }
    }
  }

 private:
  struct callee final : observer {
    explicit callee(function f) : call(std::move(f)) {}
    const function call;
  };

  std::shared_ptr<observer_list> list_ = std::make_shared<observer_list>();
};

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/observers.ipp>
#endif
#endif
