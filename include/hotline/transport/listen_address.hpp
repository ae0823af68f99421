#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/native_types.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#if !defined(_WIN32)
#include <net/if.h>
#endif

namespace hotline::detail {

/// The address and the port of `listen_options` in the system's form.
class listen_address {
 public:
  /// Returns whether `text` is an IPv4 or IPv6 address; a link-local one has its zone, "fe80::1%eth0".
  [[nodiscard]] bool read(const std::string& text, std::uint16_t port) {
    v4_.sin_family = AF_INET;
    v4_.sin_port = htons(port);
    v6_.sin6_family = AF_INET6;
    v6_.sin6_port = htons(port);
    is_v4_ = ::inet_pton(AF_INET, text.c_str(), &v4_.sin_addr) == 1;
    return is_v4_ || read_v6(text);
  }

  [[nodiscard]] const ::sockaddr* data() const noexcept {
    return is_v4_ ? reinterpret_cast<const ::sockaddr*>(&v4_) : reinterpret_cast<const ::sockaddr*>(&v6_);
  }
  [[nodiscard]] ::socklen_t size() const noexcept { return is_v4_ ? sizeof v4_ : sizeof v6_; }
  [[nodiscard]] int family() const noexcept { return is_v4_ ? AF_INET : AF_INET6; }

 private:
  [[nodiscard]] bool read_v6(const std::string& text) {
    const std::size_t zone_at = text.find('%');
    if (::inet_pton(AF_INET6, text.substr(0, zone_at).c_str(), &v6_.sin6_addr) != 1) return false;
    return zone_at == std::string::npos || read_zone(text.substr(zone_at + 1));
  }

  /// The name of a network interface, or its number; Windows has numbers only.
  [[nodiscard]] bool read_zone(const std::string& zone) {
#if !defined(_WIN32)
    v6_.sin6_scope_id = ::if_nametoindex(zone.c_str());
    if (v6_.sin6_scope_id != 0) return true;
#endif
    const auto [end, wrong] = std::from_chars(zone.data(), zone.data() + zone.size(), v6_.sin6_scope_id);
    return wrong == std::errc{} && end == zone.data() + zone.size();
  }

  ::sockaddr_in v4_{};
  ::sockaddr_in6 v6_{};
  bool is_v4_ = false;
};

}  // namespace hotline::detail
#endif
