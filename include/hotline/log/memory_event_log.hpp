#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 4/6: all projects' logs in memory.

#include <hotline/concepts.hpp>
#include <hotline/log/ledger.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/options.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hotline {

/// The log that keeps everything in this process: the default model of `event_log`. Any thread.
class memory_event_log {
 public:
  using stream_type = memory_stream;

  /// Throws `std::invalid_argument` for limits that contradict each other, keep nothing or are out of bounds.
  memory_event_log(std::shared_ptr<environment> env, log_options limits = {})
      : env_(std::move(env)), limits_(limits), ledger_(std::make_shared<detail::log_ledger>(limits.total_bytes)) {
    if (limits_.events == 0) throw std::invalid_argument("hotline: log_options::events is 0");
    if (limits_.age.count() <= 0) throw std::invalid_argument("hotline: log_options::age is not over 0");
    if (limits_.event_bytes == 0 || limits_.event_bytes > largest_event)
      throw std::invalid_argument("hotline: log_options::event_bytes is 0, or over 1 GiB");
    if (limits_.event_bytes > limits_.bytes / 2)
      throw std::invalid_argument("hotline: log_options::event_bytes is over half of log_options::bytes");
    if (limits_.event_bytes > limits_.total_bytes / 2)
      throw std::invalid_argument("hotline: log_options::event_bytes is over half of log_options::total_bytes");
  }

  [[nodiscard]] environment& env() noexcept { return *env_; }
  [[nodiscard]] const log_options& limits() const noexcept { return limits_; }

  [[nodiscard]] std::shared_ptr<memory_stream> open(std::string_view project) {
    const std::lock_guard lock(mutex_);
    auto found = streams_.find(project);
    if (found == streams_.end()) {
      auto stream = std::make_shared<memory_stream>(limits_, *env_, detail::random_hex(*env_, 1), ledger_);
      found = streams_.emplace(std::string(project), std::move(stream)).first;
    }
    return found->second;
  }

  void for_each(const std::function<void(std::string_view, memory_stream&)>& f) {
    std::vector<std::pair<std::string, std::shared_ptr<memory_stream>>> all;
    {
      const std::lock_guard lock(mutex_);
      all.assign(streams_.begin(), streams_.end());
    }
    for (const auto& [project, stream] : all) f(project, *stream);
  }

  void sweep() {
    const std::lock_guard lock(mutex_);
    const steady_time now = env_->now();
    if (now - last_sweep_ < sweep_interval) return;
    last_sweep_ = now;
    for (auto it = streams_.begin(); it != streams_.end();) {
      it->second->sweep();
      // Only the map holds it, and the map is locked: nobody who would append to it can come by it meanwhile.
      const bool forget = it->second.use_count() == 1 && it->second->is_idle();
      it = forget ? streams_.erase(it) : std::next(it);
    }
  }

  [[nodiscard]] log_status status() const { return ledger_->status(); }

  /// How many projects have a log now.
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return streams_.size();
  }

 private:
  static constexpr std::size_t largest_event = std::size_t{1} << 30;

  // Several managers may share a log, and each sweeps it at every tick.
  static constexpr std::chrono::milliseconds sweep_interval{1000};

  const std::shared_ptr<environment> env_;
  const log_options limits_;
  const std::shared_ptr<detail::log_ledger> ledger_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<memory_stream>, detail::string_hash, std::equal_to<>> streams_;
  steady_time last_sweep_{};
};

}  // namespace hotline
#endif
