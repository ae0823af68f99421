#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// When a loop did not run. Time is an argument; no I/O here.

#include <hotline/concepts.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <utility>

namespace hotline::detail {

/// The source of a loop's ticks.
class tick_source {
 public:
  /// Returns how long ago the next tick was due; zero when it is not due yet. During a tick: how late that one is.
  [[nodiscard]] virtual std::chrono::nanoseconds lateness() const noexcept = 0;

 protected:
  ~tick_source() = default;
};

/// The times in which a loop should have run and did not: its process was stopped, its machine was busy, or a handler
/// blocked. Peers may have sent something then that nobody could read, so that this time is not their silence. A
/// verdict by time that ends something subtracts `since`, and a rate that was exceeded is raised by `allowance`.
///
/// A pause is known by the lateness of a tick. It counts only where the environment's clock has moved as much as the
/// transport's has: a clock that jumps because a test moves it is no pause.
///
///     pauses gaps(clock);
///     gaps.begin(start);
///     gaps.tick(now);                                                   // first of all, at every tick
///     const bool silent = now - last_heard - gaps.since(last_heard) > timeout;
class pauses {
 public:
  using duration = std::chrono::nanoseconds;

  /// `ticks` must outlive it.
  explicit pauses(const tick_source& ticks) noexcept : ticks_(ticks) {}

  /// Ticks are due from here on.
  void begin(steady_time now) noexcept { last_tick_ = now; }

  /// Notes a pause that ends with this tick. To be called at every tick, before anything is judged. Returns whether the
  /// tick is late.
  bool tick(steady_time now) {
    late_ = note(now);
    last_tick_ = now;
    return late_;
  }

  /// Returns whether the tick that runs is late.
  [[nodiscard]] bool is_late() const noexcept { return late_; }

  /// Returns how much of the time since `from` the loop did not run, as far as `tick` has noted it.
  [[nodiscard]] duration since(steady_time from) const noexcept {
    duration lost{0};
    for (std::size_t i = size_; i-- > 0 && latest_[i].end > from;) lost += latest_[i].since(from);
    return lost;
  }

  /// Returns the same as of `now`, before the late tick too.
  [[nodiscard]] duration since(steady_time from, steady_time now) {
    (void)note(now);
    return since(from);
  }

  /// Returns how much longer a client's rates may be exceeded, since it connected. Messages that it sent during a pause
  /// are read all at once after it, and are no flood. The allowance shrinks slowly, for a client that sends nearly as
  /// much as it may works off its backlog slowly. A minute at most. Asked at any time, before the late tick too.
  [[nodiscard]] duration allowance(steady_time now, steady_time connected) {
    (void)note(now);
    duration extra{0};
    for (std::size_t i = size_; i-- > 0 && latest_[i].end > connected;) extra += latest_[i].worth_at(now);
    return std::min<duration>(extra, most_extra);
  }

 private:
  static constexpr std::size_t most = 32;
  static constexpr int shrinks_by = 16;
  // No more can wait: sockets have buffers, and clients have timeouts of their own.
  static constexpr std::chrono::seconds most_extra{60};
  // How far the two clocks may be apart, for they are not read at the same moment.
  static constexpr std::chrono::milliseconds tolerance{50};

  struct pause {
    steady_time begin;
    steady_time end;
    duration length;  // less than from begin to end where several pauses have become one
    duration worth;   // the part of `length` that raised a rate at the end

    /// Where several have become one, they count as spread evenly.
    [[nodiscard]] duration since(steady_time from) const noexcept {
      if (from <= begin || end - begin <= length) return std::min<duration>(length, end - from);
      const std::chrono::duration<double, std::nano> part = end - from, whole = end - begin;
      return std::chrono::duration_cast<duration>(length * (part / whole));
    }
    [[nodiscard]] duration worth_at(steady_time now) const noexcept {
      return std::max(worth - (now - end) / shrinks_by, duration{0});
    }
  };

  bool note(steady_time now) {
    const duration late = ticks_.lateness();
    if (late < late_tick) return false;
    const duration passed = now - last_tick_;
    const duration expected = late + tick_interval;
    if (std::max(passed - expected, expected - passed) > tolerance) return false;
    const steady_time begin = now - late;
    if (size_ > 0 && begin <= latest_[size_ - 1].end) {
      pause& last = latest_[size_ - 1];
      const duration more = std::max<duration>(now - last.end, duration{0});
      last.length += more;
      last.worth += more;
      last.end = std::max(last.end, now);
    } else {
      if (size_ == most) merge_oldest();
      latest_[size_++] = {begin, now, late, late};
    }
    return true;
  }

  void merge_oldest() noexcept {
    latest_[1].begin = latest_[0].begin;
    latest_[1].length += latest_[0].length;
    latest_[1].worth += latest_[0].worth_at(latest_[1].end);
    std::move(latest_.begin() + 1, latest_.end(), latest_.begin());
    --size_;
  }

  const tick_source& ticks_;
  steady_time last_tick_{};
  std::array<pause, most> latest_{};  // in order, none of them overlaps another
  std::size_t size_ = 0;
  bool late_ = false;
};

}  // namespace hotline::detail
#endif
