#include "../../examples/dashboard/git.hpp"

#include <catch2_any.hpp>
#include <patience.hpp>

#include <asio/io_context.hpp>

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using dashboard::branch;
using dashboard::branch_list;
using dashboard::branch_name_error;
using dashboard::git;
using dashboard::repository;

namespace {

// A directory with a repository in it, gone at the end.
class scratch_repository {
 public:
  scratch_repository() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hotline-git-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    run({"init", "--quiet", "--initial-branch=main", "."});
  }
  scratch_repository(const scratch_repository&) = delete;
  ~scratch_repository() { std::filesystem::remove_all(directory_); }

  // The lines that it printed.
  std::vector<std::string> run(std::vector<std::string> arguments) const {
    dashboard::process_request request{.argv = {"git", "-c", "user.name=Test", "-c", "user.email=test@example.org"},
                                       .directory = directory_,
                                       .environment = dashboard::own_repository_environment()};
    request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
    request.environment.emplace_back("GIT_CONFIG_GLOBAL", "/dev/null");
    request.environment.emplace_back("GIT_CONFIG_NOSYSTEM", "1");
    asio::io_context loop;
    std::vector<std::string> lines;
    bool good = false;
    auto running = dashboard::process::start(
        loop.get_executor(), request,
        {.on_line = [&](std::string_view line, dashboard::output_stream) { lines.emplace_back(line); },
         .on_exit = [&](dashboard::exit_status status) { good = status.success(); }});
    REQUIRE(running);
    loop.run_for(patience);
    REQUIRE(good);
    return lines;
  }

  std::string commit() const {
    run({"commit", "--quiet", "--allow-empty", "-m", "a commit"});
    return run({"rev-parse", "HEAD"}).at(0);
  }

  const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
};

hotline::result<branch> create(const std::string& directory, std::string name) {
  asio::io_context loop;
  git repository(loop.get_executor(), directory);
  std::optional<hotline::result<branch>> answer;
  repository.create_branch(std::move(name), [&](hotline::result<branch> got) { answer = std::move(got); });
  CHECK_FALSE(answer);
  loop.run_for(patience);
  REQUIRE(answer);
  return *answer;
}

hotline::result<branch_list> list(const std::string& directory) {
  asio::io_context loop;
  git repository(loop.get_executor(), directory);
  std::optional<hotline::result<branch_list>> answer;
  repository.list_branches([&](hotline::result<branch_list> got) { answer = std::move(got); });
  loop.run_for(patience);
  REQUIRE(answer);
  return *answer;
}

hotline::result<repository> find(const std::string& directory) {
  asio::io_context loop;
  git asked(loop.get_executor(), directory);
  std::optional<hotline::result<repository>> answer;
  asked.find_repository([&](hotline::result<repository> got) { answer = std::move(got); });
  loop.run_for(patience);
  REQUIRE(answer);
  return *answer;
}

}  // namespace

TEST_CASE("names that git takes are taken", "[examples]") {
  for (const char* name : {"main", "feature/login", "a", "v1.2", "fix-#12", "a@b", "\xC3\xA4", "x.lock2", "a{b}", "1"})
    CHECK(branch_name_error(name) == std::nullopt);
  CHECK(branch_name_error(std::string(128, 'x')) == std::nullopt);
}

TEST_CASE("names that git refuses, or could take for an option, are refused with the reason", "[examples]") {
  for (const char* name :
       {"-d", "--force", "a b", "a..b", "a~1",    "a^",       "a:b", "a?", "a*",   "a[b",  "a\\b", "/a",
        "a/", "a//b",    ".a",  "a/.b", "a.lock", "a.lock/b", "a.",  "@",  "a@{b", "HEAD", "a\tb", "a\x7F"}) {
    INFO(name);
    CHECK(branch_name_error(name));
  }
  CHECK(branch_name_error(std::string("a\0b", 3)));
  CHECK(branch_name_error("") == "a branch needs a name");
  CHECK(branch_name_error("-d") == "a branch name may not begin with '-'");
  CHECK(branch_name_error("a:b") == "a branch name may not hold ':'");
  CHECK(branch_name_error(std::string(129, 'x')) == "a branch name may have at most 128 bytes");
}

