#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/asio/asio_place.hpp>
#include <hotline/transport/loop/loop_thread.hpp>

#include <asio/post.hpp>

#include <mutex>
#include <optional>
#include <utility>

namespace hotline::detail {

/// The executor of a loop, for as long as the loop has not stopped, and the thread that ran it last. On the loop, but for
/// what says otherwise.
template <class Executor>
class loop_executor {
 public:
  explicit loop_executor(const Executor& executor) : executor_(executor) {}

  [[nodiscard]] const Executor& operator*() const noexcept { return *executor_; }
  [[nodiscard]] bool is_stopped() const noexcept { return stopped_; }

  /// Whether it had not stopped before. Nothing is posted any more.
  bool stop() noexcept {
    const std::lock_guard lock(mutex_);
    return !std::exchange(stopped_, true);
  }

  /// Lets go of the executor: that of a strand needs its context even to be destroyed.
  void reset() noexcept { executor_.reset(); }

  /// This thread runs the loop.
  void note_thread() noexcept { thread_.note(); }

  /// From any thread: whether another one runs the loop.
  [[nodiscard]] bool runs_elsewhere() noexcept {
    const std::lock_guard lock(mutex_);
    return !stopped_ && detail::runs_elsewhere(place_of(*executor_), thread_);
  }

  /// From any thread. A lock, because `stop()` must be able to rely on nobody being on the way to the io_context.
  template <class Function>
  void post(Function&& function) {
    const std::lock_guard lock(mutex_);
    if (!stopped_) asio::post(*executor_, std::forward<Function>(function));
  }

 private:
  std::optional<Executor> executor_;
  loop_thread thread_;
  std::mutex mutex_;      // guards stopped_ and executor_ against stop
  bool stopped_ = false;  // written on the loop only
};

}  // namespace hotline::detail
#endif
