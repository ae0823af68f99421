#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Time as it stands on the wire. No clock is read here.

#include <hotline/types.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotline::detail {

/// A duration in seconds with three decimals, `30.000`; a negative one is 0.
class decimal_seconds {
 public:
  explicit decimal_seconds(std::chrono::milliseconds duration) noexcept {
    const auto count = static_cast<std::uint64_t>(std::max<std::chrono::milliseconds::rep>(duration.count(), 0));
    char* const end = std::to_chars(digits_.data(), digits_.data() + 20, count / 1000).ptr;
    const auto rest = static_cast<unsigned>(count % 1000);
    end[0] = '.';
    end[1] = static_cast<char>('0' + rest / 100);
    end[2] = static_cast<char>('0' + rest / 10 % 10);
    end[3] = static_cast<char>('0' + rest % 10);
    size_ = static_cast<std::size_t>(end + 4 - digits_.data());
  }

  /// Returns it with all three decimals.
  [[nodiscard]] std::string_view text() const noexcept { return {digits_.data(), size_}; }

  /// Returns it with as many decimals as it needs: `30`, `0.5`.
  [[nodiscard]] std::string_view shortest() const noexcept {
    std::size_t size = size_;
    while (digits_[size - 1] == '0') --size;
    if (digits_[size - 1] == '.') --size;
    return {digits_.data(), size};
  }

 private:
  std::array<char, 24> digits_;
  std::size_t size_ = 0;
};

/// Appends seconds with exactly three decimals, `30.000`; a negative duration is 0.
inline void append_seconds(std::string& out, std::chrono::milliseconds duration) {
  out.append(decimal_seconds(duration).text());
}

/// Returns the time since 1970.
[[nodiscard]] inline std::chrono::milliseconds since_1970(wall_time time) noexcept {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
}

/// Appends seconds since 1970, `1762000000.042`; a time before 1970 is 0.
inline void append_seconds(std::string& out, wall_time time) { append_seconds(out, since_1970(time)); }

/// Returns a duration in seconds, with as many decimals as it needs: `30`, `0.5`.
[[nodiscard]] inline std::string seconds_text(std::chrono::milliseconds duration) {
  return std::string(decimal_seconds(duration).shortest());
}

}  // namespace hotline::detail
#endif