TEST_CASE("our rules for names are git's: what passes here passes git too", "[examples]") {
  const scratch_repository repository;
  repository.commit();
  const std::string punctuation = "!\"#$%&'()+,-./;<=>@]_`{|}";
  for (const char c : punctuation)
    for (const std::string& name : {std::string("a") + c + "b", std::string(1, c) + "a", std::string("a") + c}) {
      if (branch_name_error(name)) continue;
      INFO(name);
      repository.run({"check-ref-format", "--branch", name});
    }
}

TEST_CASE("a branch is made at HEAD, and the checked out one stays", "[examples]") {
  const scratch_repository repository;
  repository.commit();
  const std::string head = repository.commit();
  const auto made = create(repository.directory(), "feature/x");
  REQUIRE(made);
  CHECK(made->name == "feature/x");
  CHECK(made->commit == head);
  CHECK(repository.run({"rev-parse", "--verify", "refs/heads/feature/x"}).at(0) == head);
  CHECK(repository.run({"symbolic-ref", "--short", "HEAD"}).at(0) == "main");
}

TEST_CASE("a bad name never reaches git", "[examples]") {
  const auto made = create("/no/such/directory", "--delete");
  REQUIRE_FALSE(made);
  CHECK(made.error().code == std::errc::invalid_argument);
  CHECK(made.error().message == "a branch name may not begin with '-'");
}

TEST_CASE("a name that is taken is refused in git's words", "[examples]") {
  const scratch_repository repository;
  repository.commit();
  REQUIRE(create(repository.directory(), "x"));
  const auto again = create(repository.directory(), "x");
  REQUIRE_FALSE(again);
  CHECK(again.error().code == std::errc::file_exists);
  CHECK(again.error().message.find("already exists") != std::string::npos);
  CHECK_FALSE(again.error().message.starts_with("fatal"));
  CHECK_FALSE(create(repository.directory(), "x/y"));  // x is no folder
}

TEST_CASE("an empty repository, no repository and no directory are told apart", "[examples]") {
  const scratch_repository repository;
  const auto empty = create(repository.directory(), "x");
  REQUIRE_FALSE(empty);
  CHECK(empty.error().message == "the repository has no commit yet to make a branch at");

  const auto branches = list(repository.directory());
  REQUIRE(branches);
  CHECK(branches->branches.empty());
  CHECK(branches->current == "main");
  CHECK(branches->head.empty());

  const auto none = create("/", "x");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == std::errc::not_supported);
  CHECK(none.error().message == "the folder is in no git repository");
  CHECK_FALSE(list("/"));

  const auto nowhere = list("/no/such/directory");
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().message == "cannot enter /no/such/directory: No such file or directory");
}

TEST_CASE("the repository of a folder is found, with what is checked out", "[examples]") {
  const scratch_repository repository;
  const auto empty = find(repository.directory());
  REQUIRE(empty);
  CHECK(empty->top == std::filesystem::canonical(repository.directory()));
  CHECK(empty->branch == "main");
  CHECK(empty->head.empty());

  const std::string commit = repository.commit();
  std::filesystem::create_directories(repository.directory() + "/a/b");
  const auto below = find(repository.directory() + "/a/b");
  REQUIRE(below);
  CHECK(below->top == std::filesystem::canonical(repository.directory()));
  CHECK((!below->head.empty() && commit.starts_with(below->head)));

  repository.run({"checkout", "--quiet", "--detach"});
  const auto detached = find(repository.directory());
  REQUIRE(detached);
  CHECK(detached->branch.empty());
  CHECK(detached->head == below->head);

  repository.run({"clone", "--quiet", "--bare", ".", "bare.git"});
  const auto bare = find(repository.directory() + "/bare.git");
  REQUIRE(bare);
  CHECK(bare->top == std::filesystem::canonical(repository.directory() + "/bare.git"));
}

