#include <hotline/protocol/json_reader.hpp>

#include <catch2_any.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using hotline::errc;
using hotline::json;
using hotline::json_kind;
using hotline::json_limits;
using hotline::parse_json;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

/// The outcome in words: "ok", or the code's name and the message.
std::string outcome(std::string_view text, json_limits limits = {}) {
  // In memory of exactly that size, so that a sanitizer sees any byte read past the end.
  const auto exact = std::make_unique<char[]>(text.size());
  if (!text.empty()) std::memcpy(exact.get(), text.data(), text.size());
  const auto read = parse_json({exact.get(), text.size()}, limits);
  if (read) return "ok";
  return read.error().code.message() + " @ " + read.error().message;
}

std::string invalid(std::string_view message) { return "invalid JSON @ " + std::string(message); }

}  // namespace

TEST_CASE("a text that is not JSON is refused with the place and the reason", "[protocol]") {
  CHECK(outcome("") == invalid("offset 0: no value"));
  CHECK(outcome(" \n\t ") == invalid("offset 4: no value"));
  CHECK(outcome("{") == invalid("offset 1: expected a member's name"));
  CHECK(outcome("[") == invalid("offset 1: expected a value"));
  CHECK(outcome("[1,]") == invalid("offset 3: expected a value"));
  CHECK(outcome("{\"a\":1,}") == invalid("offset 7: expected a member's name"));
  CHECK(outcome("{\"a\" 1}") == invalid("offset 5: expected ':'"));
  CHECK(outcome("{\"a\":}") == invalid("offset 5: expected a value"));
  CHECK(outcome("{\"a\":1 \"b\":2}") == invalid("offset 7: expected ',' or '}'"));
  CHECK(outcome("{1:2}") == invalid("offset 1: expected a member's name"));
  CHECK(outcome("[1 2]") == invalid("offset 3: expected ',' or ']'"));
  CHECK(outcome("[1}") == invalid("offset 2: expected ',' or ']'"));
  CHECK(outcome("]") == invalid("offset 0: no value"));
  CHECK(outcome("tru") == invalid("offset 3: expected a value"));
  CHECK(outcome("nul\0"s) == invalid("offset 3: expected a value"));
  CHECK(outcome("'a'") == invalid("offset 0: expected a value"));
  CHECK(outcome("NaN") == invalid("offset 0: expected a value"));
  CHECK(outcome("[Infinity]") == invalid("offset 1: expected a value"));
  CHECK(outcome("/**/1") == invalid("offset 0: expected a value"));
  CHECK(outcome("\"abc") == invalid("offset 4: string without end"));
  CHECK(outcome("\"a\nb\"") == invalid("offset 2: control character or unknown escape in a string"));
  CHECK(outcome("\"\\x41\"") == invalid("offset 1: control character or unknown escape in a string"));
  CHECK(outcome("\"\\u00g0\"") == invalid("offset 1: expected four hex digits"));
  CHECK(outcome("\"\\") == invalid("offset 1: control character or unknown escape in a string"));
}

TEST_CASE("numbers that JSON does not have are refused", "[protocol]") {
  for (const std::string_view text : {"-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e1", "0x10", "1_000", "--1",
                                      "1f", "-Infinity", "1.5.2", "1e5.5"}) {
    CAPTURE(text);
    const auto read = parse_json(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == errc::invalid_json);
  }
}

TEST_CASE("nothing but white space may follow the value, a NUL least of all", "[protocol]") {
  CHECK(outcome("{} \r\n\t") == "ok");
  CHECK(outcome("{} x") == invalid("offset 3: text after the value"));
  CHECK(outcome("{}{}") == invalid("offset 2: text after the value"));
  CHECK(outcome("1 2") == invalid("offset 2: text after the value"));
  CHECK(outcome("{}\0"s) == invalid("offset 2: text after the value"));
  CHECK(outcome("{}\0 {\"a\":1}"s) == invalid("offset 2: text after the value"));
  CHECK(outcome("\0{}"s) == invalid("offset 0: no value"));
  CHECK(outcome("[1,\0 2]"s).starts_with("invalid JSON"));
}

