#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Numbers that compilers' and RapidJSON's own reading does not get right. No I/O here.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotline::detail {

/// Whether `text`, a JSON number too small or too big for a double, is too small (which makes it 0, as everywhere).
[[nodiscard]] inline bool is_tiny_number(std::string_view text) noexcept {
  const std::size_t e = text.find_first_of("eE");
  const std::string_view mantissa = text.substr(0, e);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return true;
  // The power of ten of the first digit that counts, roughly: one off does not matter 300 powers from 1.
  std::int64_t power = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  if (e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    const bool negative = digits.front() == '-';
    if (negative || digits.front() == '+') digits.remove_prefix(1);
    std::int64_t exponent = 0;
    for (const char digit : digits)
      exponent = std::min<std::int64_t>(exponent * 10 + (digit - '0'), std::int64_t{1} << 40);
    power += negative ? -exponent : exponent;
  }
  return power < 0;
}

/// `text`, which is about to be read as JSON, with the exponent of each number that is zero ("0e999999", "-0.0E12")
/// written in zeros, in the same place. RapidJSON refuses a large exponent before it looks at what stands before it.
[[nodiscard]] inline std::string with_plain_zeros(std::string_view text) {
  constexpr std::string_view digits = "0123456789";
  std::string plain(text);
  for (std::size_t at = 0; at < plain.size(); ++at) {
    if (plain[at] == '"') {
      while (++at < plain.size() && plain[at] != '"')
        if (plain[at] == '\\') ++at;
      continue;
    }
    if (digits.find(plain[at]) == std::string_view::npos) continue;
    const std::size_t end = std::min(plain.find_first_not_of("0123456789.", at), plain.size());
    const bool is_zero =
        std::string_view(plain).substr(at, end - at).find_first_of("123456789") == std::string_view::npos;
    at = end;
    if (end == plain.size() || (plain[end] != 'e' && plain[end] != 'E')) {
      --at;  // the next character may begin something else
      continue;
    }
    if (at + 1 < plain.size() && (plain[at + 1] == '-' || plain[at + 1] == '+')) ++at;
    for (; at + 1 < plain.size() && digits.find(plain[at + 1]) != std::string_view::npos; ++at)
      if (is_zero) plain[at + 1] = '0';
  }
  return plain;
}

}  // namespace hotline::detail
#endif
