#include <hotline/transport/socket/native_types.hpp>
#include <hotline/transport/socket/numeric_address.hpp>
#include <hotline/transport/socket/peer_address.hpp>

#include <catch2_any.hpp>

#include <cstring>
#include <string>

using hotline::detail::numeric_address;
using hotline::detail::peer_address;

TEST_CASE("addresses of both families are read with their port", "[transport]") {
  const auto v4 = numeric_address::read("192.0.2.1", 443);
  REQUIRE(v4);
  CHECK(v4->family() == AF_INET);
  CHECK(peer_address(v4->data(), v4->size()).text() == "192.0.2.1:443");
  const auto v6 = numeric_address::read("2001:db8::1", 65535);
  REQUIRE(v6);
  CHECK(v6->family() == AF_INET6);
  CHECK(peer_address(v6->data(), v6->size()).text() == "[2001:db8::1]:65535");
}

TEST_CASE("a zone is a name or a number", "[transport]") {
  const auto zone_of = [](const char* text) {
    const auto read = numeric_address::read(text, 1);
    REQUIRE(read);
    sockaddr_in6 made{};
    std::memcpy(&made, read->data(), sizeof made);
    return made.sin6_scope_id;
  };
  CHECK(zone_of("fe80::1%lo") > 0);
  CHECK(zone_of("fe80::1%77") == 77);
  CHECK(zone_of("fe80::1") == 0);
}

TEST_CASE("other texts are no addresses", "[transport]") {
  for (const char* const text :
       {"", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", "[::1]", "::1%", "::1%no such zone", "1.2.3.4%lo", ":::"})
    CHECK_FALSE(numeric_address::read(text, 1));
}
