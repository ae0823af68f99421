#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/any_invocable.hpp>
#include <hotline/compiled.hpp>
#include <hotline/observers.hpp>
#include <hotline/protocol/json_object.hpp>
#include <hotline/subscription.hpp>
#include <hotline/types.hpp>

#include <exception>
#include <functional>
#include <memory>
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

/// Receives what listeners throw; `on_listener_error` takes every function object that can be called like it.
using listener_error_hook = std::function<void(std::string_view event_type, std::exception_ptr)>;

namespace detail {

/// An emitter's listeners: observers that are called on the emitting thread, one event after the other. Any thread.
class listener_list {
 public:
  using function = any_invocable<void(const event&)>;

  /// `f` is called for every event. Throws `std::bad_alloc`.
  [[nodiscard]] subscription add(function f) { return shared_->listeners.add(std::move(f)); }

  [[nodiscard]] bool empty() const noexcept { return !shared_->listeners; }

  [[nodiscard]] subscription on_error(any_invocable<void(std::string_view, std::exception_ptr)> hook) {
    return shared_->errors.add(std::move(hook));
  }

  /// Calls all listeners. An event that a listener emits meanwhile is passed to them afterwards: on every thread, events
  /// reach them in the order in which that thread emitted them. An event for whose wait there is no memory goes to the
  /// error hook, as `std::bad_alloc`. A listener may destroy the emitter.
  void call(const event& e) noexcept;

 private:
  struct state {
    observers<const event&> listeners;
    observers<std::string_view, std::exception_ptr> errors;
  };

  struct kept {
    std::string project;
    std::string type;
    sequence seq;
    json_object fields;
  };

  // There is one for each emitter that is calling listeners on this thread.
  struct turn {
    const state* of;
    turn* outer;
    std::vector<kept> waiting;
  };

  [[nodiscard]] static turn*& innermost_turn() noexcept {
    thread_local turn* innermost = nullptr;
    return innermost;
  }

  void wait(turn& outer, const event& e) const noexcept;
  static void dispatch(const state& s, const event& e) noexcept;
  static void report(const state& s, std::string_view type, const std::exception_ptr& thrown) noexcept;

  const std::shared_ptr<state> shared_ = std::make_shared<state>();
};

}  // namespace detail

}  // namespace hotline

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/listener_list.ipp>
#endif
#endif
