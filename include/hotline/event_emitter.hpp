#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/any_invocable.hpp>
#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/listener_list.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/fields.hpp>
#include <hotline/protocol/json_object.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <hotline/subscription.hpp>
#include <hotline/transport/system_environment.hpp>

#include <concepts>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

// Qt defines `emit` as nothing.
#pragma push_macro("emit")
#undef emit

namespace hotline {

/// A described struct that says which event it is: `static constexpr std::string_view event_type = "task_started";`.
template <class E>
concept typed_event = described<E> && requires {
  { E::event_type } -> std::convertible_to<std::string_view>;
};

/// How an event is emitted.
struct emit_options {
  /// Unless empty, a newer event of the same type, project and key supersedes this one (the last value of a progress bar
  /// supersedes all before it): clients that lag, or come back, no longer receive it. At most 256 bytes.
  std::string_view key{};
};

/// A typed event that names its own conflation key.
template <class E>
concept keyed_event = typed_event<E> && requires(const E& e) {
  { e.conflation_key() } -> std::convertible_to<std::string_view>;
};

/// Publishes the events of a service. Every member may be called from any thread. It can be neither copied nor moved.
///
/// An emitted event is appended to the project's log; each manager over the same log sends it to the clients that subscribe
/// to its type. Listeners in this process are called on the emitting thread, before `emit` returns. Qt's macro of that name
/// hides `emit`: a file that includes Qt calls `publish`, which is the same function.
///
///     hotline::event_emitter events;
///     const hotline::subscription all = events.on_all([](const hotline::event& e) { print(e.type); });
///     if (const auto emitted = events.emit("p1", "task_started", {{"task_id", "t7"}}); !emitted) print(emitted.error());
class event_emitter {
 public:
  /// An emitter with a log of its own. Throws `std::invalid_argument` when the limits contradict each other.
  explicit event_emitter(log_options limits = {}, std::shared_ptr<environment> env = default_environment());

  /// An emitter for a log that others write to as well.
  explicit event_emitter(std::shared_ptr<memory_event_log> log) : log_(std::move(log)) {}

  event_emitter(const event_emitter&) = delete;
  event_emitter& operator=(const event_emitter&) = delete;

  /// The log that it appends to; for further emitters, and for managers.
  [[nodiscard]] const std::shared_ptr<memory_event_log>& log() const noexcept { return log_; }

  /// Emits an event. Returns its number in the project's log, or the reason for a refusal, after which nothing has happened:
  /// `invalid_event_type`, `invalid_project` (empty, or not UTF-8), `reserved_field`, `invalid_json` (text that is not
  /// UTF-8, a number that is not finite, a field named twice), `event_too_big`, `key_too_long`, `log_full` (other threads'
  /// events fill it just now), `too_many_projects`, `out_of_memory`. Listeners receive events of this function, and no
  /// messages of `ws_manager::broadcast_to_project` and `broadcast_to_all`.
  [[nodiscard]] result<sequence> emit(std::string_view project, std::string_view type, const json_object& fields = {},
                                      const emit_options& options = {});

  /// Emits a typed event, with the key that the event names unless the options name another. Returns what the other `emit` returns.
  template <typed_event E>
  [[nodiscard]] result<sequence> emit(std::string_view project, const E& typed, emit_options options = {}) {
    try {
      if constexpr (keyed_event<E>) {
        if (options.key.empty()) {
          // Kept here: it may be a string made for the purpose.
          const auto& key = typed.conflation_key();
          return emit(project, E::event_type, encode(typed), emit_options{key});
        }
      }
      return emit(project, E::event_type, encode(typed), options);
    } catch (const std::bad_alloc&) {
      return errc::out_of_memory;
    }
  }

  /// The same as `emit`, by a name that is no macro of Qt's.
  [[nodiscard]] result<sequence> publish(std::string_view project, std::string_view type,
                                         const json_object& fields = {}, const emit_options& options = {}) {
    return emit(project, type, fields, options);
  }
  template <typed_event E>
  [[nodiscard]] result<sequence> publish(std::string_view project, const E& typed, emit_options options = {}) {
    return emit(project, typed, options);
  }

  /// Calls `listener(const event&)` for events of one type. Dropping the subscription ends it.
  template <std::invocable<const event&> F>
  [[nodiscard]] subscription on(std::string_view type, F listener) {
    return listeners_.add([type = std::string(type), listener = std::move(listener)](const event& e) mutable {
      if (e.type == type) listener(e);
    });
  }

  /// Calls `listener(const event&)` for every event.
  template <std::invocable<const event&> F>
  [[nodiscard]] subscription on_all(F listener) {
    return listeners_.add(std::move(listener));
  }

  /// Calls `listener(const event&, const E&)` for events of E's type whose fields fit E; other events of that type do not
  /// reach it.
  template <typed_event E, std::invocable<const event&, const E&> F>
  [[nodiscard]] subscription on(F listener) {
    return on(E::event_type, [listener = std::move(listener)](const event& e) mutable {
      const result<json> fields = parse_json(e.fields.text(), no_limits);
      if (!fields) return;
      const result<E> typed = decode<E>(*fields);
      if (typed) listener(e, *typed);
    });
  }

  /// Calls `hook` with the exceptions of listeners, which are lost without it and have no other effect. All such hooks are
  /// kept and called in the order in which they were added. Dropping the subscription ends it.
  [[nodiscard]] subscription on_listener_error(
      any_invocable<void(std::string_view event_type, std::exception_ptr)> hook) {
    return listeners_.on_error(std::move(hook));
  }

 private:
  // The default limits are for strangers' text; these are the host's own fields, and the log has bounded them.
  static constexpr json_limits no_limits{static_cast<std::size_t>(-1), static_cast<std::size_t>(-1),
                                         static_cast<std::size_t>(-1)};

  std::shared_ptr<memory_event_log> log_;
  detail::listener_list listeners_;
};

}  // namespace hotline

#pragma pop_macro("emit")

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/event_emitter.ipp>
#endif
#endif