TEST_CASE("a text of any number of values keeps all of them", "[protocol]") {
  for (int count = 0; count < 300; ++count) {
    CAPTURE(count);
    std::string text = "[";
    for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + std::to_string(i % 10);
    const auto read = parse_json(text += "]");
    REQUIRE(read);
    REQUIRE(read->size() == static_cast<std::size_t>(count));
    int expected = 0;
    for (const json& element : read->elements()) REQUIRE(element.as_int64() == expected++ % 10);
    REQUIRE(expected == count);
  }
}

TEST_CASE("a byte order mark is refused", "[protocol]") {
  CHECK(outcome("\xEF\xBB\xBF{}") == invalid("offset 0: byte order mark"));
  CHECK(outcome("\xFF\xFE{\0}\0"s).starts_with("invalid JSON"));
  CHECK(outcome("\"\xEF\xBB\xBF\"") == "ok");  // within a string it is a character like others
}

TEST_CASE("a hundred thousand open brackets are one too deep, whatever the limit", "[protocol]") {
  const std::string arrays(100'000, '[');
  CHECK(outcome(arrays) == "JSON nested too deep @ offset 32: nested too deep");
  CHECK(outcome(arrays, {.depth = 1'000'000, .nodes = 1'000'000}) == invalid("offset 100000: expected a value"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(outcome(objects) == "JSON nested too deep @ offset 160: nested too deep");
  CHECK(outcome(arrays + std::string(100'000, ']'), {.depth = 100'000, .nodes = 1'000'000}) == "ok");
}

TEST_CASE("depth is limited to the level", "[protocol]") {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + "1" + std::string(levels, ']'); };
  for (const std::size_t limit : {0U, 1U, 2U, 32U, 64U}) {
    const json_limits limits{.depth = limit};
    if (limit > 0) CHECK(outcome(nested(limit - 1), limits) == "ok");
    CHECK(outcome(nested(limit), limits) == "ok");
    CHECK(outcome(nested(limit + 1), limits).starts_with("JSON nested too deep"));
  }
  // Levels, not brackets: siblings do not add up.
  CHECK(outcome("[[],[],[[]],{\"a\":{}}]", {.depth = 3}) == "ok");
}

TEST_CASE("values are limited to the value, names not counted", "[protocol]") {
  CHECK(outcome("[0,0,0]", {.nodes = 4}) == "ok");
  CHECK(outcome("[0,0,0]", {.nodes = 5}) == "ok");
  CHECK(outcome("[0,0,0]", {.nodes = 3}) == "too many JSON values @ offset 5: too many values");
  CHECK(outcome(R"({"a":"x","b":[{}]})", {.nodes = 4}) == "ok");
  CHECK(outcome(R"({"a":"x","b":[{}]})", {.nodes = 3}) == "too many JSON values @ offset 14: too many values");
  CHECK(outcome(R"({"a":"x","b":["y"]})", {.nodes = 3}) == "too many JSON values @ offset 14: too many values");
  CHECK(outcome("1", {.nodes = 0}) == "too many JSON values @ offset 0: too many values");

  std::string flood = "[";
  for (int i = 0; i < 100'000; ++i) flood += "{},";
  CHECK(outcome(flood) == "too many JSON values @ offset 24574: too many values");
}

TEST_CASE("bytes are limited to the byte", "[protocol]") {
  CHECK(outcome("\"1234\"", {.bytes = 5}) == "too much JSON @ offset 5: too much text");
  CHECK(outcome("\"1234\"", {.bytes = 6}) == "ok");
  CHECK(outcome("\"1234\"", {.bytes = 7}) == "ok");
}

TEST_CASE("an integer over 64 bits is refused, never rounded", "[protocol]") {
  const std::string refused = "JSON number out of range @ offset ";
  CHECK(outcome("9223372036854775808") == "ok");
  CHECK(outcome("18446744073709551615") == "ok");
  CHECK(outcome("18446744073709551616") == refused + "0: integer over 64 bits");
  CHECK(outcome("-9223372036854775808") == "ok");
  CHECK(outcome("[-9223372036854775809]") == refused + "1: integer over 64 bits");
  CHECK(outcome("{\"a\": 123456789012345678901234567890}") == refused + "6: integer over 64 bits");
  CHECK(outcome(std::string(400, '9')).starts_with(refused + "0: "));
  CHECK(outcome("123456789012345678901234567890.0") == "ok");  // says itself that it is a double
}

TEST_CASE("a number over the range of double is refused, one too small is 0", "[protocol]") {
  const std::string refused = "JSON number out of range @ offset ";
  CHECK(outcome("1e999").starts_with(refused));
  CHECK(outcome("-1e999").starts_with(refused));
  CHECK(outcome("2e308").starts_with(refused));
  CHECK(outcome("[1.7976931348623159e308]") == refused + "1: number over the range of double");
  CHECK(outcome("1e99999999999999999999").starts_with(refused));
  CHECK(parse_json("1.7976931348623157e308")->as_double() == std::numeric_limits<double>::max());
  CHECK(parse_json("5e-324")->as_double() == std::numeric_limits<double>::denorm_min());
  CHECK(parse_json("2.2250738585072011e-308")->as_double() == 2.2250738585072011e-308);
  CHECK(parse_json("1e-999")->as_double() == 0.0);
  CHECK(parse_json("1e-99999999999999999999")->as_double() == 0.0);
  CHECK(parse_json("0e99")->as_double() == 0.0);
  CHECK(parse_json("0." + std::string(500, '0') + "1")->as_double() == 0.0);
  CHECK(parse_json("0." + std::string(500, '0') + "1e500")->as_double() == 0.1);
  CHECK(parse_json("12345678901234567890123.5e-300")->as_double() == 12345678901234567890123.5e-300);
  CHECK(std::signbit(*parse_json("-1e-999")->as_double()));
  // The number that makes RapidJSON's own conversion overflow.
  CHECK((*parse_json("[0.1234567890123456789e-2147483639]"))[0].as_double() == 0.0);
  CHECK((*parse_json("[0.1234567890123456789e-9147483639999]"))[0].as_double() == 0.0);
}

TEST_CASE("a name used twice in one object is refused, at any level and however it is written", "[protocol]") {
  const std::string refused = "duplicate name in a JSON object @ offset ";
  const std::string why = ": name used before in this object";
  CHECK(outcome(R"({"a":1,"a":1})") == refused + "7" + why);
  CHECK(outcome(R"({"a":1,"b":2,"\u0061":3})") == refused + "13" + why);
  CHECK(outcome(R"([{"x":{"":1,"":2}}])") == refused + "12" + why);
  CHECK(outcome(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]})") == "ok");
  CHECK(outcome(R"({"a":1,"A":1,"a ":1,"a\u0000":1})") == "ok");
}

TEST_CASE("a name used twice is found in large objects too, and large objects cost no more than sorting",
          "[protocol]") {
  for (const std::size_t members : {2U, 11U, 12U, 13U, 14U, 200U, 8000U}) {
    CAPTURE(members);
    std::string text = "{";
    for (std::size_t i = 0; i < members; ++i) {
      text.append(i == 0 ? "\"" : ",\"")
          .append("a name with a long beginning ")
          .append(std::to_string(i))
          .append("\":0");
    }
    CHECK(outcome(text + "}") == "ok");
    const std::size_t offset = text.size() + 1;
    CHECK(outcome(text + ",\"a name with a long beginning 1\":0}") ==
          "duplicate name in a JSON object @ offset " + std::to_string(offset) + ": name used before in this object");
  }
}

TEST_CASE("strings that are not UTF-8 are refused, cut characters at the very end included", "[protocol]") {
  for (const std::string_view bytes :
       {"\x80"sv, "\xBF"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xC2"sv, "\xE0\x80\x80"sv, "\xE0\x9F\xBF"sv, "\xE2\x82"sv,
        "\xED\xA0\x80"sv, "\xED\xBF\xBF"sv, "\xF0\x8F\xBF\xBF"sv, "\xF0\x9F\x98"sv, "\xF4\x90\x80\x80"sv,
        "\xF5\x80\x80\x80"sv, "\xFE"sv, "\xFF"sv}) {
    CAPTURE(bytes.size(), static_cast<int>(static_cast<unsigned char>(bytes[0])));
    const std::string begun = "\"x" + std::string(bytes);
    CHECK(outcome(begun + "\"") == invalid("offset 2: text that is not UTF-8"));
    CHECK(outcome(begun) == invalid("offset 2: text that is not UTF-8"));
    CHECK(outcome("{" + begun + "\":1}").starts_with("invalid JSON"));
  }
  CHECK(outcome("\"\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"") ==
        "ok");
}

TEST_CASE("half a surrogate pair is refused, a whole one is its character", "[protocol]") {
  CHECK(parse_json(R"("\ud83d\ude00")")->as_string() == "\xF0\x9F\x98\x80");
  for (const std::string_view text : {R"("\ud800")", R"("\udbffx")", R"("\ud800\u0041")", R"("\ud800\ud800")",
                                      R"("\udc00")", R"("x\udfff")", R"("\ude00\ud83d")", R"("\ud83d)"}) {
    CAPTURE(text);
    CHECK(outcome(text).find("half a surrogate pair") != std::string::npos);
    CHECK(outcome("{" + std::string(text) + ":1}").starts_with("invalid JSON"));
  }
}

TEST_CASE("escapes are undone, and a NUL in a string is a character", "[protocol]") {
  CHECK(parse_json(R"("\"\\\/\b\f\n\r\t\u00e9\u20AC")")->as_string() == "\"\\/\b\f\n\r\t\xC3\xA9\xE2\x82\xAC");
  CHECK(parse_json(R"("a\u0000b")")->as_string() == "a\0b"sv);
  const json named = *parse_json(R"({"a\u0000b": 1, "a": 2})");
  CHECK(named["a\0b"sv].as_int64() == 1);
  CHECK(named["a"].as_int64() == 2);
}

TEST_CASE("every part of a text that is cut off is refused", "[protocol]") {
  const std::string_view whole = R"({"a":[1,-2.5e3,"x\u00e9\ud83d\ude00y",true,false,null,{}],"b":{"c":"d"}})";
  REQUIRE(outcome(whole) == "ok");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(outcome(whole.substr(0, size)).starts_with("invalid JSON"));
  }
}

TEST_CASE("texts with any byte changed are refused or read whole", "[protocol]") {
  const std::string whole = R"({"a":[1,-2.5e3,"x\u00e9\ud83d\ude00y)"
                            "\xE2\x82\xAC"
                            R"(",true,false,null,{}],"b":{"c":"d"}})";
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = whole;
      text[at] = static_cast<char>(byte);
      const auto read = parse_json(text);
      if (!read) continue;
      CHECK(read->text() == text);
    }
  }
}

