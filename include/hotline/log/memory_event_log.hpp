#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 4/6: all projects' logs in memory.

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/log/entry.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/log/project_table.hpp>
#include <hotline/log/status.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace hotline {

/// All projects' events, in this process's memory, within the bounds of its options. Emitters and managers share one, on as
/// many threads as they are: every member may be called from any thread.
///
///     auto log = std::make_shared<hotline::memory_event_log>(hotline::default_environment(), hotline::log_options{.events = 1000});
///     hotline::event_emitter events(log);
///     hotline::ws_manager<hotline::asio_transport> manager(hotline::asio_transport(io, {.port = 8080}), log);
class memory_event_log {
 public:
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

  /// The environment that it was given.
  [[nodiscard]] environment& env() noexcept { return projects_->env(); }
  /// The options that it was given.
  [[nodiscard]] const log_options& limits() const noexcept { return projects_->limits(); }

  /// Returns the project's stream, which is made when it is not there, and stays while the pointer does. Where the options allow
  /// no further project, the one that was held and appended to longest ago is forgotten. Returns null when all are in use.
  /// Throws `std::bad_alloc`.
  [[nodiscard]] std::shared_ptr<memory_stream> open(std::string_view project) { return projects_->hold(project); }

  /// The same as `open(project)->append(record)`, for less. Returns `too_many_projects` where `open` returns null.
  /// Throws `std::bad_alloc`.
  [[nodiscard]] result<sequence> append(std::string_view project, const log_record& record) {
    return projects_->append(project, record);
  }

  /// Calls `f(project, stream)` for every project that has a stream now; opens none. Throws `std::bad_alloc`, and what `f` throws.
  void for_each(const std::function<void(std::string_view, memory_stream&)>& f) { projects_->for_each(f); }

  /// Removes entries that are too old, and idle projects that nothing uses. A call costs at most a millisecond or so and may
  /// come often: it leaves what is left to the next call.
  void sweep() { projects_->sweep(); }

  /// Counts as of now. Costs little, whatever the log contains.
  [[nodiscard]] log_status status() const { return projects_->status(); }

  /// How many projects have a stream now.
  [[nodiscard]] std::size_t size() const { return projects_->size(); }

 private:
  static constexpr std::size_t largest_event = std::size_t{1} << 30;

  const std::shared_ptr<detail::project_table> projects_;
};

}  // namespace hotline
#endif
