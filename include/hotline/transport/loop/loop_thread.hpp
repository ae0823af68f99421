#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace hotline::detail {

/// The thread that ran a loop last, so that calls from other threads can be distinguished from those of the loop's own.
/// Threads are told apart by the system's id: a `thread_local` object would be another one in each shared object.
class loop_thread {
 public:
  /// On the loop: this thread runs it. Cheap while it is the same one.
  void note() noexcept {
    const std::thread::id id = std::this_thread::get_id();
    // A new thread may have the id of one that has ended.
    const bool is_same = id_.load(std::memory_order_relaxed) == id && lives_ && lives_->load(std::memory_order_relaxed);
    if (!is_same) note_another(id);
  }

  /// Any thread: whether a thread has run the loop.
  [[nodiscard]] bool is_known() const noexcept { return id_.load(std::memory_order_relaxed) != std::thread::id(); }

  /// Any thread: whether another thread than this one ran the loop last, and has not ended since.
  [[nodiscard]] bool is_another() const noexcept {
    if (!is_known() || id_.load(std::memory_order_relaxed) == std::this_thread::get_id()) return false;
    const std::lock_guard lock(mutex_);
    return lives_ && lives_->load(std::memory_order_relaxed);
  }

 private:
  // One per thread; says when it has ended. Without memory there is none, and then nothing is held against other threads.
  struct life {
    life() noexcept {
      try {
        lives = std::make_shared<std::atomic<bool>>(true);
      } catch (...) {
      }
    }
    life(const life&) = delete;
    life& operator=(const life&) = delete;
    ~life() {
      is_over() = true;
      if (lives) lives->store(false, std::memory_order_relaxed);
    }
    // For loops that a thread still runs while its objects are being destroyed.
    static bool& is_over() noexcept {
      thread_local bool over = false;
      return over;
    }
    std::shared_ptr<std::atomic<bool>> lives;
  };

  void note_another(std::thread::id id) noexcept {
    std::shared_ptr<const std::atomic<bool>> lives;
    if (!life::is_over()) {
      thread_local const life mine;
      lives = mine.lives;
    }
    const std::lock_guard lock(mutex_);
    lives_.swap(lives);
    id_.store(id, std::memory_order_relaxed);
  }

  std::atomic<std::thread::id> id_{};
  mutable std::mutex mutex_;
  std::shared_ptr<const std::atomic<bool>> lives_;  // written on the loop only, and under the lock
};

}  // namespace hotline::detail
#endif
