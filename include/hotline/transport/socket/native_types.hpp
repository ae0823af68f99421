// The system's names for sockets, and the results of its calls.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <cstddef>
#include <system_error>

#if defined(_WIN32)
// Asio includes the system's headers in their order, with the macros that a host has chosen for it.
#include <asio/socket_base.hpp>
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#endif

namespace hotline::detail {

/// The system's handle of a socket.
#if defined(_WIN32)
using native_handle = ::SOCKET;
#else
using native_handle = int;
#endif

/// The result of a send: how many bytes the system took, and why not more. Neither error nor all bytes: there is no room.
struct sent_bytes {
  std::size_t count = 0;
  std::error_code failed{};
};

/// The result of a read. Without bytes, end and error there is nothing to read now.
struct received_bytes {
  std::size_t count = 0;
  bool ended = false;    ///< the peer's direction
  bool drained = false;  ///< there was less than fits: the system reports when more comes
  std::error_code failed{};
};

}  // namespace hotline::detail
#endif
