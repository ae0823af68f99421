#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Between threads: what others have for a hub's loop waits here, and the loop is woken once for all of it.

#include <hotline/intrusive_list.hpp>
#include <hotline/server/carrier.hpp>
#include <hotline/session/pending_command.hpp>
#include <hotline/types.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace hotline::detail {

/// A room's places in a mailbox, of which it has one at a time. Must have left it when it goes.
struct mailbox_room {
  list_link<mailbox_room> grown;  ///< its log has grown
  list_link<mailbox_room> due;    ///< its turn has come
};

/// Looks into a mailbox, on the loop.
class mail_reader {
 public:
  virtual void on_mail() = 0;

 protected:
  ~mail_reader() = default;
};

/// Any thread may put something in at any time; after `close()` it is dropped. Without memory `post` throws
/// `std::bad_alloc`, and nothing was put in; a room always has its place. When the loop cannot be woken the mail stays:
/// the next call that puts something in tries again, and the loop looks at its ticks.
///
///     const auto mail = std::make_shared<mailbox>(carrier, reader);
///     mail->post([] { on_the_loop(); });              // any thread
///     for (const auto& task : mail->take()) task();   // in reader.on_mail()
///     mail->close();                                  // before carrier or reader goes
class mailbox final : public loop_poster, public std::enable_shared_from_this<mailbox> {
 public:
  /// `reader` is called on the loop when there is mail.
  mailbox(carrier& loop, mail_reader& reader) noexcept : loop_(&loop), reader_(&reader) {}

  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr) return;  // the caller destroys the task, not this under the lock
    tasks_.push_back(std::move(task));
    announce();
  }

  /// The room's log has grown. Returns false when the loop could not be woken: then this is to be called again.
  bool wake(mailbox_room& room) noexcept {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr) return true;
    put(room);
    return announce();
  }

  /// The room waits, but nobody is woken for it.
  void keep(mailbox_room& room) noexcept {
    const std::lock_guard lock(mutex_);
    if (loop_ != nullptr) put(room);
  }

  /// The room is going, and nothing wakes it any more.
  void forget(mailbox_room& room) noexcept {
    const std::lock_guard lock(mutex_);
    if (rooms::is_linked(room)) rooms_.remove(room);
    if (due_rooms::is_linked(room)) due_.remove(room);
  }

  /// On the loop: returns the tasks that are here now. The rooms that are here have their turn then: see `next_room`.
  [[nodiscard]] std::vector<std::function<void()>> take() noexcept {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    while (mailbox_room* const room = rooms_.pop_front()) due_.push_back(*room);
    return std::exchange(tasks_, {});
  }

  /// Returns one of the rooms that were here at the last `take`, until each has had its turn; then null.
  [[nodiscard]] mailbox_room* next_room() noexcept {
    const std::lock_guard lock(mutex_);
    return due_.pop_front();
  }

  /// On the loop: looks at what is here now.
  void open_now() { look(); }

  /// On the loop, at every tick: looks at what is here although the loop was not woken for it.
  void open_unannounced() {
    {
      const std::lock_guard lock(mutex_);
      if (woken_ || (rooms_.empty() && due_.empty() && tasks_.empty())) return;
    }
    look();
  }

  /// On the loop, or when it does not run.
  void close() {
    // Destroyed after the lock is left: a task may own a responder, which then has something to post.
    std::vector<std::function<void()>> dropped;
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
    reader_ = nullptr;
    rooms_.clear();
    due_.clear();
    dropped.swap(tasks_);
  }

  [[nodiscard]] bool is_closed() const {
    const std::lock_guard lock(mutex_);
    return loop_ == nullptr;
  }

  [[nodiscard]] wall_time wall_now() const override {
    const std::lock_guard lock(mutex_);
    return loop_ == nullptr ? wall_time() : loop_->env().wall_now();
  }

 private:
  using rooms = intrusive_list<mailbox_room, &mailbox_room::grown>;
  using due_rooms = intrusive_list<mailbox_room, &mailbox_room::due>;

  // A room that waits already keeps its place.
  void put(mailbox_room& room) noexcept {
    if (!rooms::is_linked(room) && !due_rooms::is_linked(room)) rooms_.push_back(room);
  }

  // Returns whether the loop knows, or soon will.
  bool announce() noexcept {
    if (woken_) return true;
    try {
      loop_->post([self = this->shared_from_this()] { self->look(); });
      woken_ = true;
    } catch (...) {
      // Out of memory, but what was put in is in.
    }
    return woken_;
  }

  // Only the loop closes, so reading it here needs no lock.
  void look() const {
    if (reader_ != nullptr) reader_->on_mail();
  }

  mutable std::mutex mutex_;
  carrier* loop_;
  mail_reader* reader_;
  std::vector<std::function<void()>> tasks_;
  rooms rooms_;    // those whose log has grown
  due_rooms due_;  // those of them that are next
  bool woken_ = false;
};

}  // namespace hotline::detail
#endif
