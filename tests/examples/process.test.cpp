#include "../../examples/dashboard/process.hpp"

#include <catch2_any.hpp>
#include <patience.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

using dashboard::exit_status;
using dashboard::output_stream;
using dashboard::process;
using dashboard::process_request;
using namespace std::chrono_literals;

namespace {

process_request shell(std::string script) { return {.argv = {"/bin/sh", "-c", std::move(script)}}; }

// One process on one loop, and what it told.
struct watched {
  void start(const process_request& request) {
    auto started = process::start(loop.get_executor(), request,
                                  {.on_line =
                                       [this](std::string_view line, output_stream from) {
                                         (from == output_stream::out ? out : err).emplace_back(line);
                                         if (on_line) on_line(line);
                                       },
                                   .on_exit = [this](exit_status how) { ended = how; }});
    REQUIRE(started);
    running.emplace(*std::move(started));
  }

  void finish() {
    loop.restart();  // a paused process leaves the loop without work
    loop.run_for(patience);
    REQUIRE(ended);
  }

  void run(const process_request& request) {
    start(request);
    finish();
  }

  asio::io_context loop{1};
  std::vector<std::string> out;
  std::vector<std::string> err;
  std::function<void(std::string_view)> on_line;
  std::optional<exit_status> ended;
  std::optional<process> running;
};

// Orphans become ours, so a test can wait for what a process left behind.
struct subreaper {
  subreaper() { REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); }
  ~subreaper() { ::prctl(PR_SET_CHILD_SUBREAPER, 0); }

  static int signal_that_ended(const std::string& pid) {
    int status = 0;
    REQUIRE(::waitpid(std::stoi(pid), &status, 0) == std::stoi(pid));
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
};

}  // namespace

TEST_CASE("a process's lines come by stream, then its exit code", "[examples]") {
  watched task;
  task.run(shell("echo one; echo two >&2; printf three; exit 7"));
  CHECK(task.out == std::vector<std::string>{"one", "three"});
  CHECK(task.err == std::vector<std::string>{"two"});
  CHECK(task.ended->code == 7);
  CHECK(task.ended->signal == 0);
  CHECK_FALSE(task.ended->success());
  CHECK(to_string(*task.ended) == "exit code 7");
}

TEST_CASE("the signal that ended a process is told apart from an exit code", "[examples]") {
  watched task;
  task.run(shell("kill -KILL $$"));
  CHECK(task.ended->signal == SIGKILL);
  CHECK_FALSE(task.ended->success());
  CHECK(to_string(*task.ended) == "ended by signal 9 (Killed)");
}