// --------------------------------------------------------------------------------------- random documents

namespace {

/// The meaning of a random document, built beside its text.
struct meaning {
  json_kind kind = json_kind::null;
  bool boolean = false;
  std::int64_t int64 = 0;
  std::string string;
  std::vector<meaning> elements;
  std::vector<std::string> names;  ///< the members' names; their values are `elements`
};

class random_document {
 public:
  explicit random_document(std::uint32_t seed) : random_(seed) {}

  std::string text;

  meaning value(int depth) {
    meaning made;
    switch (below(depth > 0 ? 6 : 4)) {
      case 0: text += "null"; break;
      case 1:
        made.kind = json_kind::boolean;
        made.boolean = below(2) == 1;
        text += made.boolean ? "true" : "false";
        break;
      case 2:
        made.kind = json_kind::number;
        made.int64 = static_cast<std::int64_t>((std::uint64_t{random_()} << 32U | random_()) >> below(64));
        if (below(2) == 1) made.int64 = -made.int64;
        text += std::to_string(made.int64);
        break;
      case 3:
        made.kind = json_kind::string;
        made.string = string();
        break;
      case 4: {
        made.kind = json_kind::array;
        text += '[';
        for (std::uint32_t left = below(5); left > 0; --left) {
          space();
          made.elements.push_back(value(depth - 1));
          space();
          if (left > 1) text += ',';
        }
        space();
        text += ']';
        break;
      }
      default: {
        made.kind = json_kind::object;
        text += '{';
        std::uint32_t left = below(30) == 0 ? 40 : below(5);
        for (std::uint32_t number = 0; number < left; ++number) {
          space();
          std::string name = string(std::to_string(number));
          space();
          text += ':';
          space();
          made.names.push_back(std::move(name));
          made.elements.push_back(value(depth - 1));
          space();
          if (number + 1 < left) text += ',';
        }
        space();
        text += '}';
      }
    }
    return made;
  }

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  void space() {
    while (below(8) == 0) text += " \t\r\n"[below(4)];
  }

