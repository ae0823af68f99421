#include <catch2_any.hpp>
#include <hotline/printable.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using hotline::printable;
using namespace std::string_literals;

TEST_CASE("printable text stays as it is", "[printable]") {
  for (const std::string& text :
       {""s, "going away"s, "\"quoted\", with 100 % and \\n"s,
        "grüße, 世界, עברית, 👩‍👩‍👧 and e\u0301"s, "\u00A0\uFFFD\uE000\U0010FFFF"s})
    CHECK(printable(text) == text);
}

TEST_CASE("a character that would leave its line, or write elsewhere on it, is a question mark", "[printable]") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"a\r\nb", "a??b"},  // a second line
      {"\x1b[2J\x1b]0;title\a", "?[2J?]0;title?"},
      {"a\tb\0c"s, "a?b?c"},
      {"\b\b\bx\x7f", "???x?"},
      {"\u0080\u0085\u009b31m\u009f", "??????31m??"},  // C1: U+0085 is a new line, U+009B begins an escape
      {"\x9b"
       "31m\x85",
       "?31m?"},  // the same as single bytes
      {"a\u2028b\u2029", "a???b???"},
      {"\u202Egnp.exe\u202C \u2066x\u2069 \u200E\u200F\u061C", "???gnp.exe??? ???x??? ????????"},
      {"\uFFF9a\uFFFA\U000E0041\U000E007F", "???a???????????"},
      {"\xc0\x8a \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x80", "?? ??? ???? ??"},  // no UTF-8
  };
  for (const auto& [text, line] : table) {
    CAPTURE(line);
    CHECK(printable(text) == line);
  }
}

TEST_CASE("no byte or pair of bytes comes through as a control character", "[printable]") {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      const std::string line = printable(text);
      bool is_clean = true;
      for (std::size_t i = 0; i < line.size(); ++i) {
        const auto byte = static_cast<unsigned char>(line[i]);
        if (byte < 0x20 || byte == 0x7f) is_clean = false;
        if (byte == 0xc2 && static_cast<unsigned char>(line[i + 1]) < 0xa0) is_clean = false;
      }
      if (!is_clean || printable(line) != line) FAIL("bytes " << first << ", " << second);
    }
  }
}