TEST_CASE("much output arrives whole and in order", "[examples]") {
  watched task;
  task.run(shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"));
  REQUIRE(task.out.size() == 20000);
  CHECK(task.out.front() == "line 0");
  CHECK(task.out.back() == "line 19999");
}

TEST_CASE("arguments reach the program as they are: no shell reads them", "[examples]") {
  watched task;
  task.run({.argv = {"printf", "%s\\n", "$(echo hi); `x` && *"}});
  CHECK(task.out == std::vector<std::string>{"$(echo hi); `x` && *"});
}

TEST_CASE("a process runs in its directory, with the environment it was given", "[examples]") {
  ::setenv("HOTLINE_TEST_KEPT", "kept", 1);
  ::setenv("HOTLINE_TEST_GONE", "gone", 1);
  process_request request = shell("pwd; echo \"$HOTLINE_TEST_KEPT ${HOTLINE_TEST_GONE-unset} $HOTLINE_TEST_NEW\"");
  request.directory = "/";
  request.environment = {{"HOTLINE_TEST_GONE", std::nullopt}, {"HOTLINE_TEST_NEW", "new"}};
  watched task;
  task.run(request);
  CHECK(task.out == std::vector<std::string>{"/", "kept unset new"});
}

TEST_CASE("a process inherits no signal setting, no descriptor and no stdin", "[examples]") {
  const int inheritable = ::open("/", O_RDONLY);  // no O_CLOEXEC: what a library's socket may look like
  REQUIRE(inheritable > 2);
  sigset_t mask;
  sigset_t before;
  ::sigemptyset(&mask);
  ::sigaddset(&mask, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &mask, &before);
  const auto old = ::signal(SIGPIPE, SIG_IGN);

  watched task;  // no shell reads this one: it would clear its own mask
  task.run({.argv = {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}});
  watched other;
  other.run(shell("cat; [ -e /proc/$$/fd/" + std::to_string(inheritable) + " ] && echo open || echo closed"));

  ::signal(SIGPIPE, old);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::close(inheritable);
  REQUIRE(task.out.size() == 2);
  const auto mask_of = [](const std::string& line) { return std::stoull(line.substr(line.find('\t')), nullptr, 16); };
  constexpr unsigned long long own_of_libc = 3ULL << 31;  // signals 32 and 33: only the C library can set them
  CHECK(mask_of(task.out[0]) == 0);
  CHECK((mask_of(task.out[1]) & ~own_of_libc) == 0);
  CHECK(other.out == std::vector<std::string>{"closed"});
}

TEST_CASE("a program that cannot be started is an error that names it", "[examples]") {
  asio::io_context loop;
  const auto missing = process::start(loop.get_executor(), {.argv = {"no-such-program-here"}}, {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == std::errc::no_such_file_or_directory);
  CHECK(missing.error().message == "cannot run no-such-program-here: No such file or directory");

  const auto nowhere = process::start(loop.get_executor(), {.argv = {"true"}, .directory = "/no/such"}, {});
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().message == "cannot enter /no/such: No such file or directory");

  const auto data = process::start(loop.get_executor(), {.argv = {"/etc/passwd"}}, {});
  REQUIRE_FALSE(data);
  CHECK(data.error().code == std::errc::permission_denied);

  CHECK_FALSE(process::start(loop.get_executor(), {}, {}));
}

TEST_CASE("cancelling ends the whole group with SIGTERM", "[examples]") {
  const subreaper orphans;
  watched task;
  std::string child;
  task.on_line = [&](std::string_view line) {
    child = line;
    task.running->cancel();
  };
  auto request = shell("sleep 1000 & echo $!; wait");
  request.patience = 1h;
  request.grace = 1h;
  task.start(request);
  CHECK_FALSE(task.running->cancelled());
  task.finish();
  CHECK(task.running->cancelled());
  CHECK(task.ended->signal == SIGTERM);
  CHECK(subreaper::signal_that_ended(child) == SIGTERM);
}

TEST_CASE("a process that ignores SIGTERM gets SIGKILL when the patience is over", "[examples]") {
  watched task;
  task.on_line = [&](std::string_view) { task.running->cancel(); };
  auto request = shell("trap '' TERM; echo ready; while :; do sleep 1000; done");
  request.patience = 1ms;
  task.run(request);
  CHECK(task.ended->signal == SIGKILL);
}

TEST_CASE("a stopped process is cancelled too", "[examples]") {
  watched task;
  task.on_line = [&](std::string_view) {
    ::kill(-task.running->id(), SIGSTOP);
    task.running->cancel();
  };
  auto request = shell("echo ready; sleep 1000");
  request.patience = 1h;
  task.run(request);
  CHECK(task.ended->signal == SIGTERM);
}

TEST_CASE("a process that left others holding its output ends after the grace, and they with it", "[examples]") {
  const subreaper orphans;
  watched task;
  auto request = shell("sleep 1000 & printf $!");
  request.grace = 1ms;
  task.run(request);
  CHECK(task.ended->success());
  REQUIRE(task.out.size() == 1);  // though no end of the output was seen
  CHECK(subreaper::signal_that_ended(task.out[0]) == SIGKILL);
}

TEST_CASE("the exit waits for output that others in the group still write", "[examples]") {
  watched task;
  auto request = shell("(until grep -q ') Z' /proc/$$/stat; do :; done; echo late) & exit 0");
  request.grace = 1h;
  task.run(request);
  CHECK(task.out == std::vector<std::string>{"late"});
}

TEST_CASE("a paused process keeps its output in the pipe, and its exit back, until it is resumed", "[examples]") {
  watched task;
  auto request = shell("i=0; while [ $i -lt 5000 ]; do echo a line of output; i=$((i+1)); done");
  request.grace = 1ms;
  task.on_line = [&](std::string_view) {
    if (task.out.size() == 1) task.running->pause_reading();
  };
  task.start(request);
  while (task.out.empty()) task.loop.run_one_for(patience);
  for (int turn = 0; turn < 1000; ++turn) task.loop.poll();
  CHECK(task.out.size() * sizeof("a line of output") <= 16 * 1024);
  CHECK_FALSE(task.ended);
  task.running->resume_reading();
  task.finish();
  CHECK(task.out.size() == 5000);
}

TEST_CASE("a cancelled process does not wait to be resumed", "[examples]") {
  watched task;
  auto request = shell("echo first; while :; do echo more; done");
  request.patience = 1h;
  task.on_line = [&](std::string_view) {
    if (task.out.size() > 1) return;
    task.running->pause_reading();
    task.running->cancel();
  };
  task.run(request);
  CHECK(task.ended->signal == SIGTERM);
}

TEST_CASE("a process that ended while paused is let go by cancelling", "[examples]") {
  watched task;
  auto request = shell("echo first; echo second");
  request.grace = 1h;
  task.start(request);
  task.running->pause_reading();
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(task.running->id()), &info, WEXITED | WNOWAIT) == 0);
  for (int turn = 0; turn < 100; ++turn) task.loop.poll();
  CHECK_FALSE(task.ended);
  task.running->cancel();
  task.finish();
  CHECK(task.ended->success());
  CHECK(task.out == std::vector<std::string>{"first", "second"});
}

