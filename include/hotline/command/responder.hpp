#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/command/command_result.hpp>
#include <hotline/compiled.hpp>
#include <hotline/protocol/json_object.hpp>
#include <hotline/types.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace hotline {

class command_id;

namespace detail {

struct pending_command;

/// Returns the terminal message for a result.
[[nodiscard]] std::string answer_text(std::string_view command, const std::optional<command_id>& id,
                                      const command_result& result, wall_time now);

}  // namespace detail

/// The right to answer one command, once, now or later, from any thread. Move-only; answering uses it up.
/// Destroyed without an answer, it answers `no_reply` (`internal_error` when an exception does it).
///
///     manager.on_command("build", [&](const hotline::request& q, hotline::responder answer) {
///       workers.run([q, answer = std::move(answer)]() mutable { std::move(answer).answer(build(q)); });
///     });
class responder {
 public:
  explicit responder(std::shared_ptr<detail::pending_command> pending)
      : pending_(std::move(pending)), exceptions_(std::uncaught_exceptions()) {}

  responder(responder&& other) noexcept
      : pending_(std::move(other.pending_)), exceptions_(std::uncaught_exceptions()) {}
  responder& operator=(responder&& other) noexcept {
    if (this != &other) {
      abandon();
      pending_ = std::move(other.pending_);
      exceptions_ = std::uncaught_exceptions();
    }
    return *this;
  }
  ~responder() { abandon(); }

  /// Gives the terminal answer. Does nothing after the deadline, when the client has received `timeout`.
  void answer(const command_result& result) &&;
  /// As `answer`, with an error.
  void fail(command_error error) && { std::move(*this).answer(command_result(std::move(error))); }

  /// Reports an exception of a handler that has returned already: as when a handler throws, `on_error` receives it with the
  /// command's name, on the manager's loop, and the client receives `internal_error` without the exception's text. The
  /// exception is reported after the deadline too, and not after the manager's end. A null one is not reported.
  template <std::same_as<std::exception_ptr> Exception>
  void fail(Exception thrown) && {
    std::move(*this).report(std::move(thrown));
  }

  /// Tells the client how far the command has come, before its answer. Nothing is sent when the command has no `id`:
  /// its sender could not tell whose progress it is.
  void progress(const json_object& progress) const;

  /// Returns whether the answer is still to be given, and the client would receive it.
  [[nodiscard]] bool is_pending() const noexcept;

  /// Stop is requested when the client cancels the command, when its session ends and when the deadline has passed.
  /// Callbacks registered with it run on the manager's loop, must not throw (the standard ends the program then), and
  /// may answer. A cancelled command still wants its answer.
  [[nodiscard]] std::stop_token stop_token() const;

 private:
  void report(std::exception_ptr thrown) &&;
  static void finish(const std::shared_ptr<detail::pending_command>& pending, const command_result& result);
  void abandon() noexcept;

  std::shared_ptr<detail::pending_command> pending_;
  int exceptions_;
};

}  // namespace hotline

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/command/responder.ipp>
#endif
#endif
