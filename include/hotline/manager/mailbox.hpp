#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Between threads: what others have for a manager's loop waits here, and the loop is woken once for all of it.

#include <hotline/command/pending_command.hpp>
#include <hotline/concepts.hpp>
#include <hotline/manager/room_queue.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace hotline::detail {

/// What a loop finds when it looks into its mailbox, beside the rooms.
struct mail {
  std::vector<command_message> messages;
  std::vector<std::function<void()>> tasks;
};

/// Any thread may put something in, for as long as it likes: after `close()` it is dropped. What cannot be put in for
/// lack of memory is not in, and `std::bad_alloc` is thrown; but there is always place for a room. What is in stays
/// when the loop cannot be woken: the next who puts something in tries again, and the loop looks at its ticks.
template <transport Transport, class Room>
class mailbox final : public command_sink, public std::enable_shared_from_this<mailbox<Transport, Room>> {
 public:
  /// `open`: told on the loop that there is mail.
  mailbox(Transport& transport, std::function<void()> open) : transport_(&transport), open_(std::move(open)) {}

  void post(std::function<void()> task) override {
    put([&] { waiting_.tasks.push_back(std::move(task)); });
  }

  void deliver(command_message message) override {
    put([&] { waiting_.messages.push_back(std::move(message)); });
  }

  /// The room's log has grown. False: the loop could not be told, and it would be good to call this again.
  bool wake(Room& room) noexcept {
    return put([&]() noexcept { rooms_.push(room); });
  }

  /// The room waits, but nobody is woken for it.
  void keep(Room& room) noexcept {
    const std::lock_guard lock(mutex_);
    if (transport_ != nullptr) rooms_.push(room);
  }

  /// The room is going, and nothing wakes it any more.
  void forget(Room& room) noexcept {
    const std::lock_guard lock(mutex_);
    room_queue<Room>::remove(room);
  }

  /// On the loop: what is here now, beside the rooms, whose turn has come then: see `next_room`.
  [[nodiscard]] mail take() noexcept {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    due_.take_over(rooms_);
    return std::exchange(waiting_, {});
  }

  /// One of the rooms that were here at the last `take`, until each had its turn; then null.
  [[nodiscard]] Room* next_room() noexcept {
    const std::lock_guard lock(mutex_);
    return due_.pop();
  }

  /// On the loop: looks at what is here now.
  void open_now() { look(); }

  /// On the loop, at every tick: looks at what is here although the loop was not woken for it.
  void open_unannounced() {
    {
      const std::lock_guard lock(mutex_);
      if (woken_ || (rooms_.empty() && due_.empty() && waiting_.messages.empty() && waiting_.tasks.empty())) return;
    }
    look();
  }

  /// On the loop, or when it does not run.
  void close() {
    // Destroyed behind the lock: a task may own a responder, which then has something to deliver.
    mail dropped;
    std::function<void()> open;
    const std::lock_guard lock(mutex_);
    transport_ = nullptr;
    due_.take_over(rooms_);
    while (due_.pop() != nullptr) {
    }
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
  bool put(F add) noexcept(noexcept(add())) {
    const std::lock_guard lock(mutex_);
    if (transport_ == nullptr) return true;
    add();
    return announce();
  }

  // Whether the loop knows, or soon will.
  bool announce() noexcept {
    if (woken_) return true;
    try {
      transport_->post([self = this->shared_from_this()] { self->look(); });
      woken_ = true;
    } catch (...) {
      // Out of memory, but what was put in is in.
    }
    return woken_;
  }

  void look() const {
    // Only the loop closes, so reading it here needs no lock; a copy, because what it does may be to close.
    const auto open = open_;
    if (open) open();
  }

  mutable std::mutex mutex_;
  Transport* transport_;
  std::function<void()> open_;
  mail waiting_;
  room_queue<Room> rooms_;  // those whose log has grown
  room_queue<Room> due_;    // those of them who are next
  bool woken_ = false;
};

}  // namespace hotline::detail
#endif
