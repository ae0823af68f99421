// A dashboard for a git repository: runs its tasks and shows everybody who looks what they say, live.
//
//     dashboard [--port N] [--repo DIR] [--tasks FILE]

#include "arguments.hpp"
#include "board.hpp"

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace {

namespace fs = std::filesystem;

int complain(int code, const std::string& what) {
  std::cerr << "dashboard: " << what << '\n';
  return code;
}

/// The folder's full path, or why it cannot be shown.
hotline::result<std::string> find_folder(const std::string& asked) {
  std::error_code wrong;
  const fs::path folder = fs::canonical(asked, wrong);
  const std::string place = "--repo " + asked + ": ";
  if (wrong == std::errc::no_such_file_or_directory) return hotline::failure{wrong, place + "there is no such folder"};
  if (wrong) return hotline::failure{wrong, place + wrong.message()};
  if (!fs::is_directory(folder, wrong))
    return hotline::failure{std::make_error_code(std::errc::not_a_directory),
                            place + "expected a folder, and this is not one"};
  if (::access(folder.c_str(), R_OK | X_OK) != 0)
    return hotline::failure{std::error_code(errno, std::generic_category()), place + "this folder may not be read"};
  return folder.string();
}

/// Asks git, before there is anybody to serve.
hotline::result<dashboard::repository> find_repository(const std::string& folder) {
  asio::io_context io(1);
  dashboard::git git(io.get_executor(), folder);
  hotline::result<dashboard::repository> found = hotline::failure{};
  git.find_repository([&](hotline::result<dashboard::repository> answer) { found = std::move(answer); });
  io.run();
  return found;
}

/// One sentence for the user who started it.
std::string describe(const std::string& folder, const hotline::result<dashboard::repository>& found, bool own_tasks) {
  if (!found) {
    const std::string lost = own_tasks ? "branches are not there, and tasks that run git fail"
                                       : "the tasks log, status, diff and files and the branches are not there";
    if (found.error().code == std::errc::not_supported) return folder + ", which is no git repository: " + lost;
    return folder + " without git (" + found.error().message + "): " + lost;
  }
  const std::string inside = found->top == folder ? "" : ", a folder of the repository " + found->top;
  const std::string at = found->branch.empty() ? "no branch, commit " + found->head : "branch " + found->branch;
  return folder + inside + " (" + at + (found->head.empty() ? ", no commit yet)" : ")");
}

std::string cannot_listen(std::uint16_t port, std::error_code why) {
  const std::string place = "port " + std::to_string(port);
  if (why == std::errc::address_in_use)
    return place + " is taken by another program; choose another with --port N, or any free one with --port 0";
  if (why == std::errc::permission_denied)
    return place + " is for privileged users only; choose one from 1024 to 65535 with --port N";
  return place + ": " + why.message();
}

}  // namespace

int main(int argc, char** argv) {
  const auto asked = dashboard::parse_arguments({argv + std::min(argc, 1), argv + argc});
  if (!asked) return complain(2, asked.error().message);
  if (asked->help) {
    std::cout << dashboard::help_text;
    return 0;
  }
  const auto folder = find_folder(asked->folder);
  if (!folder) return complain(2, folder.error().message);

  const auto repository = find_repository(*folder);
  dashboard::board_options options{
      .folder = *folder, .is_repository = bool(repository), .tasks = {}, .port = asked->port};
  if (asked->tasks) {
    auto tasks = dashboard::read_tasks_file(*asked->tasks, *folder);
    if (!tasks) {
      std::cerr << tasks.error().message << '\n';  // which begins with the place, so that editors find it
      return 2;
    }
    options.tasks = *std::move(tasks);
  } else {
    options.tasks = dashboard::default_tasks(*folder, options.is_repository);
  }

  asio::io_context io(1);
  dashboard::board board(io, std::move(options));
  if (const auto failed = board.start()) return complain(1, cannot_listen(asked->port, failed));

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code stopped, int) {
    if (!stopped) board.stop();
  });
  std::cout << "showing " << describe(*folder, repository, asked->tasks.has_value()) << '\n'
            << "listening on http://127.0.0.1:" << board.port() << std::endl;
  io.run();
}
