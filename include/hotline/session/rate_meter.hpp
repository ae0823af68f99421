#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hotline::detail {

/// A token bucket in eight bytes: the moment until which what came would be spread evenly (the generic cell rate
/// algorithm). What is over the burst counts as well, so that who goes on regardless does not get away with it.
class rate_meter {
 public:
  enum class verdict : std::uint8_t {
    within,
    over,      ///< more than a burst was used up
    far_over,  ///< more than two bursts were
  };

  /// One more at `now`, of `per_second` and at most `burst` at once; both at least 1.
  [[nodiscard]] verdict take(steady_time now, std::size_t per_second, std::size_t burst) noexcept {
    constexpr std::size_t second = 1'000'000'000;
    const auto apart = static_cast<std::int64_t>(second / std::min(per_second, second));
    spread_until_ = std::max(spread_until_, now) + std::chrono::nanoseconds(apart);
    const auto used = static_cast<std::size_t>((spread_until_ - now).count() / apart);
    if (used <= burst) return verdict::within;
    return used - burst <= burst ? verdict::over : verdict::far_over;
  }

 private:
  steady_time spread_until_{};
};

}  // namespace hotline::detail
#endif
