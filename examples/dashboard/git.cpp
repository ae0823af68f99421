#include "git.hpp"

#include <asio/post.hpp>

#include <algorithm>
#include <filesystem>
#include <list>
#include <system_error>
#include <utility>

namespace dashboard {
namespace {

constexpr std::size_t most_lines = 500;

hotline::failure refused(std::errc code, std::string message) {
  return {std::make_error_code(code), std::move(message)};
}

// The output of a finished git.
struct outcome {
  exit_status status;
  std::vector<std::string> out;
  std::vector<std::string> err;
  bool missing = false;  // there is no git to run

  [[nodiscard]] std::string first_line() const { return status.success() && !out.empty() ? out.front() : ""; }
};

// The sentence in what git printed: "fatal: a branch named 'x' already exists" without its first word.
std::string sentence(const outcome& told) {
  for (const std::string_view prefix : {"fatal: ", "error: "})
    for (const std::string& line : told.err)
      if (line.starts_with(prefix)) return line.substr(prefix.size());
  return told.err.empty() ? "git failed: " + to_string(told.status) : told.err.front();
}

hotline::failure failure_of(const outcome& told) {
  if (told.missing) return refused(std::errc::no_such_file_or_directory, "git is not installed");
  std::string message = sentence(told);
  if (message.starts_with("not a git repository"))
    return refused(std::errc::not_supported, "the folder is in no git repository");
  const bool taken = message.find("already exists") != std::string::npos;
  return refused(taken ? std::errc::file_exists : std::errc::io_error, std::move(message));
}

std::string quoted(std::string_view text) { return std::string(1, '\'').append(text).append(1, '\''); }

}  // namespace

std::optional<std::string> branch_name_error(std::string_view name) {
  if (name.empty()) return "a branch needs a name";
  if (name.size() > 128) return "a branch name may have at most 128 bytes";
  if (name.front() == '-') return "a branch name may not begin with '-'";
  if (name == "@" || name == "HEAD") return quoted(name) + " is git's own name";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == ' ') return "a branch name may not hold a space";
    if (byte < 0x20 || byte == 0x7F) return "a branch name may not hold a control character";
    if (std::string_view("~^:?*[\\").find(c) != std::string_view::npos)
      return "a branch name may not hold " + quoted({&c, 1});
  }
  for (const std::string_view pair : {"..", "@{", "//"})
    if (name.find(pair) != std::string_view::npos) return "a branch name may not hold " + quoted(pair);
  if (name.front() == '/' || name.back() == '/') return "a branch name may not begin or end with '/'";
  if (name.back() == '.') return "a branch name may not end with '.'";
  for (std::string_view rest = name; !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find('/'));
    if (part.starts_with('.')) return "no part of a branch name may begin with '.'";
    if (part.ends_with(".lock")) return "no part of a branch name may end with '.lock'";
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::optional<std::string>>> own_repository_environment() {
  std::vector<std::pair<std::string, std::optional<std::string>>> changes;
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR",
                           "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"})
    changes.emplace_back(name, std::nullopt);
  return changes;
}

// Runs one git after another or beside another. Processes that go call nothing back, so no answer comes once it is gone.
class git::runner : public std::enable_shared_from_this<git::runner> {
 public:
  using next_step = std::function<void(outcome)>;

  runner(asio::any_io_executor loop, std::string repository)
      : loop_(std::move(loop)), repository_(std::move(repository)) {}

  void run(std::vector<std::string> arguments, next_step next) {
    if (stopped_) return refuse(std::move(next), "the server is shutting down");
    process_request request{.argv = {"git"}, .directory = repository_, .environment = own_repository_environment()};
    request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
    request.environment.emplace_back("LC_ALL", "C");  // its messages are read here
    request.environment.emplace_back("GIT_TERMINAL_PROMPT", "0");

    const auto entry = jobs_.emplace(jobs_.end());
    auto started = process::start(loop_, request,
                                  {.on_line =
                                       [entry](std::string_view line, output_stream from) {
                                         auto& lines = from == output_stream::out ? entry->told.out : entry->told.err;
                                         if (lines.size() < most_lines) lines.emplace_back(line);
                                       },
                                   .on_exit =
                                       [this, entry](exit_status status) {
                                         outcome told = std::move(entry->told);
                                         told.status = status;
                                         const next_step step = std::move(entry->next);
                                         jobs_.erase(entry);
                                         step(std::move(told));
                                       }});
    if (started) {
      entry->next = std::move(next);
      entry->running = *std::move(started);
      return;
    }
    jobs_.erase(entry);
    const hotline::failure& why = started.error();
    // The folder could be what is missing, too.
    std::error_code ignored;
    const bool missing =
        why.code == std::errc::no_such_file_or_directory && std::filesystem::is_directory(repository_, ignored);
    refuse(std::move(next), why.message, missing);
  }

