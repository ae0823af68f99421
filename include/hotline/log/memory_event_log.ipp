#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/log/memory_event_log.hpp>

#include <hotline/log/project_table.hpp>

#include <stdexcept>
#include <utility>

namespace hotline {

HOTLINE_DETAIL_INLINE memory_event_log::memory_event_log(std::shared_ptr<environment> env, log_options limits)
    : projects_(std::make_shared<detail::project_table>(std::move(env), limits)) {
  constexpr std::size_t largest_event = std::size_t{1} << 30;
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

HOTLINE_DETAIL_INLINE environment& memory_event_log::env() noexcept { return projects_->env(); }

HOTLINE_DETAIL_INLINE const log_options& memory_event_log::limits() const noexcept { return projects_->limits(); }

HOTLINE_DETAIL_INLINE std::shared_ptr<memory_stream> memory_event_log::open(std::string_view project) {
  return projects_->hold(project);
}

HOTLINE_DETAIL_INLINE result<sequence> memory_event_log::append(std::string_view project, const log_record& record) {
  return projects_->append(project, record);
}

HOTLINE_DETAIL_INLINE void memory_event_log::for_each(const std::function<void(std::string_view, memory_stream&)>& f) {
  projects_->for_each(f);
}

HOTLINE_DETAIL_INLINE void memory_event_log::sweep() { projects_->sweep(); }

HOTLINE_DETAIL_INLINE log_status memory_event_log::status() const { return projects_->status(); }

HOTLINE_DETAIL_INLINE std::size_t memory_event_log::size() const { return projects_->size(); }

}  // namespace hotline
#endif
