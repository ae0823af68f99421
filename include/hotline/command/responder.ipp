#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/command/responder.hpp>
#include <hotline/protocol/answers.hpp>
#include <hotline/protocol/command_id.hpp>
#include <hotline/session/pending_command.hpp>

#include <atomic>

namespace hotline {

namespace detail {

HOTLINE_DETAIL_INLINE std::string answer_text(std::string_view command, const std::optional<command_id>& id,
                                              const command_result& result, wall_time now) {
  if (!result.failed()) return command_response_text(command, id, result.text(), now);
  const command_error& error = result.error();
  return command_error_text(command, id, error.code, error.message, error.retryable, now);
}

}  // namespace detail

HOTLINE_DETAIL_INLINE void responder::answer(const command_result& result) && {
  const std::shared_ptr<detail::pending_command> pending = std::move(pending_);
  if (pending) finish(pending, result);
}

HOTLINE_DETAIL_INLINE void responder::report(std::exception_ptr thrown) && {
  const std::shared_ptr<detail::pending_command> pending = std::move(pending_);
  if (!pending) return;
  try {
    if (thrown) pending->loop->post([pending, thrown] { pending->receiver->take_exception(*pending, thrown); });
  } catch (...) {
    // Out of memory: the hook does not receive it.
  }
  finish(pending, command_error{"internal_error", "the command's handler failed", false});
}

HOTLINE_DETAIL_INLINE void responder::progress(const json_object& progress) const {
  if (!pending_ || !pending_->id || !progress.valid() || pending_->answered.load(std::memory_order_acquire)) return;
  detail::deliver(
      pending_, detail::answer_kind::progress,
      detail::command_progress_text(pending_->command, *pending_->id, progress.text(), pending_->loop->wall_now()));
}

HOTLINE_DETAIL_INLINE bool responder::is_pending() const noexcept {
  return pending_ && !pending_->answered.load(std::memory_order_acquire);
}

HOTLINE_DETAIL_INLINE std::stop_token responder::stop_token() const {
  return pending_ ? pending_->stop.get_token() : std::stop_token();
}

HOTLINE_DETAIL_INLINE void responder::finish(const std::shared_ptr<detail::pending_command>& pending,
                                             const command_result& result) {
  if (!pending->claim()) return;
  try {
    detail::deliver(pending, result.failed() ? detail::answer_kind::error : detail::answer_kind::response,
                    detail::answer_text(pending->command, pending->id, result, pending->loop->wall_now()));
  } catch (...) {
    // Out of memory for the answer: the deadline will give one.
    pending->answered.store(false, std::memory_order_release);
    throw;
  }
}

HOTLINE_DETAIL_INLINE void responder::abandon() noexcept {
  if (!pending_) return;
  const bool thrown = std::uncaught_exceptions() > exceptions_;
  try {
    finish(pending_, thrown ? command_error{"internal_error", "the command's handler failed", false}
                            : command_error{"no_reply", "the command's handler gave no answer", false});
  } catch (...) {
    // Out of memory, and nobody to tell: see `finish`.
  }
  pending_.reset();
}

}  // namespace hotline
#endif
