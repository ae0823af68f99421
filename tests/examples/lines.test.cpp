#include "../../examples/dashboard/lines.hpp"

#include <catch2_any.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using dashboard::line_splitter;

namespace {

std::vector<std::string> all_lines(line_splitter& lines) {
  std::vector<std::string> list;
  while (auto line = lines.next()) list.push_back(*line);
  return list;
}

}  // namespace

TEST_CASE("lines end with a newline, with or without a carriage return, however the bytes were cut", "[examples]") {
  const std::string text = "one\r\ntwo\n\nthr\ree\r\n";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    line_splitter lines;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < text.size(); at += step) {
      lines.push(std::string_view(text).substr(at, step));
      for (auto& line : all_lines(lines)) got.push_back(line);
    }
    CHECK(got == std::vector<std::string>{"one", "two", "", "thr\ree"});
  }
}

TEST_CASE("a last line without a newline is a line once nothing follows", "[examples]") {
  line_splitter lines;
  lines.push("half");
  CHECK(all_lines(lines).empty());
  lines.finish();
  CHECK(all_lines(lines) == std::vector<std::string>{"half"});
  CHECK(all_lines(lines).empty());
}

TEST_CASE("a line over the limit comes in pieces that lose nothing and tear no character", "[examples]") {
  const std::string letters(line_splitter::longest - 1, 'x');
  line_splitter lines;
  lines.push(letters + "\xC3\xA4" + "y\n");
  CHECK(all_lines(lines) == std::vector<std::string>{letters, "\xC3\xA4y"});

  lines.push(std::string(3 * line_splitter::longest, '\x80'));  // nowhere to cut: no character at all
  std::size_t characters = 0;
  lines.finish();
  for (const auto& piece : all_lines(lines)) characters += piece.size() / 3;
  CHECK(characters == 3 * line_splitter::longest);
}

TEST_CASE("a line of just the limit is followed by no empty one", "[examples]") {
  const std::string letters(line_splitter::longest, 'x');
  for (const std::string_view end : {"\n", "\r\n"}) {
    line_splitter lines;
    std::vector<std::string> got;
    for (const char c : letters + std::string(end) + "next\n") {
      lines.push({&c, 1});
      for (auto& line : all_lines(lines)) got.push_back(line);
    }
    CHECK(got == std::vector<std::string>{letters, "next"});
  }
}

TEST_CASE("bytes that are no UTF-8 become one replacement character per broken character", "[examples]") {
  const std::string r = "\xEF\xBF\xBD";
  CHECK(dashboard::valid_utf8("plain \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x8C\xB1") ==
        "plain \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x8C\xB1");
  CHECK(dashboard::valid_utf8("a\xFFz") == "a" + r + "z");
  CHECK(dashboard::valid_utf8("\xE2\x82") == r);                      // ends too early
  CHECK(dashboard::valid_utf8("\xE2\x82(") == r + "(");               // broken off
  CHECK(dashboard::valid_utf8("\xC0\xAF") == r + r);                  // overlong
  CHECK(dashboard::valid_utf8("\xE0\x80\xAF") == r + r + r);          // overlong
  CHECK(dashboard::valid_utf8("\xED\xA0\x80") == r + r + r);          // a surrogate
  CHECK(dashboard::valid_utf8("\xF4\x90\x80\x80") == r + r + r + r);  // past the last character
}
