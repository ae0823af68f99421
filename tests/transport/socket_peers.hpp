#pragma once

#include <functional>
#include <memory>
#include <vector>

/// All peers of a test, so that its loop can pump them.
class socket_peers {
 public:
  template <class Peer>
  std::shared_ptr<Peer> add(std::shared_ptr<Peer> peer) {
    pumps_.push_back([peer] { return peer->pump(); });
    return peer;
  }

  bool pump() {
    bool moved = false;
    for (const auto& pump_one : pumps_) moved |= pump_one();
    return moved;
  }

 private:
  std::vector<std::function<bool()>> pumps_;
};