TEST_CASE("a folder in no repository, a folder that is gone and a missing git are told apart", "[examples]") {
  const auto none = find("/");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == std::errc::not_supported);

  const auto gone = find("/no/such/directory");
  REQUIRE_FALSE(gone);
  CHECK(gone.error().message == "cannot enter /no/such/directory: No such file or directory");

  const std::string path = ::getenv("PATH");
  ::setenv("PATH", "/no/such/directory", 1);
  const auto missing = find("/");
  const auto branches = list("/");
  ::setenv("PATH", path.c_str(), 1);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == std::errc::no_such_file_or_directory);
  CHECK(missing.error().message == "git is not installed");
  REQUIRE_FALSE(branches);
  CHECK(branches.error().message == "git is not installed");
}

TEST_CASE("branches are listed with their commits, the current one and HEAD", "[examples]") {
  const scratch_repository repository;
  const std::string first = repository.commit();
  REQUIRE(create(repository.directory(), "old/one"));
  const std::string second = repository.commit();
  auto got = list(repository.directory());
  REQUIRE(got);
  std::sort(got->branches.begin(), got->branches.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  REQUIRE(got->branches.size() == 2);
  CHECK(got->branches[0].name == "main");
  CHECK(got->branches[0].commit == second);
  CHECK(got->branches[1].name == "old/one");
  CHECK(got->branches[1].commit == first);
  CHECK(got->current == "main");
  CHECK(got->head == second);

  repository.run({"checkout", "--quiet", "--detach", first});
  const auto detached = list(repository.directory());
  REQUIRE(detached);
  CHECK(detached->current.empty());
  CHECK(detached->head == first);
}

TEST_CASE("variables of the host's that name another repository are not followed", "[examples]") {
  const scratch_repository here;
  const scratch_repository other;
  here.commit();
  other.commit();
  ::setenv("GIT_DIR", (other.directory() + "/.git").c_str(), 1);
  const auto made = create(here.directory(), "x");
  ::unsetenv("GIT_DIR");
  REQUIRE(made);
  CHECK(here.run({"branch", "--list", "x"}).size() == 1);
  CHECK(other.run({"branch", "--list", "x"}).empty());
}

TEST_CASE("a repository object that is destroyed calls no one", "[examples]") {
  const scratch_repository repository;
  asio::io_context loop;
  int answers = 0;
  auto gone = std::make_unique<git>(loop.get_executor(), repository.directory());
  gone->create_branch("-bad", [&](const auto&) { ++answers; });
  gone->create_branch("good", [&](const auto&) { ++answers; });
  gone->list_branches([&](const auto&) { ++answers; });
  gone.reset();
  loop.run_for(patience);
  CHECK(answers == 0);
}

TEST_CASE("a git that hangs is ended by stopping, and nothing more is started", "[examples]") {
  const scratch_repository repository;
  const std::string program = repository.directory() + "/git";
  std::ofstream(program) << "#!/bin/sh\nexec sleep 1000\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const std::string path = ::getenv("PATH");
  ::setenv("PATH", (repository.directory() + ":" + path).c_str(), 1);
  asio::io_context loop;
  git hanging(loop.get_executor(), repository.directory());
  std::vector<hotline::failure> failures;
  const auto keep = [&](const auto& answer) { failures.push_back(answer.error()); };
  hanging.list_branches(keep);
  hanging.create_branch("x", keep);
  hanging.stop();
  hanging.list_branches(keep);
  CHECK(failures.empty());
  loop.run_for(patience);
  ::setenv("PATH", path.c_str(), 1);
  REQUIRE(failures.size() == 3);
  CHECK(failures[0].message == "the server is shutting down");
  CHECK(failures[1].message == "git failed: ended by signal 15 (Terminated)");
  CHECK(failures[2].message == "git failed: ended by signal 15 (Terminated)");
}
