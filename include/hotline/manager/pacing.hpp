#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound, beside it: which projects' producers are told how their listeners keep up.

#include <hotline/keyed_hash.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/room/pace_meter.hpp>
#include <hotline/session/pauses.hpp>
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

/// Room: what has `project` and `listeners`.
template <class Room>
class pacing {
 public:
  using listener = std::function<void(pace)>;

  /// `post`: calls a function on the loop, soon. `gaps`: when the loop did not run; null: that is not known.
  pacing(std::function<void(std::function<void()>)> post, live_metrics& counted, const hash_key& key,
         pauses* gaps = nullptr)
      : post_(std::move(post)), counted_(counted), gaps_(gaps), watched_(0, keyed_hash{key}) {}

  [[nodiscard]] bool empty() const noexcept { return watched_.empty(); }
  [[nodiscard]] auto begin() const noexcept { return watched_.begin(); }
  [[nodiscard]] auto end() const noexcept { return watched_.end(); }

  void watch(std::string project, pace_marks marks, listener told) {
    if (!told)
      watched_.erase(project);
    else
      watched_.insert_or_assign(std::move(project),
                                watch_entry{pace_meter(marks, gaps_), std::make_shared<listener>(std::move(told))});
  }

  void clear() { watched_.clear(); }

  /// After a flush, or when time has passed.
  void measure(Room& room, steady_time now) {
    const auto found = watched_.find(room.project);
    if (found != watched_.end()) measure(found->second, room, now);
  }

  /// After something was sent to one who lags: what it can change is that all have caught up.
  void measure_relief(Room& room, steady_time now) {
    const auto found = watched_.find(room.project);
    if (found != watched_.end() && found->second.meter.now() == pace::behind) measure(found->second, room, now);
  }

  /// A session of the project's leaves, or is about to listen to something else.
  void lose(const std::string& project, session& s, steady_time now) {
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

  void measure(watch_entry& of, Room& room, steady_time now) {
    tell(of, of.meter.measure(room.listeners.lagging(), room.listeners.stream(), now));
    if (const std::size_t used_up = of.meter.take_used_up()) counted_.limits[limit::patience].add(used_up);
  }

  void tell(watch_entry& whom, std::optional<pace> changed) noexcept {
    if (!changed) return;
    try {
      post_([told = std::weak_ptr(whom.told), to = *changed] {
        if (const auto f = told.lock()) (*f)(to);  // it may not be asked for any more
      });
    } catch (...) {
      whom.meter.take_back();  // for want of memory: measured again at the next tick
    }
  }

  const std::function<void(std::function<void()>)> post_;
  live_metrics& counted_;
  pauses* const gaps_;
  std::unordered_map<std::string, watch_entry, keyed_hash> watched_;
};

}  // namespace hotline::detail
#endif
