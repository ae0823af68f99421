#include <hotline/authority.hpp>

#include <catch2_any.hpp>

#include <string>
#include <string_view>

using namespace hotline::detail;

namespace {

/// The bytes of an address in hexadecimal, "-" for what is none.
std::string ipv6(std::string_view text) {
  const auto bytes = parse_ipv6(text);
  if (!bytes) return "-";
  std::string hex;
  for (const auto byte : *bytes) hex.append({"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]});
  return hex;
}

}  // namespace

TEST_CASE("an IPv6 address is its sixteen bytes", "[authority]") {
  CHECK(ipv6("::") == std::string(32, '0'));
  CHECK(ipv6("::1") == std::string(31, '0') + "1");
  CHECK(ipv6("1::") == "0001" + std::string(28, '0'));
  CHECK(ipv6("1:2:3:4:5:6:7:8") == "00010002000300040005000600070008");
  CHECK(ipv6("1:2:3::6:7:8") == "00010002000300000000000600070008");
  CHECK(ipv6("::ffff:192.0.2.1") == std::string(20, '0') + "ffffc0000201");
  CHECK(ipv6("64:ff9b::192.0.2.1") == "0064ff9b" + std::string(16, '0') + "c0000201");
  CHECK(ipv6("1:2:3:4:5:6:7::") == "00010002000300040005000600070000");
  for (const char* none : {"", ":", ":1", "1:", "1:2", ":::", "1::2::3", "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "1.2.3.4", "::1.2.3",
                           "::1.2.3.4:5", "::01.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1%0", " ::1"}) {
    CAPTURE(none);
    CHECK(ipv6(none) == "-");
  }
}

TEST_CASE("an authority is a host and perhaps a port", "[authority]") {
  const auto parsed = parse_authority("[::1]:80");
  REQUIRE(parsed);
  CHECK(parsed->host == "[::1]");
  CHECK(parsed->port == "80");
  REQUIRE(parse_authority(""));
  CHECK(parse_authority("h:")->port.empty());
  CHECK_FALSE(parse_authority(":80"));
  CHECK_FALSE(parse_authority("u@h"));
  CHECK_FALSE(parse_authority("h:80:80"));
}

TEST_CASE("two hosts are one in whatever case and notation", "[authority]") {
  CHECK(is_same_host("App.Example", "app.example"));
  CHECK(is_same_host("[::1]", "[0:0::0001]"));
  CHECK_FALSE(is_same_host("[::1]", "::1"));
  CHECK_FALSE(is_same_host("[::1]", "[::2]"));
  CHECK_FALSE(is_same_host("a", "a."));
}

TEST_CASE("an IP address may have a port", "[authority]") {
  for (const char* one : {"192.0.2.1", "192.0.2.1:80", "::1", "[::1]", "[::1]:80", "::ffff:192.0.2.1"})
    CHECK(is_ip_address(one));
  for (const char* none : {"", "h", "h:80", "192.0.2", "192.0.2.1:x", "[192.0.2.1]", "[v1.a]", "[::1", "::1]:80"})
    CHECK_FALSE(is_ip_address(none));
}
