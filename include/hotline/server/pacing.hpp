#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Backpressure: notifies the producers of projects how their subscribers keep up.

#include <hotline/connection/pauses.hpp>
#include <hotline/connection/subscriber.hpp>
#include <hotline/keyed_table.hpp>
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
      : loop_(std::move(loop)), counted_(counted), gaps_(gaps), watched_(key) {}

  [[nodiscard]] bool empty() const noexcept { return watched_.empty(); }
  /// Calls `f(project)` for each project that has a function. `f` may change none.
  template <class F>
  void for_each(F f) const {
    for (const watched_project* one = watched_.first(); one != nullptr; one = watched_.after(*one)) f(one->name());
  }

  /// Sets the function of a project, in place of an earlier one; a null one ends it.
  void watch(std::string project, pace_marks marks, listener told) {
    auto kept = told ? std::make_shared<listener>(std::move(told)) : nullptr;
    watched_project* const known = watched_.find(project);
    if (known == nullptr) {
      if (kept) watched_.add(std::move(project), pace_meter(marks, gaps_), std::move(kept));
    } else if (kept) {
      known->meter = pace_meter(marks, gaps_);
      known->told.swap(kept);  // the former one goes last: its destructor may run the host's code
    } else {
      kept.swap(known->told);
      watched_.erase(*known);
    }
  }

  void clear() { watched_.clear(); }

  /// Measures a project after a flush, or when time has passed.
  void measure(project_room& room, steady_time now) {
    if (watched_project* const found = watched_.find(room.project())) measure(*found, room, now);
  }

  /// Measures a project after a subscriber that lags was sent something. It can only change to `caught_up`.
  void measure_relief(project_room& room, steady_time now) {
    watched_project* const found = watched_.find(room.project());
    if (found != nullptr && found->meter.now() == pace::behind) measure(*found, room, now);
  }

  /// A subscriber of the project leaves, or is about to subscribe to something else.
  void lose(const std::string& project, subscriber& s, steady_time now) {
    if (!s.place.late_since) return;
    if (watched_project* const found = watched_.find(project)) found->meter.lose(s, now);
  }

  /// The project has no room here any more.
  void measure_nobody(const std::string& project) {
    if (watched_project* const found = watched_.find(project)) tell(*found, found->meter.measure_nobody());
  }

 private:
  struct watched_project : keyed_entry {
    watched_project(std::string project, pace_meter m, std::shared_ptr<listener> f)
        : keyed_entry(std::move(project)), meter(m), told(std::move(f)) {}

    pace_meter meter;
    std::shared_ptr<listener> told;
  };

  void measure(watched_project& of, project_room& room, steady_time now) {
    tell(of, of.meter.measure(room.subscribers().lagging(), room.subscribers().stream(), now));
    if (const std::size_t used_up = of.meter.take_used_up()) counted_.limits[limit::patience].add(used_up);
  }

  void tell(watched_project& whom, std::optional<pace> changed) noexcept {
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
  keyed_table<watched_project> watched_;
};

}  // namespace hotline::detail
#endif
