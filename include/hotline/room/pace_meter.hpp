#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/connection/pauses.hpp>
#include <hotline/connection/subscriber.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace hotline::detail {

/// One project's pace, as seen from one loop.
///
/// A session is waited for that was caught up before, for as long as patience lasts. The project has a budget of as
/// much: time that was waited for a session that then did not catch up is taken from it, and it comes back slowly.
/// Waiting for a session that catches up costs nothing. Without budget a session is waited for only while it reads so
/// fast that it will have caught up within patience. A session that has stopped reading does not. Speed is counted in
/// events.
class pace_meter {
 public:
  /// `gaps`: when the loop did not run, for that was no session's delay; null: that is not known.
  explicit pace_meter(pace_marks marks, pauses* gaps = nullptr)
      : gaps_(gaps),
        marks_(marks),
        capacity_(std::clamp(marks.patience, std::chrono::milliseconds(0), endless)),
        budget_(capacity_) {
    marks_.caught_up = std::min(marks.caught_up, marks.behind);
  }

  [[nodiscard]] pace now() const noexcept { return pace_; }

  /// `lagging` are the sessions that have not caught up by themselves. Answers the pace when it has changed.
  [[nodiscard]] std::optional<pace> measure(const std::vector<subscriber*>& lagging, const memory_stream& stream,
                                            steady_time at) {
    refill(at);
    std::optional<steady_time> earliest;
    bool on_course = false;
    if (!lagging.empty()) {
      const sequence behind = stream.tail(marks_.behind);
      const sequence caught_up = stream.tail(marks_.caught_up);
      for (subscriber* const s : lagging) {
        room_place& place = s->place;
        if (s->cursor >= caught_up) {
          place.late_since.reset();
          place.kept_up = true;
        }
        if (!place.kept_up) continue;
        if (!place.late_since) {
          if (s->cursor >= behind) continue;
          place.late_since = at;
          place.late_from = static_cast<std::uint32_t>(s->cursor);
        }
        const steady_time since = *place.late_since;
        if (at - since >= patience() && passed(since, at) >= patience()) {
          waste(std::min(at, since + patience() + paused(since, at)), at);
          place.late_since.reset();
          place.kept_up = false;
          ++used_up_;
          continue;
        }
        earliest = std::min(earliest.value_or(since), since);
        on_course = on_course || is_on_course(*s, caught_up, since, at);
      }
    }
    waited_since_ = pace_ == pace::behind && earliest ? std::max(waited_since_, *earliest) : at;
    const duration needed = pace_ == pace::behind ? margin() / 2 : margin();
    const bool affordable = budget_ - (at - waited_since_) >= needed || budget_ - passed(waited_since_, at) >= needed;
    if (earliest && !affordable && !on_course) waste(at, at);
    return change(earliest && (affordable || on_course) ? pace::behind : pace::caught_up);
  }

  /// The session leaves, or listens to something else from here on: when it was waited for, that was in vain.
  void lose(subscriber& s, steady_time at) {
    if (!s.place.late_since) return;
    s.place.late_since.reset();
    s.place.kept_up = false;  // or the producer would wait for it again, however often it does so
    waste(at, at);
  }

  /// How often somebody's patience, or the budget, was used up since the last call.
  [[nodiscard]] std::size_t take_used_up() noexcept { return std::exchange(used_up_, 0); }

  /// Undoes the last change: the producer could not be notified of it.
  void take_back() noexcept { pace_ = pace_ == pace::behind ? pace::caught_up : pace::behind; }

  /// Measures a project without subscribers.
  [[nodiscard]] std::optional<pace> measure_nobody() { return change(pace::caught_up); }

 private:
  using duration = steady_time::duration;

  static constexpr std::chrono::milliseconds endless = std::chrono::hours(24 * 365 * 100);
  static constexpr int refill_share = 200;  // half a percent of the time that passes

  // Time is looked at at ticks, half a tick early or late. One session alone does not use up what others need to show
  // that they read.
  [[nodiscard]] duration margin() const noexcept { return std::min<duration>(tick_interval / 2, capacity_ / 20); }

  [[nodiscard]] duration patience() const noexcept { return capacity_ - margin(); }

  // The part of the time since `from` in which the loop did not run, and the part in which it did.
  [[nodiscard]] duration paused(steady_time from, steady_time at) const {
    return gaps_ == nullptr ? duration(0) : gaps_->since(from, at);
  }
  [[nodiscard]] duration passed(steady_time from, steady_time at) const { return at - from - paused(from, at); }

  // Whether it has read, and so much of what it has to that it will have caught up within patience.
  [[nodiscard]] bool is_on_course(const subscriber& s, sequence caught_up, steady_time since, steady_time at) const {
    const std::uint32_t read = static_cast<std::uint32_t>(s.cursor) - s.place.late_from;
    if (read == 0) return false;
    const double all = static_cast<double>(read) + static_cast<double>(caught_up - s.cursor);
    const auto in_time = [&](std::chrono::duration<double> late) {
      return late * all <= std::chrono::duration<double>(capacity_) * read;
    };
    return in_time(at - since) || in_time(passed(since, at));
  }

  void refill(steady_time at) noexcept {
    if (refilled_at_) budget_ = std::min(capacity_, budget_ + (at - *refilled_at_) / refill_share);
    refilled_at_ = at;
  }

  // Charges the budget for the time until `until`. The debt is bounded.
  void waste(steady_time until, steady_time at) {
    if (pace_ != pace::behind || until <= waited_since_) return;
    const bool was_enough = budget_ >= margin();
    const duration waited = std::max(until - waited_since_ - paused(waited_since_, at), duration(0));
    budget_ = std::max(budget_ - waited, -capacity_);
    waited_since_ = until;
    if (was_enough && budget_ < margin()) ++used_up_;
  }

  [[nodiscard]] std::optional<pace> change(pace to) noexcept {
    if (std::exchange(pace_, to) == to) return std::nullopt;
    return to;
  }

  pauses* gaps_;
  pace_marks marks_;
  duration capacity_;
  duration budget_;
  moment refilled_at_;
  steady_time waited_since_{};  // the wait since then is not charged yet
  std::size_t used_up_ = 0;
  pace pace_ = pace::caught_up;
};

}  // namespace hotline::detail
#endif
