#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <asio/error.hpp>

#include <system_error>

namespace hotline::detail {

/// The system's errors in the category that compares with `std::errc`; Asio has its own, which does not.
[[nodiscard]] inline std::error_code as_standard(const std::error_code& e) noexcept {
  return e.category() == asio::error::get_system_category() ? std::error_code(e.value(), std::system_category()) : e;
}

/// Not a failure: there is nothing to read now, or no room to write.
[[nodiscard]] inline bool is_busy(const std::error_code& e) noexcept {
  return e == asio::error::would_block || e == asio::error::try_again;
}

}  // namespace hotline::detail
#endif
