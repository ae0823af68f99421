#include "../../examples/dashboard/tasks.hpp"

#include <catch2_any.hpp>

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

using dashboard::default_tasks;
using dashboard::find_task;
using dashboard::parse_tasks;
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

TEST_CASE("what is wrong in a tasks file is told with its place", "[examples]") {
  CHECK(error_of("{") == "tasks file: offset 1: expected a member's name");
  CHECK(error_of("[]") == "tasks file: expected object of tasks");
  CHECK(error_of("{}") == "tasks file: no tasks in it");
  CHECK(error_of(R"({"a": 1})") == "tasks file: a: expected array of strings, or object with argv");
  CHECK(error_of(R"({"a": []})") == "tasks file: a: expected the program to run");
  CHECK(error_of(R"({"a": [""]})") == "tasks file: a: expected the program to run");
  CHECK(error_of(R"({"a": ["ls", 1]})") == "tasks file: a[1]: expected string");
  CHECK(error_of(R"({"a": ["ls", "x\u0000y"]})") == "tasks file: a[1]: no argument can hold a NUL");
  CHECK(error_of(R"({"a": {"argv": "make"}})") == "tasks file: a.argv: expected array of strings");
  CHECK(error_of(R"({"a": {}})") == "tasks file: a.argv: expected array of strings");
  CHECK(error_of(R"({"a": {"argv": ["ls"], "cwd": 1}})") == "tasks file: a.cwd: expected string that is not empty");
  CHECK(error_of(R"({"a": {"argv": ["ls"], "env": {}}})") ==
        "tasks file: a.env: unknown; argv, cwd and gate are known");
  CHECK(error_of(R"({"a": {"argv": ["ls"], "gate": "b"}})") == "tasks file: a.gate: no task is named b");
  CHECK(error_of(R"({"a": {"argv": ["ls"], "gate": "a"}})") == "tasks file: a.gate: a task cannot be its own gate");
  CHECK(error_of(R"({"a b": ["ls"]})") == "tasks file: a b: a task's name is made of 1 to 128 of A-Z a-z 0-9 . _ : -");
  CHECK(error_of(R"({"a": ["ls"], "a": ["ls"]})").find("used before") != std::string::npos);
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
