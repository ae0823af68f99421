#pragma once

#include <asio/io_context.hpp>

#include <catch2_any.hpp>
#include <patience.hpp>

#include <chrono>
#include <functional>

#include "socket_peer.hpp"

/// An io_context, and clients with sockets, driven together by one thread.
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
