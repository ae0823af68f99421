#include "tasks.hpp"

#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

namespace dashboard {
namespace {

namespace fs = std::filesystem;

hotline::failure wrong(const std::string& place, const std::string& what) {
  return {std::make_error_code(std::errc::invalid_argument),
          "tasks file: " + (place.empty() ? what : place + ": " + what)};
}

hotline::result<std::vector<std::string>> read_argv(const hotline::json& value, const std::string& place) {
  if (!value.is_array()) return wrong(place, "expected array of strings");
  std::vector<std::string> argv;
  for (const hotline::json& element : value.elements()) {
    const std::string at = place + "[" + std::to_string(argv.size()) + "]";
    const auto argument = element.as_string();
    if (!argument) return wrong(at, "expected string");
    if (argument->find('\0') != std::string_view::npos) return wrong(at, "no argument can hold a NUL");
    argv.emplace_back(*argument);
  }
  if (argv.empty() || argv.front().empty()) return wrong(place, "expected the program to run");
  return argv;
}

hotline::result<task> read_task(std::string_view name, const hotline::json& value, const std::string& repository) {
  task read{.name = std::string(name), .argv = {}, .directory = repository};
  if (!hotline::is_event_type(name))
    return wrong(read.name, "a task's name is made of 1 to 128 of A-Z a-z 0-9 . _ : -");
  if (value.is_array()) {
    auto argv = read_argv(value, read.name);
    if (!argv) return argv.error();
    read.argv = *std::move(argv);
    return read;
  }
  if (!value.is_object()) return wrong(read.name, "expected array of strings, or object with argv");
  for (const auto& [member, content] : value.members()) {
    const std::string place = read.name + "." + std::string(member);
    if (member == "argv") continue;
    if (member != "cwd" && member != "gate") return wrong(place, "unknown; argv, cwd and gate are known");
    const auto text = content.as_string();
    if (!text || text->empty()) return wrong(place, "expected string that is not empty");
    if (member == "gate")
      read.gate = *text;
    else
      read.directory = (fs::path(repository) / *text).string();
  }
  auto argv = read_argv(value["argv"], read.name + ".argv");
  if (!argv) return argv.error();
  read.argv = *std::move(argv);
  return read;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool executable(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return !error && fs::is_regular_file(status) &&
         (status.permissions() & (fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec)) !=
             fs::perms::none;
}

// The makefile's own word for it, if it has one.
std::optional<std::string> make_target(const fs::path& repository) {
  for (const char* name : {"GNUmakefile", "makefile", "Makefile"}) {  // the order in which make looks
    if (!is_file(repository / name)) continue;
    std::ifstream file(repository / name);
    bool check = false;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("test:")) return "test";
      check = check || line.starts_with("check:");
    }
    return check ? std::optional<std::string>("check") : std::nullopt;
  }
  return std::nullopt;
}

std::vector<std::string> test_command(const fs::path& repository) {
  if (executable(repository / "tests/run")) return {"./tests/run"};
  if (const auto target = make_target(repository)) return {"make", *target};
  if (is_file(repository / "package.json")) return {"npm", "test"};
  if (is_file(repository / "build/CTestTestfile.cmake")) return {"ctest", "--test-dir", "build", "--output-on-failure"};
  return {};
}

}  // namespace

hotline::result<std::vector<task>> parse_tasks(std::string_view text, const std::string& repository) {
  const auto parsed = hotline::parse_json(text);
  if (!parsed) return wrong("", parsed.error().message);
  if (!parsed->is_object()) return wrong("", "expected object of tasks");
  std::vector<task> tasks;
  for (const auto& [name, value] : parsed->members()) {
    auto read = read_task(name, value, repository);
    if (!read) return read.error();
    tasks.push_back(*std::move(read));
  }
  if (tasks.empty()) return wrong("", "no tasks in it");
  for (const task& each : tasks) {
    if (each.gate.empty()) continue;
    if (each.gate == each.name) return wrong(each.name + ".gate", "a task cannot be its own gate");
    if (find_task(tasks, each.gate) == nullptr) return wrong(each.name + ".gate", "no task is named " + each.gate);
  }
  return tasks;
}

std::vector<task> default_tasks(const std::string& repository) {
  std::vector<task> tasks;
  const auto add = [&](const char* name, std::vector<std::string> argv) {
    tasks.push_back({.name = name, .argv = std::move(argv), .directory = repository});
  };
  add("log", {"git", "log", "--oneline", "-n", "200"});
  add("status", {"git", "status", "--short", "--branch"});
  add("diff", {"git", "show", "--stat", "HEAD"});
  add("files", {"git", "ls-files"});
  if (auto command = test_command(repository); !command.empty()) add("test", std::move(command));
  add("count", {"sh", "-c", "i=1; while [ $i -le 30 ]; do echo \"$i of 30\"; i=$((i + 1)); sleep 1; done"});
  return tasks;
}

const task* find_task(const std::vector<task>& tasks, std::string_view name) {
  const auto at = std::find_if(tasks.begin(), tasks.end(), [&](const task& each) { return each.name == name; });
  return at == tasks.end() ? nullptr : &*at;
}

}  // namespace dashboard
