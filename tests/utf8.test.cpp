#include <hotline/utf8.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using hotline::detail::is_utf8;
using hotline::detail::utf8_prefix;

namespace {

/// Encodes by the bit pattern alone, so that what must not be encoded can be.
std::string encoded(std::uint32_t point, int bytes) {
  if (bytes == 1) return std::string(1, static_cast<char>(point));
  std::string text;
  for (int i = bytes - 1; i > 0; --i) {
    text.insert(text.begin(), static_cast<char>(0x80U | (point & 0x3FU)));
    point >>= 6U;
  }
  const unsigned lead = 0xFFU << static_cast<unsigned>(8 - bytes) & 0xFFU;
  text.insert(text.begin(), static_cast<char>(lead | point));
  return text;
}

}  // namespace

TEST_CASE("every code point is UTF-8 in its shortest form only, and no surrogate is", "[wire]") {
  std::uint32_t wrong = 0;
  for (std::uint32_t point = 0; point <= 0x10FFFF; ++point) {
    const int shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    if (is_utf8(encoded(point, shortest)) == surrogate) ++wrong;
    for (int bytes = shortest + 1; bytes <= 4; ++bytes) {
      if (is_utf8(encoded(point, bytes))) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("a sequence beyond U+10FFFF or of more than four bytes is not UTF-8", "[wire]") {
  CHECK_FALSE(is_utf8(encoded(0x110000, 4)));
  CHECK_FALSE(is_utf8(encoded(0x1FFFFF, 4)));
  CHECK_FALSE(is_utf8(encoded(0x200000, 5)));
  CHECK_FALSE(is_utf8(encoded(0x4000000, 6)));
  CHECK_FALSE(is_utf8("\xFE"));
  CHECK_FALSE(is_utf8("\xFF"));
}

TEST_CASE("two bytes are UTF-8 exactly as the table says", "[wire]") {
  int wrong = 0;
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      const bool expected =
          (first < 0x80 && second < 0x80) || (first >= 0xC2 && first <= 0xDF && second >= 0x80 && second <= 0xBF);
      if (is_utf8(text) != expected) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("a bad byte is found wherever it stands", "[wire]") {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      CHECK(is_utf8(text));
      text[at] = '\x80';
      CHECK_FALSE(is_utf8(text));
    }
  }
}

TEST_CASE("a character is seen wherever it stands, and missed wherever it is cut", "[wire]") {
  for (const std::string_view character : {"\xC2\xA2", "\xE2\x82\xAC", "\xF0\xA4\xAD\xA2"}) {
    for (std::size_t before = 0; before < 20; ++before) {
      const std::string text = std::string(before, 'a').append(character);
      CHECK(is_utf8(text + "bcdefghijk"));
      CHECK(is_utf8(text));
      for (std::size_t cut = 1; cut < character.size(); ++cut) {
        CHECK_FALSE(is_utf8(text.substr(0, text.size() - cut)));
        CHECK_FALSE(is_utf8(text.substr(0, text.size() - cut) + "bcdefghijk"));
      }
    }
  }
}

TEST_CASE("the check does not read past the end", "[wire]") {
  // The next byte would complete the character.
  const std::string_view whole = "aaaaaaa\xE2\x82\xAC";
  CHECK_FALSE(is_utf8(whole.substr(0, 9)));
  CHECK_FALSE(is_utf8(whole.substr(0, 8)));
  CHECK(is_utf8(whole.substr(0, 7)));
}

TEST_CASE("an empty text is UTF-8", "[wire]") { CHECK(is_utf8("")); }

TEST_CASE("a prefix never cuts a character", "[wire]") {
  const std::string_view text = "a\xC2\xA2\xE2\x82\xAC\xF0\xA4\xAD\xA2z";
  const std::size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (std::size_t bytes = 0; bytes < 13; ++bytes) {
    CAPTURE(bytes);
    CHECK(utf8_prefix(text, bytes) == expected[bytes]);
  }
  CHECK(utf8_prefix("", 0) == 0);
  CHECK(utf8_prefix("", 5) == 0);
}
