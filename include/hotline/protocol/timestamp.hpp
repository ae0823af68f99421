#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 2/6: time as the wire tells it. No clock is asked here.

#include <hotline/types.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotline::detail {

/// Appends seconds with exactly three decimals, `30.000`; a negative duration is 0.
inline void append_seconds(std::string& out, std::chrono::milliseconds duration) {
  const auto count = static_cast<std::uint64_t>(std::max<std::chrono::milliseconds::rep>(duration.count(), 0));
  std::array<char, 24> digits;
  char* const end = std::to_chars(digits.data(), digits.data() + 20, count / 1000).ptr;
  const auto rest = static_cast<unsigned>(count % 1000);
  end[0] = '.';
  end[1] = static_cast<char>('0' + rest / 100);
  end[2] = static_cast<char>('0' + rest / 10 % 10);
  end[3] = static_cast<char>('0' + rest % 10);
  out.append(digits.data(), static_cast<std::size_t>(end + 4 - digits.data()));
}

/// Appends seconds since 1970, `1762000000.042`; a time before 1970 is 0.
inline void append_seconds(std::string& out, wall_time time) {
  append_seconds(out, std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()));
}

/// A duration in seconds, with as many decimals as it needs: `30`, `0.5`.
[[nodiscard]] inline std::string seconds_text(std::chrono::milliseconds duration) {
  std::string text;
  append_seconds(text, duration);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace hotline::detail
#endif
