#include "../../examples/dashboard/tasks.hpp"

#include <catch2_any.hpp>

#include <stdlib.h>
#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using dashboard::default_tasks;
using dashboard::find_task;
using dashboard::parse_tasks;
using dashboard::signals_in;
namespace fs = std::filesystem;

namespace {

using words = std::vector<std::string>;

std::string error_of(std::string_view text) {
  const auto tasks = parse_tasks(text, "/repo");
  REQUIRE_FALSE(tasks);
  return tasks.error().message;
}

class scratch_directory {
 public:
  scratch_directory() {
    std::string pattern = (fs::temp_directory_path() / "hotline-tasks-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  scratch_directory(const scratch_directory&) = delete;
  ~scratch_directory() { fs::remove_all(path_); }

  void write(const std::string& name, std::string_view text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

words test_argv(const scratch_directory& in) {
  const auto tasks = default_tasks(in.path().string());
  const auto* test = find_task(tasks, "test");
  return test != nullptr ? test->argv : words{};
}

}  // namespace

TEST_CASE("a tasks file maps names to argv, with a directory and a gate where wanted", "[examples]") {
  const auto tasks = parse_tasks(R"({"lint": ["make", "lint"],
                                     "build": {"argv": ["make"], "cwd": "src", "gate": "lint"},
                                     "far": {"argv": ["ls"], "cwd": "/srv"}})",
                                 "/repo");
  REQUIRE(tasks);
  REQUIRE(tasks->size() == 3);
  CHECK((*tasks)[0].name == "lint");
  CHECK((*tasks)[0].argv == words{"make", "lint"});
  CHECK((*tasks)[0].directory == "/repo");
  CHECK((*tasks)[0].gate.empty());
  CHECK((*tasks)[1].directory == "/repo/src");
  CHECK((*tasks)[1].gate == "lint");
  CHECK((*tasks)[2].directory == "/srv");
  CHECK(find_task(*tasks, "build") == &(*tasks)[1]);
  CHECK(find_task(*tasks, "nothing") == nullptr);
}

TEST_CASE("a mistake in a tasks file is reported with its place", "[examples]") {
  const std::string expected = R"(expected an object of tasks, as in {"build": ["make", "-j2"]})";
  CHECK(error_of("{") == "tasks file:1:2: not JSON: expected a member's name");
  CHECK(error_of("# tasks") == "tasks file:1:1: not JSON: expected a value; " + expected);
  CHECK(error_of("{\n  \"a\": [\"ls\"],\n}") == "tasks file:3:1: not JSON: expected a member's name");
  CHECK(error_of("{\"a\": [\"ls\"]} x") == "tasks file:1:15: not JSON: text after the value");
  CHECK(error_of("{\"a\": [\"\xFF\"]}") == "tasks file:1:9: not JSON: text that is not UTF-8");
  CHECK(error_of("\xEF\xBB\xBF{}") == "tasks file:1:1: not JSON: byte order mark; " + expected);
  CHECK(error_of("") == "tasks file: is empty; " + expected);
  CHECK(error_of(" \n\t") == "tasks file: is empty; " + expected);
  CHECK(error_of("[]") == "tasks file:1:1: " + expected);
  CHECK(error_of("\n\n  7") == "tasks file:3:3: " + expected);
  CHECK(error_of("{}") == "tasks file:1:1: no tasks in it; " + expected);
  CHECK(error_of(R"({"a": 1})") == "tasks file:1:7: a: expected array of strings, or object with argv");
  CHECK(error_of(R"({"a": []})") == "tasks file:1:7: a: expected the program to run");
  CHECK(error_of(R"({"a": [""]})") == "tasks file:1:7: a: expected the program to run");
  CHECK(error_of(R"({"a": ["ls", 1]})") == "tasks file:1:14: a[1]: expected string");
  CHECK(error_of(R"({"a": ["ls", "x\u0000y"]})") == "tasks file:1:14: a[1]: no argument can hold a NUL");
  CHECK(error_of("{\"a\": {\n \"argv\": \"make\"}}") == "tasks file:2:10: a.argv: expected array of strings");
  CHECK(error_of(R"({"a": {}})") == "tasks file:1:7: a.argv: missing; expected array of strings");
  CHECK(error_of(R"({"a": {"argv": ["ls"], "cwd": 1}})") ==
        "tasks file:1:31: a.cwd: expected string that is not empty");
  CHECK(error_of(R"({"a": {"argv": ["ls"], "env": {}}})") ==
        "tasks file:1:31: a.env: unknown; argv, cwd, gate and signals are known");
  CHECK(error_of("\n{\"a\": {\"argv\": [\"ls\"],\n\"gate\": \"b\"}}") == "tasks file:3:9: a.gate: no task is named b");
  CHECK(error_of(R"({"a": {"argv": ["ls"], "gate": "a"}})") ==
        "tasks file:1:32: a.gate: a task cannot be its own gate");
  CHECK(error_of(R"({"a b": ["ls"]})") ==
        "tasks file:1:9: a b: a task's name is made of 1 to 128 of A-Z a-z 0-9 . _ : -");
  CHECK(error_of(R"({"a": ["ls"], "a": ["ls"]})") == "tasks file:1:15: not JSON: name used before in this object");
  // A column is a character, however many bytes it takes.
  CHECK(error_of(R"({"a": ["grüße", 1]})") == "tasks file:1:17: a[1]: expected string");
  const auto named = parse_tasks("{", "/repo", "my/tasks.json");
  REQUIRE_FALSE(named);
  CHECK(named.error().message.starts_with("my/tasks.json:1:2: "));
}

TEST_CASE("a task's signals are names with a text each", "[examples]") {
  const auto tasks = parse_tasks(
      R"({"build": {"argv": ["make"], "signals": {"warning": "warning:", "needs_input": "Password:"}}})", "/repo");
  REQUIRE(tasks);
  const auto& signals = tasks->front().signals;
  REQUIRE(signals.size() == 2);
  CHECK((signals[0].signal == "warning" && signals[0].text == "warning:"));
  CHECK((signals[1].signal == "needs_input" && signals[1].text == "Password:"));

  const auto refused = [](const std::string& value) {
    const std::string told = error_of(R"({"a": {"argv": ["ls"], "signals": )" + value + "}}");
    return told.substr(told.find("a.signals"));
  };
  CHECK(refused("[]") == "a.signals: expected object of texts to watch for");
  CHECK(refused(R"({"a b": "x"})") == "a.signals.a b: a signal's name is made of 1 to 128 of A-Z a-z 0-9 . _ : -");
  CHECK(refused(R"({"s": ""})") == "a.signals.s: expected string of 1 to 256 bytes");
  CHECK(refused(R"({"s": 7})") == "a.signals.s: expected string of 1 to 256 bytes");
  CHECK(refused(R"({"s": ")" + std::string(257, 'x') + "\"}") == "a.signals.s: expected string of 1 to 256 bytes");
  CHECK(refused(R"({"s": "a\nb"})") == "a.signals.s: no line can hold a newline, so the text cannot either");
  const auto many = [](std::size_t count) {
    std::string object;
    for (std::size_t i = 0; i < count; ++i)
      object += (object.empty() ? "{\"s" : ", \"s") + std::to_string(i) + R"(": "x")";
    return object + "}";
  };
  CHECK(parse_tasks(R"({"a": {"argv": ["ls"], "signals": )" + many(16) + "}}", "/repo"));
  CHECK(refused(many(17)) == "a.signals: expected at most 16 signals");
}

