#include <hotline/wire/percent.hpp>

#include <catch2_any.hpp>

#include <optional>
#include <string>
#include <string_view>

using hotline::detail::percent_decode;

TEST_CASE("percent-encoded bytes are decoded once", "[wire]") {
  CHECK(percent_decode("") == "");
  CHECK(percent_decode("plain-text_1.2~") == "plain-text_1.2~");
  CHECK(percent_decode("a%20b%2Fc%2fd") == "a b/c/d");
  CHECK(percent_decode("%41%4a%4A%7A") == "AJJz");
  CHECK(percent_decode("%2541") == "%41");
  CHECK(percent_decode("%E2%82%AC") == "\xE2\x82\xAC");
  CHECK(percent_decode("a+b") == "a+b");
  CHECK(percent_decode("a%00b") == std::string("a\0b", 3));
  CHECK(percent_decode("%ff") == "\xFF");
}

TEST_CASE("a percent sign without two hexadecimal digits is refused", "[wire]") {
  for (const std::string_view bad :
       {"%", "a%", "%4", "a%4", "%g0", "%0g", "%%41", "% 41", "%-1", "%+1", "%0x41", "a%2"}) {
    CAPTURE(bad);
    CHECK(percent_decode(bad) == std::nullopt);
  }
  CHECK(percent_decode(std::string_view("%41", 2)) == std::nullopt);  // the digit behind the end is not its own
}
