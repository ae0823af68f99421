#include <hotline/protocol/command_id.hpp>
#include <hotline/protocol/json_reader.hpp>

#include <catch2_any.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

using hotline::command_id;
using hotline::json;
using hotline::parse_json;
using namespace std::string_view_literals;

namespace {

/// The id that JSON text makes, as it is echoed; "none" when it makes none.
std::string echoed(std::string_view text) {
  const auto id = command_id::from(*parse_json(text));
  return id ? id->text() : "none";
}

}  // namespace

TEST_CASE("an id is echoed as what it came as", "[protocol]") {
  CHECK(echoed("7") == "7");
  CHECK(echoed("\"7\"") == "\"7\"");
  CHECK(echoed("-9223372036854775808") == "-9223372036854775808");
  CHECK(echoed("9223372036854775807") == "9223372036854775807");
  CHECK(echoed(R"("a\"b\\\u00e9")") == "\"a\\\"b\\\\\xC3\xA9\"");
  CHECK(command_id(42).text() == "42");
  CHECK(command_id::from("x y")->text() == "\"x y\"");
}

TEST_CASE("values that are no id give none", "[protocol]") {
  for (const std::string_view text : {"null", "true", "1.0", "1e3", "9223372036854775808", "[]", "{}", "\"\""}) {
    CAPTURE(text);
    CHECK(echoed(text) == "none");
  }
  CHECK_FALSE(command_id::from(json()));
  CHECK_FALSE(command_id::from("\xFF"));
  CHECK_FALSE(command_id::from("\xE2\x82"));
}

TEST_CASE("an id has 1 to 64 bytes", "[protocol]") {
  CHECK_FALSE(command_id::from(""));
  CHECK(command_id::from("a"));
  CHECK(command_id::from(std::string(63, 'a')));
  CHECK(command_id::from(std::string(64, 'a')));
  CHECK_FALSE(command_id::from(std::string(65, 'a')));
}

TEST_CASE("an id has no control characters, NUL among them", "[protocol]") {
  CHECK(echoed(R"("a\u0000b")") == "none");
  CHECK(echoed(R"("\u0000")") == "none");
  CHECK(echoed(R"("a\nb")") == "none");
  for (int c = 0; c < 128; ++c) {
    const char text[] = {'a', static_cast<char>(c)};
    CHECK(command_id::from(std::string_view(text, 2)).has_value() == (c >= 0x20 && c != 0x7F));
  }
}

TEST_CASE("equal ids are equal and hash alike but a number is not its digits", "[protocol]") {
  CHECK(command_id(7) == command_id(7));
  CHECK_FALSE(command_id(7) == command_id(8));
  CHECK_FALSE(command_id(7) == *command_id::from("7"));
  CHECK(*command_id::from("a") == *command_id::from(*parse_json(R"("\u0061")")));
  const std::unordered_set<command_id> ids{command_id(7), *command_id::from("7"), command_id(7),
                                           *command_id::from("7")};
  CHECK(ids.size() == 2);
}
