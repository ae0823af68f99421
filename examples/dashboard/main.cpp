// A dashboard for a git repository: runs its tasks and shows everybody who looks what they say, live.
//
//     dashboard [--port N] [--repo DIR] [--tasks FILE]

#include "board.hpp"

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view usage = "usage: dashboard [--port N] [--repo DIR] [--tasks FILE]\n";

struct arguments {
  std::uint16_t port = 8080;
  std::string repository = ".";
  std::optional<std::string> tasks;
};

std::optional<arguments> parse(int argc, char** argv) {
  arguments read;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return std::nullopt;
    const std::string_view value = argv[i + 1];
    if (name == "--port") {
      const auto [end, wrong] = std::from_chars(value.data(), value.data() + value.size(), read.port);
      if (wrong != std::errc() || end != value.data() + value.size()) return std::nullopt;
    } else if (name == "--repo") {
      read.repository = value;
    } else if (name == "--tasks") {
      read.tasks = value;
    } else {
      return std::nullopt;
    }
  }
  return read;
}

int complain(const std::string& what) {
  std::cerr << "dashboard: " << what << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto asked = parse(argc, argv);
  if (!asked) {
    std::cerr << usage;
    return 2;
  }
  std::error_code wrong;
  const auto repository = std::filesystem::canonical(asked->repository, wrong);
  if (wrong || !std::filesystem::is_directory(repository)) return complain(asked->repository + ": not a directory");

  dashboard::board_options options{.repository = repository.string(), .tasks = {}, .port = asked->port};
  if (asked->tasks) {
    std::ifstream file(*asked->tasks);
    if (!file) return complain(*asked->tasks + ": cannot be read");
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    auto tasks = dashboard::parse_tasks(text, options.repository);
    if (!tasks) return complain(tasks.error().message);
    options.tasks = std::move(*tasks);
  } else {
    options.tasks = dashboard::default_tasks(options.repository);
  }

  asio::io_context io(1);
  dashboard::board board(io, std::move(options));
  if (const auto failed = board.start())
    return complain("port " + std::to_string(asked->port) + ": " + failed.message());

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code stopped, int) {
    if (!stopped) board.stop();
  });
  std::cout << "listening on http://127.0.0.1:" << board.port() << std::endl;
  io.run();
}
