#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound 3/6, beside it: when a loop did not run. Time is an argument; no I/O here.

#include <hotline/concepts.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>

namespace hotline::detail {

/// The times in which a loop should have run and did not: its process was stopped, its machine was busy, or a handler
/// blocked. Peers may have sent something then that nobody could read, so that this time is not their silence. A verdict by time
/// that ends something subtracts `since`, and a rate that was exceeded is raised by `allowance`.
///
/// A pause is known by the lateness of a tick. It counts only where the environment's clock has moved as much as the
/// transport's has: a clock that jumps because a test moves it is no pause.
///
///     pauses gaps([&] { return transport.lateness(); });
///     gaps.begin(start);
///     gaps.tick(now);                                                   // first of all, at every tick
///     const bool silent = now - last_heard - gaps.since(last_heard) > timeout;
class pauses {
 public:
  using duration = std::chrono::nanoseconds;
  /// How long ago the next tick was due; zero when it is not due yet. During a tick: how late that one is.
  using lateness_source = std::function<duration()>;

  explicit pauses(lateness_source lateness) : lateness_(std::move(lateness)) {}

  /// Ticks are due from here on.
  void begin(steady_time now) noexcept { last_tick_ = now; }

  /// At every tick, before anything is judged. True: the tick is late.
  bool tick(steady_time now) {
    late_ = note(now);
    last_tick_ = now;
    return late_;
  }

  /// Whether the tick that runs is late.
  [[nodiscard]] bool is_late() const noexcept { return late_; }

  /// How much of the time since `from` the loop did not run, as far as `tick` has noted it.
  [[nodiscard]] duration since(steady_time from) const noexcept {
    duration lost{0};
    for (std::size_t i = size_; i-- > 0 && latest_[i].end > from;)
      lost += std::min<duration>(latest_[i].length, latest_[i].end - from);
    return lost;
  }

  /// What came during a pause is read all at once after it, and is no flood. A rate may be exceeded by what comes in the
  /// time that is returned. It shrinks slowly, for a peer that sends nearly as much as it may works off its backlog slowly.
  /// Asked at any time, before the late tick too.
  [[nodiscard]] duration allowance(steady_time now) {
    (void)note(now);
    duration extra{0};
    for (std::size_t i = 0; i < size_; ++i)
      extra += std::max(latest_[i].length - (now - latest_[i].end) / shrinks_by, duration{0});
    return extra;
  }

  /// A tick that is less late is on time.
  static constexpr std::chrono::milliseconds shortest{50};

 private:
  static constexpr std::size_t most = 32;
  static constexpr int shrinks_by = 16;
  // How far the two clocks may be apart, for they are not read at the same moment.
  static constexpr std::chrono::milliseconds tolerance{50};

  struct pause {
    steady_time begin;
    steady_time end;
    duration length;  // less than from begin to end where several pauses have become one
  };

  bool note(steady_time now) {
    const duration late = lateness_ ? lateness_() : duration{0};
    if (late < shortest) return false;
    const duration passed = now - last_tick_;
    const duration expected = late + tick_interval;
    if (std::max(passed - expected, expected - passed) > tolerance) return false;
    const steady_time begin = now - late;
    if (size_ > 0 && begin <= latest_[size_ - 1].end) {
      pause& last = latest_[size_ - 1];
      last.length += std::max<duration>(now - last.end, duration{0});
      last.end = std::max(last.end, now);
    } else {
      if (size_ == most) merge_oldest();
      latest_[size_++] = {begin, now, late};
    }
    return true;
  }

  void merge_oldest() noexcept {
    latest_[1].begin = latest_[0].begin;
    latest_[1].length += latest_[0].length;
    std::move(latest_.begin() + 1, latest_.end(), latest_.begin());
    --size_;
  }

  const lateness_source lateness_;
  steady_time last_tick_{};
  std::array<pause, most> latest_{};  // in order, none of them overlaps another
  std::size_t size_ = 0;
  bool late_ = false;
};

}  // namespace hotline::detail
#endif
