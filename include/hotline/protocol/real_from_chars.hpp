#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <charconv>
#include <system_error>

#if !defined(__cpp_lib_to_chars)
#include <locale.h>  // newlocale
#include <stdlib.h>  // strtod_l

#include <cerrno>
#include <cmath>
#if defined(__APPLE__)
#include <xlocale.h>
#endif
#endif

namespace hotline::detail {

/// Reads the JSON number from `first` to `end`, whatever the locale is. Too big, and perhaps too small, is
/// `std::errc::result_out_of_range`. `end` points to a byte that no number goes on with.
[[nodiscard]] inline std::errc real_from_chars(const char* first, const char* end, double& value) noexcept {
#if defined(__cpp_lib_to_chars)
  return std::from_chars(first, end, value).ec;
#else
  // libc++ 19 reads integers only. The C library rounds as correctly, and takes the locale as an argument.
  (void)end;
  static const ::locale_t classic = ::newlocale(LC_ALL_MASK, "C", nullptr);
  const int kept = errno;
  const double read = ::strtod_l(first, nullptr, classic);
  errno = kept;
  if (std::isinf(read)) return std::errc::result_out_of_range;
  value = read;  // 0, or less precise, where it is tiny
  return {};
#endif
}

}  // namespace hotline::detail
#endif
