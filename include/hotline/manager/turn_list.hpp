#pragma once
// Outbound 6/6, before it: who was given something in this turn of the loop.

#include <functional>
#include <utility>
#include <vector>

namespace hotline::detail {

/// Clients that have something to send. However much a turn gives one, it is settled once, when the outermost turn ends.
template <class Client>
class turn_list {
 public:
  /// `settle` sends what the client is owed; it may touch clients, but calls nothing of the host's.
  explicit turn_list(std::function<void(Client&)> settle) : settle_(std::move(settle)) {}

  class turn {
   public:
    explicit turn(turn_list& turns) : turns_(turns) { ++turns_.depth_; }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
      if (turns_.depth_ == 1) turns_.settle_all();
      --turns_.depth_;
    }

   private:
    turn_list& turns_;
  };

  void touch(Client& c) {
    if (!std::exchange(c.touched, true)) touched_.push_back(&c);
  }

  /// The client is going.
  void forget(Client& c) {
    if (std::exchange(c.touched, false)) std::erase(touched_, &c);
  }

 private:
  void settle_all() {
    while (!touched_.empty()) {
      Client& c = *touched_.back();
      touched_.pop_back();
      c.touched = false;
      settle_(c);
    }
  }

  const std::function<void(Client&)> settle_;
  std::vector<Client*> touched_;
  int depth_ = 0;
};

}  // namespace hotline::detail
