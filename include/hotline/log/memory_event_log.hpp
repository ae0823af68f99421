#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/log/entry.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/log/status.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace hotline {

class memory_stream;
namespace detail {
class project_table;
}  // namespace detail

/// All projects' events, in this process's memory, within the bounds of its options. Emitters and managers share one, on as
/// many threads as they are: every member may be called from any thread.
///
///     auto log = std::make_shared<hotline::memory_event_log>(hotline::default_environment(), hotline::log_options{.events = 1000});
///     hotline::event_emitter events(log);
///     hotline::ws_manager<hotline::asio_transport> manager(hotline::asio_transport(io, {.port = 8080}), log);
class memory_event_log {
 public:
  /// Throws `std::invalid_argument` for limits that contradict each other, keep nothing or are out of bounds.
  memory_event_log(std::shared_ptr<environment> env, log_options limits = {});

  /// The environment that it was given.
  [[nodiscard]] environment& env() noexcept;
  /// The options that it was given.
  [[nodiscard]] const log_options& limits() const noexcept;

  /// Returns the project's stream, which is made when it is not there, and stays while the pointer does. Where the options allow
  /// no further project, the one that was held and appended to longest ago is forgotten. Returns null when all are in use.
  /// Throws `std::bad_alloc`.
  [[nodiscard]] std::shared_ptr<memory_stream> open(std::string_view project);

  /// The same as `open(project)->append(record)`, for less. Returns `too_many_projects` where `open` returns null.
  /// Throws `std::bad_alloc`.
  [[nodiscard]] result<sequence> append(std::string_view project, const log_record& record);

  /// Calls `f(project, stream)` for every project that has a stream now; opens none. Throws `std::bad_alloc`, and what `f` throws.
  void for_each(const std::function<void(std::string_view, memory_stream&)>& f);

  /// Removes entries that are too old, and idle projects that nothing uses. A call costs at most a millisecond or so and may
  /// come often: it leaves what is left to the next call.
  void sweep();

  /// Counts as of now. Costs little, whatever the log contains.
  [[nodiscard]] log_status status() const;

  /// How many projects have a stream now.
  [[nodiscard]] std::size_t size() const;

 private:
  const std::shared_ptr<detail::project_table> projects_;
};

}  // namespace hotline

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/log/memory_event_log.ipp>
#endif
#endif
