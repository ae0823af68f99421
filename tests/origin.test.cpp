#include <hotline/origin.hpp>

#include <catch2_any.hpp>

#include <functional>
#include <string_view>

using namespace hotline;

TEST_CASE("a page is of the same origin by its scheme, host and port", "[origin]") {
  static_assert(is_same_origin("https://h", "h"));
  CHECK(is_same_origin("https://h", "h:443"));
  CHECK(is_same_origin("https://h", "h:443", "https"));
  CHECK(is_same_origin("https://h", "h", "wss"));
  CHECK_FALSE(is_same_origin("https://h", "h", "http"));
  CHECK_FALSE(is_same_origin("http://h:443", "h", "https"));
  CHECK_FALSE(is_same_origin("https://h", "h:80"));
  CHECK_FALSE(is_same_origin("null", "null"));
  CHECK_FALSE(is_same_origin("", ""));
  CHECK_FALSE(is_same_origin("https://h", ""));
  CHECK_FALSE(is_same_origin("https://h", "h:443:443"));
}

TEST_CASE("a rule about origins takes functions of two and of three, and may be none", "[origin]") {
  CHECK_FALSE(origin_rule());
  CHECK_FALSE(origin_rule(nullptr));
  CHECK_FALSE(origin_rule(std::function<bool(std::string_view, std::string_view)>()));
  using function = bool (*)(std::string_view, std::string_view);
  CHECK_FALSE(origin_rule(function()));
  const origin_rule same = is_same_origin;
  REQUIRE(same);
  CHECK(same("https://h", "h"));
  CHECK_FALSE(same("https://h", "h", "http"));
  const origin_rule two = [](std::string_view origin, std::string_view host) { return origin == host; };
  REQUIRE(two);
  CHECK(two("x", "x", "http"));
  const origin_rule three = [](std::string_view, std::string_view, std::string_view scheme) {
    return scheme == "http";
  };
  CHECK(three("", "", "http"));
  CHECK_FALSE(three("", ""));
}
