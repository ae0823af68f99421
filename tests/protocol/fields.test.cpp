#include <hotline/protocol/fields.hpp>
#include <hotline/protocol/json_reader.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using hotline::decode;
using hotline::described;
using hotline::encode;
using hotline::errc;
using hotline::json;
using hotline::json_object;
using hotline::parse_json;

namespace {

struct item {
  std::string name;
  std::int32_t count = 0;
  static constexpr auto fields =
      hotline::fields(hotline::field{"name", &item::name}, hotline::field{"count", &item::count});
  friend bool operator==(const item&, const item&) = default;
};

struct order {
  std::string id;
  std::optional<int> priority;
  std::vector<item> items;
  item first;
  std::optional<item> last;
  std::vector<std::vector<bool>> bits;
  std::vector<std::optional<std::string>> notes;
  bool paid = false;
  double price = 0;
  std::uint64_t big = 0;
  static constexpr auto fields =
      hotline::fields(hotline::field{"id", &order::id}, hotline::field{"priority", &order::priority},
                      hotline::field{"items", &order::items}, hotline::field{"first", &order::first},
                      hotline::field{"last", &order::last}, hotline::field{"bits", &order::bits},
                      hotline::field{"notes", &order::notes}, hotline::field{"paid", &order::paid},
                      hotline::field{"price", &order::price}, hotline::field{"big", &order::big});
  friend bool operator==(const order&, const order&) = default;
};

template <class T>
struct one {
  T value{};
  static constexpr auto fields = hotline::fields(hotline::field{"value", &one::value});
};

struct nothing {
  static constexpr auto fields = hotline::fields();
};

struct plain {
  int value = 0;
};

/// The decoded `value` written again, or the failure's message.
template <class T>
std::string decoded(std::string_view text) {
  const auto made = decode<one<T>>(*parse_json(text));
  if (made) return encode(*made).text();
  CHECK(made.error().code == errc::invalid_payload);
  return made.error().message;
}

template <class T>
std::string of(std::string_view value) {
  return decoded<T>("{\"value\":" + std::string(value) + "}");
}

}  // namespace

TEST_CASE("only a struct with fields is described", "[protocol]") {
  STATIC_REQUIRE(described<item>);
  STATIC_REQUIRE(described<order>);
  STATIC_REQUIRE(described<nothing>);
  STATIC_REQUIRE_FALSE(described<plain>);
  STATIC_REQUIRE_FALSE(described<int>);
  STATIC_REQUIRE_FALSE(described<std::string>);
  STATIC_REQUIRE_FALSE(described<json>);
  STATIC_REQUIRE_FALSE(described<json_object>);
}

TEST_CASE("a described struct is read and written", "[protocol]") {
  const std::string text = R"({"id":"o1","priority":3,"items":[{"name":"a","count":1},{"name":"b","count":-2}],)"
                           R"("first":{"name":"","count":0},"last":{"name":"z","count":9},"bits":[[true,false],[]],)"
                           R"("notes":["n",null],"paid":true,"price":1.5,"big":18446744073709551615})";
  const auto made = decode<order>(*parse_json(text));
  REQUIRE(made);
  CHECK(made->items.size() == 2);
  CHECK(made->items[1] == item{"b", -2});
  CHECK(made->notes == std::vector<std::optional<std::string>>{"n", std::nullopt});
  CHECK(encode(*made).text() == text);
}

TEST_CASE("a failure names the field and what is wrong with it", "[protocol]") {
  const auto why = [](std::string_view text) {
    const auto made = decode<order>(*parse_json(text));
    return made ? "ok" : made.error().message;
  };
  const std::string rest = R"("first":{"name":"","count":0},"bits":[],"notes":[],"paid":true,"price":1,"big":1})";
  CHECK(why(R"({"id":"x","items":[],)" + rest) == "ok");
  CHECK(why(R"({"items":[],)" + rest) == "id: missing");
  CHECK(why(R"({"id":7,"items":[],)" + rest) == "id: expected string");
  CHECK(why(R"({"id":null,"items":[],)" + rest) == "id: expected string");
  CHECK(why(R"({"id":"x","items":{},)" + rest) == "items: expected array");
  CHECK(why(R"({"id":"x","items":[{"name":"a","count":1},2],)" + rest) == "items[1]: expected object");
  CHECK(why(R"({"id":"x","items":[{"name":"a","count":2147483648}],)" + rest) == "items[0].count: out of range");
  CHECK(why(R"({"id":"x","items":[{"name":"a"}],)" + rest) == "items[0].count: missing");
  CHECK(why(R"({"id":"x","priority":"1","items":[],)" + rest) == "priority: expected integer");
  CHECK(why(R"({"id":"x","items":[],"last":{"name":1,"count":1},)" + rest) == "last.name: expected string");
  CHECK(why(R"({"id":"x","items":[],"first":{"name":"","count":0},"bits":[[true],[0]],"notes":[]})") ==
        "bits[1][0]: expected boolean");
  CHECK(why(R"({"id":"x","items":[],"first":{"name":"","count":0},"bits":[],"notes":[null,"",3]})") ==
        "notes[2]: expected string");
  CHECK(why("[]") == "expected object");
  CHECK(why("null") == "expected object");
  CHECK_FALSE(decode<nothing>(json()));
}