  std::string string(const std::string& unique = {}) {
    static const std::vector<std::pair<std::string, std::string>> pieces{{"a", "a"},
                                                                         {"xyz", "xyz"},
                                                                         {"\\n", "\n"},
                                                                         {"\\\"", "\""},
                                                                         {"\\\\", "\\"},
                                                                         {"\\u0041", "A"},
                                                                         {"\\/", "/"},
                                                                         {"\xE2\x82\xAC", "\xE2\x82\xAC"},
                                                                         {"{[,:]}", "{[,:]}"},
                                                                         {"\\u0000", std::string(1, '\0')},
                                                                         {"\\ud83d\\ude00", "\xF0\x9F\x98\x80"},
                                                                         {" ", " "}};
    std::string made;
    text += '"';
    for (std::uint32_t left = below(6); left > 0; --left) {
      const auto& [written, meant] = pieces[below(static_cast<std::uint32_t>(pieces.size()))];
      text += written;
      made += meant;
    }
    text += unique;
    made += unique;
    text += '"';
    return made;
  }

  std::mt19937 random_;
};

bool means(const json& read, const meaning& meant) {
  if (read.kind() != meant.kind) return false;
  switch (meant.kind) {
    case json_kind::boolean: return read.as_bool() == meant.boolean;
    case json_kind::number: return read.as_int64() == meant.int64;
    case json_kind::string: return read.as_string() == meant.string;
    case json_kind::array: {
      if (read.size() != meant.elements.size()) return false;
      std::size_t i = 0;
      for (const json& element : read.elements()) {
        if (!means(element, meant.elements[i]) || !means(read[i], meant.elements[i])) return false;
        ++i;
      }
      return i == meant.elements.size();
    }
    case json_kind::object: {
      if (read.size() != meant.names.size()) return false;
      std::size_t i = 0;
      for (const auto& [name, member] : read.members()) {
        if (name != meant.names[i] || !means(member, meant.elements[i])) return false;
        if (read[name].text().data() != member.text().data()) return false;
        ++i;
      }
      return i == meant.names.size();
    }
    default: return true;
  }
}

/// Each value's text, parsed alone, is that text again.
void check_texts(const json& value) {
  const auto alone = parse_json(value.text());
  REQUIRE(alone);
  REQUIRE(alone->text() == value.text());
  for (const json& element : value.elements()) check_texts(element);
  for (const auto& [name, member] : value.members()) check_texts(member);
}

}  // namespace

TEST_CASE("random documents mean what they were made to mean", "[protocol]") {
  for (std::uint32_t seed = 0; seed < 600; ++seed) {
    CAPTURE(seed);
    random_document document(seed);
    const meaning meant = document.value(5);
    const auto read = parse_json(document.text);
    REQUIRE(read);
    REQUIRE(read->text() == document.text);
    REQUIRE(means(*read, meant));
    check_texts(*read);
  }
}

TEST_CASE("random documents with random damage never break the reader", "[protocol]") {
  std::mt19937 random(20);
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    random_document document(seed);
    document.value(4);
    for (int damage = 0; damage < 20 && !document.text.empty(); ++damage) {
      std::string text = document.text;
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.erase(at, 1 + random() % 3); break;
        default: text.insert(at, 1, "{}[]\",:\\0-e.u\0"[random() % 14]);
      }
      const auto read = parse_json(text);
      if (read) check_texts(*read);
    }
  }
}
