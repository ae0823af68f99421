#include "tasks.hpp"

#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <hotline/types.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

namespace dashboard {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_watched_text = 256;

hotline::failure refused(std::string message) {
  return {std::make_error_code(std::errc::invalid_argument), std::move(message)};
}

// A tasks file while it is read: every failure names the place in it.
class tasks_text {
 public:
  tasks_text(std::string_view text, const std::string& repository, const std::string& file)
      : text_(text), repository_(repository), file_(file) {}

  hotline::result<std::vector<task>> read() {
    const std::size_t first = text_.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return refused(file_ + ": is empty; " + expected);
    auto parsed = hotline::parse_json(text_, {.bytes = most_tasks_bytes});
    before_root_ = first;
    if (!parsed) return not_json(parsed.error().message);
    root_ = *std::move(parsed);
    if (!root_.is_object()) return wrong(root_, "", expected);
    std::vector<task> tasks;
    for (const auto& [name, value] : root_.members()) {
      auto one = read_task(name, value);
      if (!one) return one.error();
      tasks.push_back(*std::move(one));
    }
    if (tasks.empty()) return wrong(root_, "", "no tasks in it; " + expected);
    for (const task& each : tasks) {
      if (each.gate.empty()) continue;
      const hotline::json gate = root_[each.name]["gate"];
      if (each.gate == each.name) return wrong(gate, each.name + ".gate", "a task cannot be its own gate");
      if (find_task(tasks, each.gate) == nullptr)
        return wrong(gate, each.name + ".gate", "no task is named " + each.gate);
    }
    return tasks;
  }

 private:
  static inline const std::string expected = R"(expected an object of tasks, as in {"build": ["make", "-j2"]})";

