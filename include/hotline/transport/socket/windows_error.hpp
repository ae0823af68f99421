// The errors of Windows as those of the C++ library.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE && defined(_WIN32)

#include <hotline/transport/socket/native_types.hpp>

#include <system_error>

namespace hotline::detail {

/// Returns the system's error `code` so that it compares with `std::errc`, which `std::system_category()` does not see to with
/// every compiler: those of g++ 12 and older know none of the errors of sockets.
[[nodiscard]] inline std::error_code windows_error(int code) noexcept {
  const auto as = [](std::errc standard) { return std::make_error_code(standard); };
  switch (code) {
    case 0: return {};
    case WSA_OPERATION_ABORTED: return as(std::errc::operation_canceled);
    case WSAEACCES: return as(std::errc::permission_denied);
    case WSAEADDRINUSE: return as(std::errc::address_in_use);
    case WSAEADDRNOTAVAIL: return as(std::errc::address_not_available);
    case WSAEAFNOSUPPORT: return as(std::errc::address_family_not_supported);
    case ERROR_CONNECTION_ABORTED:
    case WSAECONNABORTED: return as(std::errc::connection_aborted);
    case ERROR_CONNECTION_REFUSED:
    case ERROR_PORT_UNREACHABLE:
    case WSAECONNREFUSED: return as(std::errc::connection_refused);
    case ERROR_NETNAME_DELETED:
    case WSAECONNRESET:
    case WSAEDISCON: return as(std::errc::connection_reset);
    case WSAEHOSTUNREACH: return as(std::errc::host_unreachable);
    case WSAEINPROGRESS: return as(std::errc::operation_in_progress);
    case WSAEINTR: return as(std::errc::interrupted);
    case WSAEINVAL: return as(std::errc::invalid_argument);
    case WSAEISCONN: return as(std::errc::already_connected);
    case WSAEMFILE: return as(std::errc::too_many_files_open);
    case WSAENETDOWN: return as(std::errc::network_down);
    case WSAENETRESET: return as(std::errc::network_reset);
    case WSAENETUNREACH: return as(std::errc::network_unreachable);
    case WSA_NOT_ENOUGH_MEMORY: return as(std::errc::not_enough_memory);
    case WSAENOBUFS: return as(std::errc::no_buffer_space);
    case WSAENOTCONN: return as(std::errc::not_connected);
    case WSAENOTSOCK: return as(std::errc::not_a_socket);
    case WSAEOPNOTSUPP: return as(std::errc::operation_not_supported);
    case WSAEPROTONOSUPPORT: return as(std::errc::protocol_not_supported);
    case ERROR_SEM_TIMEOUT:
    case WSAETIMEDOUT: return as(std::errc::timed_out);
    case WSAEWOULDBLOCK: return as(std::errc::operation_would_block);
    default: return {code, std::system_category()};
  }
}

/// The error of the last call for a socket.
[[nodiscard]] inline std::error_code last_error() noexcept { return windows_error(::WSAGetLastError()); }

}  // namespace hotline::detail
#endif
