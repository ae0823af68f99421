#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace hotline::detail {

/// Returns how many bytes the well-formed UTF-8 sequence at the front of `text` has (Unicode table 3-7: no overlong forms, no
/// surrogates, nothing over U+10FFFF); 0 if there is none, also if `text` ends inside of it.
[[nodiscard]] constexpr std::size_t utf8_sequence(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (at(i) & 0xC0U) == 0x80U; };
  if (text.empty()) return 0;
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4 || !continues(1)) return 0;
  if (first < 0xE0) return 2;
  const unsigned char second = at(1);
  if (first < 0xF0) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return !overlong && !surrogate && continues(2) ? 3 : 0;
  }
  const bool overlong = first == 0xF0 && second < 0x90;
  const bool too_high = first == 0xF4 && second > 0x8F;
  return !overlong && !too_high && continues(2) && continues(3) ? 4 : 0;
}

/// Returns how many bytes from the front of `text` on are UTF-8 (RFC 3629).
[[nodiscard]] inline std::size_t utf8_valid_front(std::string_view text) noexcept {
  constexpr std::uint64_t tops = 0x8080808080808080;
  std::size_t at = 0;
  while (at < text.size()) {
    // Most text is ASCII: check eight bytes at once while they are, and the last eight when less are left.
    std::uint64_t word = 0;
    for (; text.size() - at >= sizeof(word); at += sizeof(word)) {
      std::memcpy(&word, text.data() + at, sizeof(word));
      if ((word & tops) != 0) break;
    }
    if (at >= sizeof(word) && text.size() - at < sizeof(word)) {
      std::memcpy(&word, text.data() + text.size() - sizeof(word), sizeof(word));
      if ((word & tops) == 0) return text.size();
    }
    // Then byte by byte up to the next chance.
    for (int i = 0; i < 8 && at < text.size(); ++i) {
      const std::size_t length = static_cast<unsigned char>(text[at]) < 0x80 ? 1 : utf8_sequence(text.substr(at));
      if (length == 0) return at;
      at += length;
    }
  }
  return at;
}

/// Whether `text` is UTF-8 from end to end.
[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept { return utf8_valid_front(text) == text.size(); }

/// Returns the length of the longest front of the UTF-8 `text` that has at most `bytes` bytes and cuts no character.
[[nodiscard]] constexpr std::size_t utf8_prefix(std::string_view text, std::size_t bytes) noexcept {
  if (text.size() <= bytes) return text.size();
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  return bytes;
}

}  // namespace hotline::detail
#endif
