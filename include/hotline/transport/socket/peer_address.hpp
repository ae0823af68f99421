#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/socket/native_types.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace hotline::detail {

/// A peer's address in 20 bytes, which is known after the socket is gone. By default that of a Unix socket.
class peer_address {
 public:
  peer_address() = default;

  /// From the system's form of it: `size` bytes of a `sockaddr_in`, a `sockaddr_in6` or one of another family.
  peer_address(const void* address, std::size_t size) noexcept {
    decltype(::sockaddr::sa_family) family = AF_UNSPEC;
    if (size >= offsetof(::sockaddr, sa_family) + sizeof family)
      std::memcpy(&family, static_cast<const char*>(address) + offsetof(::sockaddr, sa_family), sizeof family);
    if (family == AF_INET && size >= sizeof(::sockaddr_in)) {
      ::sockaddr_in from{};
      std::memcpy(&from, address, sizeof from);
      *this = v4(&from.sin_addr, ntohs(from.sin_port));
    } else if (family == AF_INET6 && size >= sizeof(::sockaddr_in6)) {
      ::sockaddr_in6 from{};
      std::memcpy(&from, address, sizeof from);
      *this = v6(&from.sin6_addr, ntohs(from.sin6_port));
    }
  }

  /// From 4 bytes in network order.
  [[nodiscard]] static peer_address v4(const void* address, std::uint16_t port) noexcept {
    return {kind::v4, address, 4, port};
  }
  /// From 16 bytes in network order.
  [[nodiscard]] static peer_address v6(const void* address, std::uint16_t port) noexcept {
    return {kind::v6, address, 16, port};
  }

  /// "127.0.0.1:40312", "[::1]:40312" or "unix". In a string of exactly its size: each connection keeps one.
  [[nodiscard]] std::string text() const {
    if (kind_ == kind::local) return "unix";
    std::array<char, 1 + INET6_ADDRSTRLEN + 2 + 5> room;  // "[", the address, "]:", the port
    const bool is_v6 = kind_ == kind::v6;
    char* at = room.data();
    if (is_v6) *at++ = '[';
    (void)::inet_ntop(is_v6 ? AF_INET6 : AF_INET, address_.data(), at, INET6_ADDRSTRLEN);
    at += std::strlen(at);
    if (is_v6) *at++ = ']';
    *at++ = ':';
    at = std::to_chars(at, room.data() + room.size(), port_).ptr;
    return {room.data(), at};
  }

  /// 0 for a peer without one.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// Whether it is of this machine's loopback network: 127.0.0.0/8, also as IPv6 writes it, or ::1.
  [[nodiscard]] bool is_loopback() const noexcept {
    if (kind_ == kind::v4) return address_[0] == 127;
    if (kind_ == kind::local) return false;
    constexpr std::array<unsigned char, 16> one{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return address_ == one || (is_mapped_v4() && address_[ipv4_in_ipv6.size()] == 127);
  }

  /// Returns the network that the peer counts for, as raw bytes, not printable: the 4 of an IPv4 address, the first 8
  /// of an IPv6 address, none for peers without an address. IPv4 as IPv6 writes it (::ffff:192.0.2.1) counts as IPv4.
  [[nodiscard]] std::string network() const {
    const char* const bytes = reinterpret_cast<const char*>(address_.data());
    if (kind_ == kind::local) return {};
    if (kind_ == kind::v4) return {bytes, 4};
    if (is_mapped_v4()) return {bytes + ipv4_in_ipv6.size(), 4};
    return {bytes, 8};
  }

 private:
  enum class kind : std::uint8_t { local, v4, v6 };

  static constexpr std::array<unsigned char, 12> ipv4_in_ipv6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

  [[nodiscard]] bool is_mapped_v4() const noexcept {
    return std::memcmp(address_.data(), ipv4_in_ipv6.data(), ipv4_in_ipv6.size()) == 0;
  }

  peer_address(kind k, const void* address, std::size_t size, std::uint16_t port) noexcept : port_(port), kind_(k) {
    std::memcpy(address_.data(), address, size);
  }

  std::array<unsigned char, 16> address_{};
  std::uint16_t port_ = 0;
  kind kind_ = kind::local;
};

}  // namespace hotline::detail
#endif