  // FILE:LINE:COLUMN, both from 1, as editors and terminals understand it. A column is a character, not a byte.
  [[nodiscard]] std::string place_of(std::size_t offset) const {
    const std::string_view before = text_.substr(0, offset);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::string_view in_line = before.substr(before.rfind('\n') + 1);
    const auto column = 1 + std::count_if(in_line.begin(), in_line.end(),
                                          [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    return file_ + ":" + std::to_string(line) + ":" + std::to_string(column) + ": ";
  }

  // The reader's failures read "offset 17: expected ':'".
  [[nodiscard]] hotline::failure not_json(std::string_view told) const {
    constexpr std::string_view prefix = "offset ";
    std::size_t offset = 0;
    if (!told.starts_with(prefix)) return refused(file_ + ": not JSON: " + std::string(told));
    const auto [end, bad] = std::from_chars(told.data() + prefix.size(), told.data() + told.size(), offset);
    told.remove_prefix(static_cast<std::size_t>(end - told.data()));
    const std::string hint = offset <= before_root_ ? "; " + expected : "";
    return refused(place_of(std::min(offset, text_.size())) + "not JSON" + std::string(told) + hint);
  }

  // A value's text is a part of the whole one, so it tells where it stands.
  [[nodiscard]] hotline::failure wrong(const hotline::json& value, const std::string& member,
                                       const std::string& what) const {
    const auto offset = static_cast<std::size_t>(value.text().data() - root_.text().data());
    return refused(place_of(before_root_ + offset) + (member.empty() ? what : member + ": " + what));
  }

  hotline::result<std::vector<std::string>> read_argv(const hotline::json& value, const std::string& member) const {
    if (!value.is_array()) return wrong(value, member, "expected array of strings");
    std::vector<std::string> argv;
    for (const hotline::json& element : value.elements()) {
      const std::string at = member + "[" + std::to_string(argv.size()) + "]";
      const auto argument = element.as_string();
      if (!argument) return wrong(element, at, "expected string");
      if (argument->find('\0') != std::string_view::npos) return wrong(element, at, "no argument can hold a NUL");
      argv.emplace_back(*argument);
    }
    if (argv.empty() || argv.front().empty()) return wrong(value, member, "expected the program to run");
    return argv;
  }

  hotline::result<std::vector<watched_text>> read_signals(const hotline::json& value, const std::string& member) const {
    if (!value.is_object()) return wrong(value, member, "expected object of texts to watch for");
    if (value.size() > task::most_signals)
      return wrong(value, member, "expected at most " + std::to_string(task::most_signals) + " signals");
    std::vector<watched_text> signals;
    for (const auto& [name, content] : value.members()) {
      const std::string at = member + "." + std::string(name);
      if (!hotline::is_event_type(name))
        return wrong(content, at, "a signal's name is made of 1 to 128 of A-Z a-z 0-9 . _ : -");
      const auto text = content.as_string();
      if (!text || text->empty() || text->size() > longest_watched_text)
        return wrong(content, at, "expected string of 1 to " + std::to_string(longest_watched_text) + " bytes");
      if (text->find('\n') != std::string_view::npos)
        return wrong(content, at, "no line can hold a newline, so the text cannot either");
      signals.push_back({std::string(name), std::string(*text)});
    }
    return signals;
  }

  hotline::result<task> read_task(std::string_view name, const hotline::json& value) const {
    task read{.name = std::string(name), .argv = {}, .directory = repository_};
    if (!hotline::is_event_type(name))
      return wrong(value, read.name, "a task's name is made of 1 to 128 of A-Z a-z 0-9 . _ : -");
    if (value.is_array()) {
      auto argv = read_argv(value, read.name);
      if (!argv) return argv.error();
      read.argv = *std::move(argv);
      return read;
    }
    if (!value.is_object()) return wrong(value, read.name, "expected array of strings, or object with argv");
    for (const auto& [member, content] : value.members()) {
      const std::string at = read.name + "." + std::string(member);
      if (member == "argv") continue;
      if (member == "signals") {
        auto signals = read_signals(content, at);
        if (!signals) return signals.error();
        read.signals = *std::move(signals);
        continue;
      }
      if (member != "cwd" && member != "gate")
        return wrong(content, at, "unknown; argv, cwd, gate and signals are known");
      const auto text = content.as_string();
      if (!text || text->empty()) return wrong(content, at, "expected string that is not empty");
      if (member == "gate")
        read.gate = *text;
      else
        read.directory = (fs::path(repository_) / *text).string();
    }
    const hotline::json argv_value = value["argv"];
    if (!argv_value) return wrong(value, read.name + ".argv", "missing; expected array of strings");
    auto argv = read_argv(argv_value, read.name + ".argv");
    if (!argv) return argv.error();
    read.argv = *std::move(argv);
    return read;
  }

  std::string_view text_;
  const std::string& repository_;
  const std::string& file_;
  hotline::json root_;
  std::size_t before_root_ = 0;  // white space
};

// An open file, closed in the end.
class open_file {
 public:
  explicit open_file(const char* path) : number_(::open(path, O_RDONLY | O_CLOEXEC)) {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

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

hotline::result<std::vector<task>> parse_tasks(std::string_view text, const std::string& repository,
                                               const std::string& file) {
  return tasks_text(text, repository, file).read();
}

// By the system's own calls: a stream throws on a folder, and says nothing of why a read failed.
hotline::result<std::vector<task>> read_tasks_file(const std::string& file, const std::string& repository) {
  const auto cannot = [&](int error) {
    return refused(file + ": cannot be read: " + std::generic_category().message(error));
  };
  const open_file opened(file.c_str());
  if (opened.number() < 0) return cannot(errno);
  std::string text;
  std::array<char, 16 * 1024> piece{};
  for (;;) {
    const ssize_t size = ::read(opened.number(), piece.data(), piece.size());
    if (size == 0) break;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EISDIR) return refused(file + ": is a folder; expected a file of tasks");
    if (size < 0) return cannot(errno);
    text.append(piece.data(), static_cast<std::size_t>(size));
    // The bound is kept while reading: /dev/zero never ends.
    if (text.size() > most_tasks_bytes) return refused(file + ": is over 1 MiB, the most that a tasks file may have");
  }
  return parse_tasks(text, repository, file);
}

std::vector<task> default_tasks(const std::string& folder, bool with_git) {
  std::vector<task> tasks;
  const auto add = [&](const char* name, std::vector<std::string> argv, std::vector<watched_text> signals = {}) {
    tasks.push_back({.name = name, .argv = std::move(argv), .directory = folder, .signals = std::move(signals)});
  };
  if (with_git) {
    add("log", {"git", "log", "--oneline", "-n", "200"});
    add("status", {"git", "status", "--short", "--branch"});
    add("diff", {"git", "show", "--stat", "HEAD"});
    add("files", {"git", "ls-files"});
  }
  if (auto command = test_command(folder); !command.empty()) {
    // ctest marks a test that failed with "***Failed", "***Timeout" or "***Exception", and make says "*** [test]"; what
    // npm runs mostly says "not ok".
    const char* const failure = command.front() == "npm" ? "not ok" : "***";
    add("test", std::move(command), {{"failure", failure}});
  }
  add("count", {"sh", "-c", "i=1; while [ $i -le 30 ]; do echo \"$i of 30\"; i=$((i + 1)); sleep 1; done"},
      {{"halfway", "15 of 30"}});
  return tasks;
}

std::vector<std::string_view> signals_in(std::string_view line, const task& what, const task* gate) {
  std::vector<std::string_view> found;
  for (const task* const each : {&what, gate}) {
    if (each == nullptr) continue;
    for (const auto& [signal, text] : each->signals)
      if (line.find(text) != std::string_view::npos && std::find(found.begin(), found.end(), signal) == found.end())
        found.emplace_back(signal);
  }
  return found;
}

const task* find_task(const std::vector<task>& tasks, std::string_view name) {
  const auto at = std::find_if(tasks.begin(), tasks.end(), [&](const task& each) { return each.name == name; });
  return at == tasks.end() ? nullptr : &*at;
}

}  // namespace dashboard
