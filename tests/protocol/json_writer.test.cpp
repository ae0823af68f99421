#include <hotline/protocol/json_reader.hpp>
#include <hotline/protocol/json_writer.hpp>

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
#include <vector>

using hotline::json;
using hotline::json_writer;
using hotline::parse_json;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

/// The text of one value; "refused" when it is refused.
template <class Value>
std::string written(const Value& value) {
  std::string text;
  json_writer out(text);
  out.value(value);
  return out.complete() ? text : "refused";
}

/// Whether the calls in `write` leave the writer ok.
template <class Write>
bool allowed(Write write) {
  std::string text;
  json_writer out(text);
  write(out);
  return out.ok();
}

}  // namespace

TEST_CASE("a writer puts commas and colons where they belong", "[protocol]") {
  std::string text = "before ";
  json_writer out(text);
  out.begin_object();
  out.key("a");
  out.begin_array();
  out.value(1);
  out.begin_array();
  out.end_array();
  out.begin_object();
  out.end_object();
  out.value("x");
  out.end_array();
  out.key("b");
  out.begin_object();
  out.key("c");
  out.value(nullptr);
  out.key("d");
  out.raw(R"({"raw":[1]})");
  out.end_object();
  out.key("e");
  out.value(true);
  CHECK(out.ok());
  CHECK_FALSE(out.complete());
  out.end_object();
  CHECK(out.complete());
  CHECK(text == R"(before {"a":[1,[],{},"x"],"b":{"c":null,"d":{"raw":[1]}},"e":true})");
}

