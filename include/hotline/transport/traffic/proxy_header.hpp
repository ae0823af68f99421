// The address of the client that a proxy has sent here, by haproxy's PROXY protocol. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/authority.hpp>
#include <hotline/transport/socket/peer_address.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hotline::detail {

/// Reads the header that a proxy puts before a connection's first byte: version 1 (a line) or version 2 (binary) of
/// haproxy's PROXY protocol (haproxy.org, doc/proxy-protocol.txt). It decides at the first byte that cannot be right where
/// it can, and at the header's end at the latest.
///
/// *Version 1.* At most 107 bytes with their CRLF. Both addresses and ports must have the family's canonical form. Text
/// after `UNKNOWN` is ignored, but for a CR or an LF alone.
///
/// *Version 2.* At most 4,096 bytes. Commands LOCAL and PROXY; families and protocols as listed in section 2.2, others are
/// refused. Type-length-values must fill what the addresses leave, and are skipped, but for a CRC-32c, which must be
/// right and the only one. LOCAL and an unspecified family skip all that the length says.
class proxy_header_reader {
 public:
  static constexpr std::size_t longest_line = 107;
  static constexpr std::size_t longest = 4096;

  enum class state : std::uint8_t { need_more, ready, refused };
  struct step {
    proxy_header_reader::state state;
    std::size_t consumed;  ///< how many bytes belong to the header; those after a complete header do not
  };

  /// Takes the next bytes, in pieces of any size. Nothing more once it was ready or has refused.
  step consume(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size()) {
      const std::size_t more = std::min(wanted(), bytes.size() - taken);
      bytes_.append(bytes.substr(taken, more));
      taken += more;
      if (const state now = look(); now != state::need_more) return {now, taken};
    }
    return {state::need_more, taken};
  }

  /// Once ready: the client that the header names; nothing where it names none, and the socket's own address is right.
  [[nodiscard]] const std::optional<peer_address>& named() const noexcept { return named_; }

 private:
  static constexpr std::string_view line_begins = "PROXY ";
  static constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
  static constexpr std::size_t fixed_part = 16;
  static constexpr char crc32c_type = 0x03;

  [[nodiscard]] bool is_binary() const noexcept { return bytes_.size() >= signature.size() && bytes_[0] == '\r'; }
  [[nodiscard]] std::uint8_t byte(std::size_t at) const noexcept { return static_cast<std::uint8_t>(bytes_[at]); }
  [[nodiscard]] std::uint16_t number(std::size_t at) const noexcept {
    return static_cast<std::uint16_t>(byte(at) << 8U | byte(at + 1));
  }
  [[nodiscard]] std::size_t size() const noexcept { return fixed_part + number(14); }

  /// How many bytes can be taken before they are looked at: a line is looked at byte by byte.
  [[nodiscard]] std::size_t wanted() const noexcept {
    if (!is_binary()) return 1;
    return (bytes_.size() < fixed_part ? fixed_part : size()) - bytes_.size();
  }

  [[nodiscard]] state look() {
    if (is_binary()) return look_at_binary();
    const std::string_view so_far = bytes_;
    if (signature.starts_with(so_far) || line_begins.starts_with(so_far)) return state::need_more;
    if (!so_far.starts_with(line_begins)) return state::refused;
    const bool after_cr = so_far[so_far.size() - 2] == '\r';
    if (after_cr != (so_far.back() == '\n')) return state::refused;
    if (after_cr) return read_line(so_far.substr(0, so_far.size() - 2)) ? state::ready : state::refused;
    return so_far.size() < longest_line ? state::need_more : state::refused;
  }

  // ------------------------------------------------------------------------------------------------ version 1

  [[nodiscard]] bool read_line(std::string_view line) {
    std::string_view rest = line.substr(line_begins.size());
    const std::string_view family = word(rest);
    if (family == "UNKNOWN") return true;
    if (family != "TCP4" && family != "TCP6") return false;
    const std::string_view from = word(rest);
    const std::string_view to = word(rest);
    const auto from_port = port(word(rest));
    const auto to_port = port(rest);
    if (!from_port || !to_port) return false;
    if (family == "TCP4") {
      const auto address = parse_ipv4(from);
      if (!address || !parse_ipv4(to)) return false;
      named_ = peer_address::v4(address->data(), *from_port);
    } else {
      const auto address = parse_ipv6(from);
      if (!address || !parse_ipv6(to)) return false;
      named_ = peer_address::v6(address->data(), *from_port);
    }
    return true;
  }

  /// Returns the text before the first space of `rest`, which then begins after it.
  static std::string_view word(std::string_view& rest) noexcept {
    const std::string_view first = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), first.size() + 1));
    return first;
  }

  [[nodiscard]] static std::optional<std::uint16_t> port(std::string_view text) noexcept {
    std::uint16_t value = 0;
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
  }

  // ------------------------------------------------------------------------------------------------ version 2

  [[nodiscard]] state look_at_binary() {
    if (bytes_.size() < fixed_part) return state::need_more;
    if (bytes_.size() == fixed_part && !begins_well()) return state::refused;
    if (bytes_.size() < size()) return state::need_more;
    return read_binary() ? state::ready : state::refused;
  }

  [[nodiscard]] bool is_local() const noexcept { return byte(12) == 0x20; }

  [[nodiscard]] bool begins_well() const noexcept {
    const bool is_version_2 = byte(12) == 0x20 || byte(12) == 0x21;
    if (!is_version_2 || size() > longest) return false;
    if (is_local()) return true;
    const auto block = address_block();
    return block && size() >= fixed_part + *block;
  }

  /// How many bytes the addresses have; nothing for a family or a protocol that there is not.
  [[nodiscard]] std::optional<std::size_t> address_block() const noexcept {
    switch (byte(13)) {
      case 0x00: return 0;
      case 0x11:
      case 0x12: return 2 * 4 + 2 * 2;
      case 0x21:
      case 0x22: return 2 * 16 + 2 * 2;
      case 0x31:
      case 0x32: return 2 * 108;
      default: return std::nullopt;
    }
  }

  [[nodiscard]] bool read_binary() {
    if (is_local() || byte(13) == 0x00) return true;
    if (!read_values(fixed_part + *address_block())) return false;
    const char* const addresses = bytes_.data() + fixed_part;
    switch (byte(13) >> 4U) {
      case 1: named_ = peer_address::v4(addresses, number(fixed_part + 2 * 4)); break;
      case 2: named_ = peer_address::v6(addresses, number(fixed_part + 2 * 16)); break;
      default: named_ = peer_address(); break;
    }
    return true;
  }

  /// Whether the values from `at` on fill the header, and a checksum among them is right.
  [[nodiscard]] bool read_values(std::size_t at) const noexcept {
    bool has_checksum = false;
    while (at < bytes_.size()) {
      if (bytes_.size() - at < 3) return false;
      const std::size_t value = at + 3;
      const std::size_t length = number(at + 1);
      if (bytes_.size() - value < length) return false;
      if (bytes_[at] == crc32c_type)
        if (std::exchange(has_checksum, true) || length != 4 || !is_checksum(value)) return false;
      at = value + length;
    }
    return true;
  }

  [[nodiscard]] bool is_checksum(std::size_t at) const noexcept {
    std::uint32_t crc = 0xffffffff;
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      crc ^= i >= at && i < at + 4 ? 0U : byte(i);
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ (0x82f63b78U & (0U - (crc & 1U)));
    }
    return ~crc == (std::uint32_t{number(at)} << 16U | number(at + 2));
  }

  std::string bytes_;
  std::optional<peer_address> named_;
};

}  // namespace hotline::detail
#endif
