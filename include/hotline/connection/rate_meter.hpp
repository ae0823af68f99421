#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hotline::detail {

/// A token bucket in eight bytes: the moment until which the units so far would be spread evenly (the generic cell rate
/// algorithm). Units over the burst count as well, so that a client that goes on regardless gains nothing.
class rate_meter {
 public:
  enum class verdict : std::uint8_t {
    within,
    over,      ///< more than a burst was used up
    far_over,  ///< more than two bursts were
  };

  /// Takes one more unit at `now` and judges: `per_second` units may come, and `burst` at once; both at least 1.
  [[nodiscard]] verdict take(steady_time now, std::size_t per_second, std::size_t burst) noexcept {
    spread_until_ = std::max(spread_until_, now) + std::chrono::nanoseconds(apart(per_second));
    return judge(now, per_second, burst);
  }

  /// Judges the units that were taken at `now` again. `allowance`: how much longer they may be spread.
  [[nodiscard]] verdict judge(steady_time now, std::size_t per_second, std::size_t burst,
                              std::chrono::nanoseconds allowance = {}) const noexcept {
    const auto left = std::max<std::int64_t>((spread_until_ - now - allowance).count(), 0);
    const auto used = static_cast<std::uint64_t>(left / apart(per_second));
    if (used <= burst) return verdict::within;
    return used - burst <= burst ? verdict::over : verdict::far_over;
  }

 private:
  static constexpr std::int64_t apart(std::size_t per_second) noexcept {
    constexpr std::size_t second = 1'000'000'000;
    return static_cast<std::int64_t>(second / std::min(per_second, second));
  }

  steady_time spread_until_{};
};

/// As `rate_meter`, of bytes, which come many at a time. No message has more than `most`, and as a
/// burst more counts as `most`. Nothing is spread over more than a year, a message or all of them.
class byte_meter {
 public:
  using verdict = rate_meter::verdict;

  static constexpr std::uint64_t most = std::uint64_t{8} << 30;

  /// Takes so many bytes at `now`, also when they are over the rate.
  void take(steady_time now, std::size_t per_second, std::size_t bytes) noexcept {
    spread_until_ = std::min(std::max(spread_until_, now) + span(bytes, per_second), now + year);
  }

  /// Judges the bytes that were taken, at `now`. `allowance`: how much longer they may be spread.
  [[nodiscard]] verdict judge(steady_time now, std::size_t per_second, std::size_t burst,
                              std::chrono::nanoseconds allowance = {}) const noexcept {
    const std::chrono::nanoseconds at_once = span(std::min<std::uint64_t>(burst, most), per_second);
    const std::chrono::nanoseconds used = spread_until_ - now - allowance;
    if (used <= at_once) return verdict::within;
    return used - at_once <= at_once ? verdict::over : verdict::far_over;
  }

 private:
  static constexpr std::chrono::nanoseconds year = std::chrono::hours(24 * 365);

  static constexpr std::chrono::nanoseconds span(std::uint64_t bytes, std::size_t per_second) noexcept {
    constexpr std::uint64_t second = 1'000'000'000;
    return std::min(std::chrono::nanoseconds(bytes * second / per_second), year);
  }

  steady_time spread_until_{};
};

}  // namespace hotline::detail
#endif
