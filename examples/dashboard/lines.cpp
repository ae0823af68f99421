#include "lines.hpp"

#include <utility>

namespace dashboard {
namespace {

// How many bytes of `text` are one well-formed character (RFC 3629), or 0; then `bad` bytes are to be replaced by one
// U+FFFD: the longest beginning of a character, as the Unicode standard recommends (chapter 3.9).
std::size_t character_length(std::string_view text, std::size_t& bad) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  bad = 1;
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;   // overlong
    if (lead == 0xED) high = 0x9F;  // surrogates
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;   // overlong
    if (lead == 0xF4) high = 0x8F;  // past U+10FFFF
  } else {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= text.size() || byte(i) < low || byte(i) > high) {
      bad = i;
      return 0;
    }
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

// Where to cut `text` so that no character is torn, at most at `most`.
std::size_t cut_at(std::string_view text, std::size_t most) {
  for (std::size_t cut = most; cut + 4 > most; --cut)
    if ((static_cast<unsigned char>(text[cut]) & 0xC0) != 0x80) return cut;
  return most;  // no UTF-8 anyway
}

}  // namespace

void line_splitter::push(std::string_view bytes) { buffer_.append(bytes); }

std::optional<std::string> line_splitter::next() {
  for (;;) {
    const std::size_t newline = buffer_.find('\n', scanned_);
    const bool ended = newline != std::string::npos;
    std::string_view text = std::string_view(buffer_).substr(0, newline);
    if ((ended || finished_) && text.ends_with('\r')) text.remove_suffix(1);

    if (text.size() > longest) {
      const std::size_t cut = cut_at(text, longest);
      std::string piece = valid_utf8(text.substr(0, cut));
      buffer_.erase(0, cut);
      scanned_ = 0;
      continued_ = true;
      return piece;
    }
    if (!ended && (!finished_ || buffer_.empty())) {
      scanned_ = buffer_.size();
      return std::nullopt;
    }
    std::string line = valid_utf8(text);
    buffer_.erase(0, ended ? newline + 1 : buffer_.size());
    scanned_ = 0;
    // A line of just the longest length was cut before its newline came: that newline is no line of its own.
    if (std::exchange(continued_, false) && line.empty()) continue;
    return line;
  }
}

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    std::size_t bad = 0;
    const std::size_t good = character_length(text, bad);
    valid.append(good != 0 ? text.substr(0, good) : std::string_view("\xEF\xBF\xBD"));
    text.remove_prefix(good != 0 ? good : bad);
  }
  return valid;
}

}  // namespace dashboard
