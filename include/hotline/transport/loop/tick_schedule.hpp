#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>

namespace hotline::detail {

/// When a transport's next tick is due, and how late one is. Each call receives the time of the transport's timers.
class tick_schedule {
 public:
  /// The tick before the next one began at `time`. A tick that takes long makes the next one late.
  void began(steady_time time) noexcept { due_ = time + tick_interval; }

  [[nodiscard]] steady_time due() const noexcept { return due_; }

  /// How long ago the next tick was due, or the one that runs; zero when it is not due yet.
  [[nodiscard]] std::chrono::nanoseconds lateness(steady_time time) const noexcept {
    return std::max<std::chrono::nanoseconds>(time - due_, std::chrono::nanoseconds{0});
  }

  /// Whether the tick at `time` ends those whose time is over. Bytes that came while it was late are read after it, so it does
  /// not. Never twice in a row, or a loop that is always late would end no one.
  [[nodiscard]] bool judges(steady_time time) noexcept {
    spares_ = !spares_ && lateness(time) >= late_tick;
    return !spares_;
  }

 private:
  steady_time due_ = steady_time::max();
  bool spares_ = false;
};

}  // namespace hotline::detail
#endif
