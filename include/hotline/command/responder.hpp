#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound 6/6: an answer becomes a message for the control lane.

#include <hotline/command/command_result.hpp>
#include <hotline/command/pending_command.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/protocol/json_object.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace hotline {

namespace detail {

/// The terminal message for a result.
[[nodiscard]] inline std::string answer_text(std::string_view command, const std::optional<command_id>& id,
                                             const command_result& result, wall_time now) {
  if (!result.failed()) return command_response_text(command, id, result.text(), now);
  const command_error& error = result.error();
  return command_error_text(command, id, error.code, error.message, error.retryable, now);
}

}  // namespace detail

/// The right to answer one command, once, now or later, from any thread. Move-only; answering uses it up.
/// Destroyed without an answer, it answers `no_reply` (`internal_error` when an exception does it).
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

  /// The terminal answer. Does nothing when the deadline went by first, and the client was told so.
  void answer(const command_result& result) && {
    const std::shared_ptr<detail::pending_command> pending = std::move(pending_);
    if (pending) finish(*pending, result);
  }
  /// As `answer`, with an error.
  void fail(command_error error) && { std::move(*this).answer(command_result(std::move(error))); }

  /// Tells the client how far the command has come, before its answer. Nothing is sent when the command has no `id`:
  /// its sender could not tell whose progress it is.
  void progress(const json_object& progress) const {
    if (!pending_ || !pending_->id || !progress.valid() || pending_->answered.load(std::memory_order_acquire)) return;
    pending_->sink->deliver(
        {pending_->session, pending_->serial, detail::command_message::kind::progress,
         detail::command_progress_text(pending_->command, *pending_->id, progress.text(), pending_->sink->wall_now())});
  }

  /// Whether the answer is still to be given, and would still be heard.
  [[nodiscard]] bool is_pending() const noexcept {
    return pending_ && !pending_->answered.load(std::memory_order_acquire);
  }

  /// Stop is requested when the client cancels the command, when its session ends and when the deadline has passed.
  /// Callbacks registered with it run on the manager's loop, must not throw (the standard ends the program then), and
  /// may answer. A cancelled command still wants its answer.
  [[nodiscard]] std::stop_token stop_token() const { return pending_ ? pending_->stop.get_token() : std::stop_token(); }

 private:
  static void finish(detail::pending_command& pending, const command_result& result) {
    if (!pending.claim()) return;
    try {
      using kind = detail::command_message::kind;
      pending.sink->deliver({pending.session, pending.serial, result.failed() ? kind::error : kind::response,
                             detail::answer_text(pending.command, pending.id, result, pending.sink->wall_now())});
    } catch (...) {
      // Out of memory for the answer: the deadline will give one.
      pending.answered.store(false, std::memory_order_release);
      throw;
    }
  }

  void abandon() noexcept {
    if (!pending_) return;
    const bool thrown = std::uncaught_exceptions() > exceptions_;
    try {
      finish(*pending_, thrown ? command_error{"internal_error", "the command's handler failed", false}
                               : command_error{"no_reply", "the command's handler gave no answer", false});
    } catch (...) {
      // Out of memory, and nobody to tell: see `finish`.
    }
    pending_.reset();
  }

  std::shared_ptr<detail::pending_command> pending_;
  int exceptions_;
};

}  // namespace hotline
#endif
