#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A name becomes a handler.

#include <hotline/any_invocable.hpp>
#include <hotline/command/command_result.hpp>
#include <hotline/command/request.hpp>
#include <hotline/command/responder.hpp>
#include <hotline/keyed_table.hpp>
#include <hotline/protocol/fields.hpp>
#include <hotline/session/hook.hpp>
#include <hotline/types.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hotline {

namespace detail {

template <class F, class... Args>
concept answers_now = std::invocable<F&, Args...> &&
    (std::is_void_v<std::invoke_result_t<F&, Args...>> ||
     std::convertible_to<std::invoke_result_t<F&, Args...>, command_result>);

template <class F, class... Args>
concept answers_later =
    std::invocable<F&, Args..., responder> && std::is_void_v<std::invoke_result_t<F&, Args..., responder>>;

}  // namespace detail

/// A handler, as `on_command` takes it.
///
/// Notation: `f` a handler, `q` a `const request&`, `a` a `responder`.
///
/// | expression             | result                                | meaning |
/// |------------------------|---------------------------------------|---------|
/// | `f(q)`                 | convertible to `command_result`, or void | answers at once; void answers `{}` |
/// | `f(q, std::move(a))`   | void                                  | answers through `a`, now or later, from any thread |
///
/// A handler runs on its manager's loop and should not block. An exception that it throws is `internal_error` to the
/// client and goes to the error hook.
template <class F>
concept command_handler = detail::answers_now<F, const request&> || detail::answers_later<F, const request&>;

/// As `command_handler`, with the decoded payload behind the request: `f(q, p)` or `f(q, p, std::move(a))`.
template <class F, class Payload>
concept typed_command_handler = described<Payload> &&(detail::answers_now<F, const request&, const Payload&> ||
                                                      detail::answers_later<F, const request&, const Payload&>);

namespace detail {

/// Makes the responder of a command. A handler that answers at once makes none.
class responder_source {
 public:
  [[nodiscard]] virtual responder make() = 0;

 protected:
  ~responder_source() = default;
};

/// The handlers of a manager, by name. For one loop.
///
///     registry handlers;
///     handlers.set("ready", registry::wrap([](const request&) { return json_object{{"ready", true}}; }));
///     if (const auto f = handlers.find("ready")) answer(f(q, source));
class registry {
 public:
  /// Empty when the answer comes through the responder.
  using handler = std::function<std::optional<command_result>(const request&, responder_source&)>;
  using shared_handler = hook<std::optional<command_result>(const request&, responder_source&)>;

  /// Sets the handler of a name, in place of an earlier one.
  void set(std::string name, handler h) {
    shared_handler made;
    made = std::move(h);
    named_handler* const known = handlers_.find(name);
    (known != nullptr ? *known : handlers_.add(std::move(name))).runs = std::move(made);
  }

  /// Removes the handler of a name. A call that is running goes on.
  void erase(std::string_view name) {
    if (named_handler* const known = handlers_.find(name)) handlers_.erase(*known);
  }

  void clear() { handlers_.clear(); }

  /// Returns the handler of a name, null when there is none. A handler may replace itself while it runs.
  [[nodiscard]] shared_handler find(std::string_view name) const {
    const named_handler* const known = handlers_.find(name);
    return known == nullptr ? shared_handler() : known->runs;
  }

  /// Returns `f` in the form that a registry keeps.
  template <command_handler F>
  [[nodiscard]] static handler wrap(F f) {
    return as_copyable(
        [f = std::move(f)](const request& q, responder_source& source) mutable { return call(f, source, q); });
  }

  /// Returns `f` in the form that a registry keeps. A payload that does not decode is answered with `invalid_payload`.
  template <class Payload, typed_command_handler<Payload> F>
  [[nodiscard]] static handler wrap_typed(F f) {
    return as_copyable(
        [f = std::move(f)](const request& q, responder_source& source) mutable -> std::optional<command_result> {
          const result<Payload> payload = q.template payload_as<Payload>();
          if (!payload) return command_error{"invalid_payload", payload.error().message, false};
          return call(f, source, q, *payload);
        });
  }

 private:
  struct named_handler : keyed_entry {
    using keyed_entry::keyed_entry;
    shared_handler runs{};
  };

  template <class F, class... Args>
  static std::optional<command_result> call(F& f, responder_source& source, const Args&... args) {
    if constexpr (!answers_now<F, const Args&...>) {
      f(args..., source.make());
      return std::nullopt;
    } else if constexpr (std::is_void_v<std::invoke_result_t<F&, const Args&...>>) {
      f(args...);
      return command_result();
    } else {
      return command_result(f(args...));
    }
  }

  keyed_table<named_handler> handlers_{hash_key()};  // the host chooses the names
};

}  // namespace detail

}  // namespace hotline
#endif
