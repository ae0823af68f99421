#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>

namespace hotline::detail {

/// The principal and the remote address of a client, in one piece of memory: each session has both. Nothing of it changes, and
/// two empty texts take no memory. A remote address is for people: more than 65,535 bytes of it are not kept.
class client_names {
 public:
  client_names() noexcept = default;
  client_names(std::string_view principal, std::string_view remote_address) {
    const std::string_view address = remote_address.substr(0, std::numeric_limits<std::uint16_t>::max());
    const sizes of{static_cast<std::uint32_t>(principal.size()), static_cast<std::uint16_t>(address.size())};
    if (principal.empty() && address.empty()) return;
    bytes_ = std::make_unique_for_overwrite<char[]>(header + principal.size() + address.size());
    std::memcpy(bytes_.get(), &of.principal, sizeof of.principal);
    std::memcpy(bytes_.get() + sizeof of.principal, &of.address, sizeof of.address);
    char* const texts = bytes_.get() + header;
    std::copy(principal.begin(), principal.end(), texts);
    std::copy(address.begin(), address.end(), texts + principal.size());
  }

  /// Returns the principal. At most 4 GiB of it.
  [[nodiscard]] std::string_view principal() const noexcept {
    return bytes_ ? std::string_view(bytes_.get() + header, read().principal) : std::string_view();
  }
  [[nodiscard]] std::string_view remote_address() const noexcept {
    if (!bytes_) return {};
    const sizes of = read();
    return {bytes_.get() + header + of.principal, of.address};
  }

 private:
  struct sizes {
    std::uint32_t principal = 0;
    std::uint16_t address = 0;
  };

  // The two sizes stand without padding: most addresses then fit into 24 bytes with them, which is a size of the allocator's.
  static constexpr std::size_t header = sizeof(std::uint32_t) + sizeof(std::uint16_t);

  [[nodiscard]] sizes read() const noexcept {
    sizes of;
    std::memcpy(&of.principal, bytes_.get(), sizeof of.principal);
    std::memcpy(&of.address, bytes_.get() + sizeof of.principal, sizeof of.address);
    return of;
  }

  std::unique_ptr<char[]> bytes_;
};

}  // namespace hotline::detail
#endif
