#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/socket/windows_error.hpp>

#include <asio/error.hpp>

#include <system_error>

namespace hotline::detail {

/// The system's errors in the category that compares with `std::errc`; Asio has its own, which does not.
[[nodiscard]] inline std::error_code as_standard(const std::error_code& e) noexcept {
  if (e.category() != asio::error::get_system_category()) return e;
#if defined(_WIN32)
  return windows_error(e.value());
#else
  return {e.value(), std::system_category()};
#endif
}

/// Not a failure: there is nothing to read now, or no room to write.
[[nodiscard]] inline bool is_busy(const std::error_code& e) noexcept {
  return e == asio::error::would_block || e == asio::error::try_again;
}

}  // namespace hotline::detail
#endif
