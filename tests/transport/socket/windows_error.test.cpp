#include <hotline/transport/asio/asio_error.hpp>
#include <hotline/transport/socket/windows_error.hpp>

#include <asio/error.hpp>

#include <catch2_any.hpp>

#include <system_error>

using hotline::detail::as_standard;
using hotline::detail::windows_error;

TEST_CASE("the errors of Winsock compare with those of the C++ library", "[transport]") {
  CHECK(windows_error(WSAEADDRINUSE) == std::errc::address_in_use);
  CHECK(windows_error(WSAEACCES) == std::errc::permission_denied);
  CHECK(windows_error(WSAECONNRESET) == std::errc::connection_reset);
  CHECK(windows_error(WSAECONNABORTED) == std::errc::connection_aborted);
  CHECK(windows_error(WSAETIMEDOUT) == std::errc::timed_out);
  CHECK(windows_error(WSA_OPERATION_ABORTED) == std::errc::operation_canceled);
  CHECK_FALSE(windows_error(0));
}

TEST_CASE("an error of Windows that has no other name keeps its number", "[transport]") {
  CHECK(windows_error(ERROR_BAD_FORMAT) == std::error_code(ERROR_BAD_FORMAT, std::system_category()));
}

TEST_CASE("the system's errors of Asio are translated, and its own stay", "[transport]") {
  CHECK(as_standard(asio::error::make_error_code(asio::error::connection_reset)) == std::errc::connection_reset);
  CHECK(as_standard(asio::error::make_error_code(asio::error::eof)) == asio::error::eof);
}
