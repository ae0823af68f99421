#pragma once

#include <hotline/error.hpp>

#include <string>
#include <string_view>
#include <vector>

/// \file
/// The tasks of the dashboard. A tasks file is a JSON object: names, each with the program to run.
/// \code{.json}
///   { "lint":  ["make", "lint"],
///     "build": { "argv": ["make", "-j2"], "cwd": "src", "gate": "lint",
///                "signals": { "warning": "warning:", "needs_input": "Password:" } } }
/// \endcode
/// `cwd` is relative to the repository. A `gate` names the task that must succeed once this one has; the gate's own
/// gate is not run then. `signals` are texts to watch for: each line that contains such a text is followed by the event
/// `signal_detected` with the signal's name. Clients only choose among names: nothing they send becomes part of a command.

namespace dashboard {

/// A text to watch for in what a task prints.
struct watched_text {
  std::string signal;  ///< a name that an event's type could have too
  std::string text;    ///< 1 to 256 bytes of one line; upper and lower case differ
};

struct task {
  static constexpr std::size_t most_signals = 16;

  std::string name;
  std::vector<std::string> argv;
  std::string directory{};              ///< where it runs
  std::string gate{};                   ///< a task's name, or empty
  std::vector<watched_text> signals{};  ///< with different names
};

/// How many bytes a tasks file may have.
inline constexpr std::size_t most_tasks_bytes = 1024 * 1024;

/// Reads a tasks file's text. Tasks are in the file's order. Failures begin with the place, for which the file is called
/// `file`: "tasks.json:3:12: build.argv: expected ...", where 3 is the line and 12 the character in it.
[[nodiscard]] hotline::result<std::vector<task>> parse_tasks(std::string_view text, const std::string& repository,
                                                             const std::string& file = "tasks file");

/// Reads the tasks file at that path, which may be a pipe. Failures are as those of `parse_tasks`, or begin with the
/// file's name when it cannot be read.
[[nodiscard]] hotline::result<std::vector<task>> read_tasks_file(const std::string& file,
                                                                 const std::string& repository);

/// The tasks that are worth running in any folder: git's own words about it unless `with_git` is false, and its tests
/// where it is plain how to run them.
[[nodiscard]] std::vector<task> default_tasks(const std::string& folder, bool with_git = true);

/// The signals that a line of a task gives, each once, in the order of the task's. A line of its gate gives the gate's
/// signals too; `gate` is null for the task's own lines. Views of the tasks' own strings.
[[nodiscard]] std::vector<std::string_view> signals_in(std::string_view line, const task& what, const task* gate);

/// The task of that name, or null.
[[nodiscard]] const task* find_task(const std::vector<task>& tasks, std::string_view name);

}  // namespace dashboard
