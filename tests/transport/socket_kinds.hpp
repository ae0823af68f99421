#pragma once

#include <hotline/transport/asio_transport.hpp>
#include <hotline/transport/epoll_transport.hpp>

#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "epoll_loop.hpp"
#include "socket_loop.hpp"
#include "socket_peer.hpp"

// The transports over sockets, each with the loop that drives it, for tests that are about any of them:
// TEMPLATE_TEST_CASE("…", "[transport]", over_asio, over_epoll).

/// A loop of Asio's, which needs no more than its io_context.
class asio_driven_loop : public socket_loop {
 public:
  template <class Transport>
  void watch(Transport&) noexcept {}
  void forget() noexcept {}
  /// Handles all that is ready, without a wait.
  void run_ready() {
    io.restart();
    io.poll();
  }
};

/// The address `text`:`port`, of IPv4 or IPv6.
inline asio::ip::tcp::endpoint named_peer(const char* text, std::uint16_t port) {
  return {asio::ip::make_address(text), port};
}

/// `Transport` is over an io_context.
template <class Transport>
struct over_asio_with {
  using transport_type = Transport;
  using loop_type = asio_driven_loop;

  template <class... Arguments>
  [[nodiscard]] static Transport make(loop_type& loop, Arguments&&... arguments) {
    return Transport(loop.io, std::forward<Arguments>(arguments)...);
  }

  /// Adopts a descriptor that was accepted; the client is `peer` if there is one.
  [[nodiscard]] static std::error_code adopt(loop_type& loop, Transport& transport, int descriptor,
                                             std::string_view already_read = {},
                                             const std::optional<asio::ip::tcp::endpoint>& peer = {}) {
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    REQUIRE(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &size) == 0);
    asio::generic::stream_protocol::socket socket(loop.io, asio::generic::stream_protocol(own.ss_family, 0),
                                                  descriptor);
    return transport.adopt(std::move(socket), already_read, peer);
  }
};

/// `Transport` is a loop of its own.
template <class Transport>
struct over_epoll_with {
  using transport_type = Transport;
  using loop_type = epoll_loop<Transport>;

  template <class... Arguments>
  [[nodiscard]] static Transport make(loop_type&, Arguments&&... arguments) {
    return Transport(std::forward<Arguments>(arguments)...);
  }

  [[nodiscard]] static std::error_code adopt(loop_type&, Transport& transport, int descriptor,
                                             std::string_view already_read = {},
                                             const std::optional<asio::ip::tcp::endpoint>& peer = {}) {
    if (!peer) return transport.adopt(descriptor, already_read);
    return transport.adopt(descriptor, already_read, static_cast<const sockaddr*>(peer->data()),
                           static_cast<socklen_t>(peer->size()));
  }
};

using over_asio = over_asio_with<hotline::asio_transport>;
using over_epoll = over_epoll_with<hotline::epoll_transport>;

/// A socket of the host's that listens on the loopback address.
class own_listener {
 public:
  explicit own_listener(int backlog = 128) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(descriptor_, backlog) == 0);
    socklen_t size = sizeof at;
    REQUIRE(::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port_ = ntohs(at.sin_port);
  }
  own_listener(const own_listener&) = delete;
  own_listener& operator=(const own_listener&) = delete;
  ~own_listener() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// The descriptor is the caller's.
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }
  /// Accepts one client; the descriptor is the caller's.
  [[nodiscard]] int accept() const {
    const int accepted = ::accept(descriptor_, nullptr, nullptr);
    REQUIRE(accepted >= 0);
    return accepted;
  }

 private:
  int descriptor_;
  std::uint16_t port_ = 0;
};
