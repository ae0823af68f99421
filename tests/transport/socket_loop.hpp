#pragma once

#include <asio/io_context.hpp>

#include <catch2_any.hpp>
#include <patience.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include <stdlib.h>

#include "socket_peer.hpp"

/// A directory that is gone after the test.
class scratch_directory {
 public:
  scratch_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "hotline-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// An io_context, and real sockets as clients, driven together by one thread.
class socket_loop {
 public:
  asio::io_context io{1};
  socket_peers peers;

  bool step() {
    io.restart();
    const bool moved = io.poll() > 0;
    if (!peers.pump() && !moved) io.run_one_for(std::chrono::milliseconds(5));
    return std::chrono::steady_clock::now() < end_of_patience_;
  }

  bool drive(const std::function<bool()>& done) {
    while (!done())
      if (!step()) return false;
    return true;
  }

  void settle() {
    for (int quiet = 0; quiet < 5;) {
      io.restart();
      const bool moved = io.poll() > 0;
      quiet = peers.pump() || moved ? 0 : quiet + 1;
    }
  }

  /// Runs without waiting for anything: a test that stops leaves only work that can end now.
  bool finish() {
    io.restart();
    while (io.poll() > 0) {
    }
    return io.stopped();
  }

 private:
  std::chrono::steady_clock::time_point end_of_patience_ = std::chrono::steady_clock::now() + patience;
};
