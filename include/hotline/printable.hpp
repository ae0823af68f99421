#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/utf8.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace hotline {

namespace detail {

/// Whether a log or a terminal takes the character for more than a sign on its line. `character` is one UTF-8 sequence.
[[nodiscard]] constexpr bool breaks_a_line(std::string_view character) noexcept {
  char32_t code = static_cast<unsigned char>(character[0]);
  if (character.size() > 1) {
    code &= 0xFFU >> (character.size() + 1);
    for (const char c : character.substr(1)) code = code << 6U | (static_cast<unsigned char>(c) & 0x3FU);
  }
  const auto within = [code](char32_t first, char32_t last) { return first <= code && code <= last; };
  return within(0, 0x1F) || within(0x7F, 0x9F)                   // control characters
         || within(0x2028, 0x2029)                               // separators of lines and paragraphs
         || code == 0x061C || within(0x200E, 0x200F)             // turns of the direction of the text:
         || within(0x202A, 0x202E) || within(0x2066, 0x2069)     // they would show another order than there is
         || within(0xFFF9, 0xFFFB) || within(0xE0000, 0xE007F);  // invisible annotations and tags
}

}  // namespace detail

/// Returns `text` made safe as a part of one line of a log or a terminal, for texts of strangers. `?` replaces each byte of
/// a control character (CR, LF, ESC, DEL, U+0080 to U+009F), of a line or paragraph separator (U+2028, U+2029), of a
/// character that changes the direction of text, of an invisible tag, and of bytes that are not UTF-8. All else stays,
/// quotes, commas and spaces too: a format with fields of its own needs its own escaping. Any thread.
///
///     manager.on_disconnect([](const hotline::connection_info& c, const hotline::disconnection& how) {
///       std::clog << c.id << " has gone: " << hotline::printable(how.reason) << '\n';
///     }).release();
[[nodiscard]] inline std::string printable(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = detail::utf8_sequence(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    if (length == 0 || detail::breaks_a_line(character))
      line.append(character.size(), '?');
    else
      line.append(character);
    text.remove_prefix(character.size());
  }
  return line;
}

}  // namespace hotline
#endif
