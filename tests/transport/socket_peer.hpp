#pragma once

#include "socket_peers.hpp"

#if defined(_WIN32)
#include "socket_peer_windows.hpp"
#else

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/// A client's end of a real socket, with nothing of Asio in it; it moves when it is pumped and never blocks.
class socket_peer {
 public:
  static std::shared_ptr<socket_peer> tcp(std::uint16_t port) {
    const sockaddr_in to = loopback(1, port);
    return connect(&to, sizeof to);
  }

  /// From the address 127.0.0.`from`.
  static std::shared_ptr<socket_peer> tcp_from(std::uint8_t from, std::uint16_t port) {
    const sockaddr_in own = loopback(from, 0);
    const sockaddr_in to = loopback(1, port);
    return connect(&to, sizeof to, &own);
  }

  /// To any address, an endpoint of Asio's say.
  template <class Endpoint>
  static std::shared_ptr<socket_peer> to(const Endpoint& there) {
    return connect(there.data(), static_cast<socklen_t>(there.size()));
  }

  static std::shared_ptr<socket_peer> local(const std::string& path) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, sizeof to.sun_path - 1);
    return connect(&to, sizeof to);
  }

  /// Takes over a descriptor that was accepted.
  static std::shared_ptr<socket_peer> accepted(int socket) {
    ::fcntl(socket, F_SETFL, O_NONBLOCK);
    return std::shared_ptr<socket_peer>(new socket_peer(socket));
  }

  socket_peer(const socket_peer&) = delete;
  socket_peer& operator=(const socket_peer&) = delete;
  ~socket_peer() { drop(); }

  void send(std::string_view bytes) {
    outgoing_.append(bytes);
    pump();
  }
  void close() {
    ending_ = true;
    pump();
  }
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    drop();
  }
  void stall(bool on) { window(on ? 0 : std::numeric_limits<std::size_t>::max()); }
  void window(std::size_t bytes) {
    window_ = bytes;
    pump();
  }

  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] bool closed_by_server() const { return ended_ || socket_ < 0; }
  [[nodiscard]] bool connected() const { return socket_ >= 0; }

  /// True if anything moved.
  bool pump() {
    const bool went = socket_ >= 0 && pump_out();
    const bool came = socket_ >= 0 && pump_in();
    return went || came;
  }

 private:
  explicit socket_peer(int socket) : socket_(socket) {}

  static sockaddr_in loopback(std::uint8_t last, std::uint16_t port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_port = htons(port);
    made.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last);
    return made;
  }

  static std::shared_ptr<socket_peer> connect(const void* to, socklen_t size, const sockaddr_in* own = nullptr) {
    const auto* const address = static_cast<const sockaddr*>(to);
    int socket = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* const from = reinterpret_cast<const sockaddr*>(own);
    if (socket >= 0 && own != nullptr && ::bind(socket, from, sizeof *own) != 0) ::close(std::exchange(socket, -1));
    if (socket >= 0 && ::connect(socket, address, size) != 0) ::close(std::exchange(socket, -1));
    if (socket >= 0) ::fcntl(socket, F_SETFL, O_NONBLOCK);
    return std::shared_ptr<socket_peer>(new socket_peer(socket));
  }

  void drop() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

  bool pump_out() {
    bool moved = false;
    while (sent_ < outgoing_.size()) {
      const ssize_t n = ::send(socket_, outgoing_.data() + sent_, outgoing_.size() - sent_, MSG_NOSIGNAL);
      if (n <= 0) return moved;
      sent_ += static_cast<std::size_t>(n);
      moved = true;
    }
    if (ending_ && !std::exchange(end_sent_, true)) {
      ::shutdown(socket_, SHUT_WR);
      moved = true;
    }
    return moved;
  }

  bool pump_in() {
    bool moved = false;
    char bytes[64 * 1024];
    while (window_ > 0 && !ended_) {
      const ssize_t n = ::recv(socket_, bytes, std::min(sizeof bytes, window_), 0);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
      moved = true;
      if (n <= 0) {
        ended_ = true;
      } else {
        received_.append(bytes, static_cast<std::size_t>(n));
        if (window_ != std::numeric_limits<std::size_t>::max()) window_ -= static_cast<std::size_t>(n);
      }
    }
    return moved;
  }

  int socket_;
  std::string outgoing_;
  std::size_t sent_ = 0;
  std::string received_;
  std::size_t window_ = std::numeric_limits<std::size_t>::max();
  bool ending_ = false;
  bool end_sent_ = false;
  bool ended_ = false;
};
#endif