TEST_CASE("integers are checked against their range", "[protocol]") {
  CHECK(of<std::int8_t>("-128") == R"({"value":-128})");
  CHECK(of<std::int8_t>("-129") == "value: out of range");
  CHECK(of<std::int8_t>("127") == R"({"value":127})");
  CHECK(of<std::int8_t>("128") == "value: out of range");
  CHECK(of<std::uint8_t>("255") == R"({"value":255})");
  CHECK(of<std::uint8_t>("256") == "value: out of range");
  CHECK(of<std::uint8_t>("-1") == "value: out of range");
  CHECK(of<std::int64_t>("-9223372036854775808") == R"({"value":-9223372036854775808})");
  CHECK(of<std::int64_t>("9223372036854775807") == R"({"value":9223372036854775807})");
  CHECK(of<std::int64_t>("9223372036854775808") == "value: out of range");
  CHECK(of<std::uint64_t>("18446744073709551615") == R"({"value":18446744073709551615})");
  CHECK(of<std::uint64_t>("-1") == "value: out of range");
  CHECK(of<int>("-0") == R"({"value":0})");
  CHECK(of<int>("1.0") == "value: expected integer");
  CHECK(of<int>("1e2") == "value: expected integer");
  CHECK(of<int>("\"1\"") == "value: expected integer");
  CHECK(of<int>("true") == "value: expected integer");
}

TEST_CASE("numbers are read from integers too, and a float from what fits one", "[protocol]") {
  CHECK(of<double>("3") == R"({"value":3.0})");
  CHECK(of<double>("-2.5e-3") == R"({"value":-0.0025})");
  CHECK(of<double>("\"3\"") == "value: expected number");
  const auto biggest = decode<one<float>>(*parse_json(R"({"value":3.4028234663852886e38})"));
  REQUIRE(biggest);
  CHECK(biggest->value == std::numeric_limits<float>::max());
  CHECK(of<float>("3.5e38") == "value: out of range");
  CHECK(of<float>("-1e300") == "value: out of range");
}

TEST_CASE("booleans are true and false alone", "[protocol]") {
  CHECK(of<bool>("true") == R"({"value":true})");
  CHECK(of<bool>("1") == "value: expected boolean");
  CHECK(of<bool>("\"true\"") == "value: expected boolean");
}

TEST_CASE("an optional may be missing or null and is then not written", "[protocol]") {
  CHECK(of<std::optional<int>>("1") == R"({"value":1})");
  CHECK(of<std::optional<int>>("null") == "{}");
  CHECK(decoded<std::optional<int>>("{}") == "{}");
  CHECK(of<std::optional<int>>("\"x\"") == "value: expected integer");
}

TEST_CASE("a json takes any value, or none", "[protocol]") {
  CHECK(of<json>(R"({"any":[1, null]})") == R"({"value":{"any":[1, null]}})");
  CHECK(of<json>("null") == R"({"value":null})");
  CHECK(decoded<json>("{}") == "{}");
  CHECK(of<std::vector<json>>("[1,null,\"x\"]") == R"({"value":[1,null,"x"]})");
}

TEST_CASE("members that are not described are ignored", "[protocol]") {
  CHECK(decoded<int>(R"({"x":1,"value":2,"y":{"value":3}})") == R"({"value":2})");
  CHECK(decode<nothing>(*parse_json(R"({"x":1})")));
  CHECK(encode(nothing{}).text() == "{}");
}

TEST_CASE("a value that JSON cannot express makes the object invalid", "[protocol]") {
  CHECK_FALSE(encode(one<std::string>{"\xFF"}).valid());
  CHECK_FALSE(encode(one<double>{std::numeric_limits<double>::infinity()}).valid());
  CHECK_FALSE(encode(one<item>{{"\xFF", 1}}).valid());
  CHECK_FALSE(encode(one<std::vector<std::string>>{{"a", "\xFF"}}).valid());
  CHECK(encode(one<std::string>{"\n"}).text() == R"({"value":"\n"})");
}

