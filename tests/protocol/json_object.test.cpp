#include <hotline/protocol/json_object.hpp>
#include <hotline/protocol/json_reader.hpp>

#include <catch2_any.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using hotline::errc;
using hotline::json;
using hotline::json_array;
using hotline::json_input;
using hotline::json_object;
using hotline::json_writer;
using hotline::parse_json;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

std::string text_of(const json_object& object) {
  CHECK(parse_json(object.text()));  // in any case
  return object.valid() ? object.text() : "not valid: " + object.text();
}

}  // namespace

TEST_CASE("an object takes every kind of value", "[protocol]") {
  const std::string string = "a string";
  const std::string_view view = "a view";
  const char* const null_pointer = nullptr;
  CHECK(text_of({{"s", string}, {"v", view}, {"l", "literal"}, {"p", null_pointer}, {"t", "temporary"s + "!"}}) ==
        R"({"s":"a string","v":"a view","l":"literal","p":null,"t":"temporary!"})");
  CHECK(text_of({{"b", true}, {"n", nullptr}, {"i", -3}, {"u", 3U}, {"z", std::size_t{9}}, {"d", 1.5}, {"f", 2.5F}}) ==
        R"({"b":true,"n":null,"i":-3,"u":3,"z":9,"d":1.5,"f":2.5})");
  CHECK(text_of(
            {{"max", std::numeric_limits<std::uint64_t>::max()}, {"min", std::numeric_limits<std::int64_t>::min()}}) ==
        R"({"max":18446744073709551615,"min":-9223372036854775808})");
  CHECK(text_of({{"o", json_object{{"a", json_object{}}}}, {"a", json_array{1, "x", json_array{true}}}}) ==
        R"({"o":{"a":{}},"a":[1,"x",[true]]})");
  const json parsed = *parse_json(R"({"n": [1, 2.50], "s": "\u0041"})");
  CHECK(text_of({{"whole", parsed}, {"n", parsed["n"]}, {"s", parsed["s"]}, {"none", parsed["none"]}}) ==
        R"({"whole":{"n": [1, 2.50], "s": "\u0041"},"n":[1, 2.50],"s":"A","none":null})");
}

TEST_CASE("an object takes optionals and vectors of every kind of value", "[protocol]") {
  const std::optional<std::string> some = "x";
  const std::optional<int> none;
  const std::vector<bool> bits{true, false};
  const std::vector<std::vector<int>> nested{{1, 2}, {}};
  const std::vector<json_object> objects{{{"a", 1}}, {}};
  const std::vector<std::optional<double>> holes{0.5, std::nullopt};
  CHECK(text_of({{"some", some},
                 {"none", none},
                 {"bits", bits},
                 {"nested", nested},
                 {"objects", objects},
                 {"holes", holes},
                 {"made", std::vector<std::string>{"t"}}}) ==
        R"({"some":"x","none":null,"bits":[true,false],"nested":[[1,2],[]],"objects":[{"a":1},{}],)"
        R"("holes":[0.5,null],"made":["t"]})");
}

TEST_CASE("characters, pointers and unknown types are no values", "[protocol]") {
  STATIC_REQUIRE(hotline::json_value<int>);
  STATIC_REQUIRE(hotline::json_value<std::vector<std::optional<std::string>>>);
  STATIC_REQUIRE_FALSE(hotline::json_value<char>);
  STATIC_REQUIRE_FALSE(hotline::json_value<char32_t>);
  STATIC_REQUIRE_FALSE(hotline::json_value<int*>);
  STATIC_REQUIRE_FALSE(hotline::json_value<void*>);
  STATIC_REQUIRE_FALSE(hotline::json_value<std::runtime_error>);
  STATIC_REQUIRE_FALSE(hotline::json_value<std::vector<char>>);
}

TEST_CASE("an empty object is {}", "[protocol]") {
  const json_object none;
  CHECK(none.text() == "{}");
  CHECK(none.body().empty());
  CHECK(none.empty());
  CHECK(none.valid());
  CHECK(json_object{}.text() == "{}");
}

TEST_CASE("an object of one member is no copy of something else", "[protocol]") {
  CHECK(text_of(json_object{{"a", "b"}}) == R"({"a":"b"})");
  const json_object one{{"a", "b"}};
  const json_object copy{one};
  CHECK(copy.text() == one.text());
  CHECK(copy.has_member("a"));
}

TEST_CASE("a name used twice, a string that is not UTF-8 and NaN are left out, and the object is not valid",
          "[protocol]") {
  CHECK(text_of({{"a", 1}, {"a", 2}, {"b", 3}}) == R"(not valid: {"a":1,"b":3})");
  CHECK(text_of({{"a\"\n", 1}, {"a\"\n", 2}}) == R"(not valid: {"a\"\n":1})");
  CHECK(text_of({{"a", "\xFF"}, {"b", 3}}) == R"(not valid: {"b":3})");
  CHECK(text_of({{"\xFF", 1}}) == "not valid: {}");
  CHECK(text_of({{"a", 1}, {"n", std::numeric_limits<double>::quiet_NaN()}}) == R"(not valid: {"a":1})");
  CHECK(text_of({{"v", std::vector<std::string>{"a", "\xC3"}}}) == "not valid: {}");
  CHECK(text_of({{"o", json_object{{"x", "\xFF"}}}}) == "not valid: {}");
  CHECK(text_of({{"o", json_array{"\xFF"}}}) == "not valid: {}");
  CHECK(text_of({{"", 1}, {"", 2}}) == R"(not valid: {"":1})");
}