TEST_CASE("destroying a process kills its group, reaps it and calls nothing back", "[examples]") {
  const subreaper orphans;
  watched task;
  std::string child;
  pid_t leader = 0;
  task.on_line = [&](std::string_view line) {
    REQUIRE(child.empty());
    child = line;
    leader = task.running->id();
    task.running.reset();
  };
  task.start(shell("sleep 1000 & echo $!; echo second; wait"));
  task.loop.run_for(patience);
  CHECK_FALSE(task.ended);
  CHECK(task.out.size() == 1);
  CHECK(::kill(leader, 0) == -1);  // reaped: not even a zombie is left
  CHECK(subreaper::signal_that_ended(child) == SIGKILL);
}

TEST_CASE("a process may be replaced from its own exit callback", "[examples]") {
  asio::io_context loop;
  std::optional<process> running;
  int ended = 0;
  std::function<void()> again = [&] {
    auto started = process::start(loop.get_executor(), {.argv = {"true"}}, {.on_line = {}, .on_exit = [&](exit_status) {
                                                                              if (++ended < 3) again();
                                                                            }});
    REQUIRE(started);
    running = *std::move(started);
  };
  again();
  loop.run_for(patience);
  CHECK(ended == 3);
}

TEST_CASE("many processes run at once on one loop", "[examples]") {
  asio::io_context loop;
  std::vector<process> running;
  int lines = 0;
  int ended = 0;
  for (int i = 0; i < 40; ++i) {
    auto started = process::start(loop.get_executor(), shell("echo hello; exit 3"),
                                  {.on_line = [&](std::string_view, output_stream) { ++lines; },
                                   .on_exit = [&](exit_status how) { ended += how.code == 3 ? 1 : 0; }});
    REQUIRE(started);
    running.push_back(*std::move(started));
  }
  loop.run_for(patience);
  CHECK(lines == 40);
  CHECK(ended == 40);
}