TEST_CASE("a line gives each signal whose text it contains, once", "[examples]") {
  using names = std::vector<std::string_view>;
  const dashboard::task build{.name = "build",
                              .argv = {"make"},
                              .signals = {{"warning", "warning:"}, {"again", "warning"}, {"failure", "Error 1"}}};
  const dashboard::task lint{.name = "lint", .argv = {"lint"}, .signals = {{"style", "style"}, {"warning", "W:"}}};
  CHECK(signals_in("all is well", build, nullptr).empty());
  CHECK(signals_in("", build, nullptr).empty());
  CHECK(signals_in("WARNING: case counts", build, nullptr).empty());
  CHECK(signals_in("x.cpp: warning: warning: twice", build, nullptr) == names{"warning", "again"});
  CHECK(signals_in("make: *** Error 1", build, nullptr) == names{"failure"});
  CHECK(signals_in("style", build, nullptr).empty());
  CHECK(signals_in("style W: warning:", build, &lint) == names{"warning", "again", "style"});
}

TEST_CASE("a tasks file is read from whatever can be read, and else it is said why not", "[examples]") {
  const scratch_directory folder;
  const auto path = [&](const char* name) { return (folder.path() / name).string(); };
  const auto refusal = [](const std::string& file) {
    const auto tasks = dashboard::read_tasks_file(file, "/repo");
    REQUIRE_FALSE(tasks);
    REQUIRE(tasks.error().message.starts_with(file + ":"));
    return tasks.error().message.substr(file.size() + 1);
  };
  CHECK(refusal(folder.path().string()) == " is a folder; expected a file of tasks");
  CHECK(refusal(path("nothing")) == " cannot be read: No such file or directory");
  CHECK(refusal("/dev/zero") == " is over 1 MiB, the most that a tasks file may have");
  CHECK(refusal("/dev/null").starts_with(" is empty; expected"));
  folder.write("bad", "{\"a\":\n7}");
  CHECK(refusal(path("bad")) == "2:1: a: expected array of strings, or object with argv");

  const std::string text = R"({"a": ["ls"]})";
  const auto size = static_cast<std::ptrdiff_t>(dashboard::most_tasks_bytes - text.size());
  folder.write("largest", text + std::string(static_cast<std::size_t>(size), ' '));
  CHECK(dashboard::read_tasks_file(path("largest"), "/repo"));
  folder.write("too_large", text + std::string(static_cast<std::size_t>(size) + 1, ' '));
  CHECK(refusal(path("too_large")).find("over 1 MiB") != std::string::npos);

  REQUIRE(::mkfifo(path("pipe").c_str(), 0600) == 0);
  std::thread writer([&] { std::ofstream(path("pipe")) << text; });
  const auto tasks = dashboard::read_tasks_file(path("pipe"), "/repo");
  writer.join();
  REQUIRE(tasks);
  CHECK(tasks->front().argv == words{"ls"});
}

