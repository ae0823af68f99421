// As native_socket.hpp, for Windows. Asio has started Winsock before there is a socket.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE && defined(_WIN32)

#include <hotline/transport/socket/native_types.hpp>
#include <hotline/transport/socket/windows_error.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <system_error>

namespace hotline::detail::native_socket {

/// Closes a socket that is nobody else's.
inline void close(native_handle socket) noexcept { (void)::closesocket(socket); }

/// The error of a connection that was aborted here.
[[nodiscard]] inline std::error_code aborted_here() noexcept {
  return std::make_error_code(std::errc::operation_canceled);
}

/// The result of a call that has sent nothing.
[[nodiscard]] inline sent_bytes not_sent() noexcept {
  const int code = ::WSAGetLastError();
  return {0, code == WSAEWOULDBLOCK ? std::error_code{} : windows_error(code)};
}

/// The most bytes that one call is given: lengths are of 32 bits.
inline constexpr std::size_t most_bytes = std::numeric_limits<int>::max();

/// Sends `bytes` on a socket that does not block.
[[nodiscard]] inline sent_bytes send(native_handle socket, std::string_view bytes) noexcept {
  if (bytes.empty()) return {};
  const int n = ::send(socket, bytes.data(), static_cast<int>(std::min(bytes.size(), most_bytes)), 0);
  return n >= 0 ? sent_bytes{static_cast<std::size_t>(n), {}} : not_sent();
}

/// The most spans that one call sends.
inline constexpr std::size_t most_spans = 64;

/// Sends up to `most_spans` spans in one call.
[[nodiscard]] inline sent_bytes send(native_handle socket, std::span<const std::string_view> spans) noexcept {
  std::array<::WSABUF, most_spans> parts;
  ::DWORD count = 0;
  for (const std::string_view bytes : spans.first(std::min(spans.size(), parts.size())))
    if (!bytes.empty()) {
      const std::size_t size = std::min(bytes.size(), most_bytes);
      parts[count++] = {static_cast<::ULONG>(size), const_cast<char*>(bytes.data())};
      if (size < bytes.size()) break;
    }
  if (count == 0) return {};
  ::DWORD sent = 0;
  return ::WSASend(socket, parts.data(), count, &sent, 0, nullptr, nullptr) == 0 ? sent_bytes{sent, {}} : not_sent();
}

/// Reads at most `into`, which is not empty, from a socket that does not block.
[[nodiscard]] inline received_bytes receive(native_handle socket, std::span<char> into) noexcept {
  const std::size_t most = std::min(into.size(), most_bytes);
  const int n = ::recv(socket, into.data(), static_cast<int>(most), 0);
  if (n > 0) return {static_cast<std::size_t>(n), false, static_cast<std::size_t>(n) < most, {}};
  if (n == 0) return {0, true, true, {}};
  const int code = ::WSAGetLastError();
  return {0, false, true, code == WSAEWOULDBLOCK ? std::error_code{} : windows_error(code)};
}

/// Ends our direction: the peer reads an end after what was sent.
[[nodiscard]] inline std::error_code send_fin(native_handle socket) noexcept {
  return ::shutdown(socket, SD_SEND) == 0 ? std::error_code{} : last_error();
}

/// Makes the close of the socket a reset.
inline void reset_on_close(native_handle socket) noexcept {
  const ::linger at_once{1, 0};
  (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&at_once), sizeof at_once);
}

/// Whether there is something to read right now, the peer's end included.
[[nodiscard]] inline bool is_readable(native_handle socket) noexcept {
  ::WSAPOLLFD asked{socket, POLLRDNORM, 0};
  return ::WSAPoll(&asked, 1, 0) > 0;
}

/// Reads the address of the peer, and returns its size; 0 for a socket that has none.
[[nodiscard]] inline ::socklen_t read_peer(native_handle socket, ::sockaddr_storage& peer) noexcept {
  ::socklen_t size = sizeof peer;
  return ::getpeername(socket, reinterpret_cast<::sockaddr*>(&peer), &size) == 0 ? size : 0;
}

/// Returns the error of the socket since the last call.
[[nodiscard]] inline std::error_code pending_error(native_handle socket) noexcept {
  int value = 0;
  int size = sizeof value;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&value), &size) != 0) return {};
  return windows_error(value);
}

/// Prepares a socket of the address family `family`: no process that is started inherits it, small messages leave at once, and
/// the system gives up a peer that has acknowledged nothing for longer than `user_timeout`, rounded up to seconds; zero: after
/// its own time. A failure changes nothing: a slow connection is better than none.
inline void prepare(native_handle socket, int family, std::chrono::milliseconds user_timeout) noexcept {
  (void)::SetHandleInformation(reinterpret_cast<::HANDLE>(socket), HANDLE_FLAG_INHERIT, 0);
  if (family != AF_INET && family != AF_INET6) return;
  const auto set = [&](int option, ::DWORD value) {
    (void)::setsockopt(socket, IPPROTO_TCP, option, reinterpret_cast<const char*>(&value), sizeof value);
  };
  set(TCP_NODELAY, 1);
  constexpr int retransmission_time = 5;  // TCP_MAXRT, which not every <ws2tcpip.h> has
  constexpr std::chrono::seconds longest{std::numeric_limits<int>::max()};
  if (user_timeout <= std::chrono::milliseconds::zero()) return;
  const auto seconds = std::min(std::chrono::ceil<std::chrono::seconds>(user_timeout), longest);
  set(retransmission_time, static_cast<::DWORD>(seconds.count()));
}

}  // namespace hotline::detail::native_socket
#endif
