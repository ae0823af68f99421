#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 4/6: all projects' logs in memory.

#include <hotline/concepts.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/log/project_table.hpp>
#include <hotline/options.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace hotline {

/// The log that keeps everything in this process: the default model of `event_log`. Any thread.
class memory_event_log {
 public:
  using stream_type = memory_stream;

  /// Throws `std::invalid_argument` for limits that contradict each other, keep nothing or are out of bounds.
  memory_event_log(std::shared_ptr<environment> env, log_options limits = {})
      : projects_(std::make_shared<detail::project_table>(std::move(env), limits)) {
    if (limits.projects == 0) throw std::invalid_argument("hotline: log_options::projects is 0");
    if (limits.events == 0) throw std::invalid_argument("hotline: log_options::events is 0");
    if (limits.age.count() <= 0) throw std::invalid_argument("hotline: log_options::age is not over 0");
    if (limits.event_bytes == 0 || limits.event_bytes > largest_event)
      throw std::invalid_argument("hotline: log_options::event_bytes is 0, or over 1 GiB");
    if (limits.event_bytes > limits.bytes / 2)
      throw std::invalid_argument("hotline: log_options::event_bytes is over half of log_options::bytes");
    if (limits.event_bytes > limits.total_bytes / 2)
      throw std::invalid_argument("hotline: log_options::event_bytes is over half of log_options::total_bytes");
  }

  [[nodiscard]] environment& env() noexcept { return projects_->env(); }
  [[nodiscard]] const log_options& limits() const noexcept { return projects_->limits(); }

  [[nodiscard]] std::shared_ptr<memory_stream> open(std::string_view project) { return projects_->hold(project); }

  [[nodiscard]] result<sequence> append(std::string_view project, const log_record& record) {
    return projects_->append(project, record);
  }

  void for_each(const std::function<void(std::string_view, memory_stream&)>& f) { projects_->for_each(f); }

  void sweep() { projects_->sweep(); }

  [[nodiscard]] log_status status() const { return projects_->status(); }

  /// How many projects have a log now.
  [[nodiscard]] std::size_t size() const { return projects_->size(); }

 private:
  static constexpr std::size_t largest_event = std::size_t{1} << 30;

  const std::shared_ptr<detail::project_table> projects_;
};

}  // namespace hotline
#endif