TEST_CASE("numbers are written so that they read back as themselves", "[protocol]") {
  CHECK(written(0) == "0");
  CHECK(written(std::int8_t{-128}) == "-128");
  CHECK(written(std::uint8_t{255}) == "255");
  CHECK(written(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(written(std::numeric_limits<std::int64_t>::max()) == "9223372036854775807");
  CHECK(written(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(written(std::size_t{7}) == "7");
  CHECK(written(1.5) == "1.5");
  CHECK(written(0.1) == "0.1");
  CHECK(written(3.0) == "3.0");
  CHECK(written(-0.0) == "-0.0");
  CHECK(written(2.5F) == "2.5");

  std::mt19937_64 random(4);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random();
    double value;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const auto read = parse_json(written(value));
    REQUIRE(read);
    REQUIRE(read->as_double() == value);
    const auto integer = static_cast<std::int64_t>(bits) >> (bits % 64);
    REQUIRE(parse_json(written(integer))->as_int64() == integer);
    REQUIRE(parse_json(written(bits))->as_uint64() == bits);
  }
  for (const double value : {std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::min(),
                             std::numeric_limits<double>::max(), 1e21, 1e22, 1e-7, 123456789012345680.0, 5e-324}) {
    CHECK(parse_json(written(value))->as_double() == value);
  }
}

TEST_CASE("NaN and infinities are refused", "[protocol]") {
  CHECK(written(std::numeric_limits<double>::quiet_NaN()) == "refused");
  CHECK(written(std::numeric_limits<double>::infinity()) == "refused");
  CHECK(written(-std::numeric_limits<float>::infinity()) == "refused");
  CHECK(written(std::numeric_limits<long double>::max()) == "refused");  // no double either
}

TEST_CASE("strings are escaped where JSON asks for it and nowhere else", "[protocol]") {
  CHECK(written("") == R"("")");
  CHECK(written("plain / text \x7F") == "\"plain / text \x7F\"");
  CHECK(written("\"\\\b\f\n\r\t"sv) == R"("\"\\\b\f\n\r\t")");
  CHECK(written("\0\x01\x1F"sv) == R"("\u0000\u0001\u001f")");
  CHECK(written("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"") == "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\\\"\"");
  // Each byte at each place of a string, around where eight are looked at at once.
  for (std::size_t size = 1; size < 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 128; ++byte) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(byte);
        const auto read = parse_json(written(text));
        REQUIRE(read);
        REQUIRE(read->as_string() == text);
      }
    }
  }
}

TEST_CASE("strings that are not UTF-8 are refused, whatever follows them in memory", "[protocol]") {
  for (const std::string_view bytes :
       {"\x80"sv, "\xBF"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xC2"sv, "\xE0\x80\x80"sv, "\xE0\x9F\xBF"sv, "\xE2\x82"sv,
        "\xED\xA0\x80"sv, "\xED\xBF\xBF"sv, "\xF0\x8F\xBF\xBF"sv, "\xF0\x9F\x98"sv, "\xF4\x90\x80\x80"sv,
        "\xF5\x80\x80\x80"sv, "\xFE"sv, "\xFF"sv}) {
    for (const std::size_t padding : {0U, 1U, 5U, 7U, 8U, 9U}) {
      const std::string whole = std::string(padding, 'x') + std::string(bytes);
      const auto exact = std::make_unique<char[]>(whole.size());
      std::memcpy(exact.get(), whole.data(), whole.size());
      CHECK(written(std::string_view(exact.get(), whole.size())) == "refused");
    }
  }
  // Cut by the view, whole in memory.
  CHECK(written("\xE2\x82\xAC"sv.substr(0, 2)) == "refused");
  std::string text;
  json_writer out(text);
  out.begin_object();
  out.key("\xFF");
  CHECK_FALSE(out.ok());
}

TEST_CASE("every character of Unicode is written and read back", "[protocol]") {
  std::string all;
  for (std::uint32_t c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 97) {
    if (c >= 0xD800 && c < 0xE000) continue;
    if (c < 0x80) {
      all += static_cast<char>(c);
    } else if (c < 0x800) {
      all += {static_cast<char>(0xC0 | c >> 6U), static_cast<char>(0x80 | (c & 63U))};
    } else if (c < 0x10000) {
      all += {static_cast<char>(0xE0 | c >> 12U), static_cast<char>(0x80 | (c >> 6U & 63U)),
              static_cast<char>(0x80 | (c & 63U))};
    } else {
      all += {static_cast<char>(0xF0 | c >> 18U), static_cast<char>(0x80 | (c >> 12U & 63U)),
              static_cast<char>(0x80 | (c >> 6U & 63U)), static_cast<char>(0x80 | (c & 63U))};
    }
  }
  const auto read = parse_json(written(all));
  REQUIRE(read);
  CHECK(read->as_string() == all);
}

TEST_CASE("a text for people gets U+FFFD for what is not UTF-8", "[protocol]") {
  const auto replaced = [](std::string_view value) {
    std::string text;
    json_writer out(text);
    out.replaced_value(value);
    return out.complete() ? text : "refused";
  };
  CHECK(replaced("fine \xE2\x82\xAC\n") == "\"fine \xE2\x82\xAC\\n\"");
  CHECK(replaced("a\xFFz") == "\"a\xEF\xBF\xBDz\"");
  CHECK(replaced("a\xE2\x82") == "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST_CASE("calls out of order are refused and nothing is written after", "[protocol]") {
  CHECK_FALSE(allowed([](json_writer& out) { out.value(1), out.value(2); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.key("a"); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.end_object(); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.end_array(); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.begin_object(), out.value(1); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.begin_object(), out.begin_array(); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.begin_object(), out.end_array(); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.begin_array(), out.end_object(); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.begin_array(), out.key("a"); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.begin_object(), out.key("a"), out.key("b"); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.begin_object(), out.key("a"), out.end_object(); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.begin_object(), out.end_object(), out.begin_object(); }));
  CHECK_FALSE(allowed([](json_writer& out) { out.raw(""); }));

  std::string text;
  json_writer out(text);
  out.begin_array();
  out.value("\xFF");
  const std::string then = text;
  out.value(1);
  out.key("a");
  out.begin_array();
  out.raw("1");
  out.end_array();
  CHECK(text == then);
  CHECK_FALSE(out.ok());
  CHECK_FALSE(out.complete());
}

TEST_CASE("nothing written yet is not complete", "[protocol]") {
  std::string text;
  const json_writer out(text);
  CHECK(out.ok());
  CHECK_FALSE(out.complete());
}

TEST_CASE("64 levels can be written and not one more", "[protocol]") {
  for (const int levels : {1, 63, 64, 65}) {
    std::string text;
    json_writer out(text);
    for (int i = 0; i < levels; ++i) {
      if (i % 3 == 0) {
        out.begin_array();
      } else {
        out.begin_object();
        out.key("k");
      }
      if (i % 3 != 0 && i + 1 == levels) out.value(1);
    }
    for (int i = levels; i-- > 0;) i % 3 == 0 ? out.end_array() : out.end_object();
    CHECK(out.complete() == (levels <= 64));
    if (out.complete()) CHECK(parse_json(text, {.depth = 64}));
  }
}

TEST_CASE("a parsed value is written as it was read, a missing one as null", "[protocol]") {
  CHECK(written(*parse_json(R"({"a": [1.50, "\u0041"]})")) == R"({"a": [1.50, "\u0041"]})");
  CHECK(written(json()) == "null");
}
