#pragma once

// A manager's loop that runs when a test says so.

#include <hotline/session/pending_command.hpp>
#include <hotline/types.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace hotline_test {

/// Keeps what is posted until `run`. Any thread may post.
class fake_loop final : public hotline::detail::loop_poster {
 public:
  static constexpr hotline::wall_time wall{std::chrono::seconds{1'700'000'000}};

  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    if (out_of_memory_ || std::exchange(fails_once_, false)) throw std::bad_alloc();
    tasks_.push_back(std::move(task));
  }
  [[nodiscard]] hotline::wall_time wall_now() const override { return wall; }

  /// From here on there is no memory for what is posted, or there is again.
  void be_out_of_memory(bool is_out) { out_of_memory_ = is_out; }

  /// There is no memory for the next task that is posted, and there is for those after it.
  void fail_once() { fails_once_ = true; }

  /// Runs what waits now; returns how much that was.
  std::size_t run() {
    const std::vector<std::function<void()>> tasks = take();
    for (const auto& task : tasks) task();
    return tasks.size();
  }

  /// Returns what waits, and forgets it.
  [[nodiscard]] std::vector<std::function<void()>> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(tasks_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  bool out_of_memory_ = false;
  bool fails_once_ = false;
};

}  // namespace hotline_test
