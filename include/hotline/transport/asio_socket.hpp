#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/asio_error.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/tcp.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <system_error>

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hotline::detail {

/// The system drops a peer that has not acknowledged bytes for longer than `timeout`; zero: after its own time.
template <class Socket>
void give_up_after(Socket& socket, std::chrono::milliseconds timeout) noexcept {
#if defined(TCP_USER_TIMEOUT)
  constexpr std::chrono::milliseconds longest{std::numeric_limits<int>::max()};
  if (timeout <= std::chrono::milliseconds::zero()) return;
  const auto value = static_cast<int>(std::min(timeout, longest).count());
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value);
#else
  (void)socket, (void)timeout;
#endif
}

template <class Socket>
std::error_code prepare_socket(Socket& socket, const asio::generic::stream_protocol::endpoint& peer,
                               std::chrono::milliseconds user_timeout) {
  std::error_code failed;
  socket.non_blocking(true, failed);
  if (failed) return failed;
  const int family = peer.protocol().family();
  if (family != AF_INET && family != AF_INET6) return {};
  std::error_code ignored;  // better slow than not at all
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  give_up_after(socket, user_timeout);
  return {};
}

/// A socket of another executor is registered again, with `socket`'s. On failure it is closed.
template <class Socket, class Protocol, class Other>
std::error_code move_socket(asio::basic_stream_socket<Protocol, Other>& theirs, Socket& socket) {
  std::error_code failed;
  const asio::generic::stream_protocol protocol(theirs.local_endpoint(failed).protocol());
  if (failed) return failed;
  const int descriptor = theirs.release(failed);
  if (failed) return failed;
  socket.assign(protocol, descriptor, failed);
  if (failed) ::close(descriptor);
  return failed;
}

/// Whether there is something to read right now, the peer's end included.
template <class Socket>
[[nodiscard]] bool is_readable(Socket& socket) noexcept {
  ::pollfd asked{socket.native_handle(), POLLIN, 0};
  return ::poll(&asked, 1, 0) > 0;
}

/// The error of a socket since the last call.
template <class Socket>
std::error_code pending_error(Socket& socket) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &value, &size) != 0) return {};
  return {value, std::system_category()};
}

}  // namespace hotline::detail
#endif
