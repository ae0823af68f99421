#pragma once

#include <hotline/error.hpp>

#include <string>
#include <string_view>
#include <vector>

/// \file
/// What the dashboard can run. A tasks file is a JSON object: names, each with what to run.
/// \code{.json}
///   { "lint":  ["make", "lint"],
///     "build": { "argv": ["make", "-j2"], "cwd": "src", "gate": "lint" } }
/// \endcode
/// `cwd` is relative to the repository. A `gate` names the task that must succeed once this one has; the gate's own
/// gate is not run then. Clients only choose among names: nothing they send becomes part of a command.

namespace dashboard {

struct task {
  std::string name;
  std::vector<std::string> argv;
  std::string directory{};  ///< where it runs
  std::string gate{};       ///< a task's name, or empty
};

/// Reads a tasks file. Tasks are in the file's order; failures name the place: "tasks file: build.argv: expected ...".
[[nodiscard]] hotline::result<std::vector<task>> parse_tasks(std::string_view text, const std::string& repository);

/// What is worth running in any git repository, and its tests where it is plain how to run them.
[[nodiscard]] std::vector<task> default_tasks(const std::string& repository);

/// The task of that name, or null.
[[nodiscard]] const task* find_task(const std::vector<task>& tasks, std::string_view name);

}  // namespace dashboard
