#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 6/6, before it: who was given something in this turn of the loop.

#include <functional>
#include <utility>

namespace hotline::detail {

/// Clients that have something to send. However much a turn gives one, it is settled once, when the outermost turn ends.
/// Linked through the clients themselves, so that nothing here can fail.
template <class Client>
class turn_list {
 public:
  /// `settle` sends what the client is owed; it may touch clients, but calls nothing of the host's and throws nothing.
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

  void touch(Client& c) noexcept {
    if (std::exchange(c.touched, true)) return;
    c.touched_before = std::exchange(touched_, &c);
  }

  /// The client is going.
  void forget(Client& c) noexcept {
    if (!std::exchange(c.touched, false)) return;
    Client** link = &touched_;
    while (*link != &c) link = &(*link)->touched_before;
    *link = c.touched_before;
  }

 private:
  void settle_all() {
    while (touched_ != nullptr) {
      Client& c = *touched_;
      touched_ = c.touched_before;
      c.touched = false;
      settle_(c);
    }
  }

  const std::function<void(Client&)> settle_;
  Client* touched_ = nullptr;  // the latest
  int depth_ = 0;
};

}  // namespace hotline::detail
#endif
