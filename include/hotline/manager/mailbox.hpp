#pragma once
// Between threads: what others have for a manager's loop waits here, and the loop is woken once for all of it.

#include <hotline/command/pending_command.hpp>
#include <hotline/concepts.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace hotline::detail {

/// What a loop finds when it looks into its mailbox.
template <class Room>
struct mail {
  std::vector<Room*> rooms;  ///< those whose log has grown
  std::vector<command_message> messages;
  std::vector<std::function<void()>> tasks;
};

/// Any thread may put something in, for as long as it likes: after `close()` it is dropped.
template <transport Transport, class Room>
class mailbox final : public command_sink, public std::enable_shared_from_this<mailbox<Transport, Room>> {
 public:
  /// `open`: told on the loop that there is mail.
  mailbox(Transport& transport, std::function<void()> open) : transport_(&transport), open_(std::move(open)) {}

  void post(std::function<void()> task) override {
    put([&](mail<Room>& waiting) { waiting.tasks.push_back(std::move(task)); });
  }

  void deliver(command_message message) override {
    put([&](mail<Room>& waiting) { waiting.messages.push_back(std::move(message)); });
  }

  void wake(Room& room) {
    put([&](mail<Room>& waiting) { waiting.rooms.push_back(&room); });
  }

  /// The room is going, and nothing wakes it any more.
  void forget(Room& room) {
    const std::lock_guard lock(mutex_);
    std::erase(waiting_.rooms, &room);
  }

  [[nodiscard]] mail<Room> take() {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    return std::exchange(waiting_, {});
  }

  /// On the loop, or when it does not run.
  void close() {
    // Destroyed behind the lock: a task may own a responder, which then has something to deliver.
    mail<Room> dropped;
    std::function<void()> open;
    const std::lock_guard lock(mutex_);
    transport_ = nullptr;
    dropped.rooms.swap(waiting_.rooms);
    dropped.messages.swap(waiting_.messages);
    dropped.tasks.swap(waiting_.tasks);
    open.swap(open_);
  }

  [[nodiscard]] bool is_closed() const {
    const std::lock_guard lock(mutex_);
    return transport_ == nullptr;
  }

  [[nodiscard]] wall_time wall_now() const override {
    const std::lock_guard lock(mutex_);
    return transport_ == nullptr ? wall_time() : transport_->env().wall_now();
  }

 private:
  // Once closed, what was to be put in is destroyed by whoever had it, not here under the lock.
  template <class F>
  void put(F add) {
    const std::lock_guard lock(mutex_);
    if (transport_ == nullptr) return;
    add(waiting_);
    if (std::exchange(woken_, true)) return;
    transport_->post([self = this->shared_from_this()] {
      // Only the loop closes, so reading it here needs no lock; a copy, because what it does may be to close.
      const auto open = self->open_;
      if (open) open();
    });
  }

  mutable std::mutex mutex_;
  Transport* transport_;
  std::function<void()> open_;
  mail<Room> waiting_;
  bool woken_ = false;
};

}  // namespace hotline::detail
