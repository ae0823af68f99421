#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound 5/6: a command that is not answered yet. Any thread may answer it; the loop keeps the books.

#include <hotline/protocol/command_id.hpp>
#include <hotline/types.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace hotline::detail {

/// A text for the client who sent a command, on its way to that client's loop.
struct command_message {
  enum class kind : std::uint8_t { progress, response, error };

  std::uint64_t session = 0;  ///< the session's number in its manager
  std::uint64_t serial = 0;   ///< the command's number
  kind what = kind::response;
  std::string text;
};

/// Takes messages from any thread to the loop. Outlives the manager: what comes after its end is dropped.
class command_sink {
 public:
  virtual ~command_sink() = default;
  virtual void deliver(command_message message) = 0;
  /// Runs it on the loop.
  virtual void post(std::function<void()> task) = 0;
  /// For `timestamp`s; callable from any thread.
  [[nodiscard]] virtual wall_time wall_now() const = 0;
};

/// Shared by the responder, wherever it went, and by the session's table.
struct pending_command {
  std::shared_ptr<command_sink> sink;
  std::uint64_t session = 0;
  std::uint64_t serial = 0;
  std::string command;
  std::optional<command_id> id;
  steady_time deadline{};
  std::stop_source stop;
  std::atomic<bool> answered{false};

  /// True for the one caller who may give the terminal answer.
  [[nodiscard]] bool claim() noexcept { return !answered.exchange(true, std::memory_order_acq_rel); }
};

}  // namespace hotline::detail
#endif
