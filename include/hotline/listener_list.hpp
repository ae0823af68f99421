#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Listeners in this process. No I/O here.

#include <hotline/observers.hpp>
#include <hotline/protocol/json_object.hpp>
#include <hotline/subscription.hpp>
#include <hotline/types.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline {

/// An event as a listener in this process sees it; valid during the call.
struct event {
  std::string_view project;  ///< where a client chose it: its text, within `manager_options::valid_project`
  std::string_view type;
  sequence seq;
  const json_object& fields;
};

/// Receives the exceptions of listeners.
using listener_error_hook = std::function<void(std::string_view event_type, std::exception_ptr)>;

namespace detail {

/// Calls listeners on the emitting thread, without a lock held. Any thread.
class listener_list {
 public:
  using function = std::function<void(const event&)>;

  /// Without a type the function receives all events.
  [[nodiscard]] subscription add(std::optional<std::string> type, function f) {
    auto added = std::make_shared<listener>(std::move(type), std::move(f));
    shared_->change([&](std::vector<std::shared_ptr<listener>>& all) { all.push_back(added); });
    return subscription([shared = std::weak_ptr(shared_), gone = std::weak_ptr(added)] {
      const auto target = gone.lock();
      if (!target) return;
      target->live.store(false, std::memory_order_release);
      try {
        if (const auto list = shared.lock())
          list->change([&](std::vector<std::shared_ptr<listener>>& all) { std::erase(all, target); });
      } catch (...) {
        // Out of memory for a shorter list: it stays in the longer one, and is called no more.
      }
    });
  }

  [[nodiscard]] bool empty() const noexcept { return shared_->count.load(std::memory_order_acquire) == 0; }

  [[nodiscard]] subscription on_error(listener_error_hook hook) { return shared_->errors.add(std::move(hook)); }

  /// If a listener emits, all listeners receive that event after the one that the listener was called for: they receive a
  /// thread's events in the order in which it emitted them. If there is no memory to keep an event until then, the error
  /// hook receives the exception.
  void call(const event& e) noexcept {
    for (turn* outer = innermost_turn(); outer != nullptr; outer = outer->outer) {
      if (outer->list == shared_.get()) return wait(*outer, e);
    }
    turn mine{shared_.get(), innermost_turn(), {}};
    innermost_turn() = &mine;
    const std::shared_ptr<state> alive = shared_;  // a listener may destroy the emitter
    dispatch(*alive, e);
    while (!mine.waiting.empty()) {
      const kept next = std::move(mine.waiting.front());
      mine.waiting.pop_front();
      dispatch(*alive, {next.project, next.type, next.seq, next.fields});
    }
    innermost_turn() = mine.outer;
  }

 private:
  struct listener {
    listener(std::optional<std::string> t, function f) : type(std::move(t)), call(std::move(f)) {}
    const std::optional<std::string> type;
    const function call;
    std::atomic<bool> live{true};
  };
  using listeners = std::vector<std::shared_ptr<listener>>;

  struct state {
    std::mutex mutex;
    std::shared_ptr<const listeners> all = std::make_shared<listeners>();  // replaced, never changed
    std::atomic<std::size_t> count{0};
    observers<std::string_view, std::exception_ptr> errors;

    template <class F>
    void change(F f) {
      const std::lock_guard lock(mutex);
      auto next = std::make_shared<listeners>(*all);
      f(*next);
      count.store(next->size(), std::memory_order_release);
      all = std::move(next);
    }
  };

  struct kept {
    std::string project;
    std::string type;
    sequence seq;
    json_object fields;
  };

  // One per emitter that is calling listeners on this thread.
  struct turn {
    const void* list;
    turn* outer;
    std::list<kept> waiting;  // takes no memory while it is empty
  };

  static turn*& innermost_turn() noexcept {
    thread_local turn* innermost = nullptr;
    return innermost;
  }

  void wait(turn& outer, const event& e) const noexcept {
    try {
      outer.waiting.push_back({std::string(e.project), std::string(e.type), e.seq, e.fields});
    } catch (...) {
      report(*shared_, e.type, std::current_exception());
    }
  }

  static void dispatch(state& s, const event& e) noexcept {
    std::shared_ptr<const listeners> all;
    {
      const std::lock_guard lock(s.mutex);
      all = s.all;
    }
    for (const auto& l : *all) {
      if (l->type && *l->type != e.type) continue;
      if (!l->live.load(std::memory_order_acquire)) continue;
      try {
        l->call(e);
      } catch (...) {
        report(s, e.type, std::current_exception());
      }
    }
  }

  static void report(const state& s, std::string_view type, const std::exception_ptr& thrown) noexcept {
    s.errors.call([](const std::exception_ptr&) { /* An error hook that fails has no one left to notify. */ }, type,
                  thrown);
  }

  std::shared_ptr<state> shared_ = std::make_shared<state>();
};

}  // namespace detail

}  // namespace hotline
#endif
