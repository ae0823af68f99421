#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_reader.hpp>

#include <catch2_any.hpp>

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using hotline::json;
using hotline::json_kind;
using hotline::parse_json;

namespace {

json parsed(std::string_view text) {
  const auto read = parse_json(text);
  REQUIRE(read);
  return *read;
}

}  // namespace

TEST_CASE("a json made from nothing is missing and answers every question", "[protocol]") {
  const json none;
  CHECK(none.kind() == json_kind::missing);
  CHECK(none.is_missing());
  CHECK_FALSE(none);
  CHECK_FALSE(none.is_null());
  CHECK_FALSE(none.as_bool());
  CHECK_FALSE(none.as_int64());
  CHECK_FALSE(none.as_uint64());
  CHECK_FALSE(none.as_double());
  CHECK_FALSE(none.as_string());
  CHECK(none.size() == 0);
  CHECK(none["a"].is_missing());
  CHECK(none[0].is_missing());
  CHECK(none.text().empty());
  CHECK(none.elements().begin() == none.elements().end());
  CHECK(none.members().begin() == none.members().end());
}

TEST_CASE("a json tells its kind, and null is not missing", "[protocol]") {
  const json all = parsed(R"([null, false, 0, "", [], {}])");
  const std::vector<json_kind> kinds{json_kind::null,   json_kind::boolean, json_kind::number,
                                     json_kind::string, json_kind::array,   json_kind::object};
  REQUIRE(all.size() == kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    CHECK(all[i].kind() == kinds[i]);
    CHECK(all[i]);
    CHECK(all[i].is_null() == (i == 0));
    CHECK(all[i].is_boolean() == (i == 1));
    CHECK(all[i].is_number() == (i == 2));
    CHECK(all[i].is_string() == (i == 3));
    CHECK(all[i].is_array() == (i == 4));
    CHECK(all[i].is_object() == (i == 5));
  }
}

TEST_CASE("members are found by name past nested ones of the same name", "[protocol]") {
  const json value = parsed(R"({"a": {"x": 1, "deep": [{"x": 2}]}, "x": 3, "": 4, "null": null})");
  CHECK(value["x"].as_int64() == 3);
  CHECK(value["a"]["x"].as_int64() == 1);
  CHECK(value["a"]["deep"][0]["x"].as_int64() == 2);
  CHECK(value[""].as_int64() == 4);
  CHECK(value["null"].is_null());
  CHECK(value["nul"].is_missing());
  CHECK(value["a"]["none"]["of"][7]["these"].is_missing());
  CHECK(value[0].is_missing());
}

TEST_CASE("elements are found by position, and none is found past the end", "[protocol]") {
  const json value = parsed(R"([[1, 2], {"a": [3]}, 4])");
  CHECK(value[0][1].as_int64() == 2);
  CHECK(value[1]["a"][0].as_int64() == 3);
  CHECK(value[2].as_int64() == 4);
  CHECK(value[3].is_missing());
  CHECK(value["a"].is_missing());
}

TEST_CASE("elements and members are walked in the order of the text", "[protocol]") {
  const json value = parsed(R"({"b": [1, [2, 3], 4], "a\n": {}, "c": "x"})");
  std::string seen;
  for (const auto& [name, member] : value.members()) seen.append(name).append("=").append(member.text()).append(";");
  CHECK(seen == "b=[1, [2, 3], 4];a\n={};c=\"x\";");

  seen.clear();
  for (const json& element : value["b"].elements()) seen.append(element.text()).append(";");
  CHECK(seen == "1;[2, 3];4;");

  // On a temporary: the range keeps the document.
  for (const json& element : parsed("[7]").elements()) CHECK(element.as_int64() == 7);
  CHECK(std::distance(value.members().begin(), value.members().begin()) == 0);
  static_assert(std::forward_iterator<hotline::json_elements::iterator>);
  static_assert(std::forward_iterator<hotline::json_members::iterator>);
}

TEST_CASE("walking what is no array and no object walks nothing", "[protocol]") {
  for (const json& value : parsed(R"([1, "ab", null, {"a": 1}])").elements()) {
    CHECK(value.elements().begin() == value.elements().end());
  }
  for (const json& value : parsed(R"([1, "ab", null, [1]])").elements()) {
    CHECK(value.members().begin() == value.members().end());
  }
}

TEST_CASE("an integer is exact and no other number passes for one", "[protocol]") {
  const json value = parsed(
      "[0, -0, 9223372036854775807, -9223372036854775808, 9223372036854775808, 18446744073709551615, 1.0, 1e3, -1]");
  CHECK(value[0].as_int64() == 0);
  CHECK(value[0].as_uint64() == 0U);
  CHECK(value[1].as_int64() == 0);
  CHECK(value[1].as_uint64() == 0U);
  CHECK(value[1].text() == "-0");
  CHECK(value[2].as_int64() == INT64_MAX);
  CHECK(value[2].as_uint64() == std::uint64_t{INT64_MAX});
  CHECK(value[3].as_int64() == INT64_MIN);
  CHECK_FALSE(value[3].as_uint64());
  CHECK_FALSE(value[4].as_int64());
  CHECK(value[4].as_uint64() == std::uint64_t{1} << 63U);
  CHECK_FALSE(value[5].as_int64());
  CHECK(value[5].as_uint64() == UINT64_MAX);
  CHECK_FALSE(value[6].as_int64());
  CHECK_FALSE(value[6].as_uint64());
  CHECK_FALSE(value[7].as_int64());
  CHECK_FALSE(value[8].as_uint64());

  CHECK(value[2].as_double() == 9223372036854775807.0);
  CHECK(value[5].as_double() == 18446744073709551615.0);
  CHECK(value[6].as_double() == 1.0);
  CHECK(value[7].as_double() == 1000.0);
  CHECK(value[8].as_double() == -1.0);
}

TEST_CASE("the text of a value is the slice it was written as", "[protocol]") {
  const json value = parsed("  {\"a\" : [ 1 , {\"b\":\"\\u0041\"} ] , \"c\":1.50e+1}\n");
  CHECK(value.text() == "{\"a\" : [ 1 , {\"b\":\"\\u0041\"} ] , \"c\":1.50e+1}");
  CHECK(value["a"].text() == "[ 1 , {\"b\":\"\\u0041\"} ]");
  CHECK(value["a"][1].text() == "{\"b\":\"\\u0041\"}");
  CHECK(value["a"][1]["b"].text() == "\"\\u0041\"");
  CHECK(value["a"][1]["b"].as_string() == "A");
  CHECK(value["c"].text() == "1.50e+1");
}

TEST_CASE("a part keeps the whole document alive", "[protocol]") {
  json part;
  std::string_view view;
  {
    std::string text = R"({"a": {"b": "a string that is too long for any small buffer", "c": "esc\naped"}})";
    part = parsed(text)["a"];
    view = *part["c"].as_string();
    text.assign(text.size(), 'x');
  }
  CHECK(part["b"].as_string() == "a string that is too long for any small buffer");
  CHECK(view == "esc\naped");
}