  void stop() {
    stopped_ = true;
    for (job& each : jobs_) each.running->cancel();
  }

  void later(std::function<void()> call) {
    asio::post(loop_, [weak = weak_from_this(), call = std::move(call)] {
      if (const auto alive = weak.lock()) call();
    });
  }

 private:
  struct job {
    outcome told;
    next_step next;
    std::optional<process> running;
  };

  void refuse(next_step next, std::string why, bool missing = false) {
    later([next = std::move(next), why = std::move(why), missing] {
      next({.status = {.code = 127}, .out = {}, .err = {why}, .missing = missing});
    });
  }

  asio::any_io_executor loop_;
  std::string repository_;
  std::list<job> jobs_;
  bool stopped_ = false;
};

git::git(asio::any_io_executor loop, std::string repository)
    : runner_(std::make_shared<runner>(std::move(loop), std::move(repository))) {}

void git::find_repository(repository_answer answer) {
  const auto found = std::make_shared<repository>();
  const auto with_branch = [found, run = runner_.get(), answer](const outcome& branch) {
    found->branch = branch.first_line();
    run->run({"rev-parse", "--verify", "--quiet", "--short", "HEAD^{commit}"}, [found, answer](const outcome& head) {
      found->head = head.first_line();
      answer(std::move(*found));
    });
  };
  // A bare repository has no top level.
  const auto with_top = [found, run = runner_.get(), with_branch](const outcome& top) {
    if (top.status.success()) found->top = top.first_line();
    run->run({"symbolic-ref", "--quiet", "--short", "HEAD"}, with_branch);
  };
  runner_->run({"rev-parse", "--absolute-git-dir"},
               [found, run = runner_.get(), answer, with_top](const outcome& directory) {
                 if (!directory.status.success()) {
                   answer(failure_of(directory));
                   return;
                 }
                 found->top = directory.first_line();
                 run->run({"rev-parse", "--show-toplevel"}, with_top);
               });
}

void git::create_branch(std::string name, branch_answer answer) {
  if (auto error = branch_name_error(name)) {
    runner_->later(
        [answer = std::move(answer), why = refused(std::errc::invalid_argument, *std::move(error))] { answer(why); });
    return;
  }
  // Without a commit git would say "not a valid object name: 'main'". Asking first also tells what the branch is made at.
  runner_->run({"rev-parse", "--verify", "--quiet", "HEAD^{commit}"},
               [run = runner_.get(), name = std::move(name), answer = std::move(answer)](outcome head) mutable {
                 if (!head.status.success() || head.out.empty()) {
                   answer(head.err.empty() && head.status.signal == 0
                              ? refused(std::errc::io_error, "the repository has no commit yet to make a branch at")
                              : failure_of(head));
                   return;
                 }
                 std::vector<std::string> arguments{"branch", "--no-track", "--", name, head.out.front()};
                 run->run(std::move(arguments),
                          [made = branch{std::move(name), head.out.front()}, answer = std::move(answer)](outcome told) {
                            if (told.status.success())
                              answer(made);
                            else
                              answer(failure_of(told));
                          });
               });
}

void git::list_branches(list_answer answer) {
  const auto list = std::make_shared<branch_list>();
  const auto done = [list, answer](const outcome& head) {
    if (!head.out.empty()) list->head = head.out.front();
    answer(std::move(*list));
  };
  const auto with_current = [list, run = runner_.get(), done](const outcome& current) {
    if (!current.out.empty()) list->current = current.out.front();
    run->run({"rev-parse", "--verify", "--quiet", "HEAD^{commit}"}, done);
  };
  runner_->run({"for-each-ref", "--count=" + std::to_string(most_lines), "--sort=-committerdate",
                "--format=%(objectname) %(refname:lstrip=2)", "refs/heads"},
               [list, run = runner_.get(), answer, with_current](const outcome& refs) {
                 if (!refs.status.success()) {
                   answer(failure_of(refs));
                   return;
                 }
                 for (const std::string& line : refs.out)
                   if (const std::size_t space = line.find(' '); space != std::string::npos)
                     list->branches.push_back({line.substr(space + 1), line.substr(0, space)});
                 run->run({"symbolic-ref", "--quiet", "--short", "HEAD"}, with_current);
               });
}

void git::stop() { runner_->stop(); }

}  // namespace dashboard
