#pragma once

#include <asio/post.hpp>

#include <mutex>
#include <optional>
#include <utility>

namespace hotline::detail {

/// The executor of a loop, for as long as the loop has not stopped. On the loop, but for `post`.
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

  /// From any thread. A lock, because `stop()` must be able to rely on nobody being on the way to the io_context.
  template <class Function>
  void post(Function&& function) {
    const std::lock_guard lock(mutex_);
    if (!stopped_) asio::post(*executor_, std::forward<Function>(function));
  }

 private:
  std::optional<Executor> executor_;
  std::mutex mutex_;      // guards stopped_ and executor_ against stop
  bool stopped_ = false;  // written on the loop only
};

}  // namespace hotline::detail
