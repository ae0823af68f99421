#pragma once

#include <catch2_any.hpp>
#include <patience.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>

#include <poll.h>

#include "socket_peer.hpp"

/// A host's loop around one descriptor, level-triggered, and real sockets as clients, driven together by one thread.
/// `Transport` has `fd` and `run_ready`. A turn that leaves work undone must make the descriptor readable: the loop asks for nothing else.
template <class Transport>
class epoll_loop {
 public:
  socket_peers peers;

  /// A turn handles at most `most` events.
  explicit epoll_loop(std::size_t most = 256) : most_(most) {}

  void watch(Transport& transport) { transport_ = &transport; }
  /// The transport that was watched is gone.
  void forget() { transport_ = nullptr; }

  /// Handles all that is ready, without a wait.
  void run_ready() { turn(0); }

  bool step() {
    const bool moved = turn(0);
    if (!peers.pump() && !moved) turn(5);
    return std::chrono::steady_clock::now() < end_of_patience_;
  }

  bool drive(const std::function<bool()>& done) {
    while (!done())
      if (!step()) return false;
    return true;
  }

  void settle() {
    for (int quiet = 0; quiet < 5;) {
      const bool moved = turn(0);
      quiet = peers.pump() || moved ? 0 : quiet + 1;
    }
  }

  /// Runs without waiting for anything: a transport that has stopped leaves nothing.
  bool finish() {
    turn(0);
    return !is_readable(0);
  }

 private:
  [[nodiscard]] bool is_readable(int wait) const {
    ::pollfd waiting{transport_ != nullptr ? transport_->fd() : -1, POLLIN, 0};
    return ::poll(&waiting, 1, wait) > 0;
  }

  bool turn(int wait) {
    if (!is_readable(wait)) return false;
    transport_->run_ready(most_);
    return true;
  }

  Transport* transport_ = nullptr;
  std::size_t most_;
  std::chrono::steady_clock::time_point end_of_patience_ = std::chrono::steady_clock::now() + patience;
};
