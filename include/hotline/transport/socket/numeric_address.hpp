// An address of the internet in the system's form. Nothing is resolved here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/socket/native_types.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

#if !defined(_WIN32)
#include <net/if.h>
#endif

namespace hotline::detail {

/// An IPv4 or IPv6 address with a port, as the system's calls take it.
class numeric_address {
 public:
  /// Reads "192.0.2.1", "2001:db8::1", or "fe80::1%eth0" with the zone that a link-local address needs, by name or number.
  [[nodiscard]] static std::optional<numeric_address> read(const std::string& text, std::uint16_t port) {
    ::sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) return numeric_address(&v4, sizeof v4, AF_INET);
    ::sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    const std::size_t zone_at = text.find('%');
    if (::inet_pton(AF_INET6, text.substr(0, zone_at).c_str(), &v6.sin6_addr) != 1) return std::nullopt;
    if (zone_at != std::string::npos && !read_zone(text.substr(zone_at + 1), v6)) return std::nullopt;
    return numeric_address(&v6, sizeof v6, AF_INET6);
  }

  [[nodiscard]] int family() const noexcept { return family_; }
  [[nodiscard]] const ::sockaddr* data() const noexcept { return reinterpret_cast<const ::sockaddr*>(&address_); }
  [[nodiscard]] ::socklen_t size() const noexcept { return size_; }

 private:
  numeric_address(const void* address, std::size_t size, int family) noexcept
      : size_(static_cast<::socklen_t>(size)), family_(family) {
    std::memcpy(&address_, address, size);
  }

  /// The name of a network interface, or its number; Windows has numbers only.
  [[nodiscard]] static bool read_zone(const std::string& zone, ::sockaddr_in6& made) noexcept {
#if !defined(_WIN32)
    made.sin6_scope_id = ::if_nametoindex(zone.c_str());
    if (made.sin6_scope_id != 0) return true;
#endif
    const auto [end, wrong] = std::from_chars(zone.data(), zone.data() + zone.size(), made.sin6_scope_id);
    return wrong == std::errc{} && end == zone.data() + zone.size();
  }

  ::sockaddr_storage address_{};
  ::socklen_t size_;
  int family_;
};

}  // namespace hotline::detail
#endif
