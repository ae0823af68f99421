// The system's calls for a stream socket. Nothing waits here, and nothing is Asio's.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#if defined(_WIN32)
#include <hotline/transport/socket/native_socket_windows.hpp>
#else

#include <hotline/transport/socket/native_types.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace hotline::detail {

/// The error of the system's last call, in the category that compares with `std::errc`.
[[nodiscard]] inline std::error_code last_error() noexcept { return {errno, std::system_category()}; }

namespace native_socket {

// Where a send has no such flag, a socket has an option instead: `prepare`.
#if defined(MSG_NOSIGNAL)
inline constexpr int no_signal = MSG_NOSIGNAL;
#else
inline constexpr int no_signal = 0;
#endif

/// Makes calls on `socket` return at once, and keeps it from a process that is started.
[[nodiscard]] inline std::error_code keep_from_blocking(int socket) noexcept {
  const int flags = ::fcntl(socket, F_GETFL);
  if (flags < 0 || ::fcntl(socket, F_SETFL, flags | O_NONBLOCK) != 0) return last_error();
  return ::fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 ? std::error_code{} : last_error();
}

#if !defined(SOCK_CLOEXEC)
[[nodiscard]] inline int as_ours(int socket) noexcept {
  if (socket >= 0) (void)keep_from_blocking(socket);
  return socket;
}
#endif

/// Returns a new stream socket that does not block and does not survive an exec; -1 with `errno` set on failure.
[[nodiscard]] inline int open(int family) noexcept {
#if defined(SOCK_CLOEXEC)
  return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
  return as_ours(::socket(family, SOCK_STREAM, 0));
#endif
}

/// Returns an accepted socket as `open` makes them: where the system can do so, a child that another thread of the host starts
/// never sees it. -1 with `errno` set on failure.
[[nodiscard]] inline int accept(int listener, ::sockaddr* peer, ::socklen_t& size) noexcept {
#if defined(SOCK_CLOEXEC)
  return ::accept4(listener, peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
  return as_ours(::accept(listener, peer, &size));
#endif
}

/// Closes a socket that is nobody else's.
inline void close(int socket) noexcept { (void)::close(socket); }

/// The error of a connection that was aborted here.
[[nodiscard]] inline std::error_code aborted_here() noexcept { return {ECANCELED, std::system_category()}; }

[[nodiscard]] inline bool is_busy() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

/// Sends `bytes` on a socket that does not block.
[[nodiscard]] inline sent_bytes send(int socket, std::string_view bytes) noexcept {
  if (bytes.empty()) return {};
  ::ssize_t n = 0;
  do {
    n = ::send(socket, bytes.data(), bytes.size(), no_signal);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return {static_cast<std::size_t>(n), {}};
  return {0, is_busy() ? std::error_code{} : last_error()};
}

/// The most spans that one call sends.
inline constexpr std::size_t most_spans = 64;

/// Sends up to `most_spans` spans in one call.
[[nodiscard]] inline sent_bytes send(int socket, std::span<const std::string_view> spans) noexcept {
  std::array<::iovec, most_spans> parts;
  std::size_t count = 0;
  for (const std::string_view bytes : spans.first(std::min(spans.size(), parts.size())))
    if (!bytes.empty()) parts[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
  if (count == 0) return {};
  ::msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  ::ssize_t n = 0;
  do {
    n = ::sendmsg(socket, &message, no_signal);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return {static_cast<std::size_t>(n), {}};
  return {0, is_busy() ? std::error_code{} : last_error()};
}

/// Reads at most `into`, which is not empty, from a socket that does not block.
[[nodiscard]] inline received_bytes receive(int socket, std::span<char> into) noexcept {
  ::ssize_t n = 0;
  do {
    n = ::recv(socket, into.data(), into.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) return {static_cast<std::size_t>(n), false, static_cast<std::size_t>(n) < into.size(), {}};
  if (n == 0) return {0, true, true, {}};
  return {0, false, true, is_busy() ? std::error_code{} : last_error()};
}

/// Ends our direction: the peer reads an end after what was sent.
[[nodiscard]] inline std::error_code send_fin(int socket) noexcept {
  return ::shutdown(socket, SHUT_WR) == 0 ? std::error_code{} : last_error();
}

/// Makes the close of the socket a reset. A Unix socket has no lingering to switch off.
inline void reset_on_close(int socket) noexcept {
  const ::linger at_once{1, 0};
  (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/// Whether there is something to read right now, the peer's end included.
[[nodiscard]] inline bool is_readable(int socket) noexcept {
  ::pollfd asked{socket, POLLIN, 0};
  return ::poll(&asked, 1, 0) > 0;
}

/// Reads the address of the peer, and returns its size; 0 for a socket that has none.
[[nodiscard]] inline ::socklen_t read_peer(int socket, ::sockaddr_storage& peer) noexcept {
  ::socklen_t size = sizeof peer;
  return ::getpeername(socket, reinterpret_cast<::sockaddr*>(&peer), &size) == 0 ? size : 0;
}

/// Returns the error of the socket since the last call.
[[nodiscard]] inline std::error_code pending_error(int socket) noexcept {
  int value = 0;
  ::socklen_t size = sizeof value;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &value, &size) != 0) return {};
  return {value, std::system_category()};
}

/// Prepares a socket of the address family `family`: small messages leave at once, and the system gives up a peer that has
/// acknowledged nothing for longer than `user_timeout`; zero: after its own time. A failure changes nothing: a slow connection
/// is better than none.
inline void prepare(int socket, int family, std::chrono::milliseconds user_timeout) noexcept {
  const int on = 1;
#if defined(SO_NOSIGPIPE)
  (void)::setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  if (family != AF_INET && family != AF_INET6) return;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#if defined(TCP_USER_TIMEOUT)
  constexpr std::chrono::milliseconds longest{std::numeric_limits<int>::max()};
  if (user_timeout <= std::chrono::milliseconds::zero()) return;
  const auto value = static_cast<int>(std::min(user_timeout, longest).count());
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value);
#else
  (void)user_timeout;
#endif
}

}  // namespace native_socket
}  // namespace hotline::detail
#endif
#endif
