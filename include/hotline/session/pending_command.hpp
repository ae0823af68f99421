#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A command that is answered later. Any thread may answer it; the loop records it.

#include <hotline/protocol/command_id.hpp>
#include <hotline/types.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace hotline::detail {

/// The way from any thread to a manager's loop. It outlives the manager: what comes after the manager's end is dropped.
class loop_poster {
 public:
  virtual ~loop_poster() = default;
  /// Any thread: runs `task` on the loop while the manager is there, or never. When it throws, `task` does not run.
  virtual void post(std::function<void()> task) = 0;
  /// Any thread: returns the calendar time, for `timestamp`s.
  [[nodiscard]] virtual wall_time wall_now() const = 0;
};

struct pending_command;

/// The kind of message that a responder sends for its command.
enum class answer_kind : std::uint8_t { progress, response, error };

/// Receives the messages of responders, on the loop.
class answer_receiver {
 public:
  /// `text` is a finished message.
  virtual void take_answer(const pending_command& pending, answer_kind what, const std::string& text) noexcept = 0;
  /// `thrown` is what the command's handler threw after it had returned. The host may destroy the receiver in the call.
  virtual void take_exception(const pending_command& pending, const std::exception_ptr& thrown) noexcept = 0;

 protected:
  ~answer_receiver() = default;
};

/// A command that is not answered yet. Its responder has it, wherever it went, and so has its session's table.
struct pending_command {
  std::shared_ptr<loop_poster> loop{};
  answer_receiver* receiver = nullptr;  ///< is there while the loop runs what is posted
  std::uint64_t session = 0;            ///< the session's number in its manager
  std::uint64_t serial = 0;             ///< the command's number
  std::string command{};
  std::optional<command_id> id{};
  steady_time deadline{};
  std::stop_source stop{};
  std::atomic<bool> answered{false};

  /// Returns true to the one caller that may give the terminal answer.
  [[nodiscard]] bool claim() noexcept { return !answered.exchange(true, std::memory_order_acq_rel); }
};

/// Any thread: brings a finished message to the client that sent the command.
inline void deliver(const std::shared_ptr<pending_command>& pending, answer_kind what, std::string text) {
  pending->loop->post(
      [pending, what, text = std::move(text)] { pending->receiver->take_answer(*pending, what, text); });
}

}  // namespace hotline::detail
#endif
