#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/expected.hpp>
#include <hotline/protocol/fields.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_object.hpp>

#include <string>
#include <utility>

namespace hotline {

/// The reason why a command was not done, as its sender receives it. `code` is for programs, `message` for people;
/// `retryable` says whether the same command may work later.
struct command_error {
  std::string code;
  std::string message;
  bool retryable = false;
};

/// The answer of a handler: a JSON object, any JSON value, a described struct, nothing (`{}`), or a `command_error`.
///
///     manager.on_command("half", [](const hotline::request& q) -> hotline::command_result {
///       const auto n = q.payload()["n"].as_int64();
///       if (!n || *n % 2 != 0) return hotline::command_error{"odd", "n: expected an even integer"};
///       return hotline::json_object{{"half", *n / 2}};
///     });
class command_result {
 public:
  command_result() : state_(std::string("{}")) {}
  command_result(const json_object& object) : state_(std::string()) {
    if (object.valid())
      *state_ = object.text();
    else
      state_ = command_error{"internal_error", "the answer is not JSON", false};
  }
  command_result(json_object&& object) : state_(std::string()) {
    if (object.valid())
      *state_ = std::move(object).text();
    else
      state_ = command_error{"internal_error", "the answer is not JSON", false};
  }
  command_result(const json& value) : state_(value.is_missing() ? std::string("null") : std::string(value.text())) {}
  command_result(command_error error) : state_(std::move(error)) {}
  template <described T>
  command_result(const T& value) : command_result(encode(value)) {}

  [[nodiscard]] bool failed() const noexcept { return !state_; }
  /// Returns the answer as JSON. Only when not `failed()`.
  [[nodiscard]] const std::string& text() const noexcept { return *state_; }
  /// Returns the error. Only when `failed()`.
  [[nodiscard]] const command_error& error() const noexcept { return state_.error(); }

 private:
  detail::expected<std::string, command_error> state_;
};

}  // namespace hotline
#endif