TEST_CASE("random structs come back as they were", "[protocol]") {
  std::mt19937_64 random(2);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  const auto string = [&] {
    std::string made;
    for (std::uint64_t left = below(12); left > 0; --left) {
      constexpr std::string_view pieces[] = {"a", "\"", "\\", "\n", "\xE2\x82\xAC", "\x01", "xyz", "\xF0\x9F\x98\x80"};
      made += pieces[below(8)];
    }
    return made;
  };
  const auto one_item = [&] { return item{string(), static_cast<std::int32_t>(random())}; };
  for (int round = 0; round < 500; ++round) {
    order value;
    value.id = string();
    if (below(2) == 0) value.priority = static_cast<int>(random());
    for (std::uint64_t left = below(4); left > 0; --left) value.items.push_back(one_item());
    value.first = one_item();
    if (below(2) == 0) value.last = one_item();
    for (std::uint64_t left = below(3); left > 0; --left)
      value.bits.push_back(std::vector<bool>(static_cast<std::size_t>(below(4)), below(2) == 0));
    for (std::uint64_t left = below(3); left > 0; --left) {
      value.notes.push_back(below(2) == 0 ? std::optional(string()) : std::nullopt);
    }
    value.paid = below(2) == 0;
    value.price = static_cast<double>(random()) / 1e9;
    value.big = random();

    const json_object written = encode(value);
    REQUIRE(written.valid());
    const auto text = parse_json(written.text());
    REQUIRE(text);
    const auto read = decode<order>(*text);
    REQUIRE(read);
    REQUIRE(*read == value);
  }
}

namespace {

struct uploaded {
  std::int64_t bytes = 0;
  std::optional<std::uint64_t> hash;
  std::vector<std::int64_t> parts;
  std::optional<std::int8_t> small;
  static constexpr auto fields = hotline::fields(hotline::field{"bytes", &uploaded::bytes, hotline::as_text},
                                                 hotline::field{"hash", &uploaded::hash, hotline::as_text},
                                                 hotline::field{"parts", &uploaded::parts, hotline::as_text},
                                                 hotline::field{"small", &uploaded::small, hotline::as_text});
  friend bool operator==(const uploaded&, const uploaded&) = default;
};

struct wrapped {
  std::optional<uploaded> inner;
  static constexpr auto fields = hotline::fields(hotline::field{"inner", &wrapped::inner});
};

std::string why_not(std::string_view bytes) {
  const auto read = decode<uploaded>(*parse_json(R"({"parts":[],"bytes":)" + std::string(bytes) + "}"));
  return read ? "read" : read.error().message;
}

}  // namespace

TEST_CASE("an integer may stand in JSON as text, and comes back as it was", "[protocol]") {
  const uploaded big{9007199254740993,
                     std::numeric_limits<std::uint64_t>::max(),
                     {std::numeric_limits<std::int64_t>::min(), 0, 7},
                     std::int8_t{-128}};
  CHECK(encode(big).text() == R"({"bytes":"9007199254740993","hash":"18446744073709551615",)"
                              R"("parts":["-9223372036854775808","0","7"],"small":"-128"})");
  CHECK(*decode<uploaded>(*parse_json(encode(big).text())) == big);
  CHECK(encode(uploaded{}).text() == R"({"bytes":"0","parts":[]})");
  CHECK(encode(wrapped{big}).text() == R"({"inner":)" + encode(big).text() + "}");
  CHECK(*decode<uploaded>(*parse_json(R"({"bytes":9007199254740993,"parts":[1,"2"],"hash":null})")) ==
        uploaded{9007199254740993, std::nullopt, {1, 2}, std::nullopt});
  for (const std::string_view none : {"\"\"", "\" 1\"", "\"1 \"", "\"+1\"", "\"01\"", "\"-0\"", "\"1.0\"", "\"1e3\"",
                                      "\"0x1\"", "true", "1.5", "[]", "\"\\u0031x\""}) {
    CAPTURE(none);
    CHECK(why_not(none) == "bytes: expected integer");
  }
  CHECK(why_not("\"9223372036854775807\"") == "read");
  CHECK(why_not("\"9223372036854775808\"") == "bytes: out of range");
  CHECK(why_not("\"-9223372036854775809\"") == "bytes: out of range");
  CHECK(decode<uploaded>(*parse_json(R"({"bytes":1,"parts":["1","x"]})")).error().message ==
        "parts[1]: expected integer");
  CHECK(decode<uploaded>(*parse_json(R"({"bytes":1,"parts":[],"small":"128"})")).error().message ==
        "small: out of range");
}