TEST_CASE("members are found by the meaning of their name", "[protocol]") {
  const json_object object{{"type", 1}, {"type2", 2}, {"a\"b", 3}, {"", 4}};
  CHECK(object.size() == 4);
  CHECK(object.has_member("type"));
  CHECK(object.has_member("type2"));
  CHECK(object.has_member("a\"b"));
  CHECK(object.has_member(""));
  CHECK_FALSE(object.has_member("typ"));
  CHECK_FALSE(object.has_member("a\\\"b"));
  CHECK_FALSE(object.has_member("b"));
  CHECK(object.member_text("type") == "1");
  CHECK(object.member_text("") == "4");
  CHECK(object.member_text("none").empty());

  // However the name was written.
  const auto parsed = json_object::from(*parse_json(R"({"t\u0079pe": "t\u0061sk", "x": [1,  2]})"));
  REQUIRE(parsed);
  CHECK(parsed->has_member("type"));
  CHECK(parsed->member_text("type") == "\"task\"");
  CHECK(parsed->member_text("x") == "[1,  2]");
  CHECK(parsed->text() == R"({"type":"task","x":[1,  2]})");
}

TEST_CASE("only an object becomes an object", "[protocol]") {
  for (const std::string_view text : {"[]", "1", "null", "\"{}\""}) {
    const auto made = json_object::from(*parse_json(text));
    REQUIRE_FALSE(made);
    CHECK(made.error().code == errc::not_an_object);
  }
  CHECK_FALSE(json_object::from(json()));
  CHECK(json_object::from(*parse_json(" { } "))->text() == "{}");
}

TEST_CASE("members can be added later, and to a copy alone", "[protocol]") {
  json_object object;
  object.append("a", 1);
  const json_object copy = object;
  object.append("b", json_object{{"c", nullptr}});
  object.append("a", 2);
  CHECK(text_of(object) == R"(not valid: {"a":1,"b":{"c":null}})");
  CHECK(text_of(copy) == R"({"a":1})");
}

TEST_CASE("an object can be given parts of itself", "[protocol]") {
  json_object object{{"a", "a text that is too long for any small buffer"}};
  object.append("me", object);
  object.append("text", object.member_text("a"));
  json_array array{1};
  array.append(array);
  array.append(array);
  CHECK(object.valid());
  CHECK(object.member_text("me") == R"({"a":"a text that is too long for any small buffer"})");
  CHECK(object.member_text("text") == R"("\"a text that is too long for any small buffer\"")");
  CHECK(array.text() == "[1,[1],[1,[1]]]");
}

TEST_CASE("a value that is written by hand is kept only when it is one whole value", "[protocol]") {
  json_object object{{"a", 1}};
  object.append_with("b", [](json_writer& out) {
    out.begin_array();
    out.value(2);
    out.end_array();
  });
  CHECK(text_of(object) == R"({"a":1,"b":[2]})");
  object.append_with("none", [](json_writer&) {});
  object.append_with("half", [](json_writer& out) { out.begin_array(); });
  object.append_with("two", [](json_writer& out) { out.value(1), out.value(2); });
  CHECK(text_of(object) == R"(not valid: {"a":1,"b":[2]})");
  CHECK_THROWS_AS(object.append_with("c", [](json_writer& out) { out.value(1), throw std::runtime_error("no"); }),
                  std::runtime_error);
  CHECK(text_of(object) == R"(not valid: {"a":1,"b":[2]})");
}

TEST_CASE("a body goes into another object, with one member left out when asked", "[protocol]") {
  const json_object object{{"a", 1}, {"type", "x"}, {"c", json_object{{"type", 2}}}};
  CHECK(object.body() == R"("a":1,"type":"x","c":{"type":2})");
  const auto without = [&](std::string_view name) {
    const auto [before, after] = object.body_without(name);
    return std::string(before) + " | " + std::string(after);
  };
  CHECK(without("a") == R"( | "type":"x","c":{"type":2})");
  CHECK(without("type") == R"("a":1 | "c":{"type":2})");
  CHECK(without("c") == R"("a":1,"type":"x" | )");
  CHECK(without("none") == R"("a":1,"type":"x","c":{"type":2} | )");
  const json_object one{{"only", 1}};
  CHECK(one.body_without("only").first.empty());
  CHECK(one.body_without("only").second.empty());
}

TEST_CASE("an array takes what an object takes", "[protocol]") {
  json_array array{"a", 2, nullptr, json_object{{"k", 1}}, std::vector<int>{1, 2}, std::optional<int>{}};
  CHECK(array.text() == R"(["a",2,null,{"k":1},[1,2],null])");
  CHECK(array.size() == 6);
  CHECK(array.valid());
  array.append("\xFF");
  CHECK_FALSE(array.valid());
  CHECK(array.text() == R"(["a",2,null,{"k":1},[1,2],null])");
  CHECK(json_array().text() == "[]");
  CHECK(json_array().empty());
  CHECK(json_array("one").text() == R"(["one"])");
  CHECK(json_array{std::vector<int>{1}}.text() == "[[1]]");
  json_array outer;
  outer.append(json_array{1});
  CHECK(outer.text() == "[[1]]");
  const json_array copy{outer};
  CHECK(copy.text() == "[[1]]");
}

TEST_CASE("an object of many members is made in reasonable time from a parsed one", "[protocol]") {
  std::string text = "{";
  for (int i = 0; i < 4000; ++i) text.append(i == 0 ? "" : ",").append("\"").append(std::to_string(i)).append("\":0");
  text += "}";
  const auto made = json_object::from(*parse_json(text));
  REQUIRE(made);
  CHECK(made->size() == 4000);
  CHECK(made->text() == text);
}
