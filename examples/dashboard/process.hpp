#pragma once

#include <hotline/error.hpp>

#include <asio/any_io_executor.hpp>

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Runs programs for the dashboard: no shell, a process group of their own, output as lines on the host's loop.

namespace dashboard {

enum class output_stream { out, err };

/// How a process ended.
struct exit_status {
  int code = 0;    ///< the exit code; -1 when the system no longer knew
  int signal = 0;  ///< the signal that ended it instead, else 0

  [[nodiscard]] bool success() const noexcept { return code == 0 && signal == 0; }
};

/// For people: "exit code 2", "ended by signal 9 (Killed)".
[[nodiscard]] std::string to_string(exit_status status);

/// The program to run, and its folder.
struct process_request {
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH unless it holds a '/'; relative to `directory`
  std::string directory{};        ///< empty: the host's own
  /// Names set to a value, or removed; the rest of the host's environment is passed on.
  std::vector<std::pair<std::string, std::optional<std::string>>> environment{};
  std::chrono::milliseconds patience{2000};  ///< from `cancel`'s SIGTERM to its SIGKILL
  std::chrono::milliseconds grace{2000};     ///< how long others may hold the output open after the process ended
};

/// The notifications of a process, on the loop, never inside `start` or `cancel`. Either may destroy the process.
struct process_listener {
  std::function<void(std::string_view line, output_stream from)> on_line;
  /// The last call, after the last line.
  std::function<void(exit_status status)> on_exit;
};

/// A running program and everything it starts that stays in its process group. Its end is the group's end: who is
/// still there when `on_exit` is called, or when this object goes, gets SIGKILL.
/// All members are called on the loop.
class process {
 public:
  /// Starts it, with stdin from /dev/null, every signal at its default and no other descriptor of the host's.
  /// Fails with the system's error and a sentence that names the program or the directory.
  [[nodiscard]] static hotline::result<process> start(asio::any_io_executor loop, const process_request& request,
                                                      process_listener listener);

  process(process&&) noexcept = default;
  process& operator=(process&& other) noexcept;
  /// Kills the group if it still runs, and reaps; no callback comes after it.
  ~process();

  /// Asks the group to end: SIGTERM, after `patience` SIGKILL. `on_exit` follows. More calls change nothing.
  void cancel();
  [[nodiscard]] bool cancelled() const noexcept;

  /// Leaves output in the pipe, so that the program itself waits once that is full. Lines already read still come.
  /// The notification of the end comes after the output was read, unless the process was cancelled: then the rest is read at once.
  void pause_reading();
  void resume_reading();

  /// The process's id, which is its group's too.
  [[nodiscard]] pid_t id() const noexcept;

 private:
  class run;
  explicit process(std::shared_ptr<run> running) noexcept : run_(std::move(running)) {}

  std::shared_ptr<run> run_;
};

}  // namespace dashboard
