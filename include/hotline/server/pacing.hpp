#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Backpressure: notifies the producers of projects how their subscribers keep up.

#include <hotline/connection/pauses.hpp>
#include <hotline/connection/subscriber.hpp>
#include <hotline/keyed_hash.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/room/pace_meter.hpp>
#include <hotline/server/project_room.hpp>
#include <hotline/session/pending_command.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace hotline::detail {

/// The projects of a manager that have a function of the host's for their pace. For one loop.
///
///     pacing paces(loop, counted, key);
///     paces.watch("p", {}, [](pace now) { now == pace::behind ? pause() : go_on(); });
///     paces.measure(room, now);   // after a flush; the function is called in a later task of the loop
class pacing {
 public:
  using listener = std::function<void(pace)>;

  /// `loop` runs the tasks that call the functions. `gaps`: when the loop did not run; null: unknown.
  pacing(std::shared_ptr<loop_poster> loop, live_metrics& counted, const hash_key& key, pauses* gaps = nullptr)
      : loop_(std::move(loop)), counted_(counted), gaps_(gaps), watched_(0, keyed_hash{key}) {}

  [[nodiscard]] bool empty() const noexcept { return watched_.empty(); }
  [[nodiscard]] auto begin() const noexcept { return watched_.begin(); }
  [[nodiscard]] auto end() const noexcept { return watched_.end(); }

  /// Sets the function of a project, in place of an earlier one; a null one ends it.
  void watch(std::string project, pace_marks marks, listener told) {
    if (!told)
      watched_.erase(project);
    else
      watched_.insert_or_assign(std::move(project),
                                watch_entry{pace_meter(marks, gaps_), std::make_shared<listener>(std::move(told))});
  }

  void clear() { watched_.clear(); }

  /// Measures a project after a flush, or when time has passed.
  void measure(project_room& room, steady_time now) {
    const auto found = watched_.find(room.project());
    if (found != watched_.end()) measure(found->second, room, now);
  }

  /// Measures a project after a subscriber that lags was sent something. It can only change to `caught_up`.
  void measure_relief(project_room& room, steady_time now) {
    const auto found = watched_.find(room.project());
    if (found != watched_.end() && found->second.meter.now() == pace::behind) measure(found->second, room, now);
  }

  /// A subscriber of the project leaves, or is about to subscribe to something else.
  void lose(const std::string& project, subscriber& s, steady_time now) {
    if (!s.place.late_since) return;
    const auto found = watched_.find(project);
    if (found != watched_.end()) found->second.meter.lose(s, now);
  }

  /// The project has no room here any more.
  void measure_nobody(const std::string& project) {
    const auto found = watched_.find(project);
    if (found != watched_.end()) tell(found->second, found->second.meter.measure_nobody());
  }

 private:
  struct watch_entry {
    pace_meter meter;
    std::shared_ptr<listener> told;
  };

  void measure(watch_entry& of, project_room& room, steady_time now) {
    tell(of, of.meter.measure(room.subscribers().lagging(), room.subscribers().stream(), now));
    if (const std::size_t used_up = of.meter.take_used_up()) counted_.limits[limit::patience].add(used_up);
  }

  void tell(watch_entry& whom, std::optional<pace> changed) noexcept {
    if (!changed) return;
    try {
      loop_->post([told = std::weak_ptr(whom.told), to = *changed] {
        if (const auto f = told.lock()) (*f)(to);  // it may not be asked for any more
      });
    } catch (...) {
      whom.meter.take_back();  // no memory: measured again at the next tick
    }
  }

  const std::shared_ptr<loop_poster> loop_;
  live_metrics& counted_;
  pauses* const gaps_;
  std::unordered_map<std::string, watch_entry, keyed_hash> watched_;
};

}  // namespace hotline::detail
#endif
