#pragma once

#include "process.hpp"

#include <hotline/error.hpp>

#include <asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The little of git that the dashboard needs: make a branch, list branches. Runs the git program, without a shell.

namespace dashboard {

struct branch {
  std::string name;
  std::string commit;  ///< in full
};

struct branch_list {
  std::vector<branch> branches;  ///< the one last committed to first, at most 500
  std::string current;           ///< the branch that is checked out; empty when it is no branch
  std::string head;              ///< the commit that is checked out; empty in a repository without commits
};

/// The repository that a folder belongs to.
struct repository {
  std::string top;     ///< its work tree's folder; of a bare repository, that of the repository itself
  std::string branch;  ///< the branch that is checked out; empty when it is no branch
  std::string head;    ///< the commit that is checked out, as short as git makes it; empty without commits
};

/// Why `name` cannot name a branch, as a sentence, or nothing if it can: git's own rules (git-check-ref-format), and no
/// leading '-', and at most 128 bytes.
[[nodiscard]] std::optional<std::string> branch_name_error(std::string_view name);

/// Variables that would lead git away from the repository it is started in: a dashboard started by a git hook has them.
[[nodiscard]] std::vector<std::pair<std::string, std::optional<std::string>>> own_repository_environment();

/// One repository. All members are called on the loop; answers come there, never from inside the call that asked.
/// Destroying it ends what still runs, without an answer. Messages of failures are fit for people. A folder that is in no
/// repository fails with `std::errc::not_supported`, a git that is not installed with `no_such_file_or_directory`.
class git {
 public:
  git(asio::any_io_executor loop, std::string repository);
  git(const git&) = delete;
  git& operator=(const git&) = delete;

  using branch_answer = std::function<void(hotline::result<branch>)>;
  using list_answer = std::function<void(hotline::result<branch_list>)>;
  using repository_answer = std::function<void(hotline::result<repository>)>;

  /// Finds the repository that the folder belongs to.
  void find_repository(repository_answer answer);
  /// Makes a branch at HEAD and leaves the checked out one alone. A bad name fails with `std::errc::invalid_argument`,
  /// a taken one with `file_exists`; the message is git's own where git refused.
  void create_branch(std::string name, branch_answer answer);
  void list_branches(list_answer answer);

  /// Ends what still runs, as `process::cancel` does, which lets git tidy up behind itself. It answers with a failure;
  /// so does whatever is asked from now on.
  void stop();

 private:
  class runner;
  std::shared_ptr<runner> runner_;
};

}  // namespace dashboard