TEST_CASE("any repository has tasks worth starting", "[examples]") {
  const scratch_directory empty;
  const auto tasks = default_tasks(empty.path().string());
  for (const char* name : {"log", "status", "diff", "files", "count"}) {
    INFO(name);
    const auto* task = find_task(tasks, name);
    REQUIRE(task != nullptr);
    CHECK_FALSE(task->argv.empty());
    CHECK(task->directory == empty.path());
  }
  CHECK(find_task(tasks, "test") == nullptr);
}

TEST_CASE("a folder without git has its tests and a count", "[examples]") {
  const scratch_directory folder;
  folder.write("package.json", "{}");
  std::vector<std::string> names;
  const auto tasks = default_tasks(folder.path().string(), false);
  for (const auto& task : tasks) names.push_back(task.name);
  CHECK(names == std::vector<std::string>{"test", "count"});
}

TEST_CASE("tests that fail and a count that is half done are signals", "[examples]") {
  const auto seen = [](const std::vector<dashboard::task>& tasks, const char* name, std::string_view line) {
    const auto* task = find_task(tasks, name);
    REQUIRE(task != nullptr);
    const auto signals = signals_in(line, *task, nullptr);
    return signals.empty() ? std::string() : std::string(signals.front());
  };
  const scratch_directory folder;
  folder.write("build/CTestTestfile.cmake", "");
  const auto by_ctest = default_tasks(folder.path().string());
  CHECK(seen(by_ctest, "test", "  3/90 Test  #3: wire ...............***Failed    0.51 sec") == "failure");
  CHECK(seen(by_ctest, "test", "  4/90 Test  #4: room ...............***Timeout  60.00 sec") == "failure");
  CHECK(seen(by_ctest, "test", "  5/90 Test  #5: log ................   Passed    0.02 sec").empty());
  CHECK(seen(by_ctest, "count", "15 of 30") == "halfway");
  CHECK(seen(by_ctest, "count", "5 of 30").empty());
  folder.write("package.json", "{}");
  CHECK(seen(default_tasks(folder.path().string()), "test", "not ok 7 it adds") == "failure");
}

TEST_CASE("the test task is the first that the repository offers", "[examples]") {
  const scratch_directory repository;
  repository.write("build/CTestTestfile.cmake", "");
  CHECK(test_argv(repository) == words{"ctest", "--test-dir", "build", "--output-on-failure"});
  repository.write("package.json", "{}");
  CHECK(test_argv(repository) == words{"npm", "test"});
  repository.write("Makefile", "all:\n\ttrue\n");
  CHECK(test_argv(repository) == words{"npm", "test"});
  repository.write("Makefile", "all:\n\ttrue\ncheck: all\n");
  CHECK(test_argv(repository) == words{"make", "check"});
  repository.write("Makefile", "check:\ntest: all\n");
  CHECK(test_argv(repository) == words{"make", "test"});
  repository.write("tests/run", "#!/bin/sh\n");
  CHECK(test_argv(repository) == words{"make", "test"});  // not to be executed
  fs::permissions(repository.path() / "tests/run", fs::perms::owner_exec, fs::perm_options::add);
  CHECK(test_argv(repository) == words{"./tests/run"});
}
