#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/types.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace hotline {

/// Clocks that stand still until told to move, and randomness that a seed decides: for tests and for replaying a run.
/// Any thread may read and set.
class manual_environment final : public environment {
 public:
  explicit manual_environment(std::uint64_t seed = 1) noexcept : random_state_(seed) {}

  [[nodiscard]] steady_time now() const override { return steady_time(steady_time::duration(steady_.load())); }
  [[nodiscard]] wall_time wall_now() const override { return wall_time(wall_time::duration(wall_.load())); }

  /// SplitMix64: each seed gives its own sequence, the same one in every run. Predictable, so for tests only.
  [[nodiscard]] std::uint64_t random() override {
    constexpr std::uint64_t step = 0x9e3779b97f4a7c15U;
    std::uint64_t z = random_state_.fetch_add(step) + step;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  /// Moves both clocks on by `time`, as the passing of time does.
  void advance(std::chrono::nanoseconds time) noexcept {
    steady_.fetch_add(std::chrono::duration_cast<steady_time::duration>(time).count());
    wall_.fetch_add(std::chrono::duration_cast<wall_time::duration>(time).count());
  }

  /// Puts the calendar's clock elsewhere, as an administrator or NTP does; the steady clock does not notice.
  void set_wall(wall_time time) noexcept { wall_.store(time.time_since_epoch().count()); }

 private:
  // Not zero: code that takes a default-constructed time for "never" must not work by luck.
  std::atomic<steady_time::rep> steady_{steady_time::duration(std::chrono::hours(1)).count()};
  std::atomic<wall_time::rep> wall_{wall_time::duration(std::chrono::seconds(1'700'000'000)).count()};
  std::atomic<std::uint64_t> random_state_;
};

}  // namespace hotline
#endif
