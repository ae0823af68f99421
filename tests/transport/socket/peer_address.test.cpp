#include <hotline/transport/socket/native_types.hpp>
#include <hotline/transport/socket/peer_address.hpp>

#include <catch2_any.hpp>

#include <cstring>
#include <string>

using hotline::detail::peer_address;

namespace {

peer_address v4(const char* text, int port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  REQUIRE(::inet_pton(AF_INET, text, &at.sin_addr) == 1);
  return {&at, sizeof at};
}

peer_address v6(const char* text, int port) {
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  at.sin6_port = htons(static_cast<std::uint16_t>(port));
  REQUIRE(::inet_pton(AF_INET6, text, &at.sin6_addr) == 1);
  return {&at, sizeof at};
}

}  // namespace

TEST_CASE("a peer's address is written as people write it") {
  CHECK(v4("127.0.0.1", 40312).text() == "127.0.0.1:40312");
  CHECK(v4("255.255.255.255", 65535).text() == "255.255.255.255:65535");
  CHECK(v6("::1", 1).text() == "[::1]:1");
  CHECK(v6("2001:db8:1111:2222:3333:4444:5555:6666", 65535).text() == "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
  CHECK(peer_address().text() == "unix");
  const std::string kept = v4("127.0.0.123", 40312).text();
  CHECK(kept.capacity() == kept.size());
}

TEST_CASE("an address of another family, or one that is cut short, is that of a Unix socket") {
  sockaddr_storage local{};
  local.ss_family = AF_UNIX;
  CHECK(peer_address(&local, sizeof local).text() == "unix");
  sockaddr_in cut{};
  cut.sin_family = AF_INET;
  CHECK(peer_address(&cut, 4).text() == "unix");
  CHECK(peer_address(&cut, 0).text() == "unix");
}

TEST_CASE("an address counts for its network") {
  CHECK(v4("192.0.2.7", 1).network() == std::string("\xc0\x00\x02\x07", 4));
  CHECK(v6("::ffff:192.0.2.7", 1).network() == v4("192.0.2.7", 2).network());
  CHECK(v6("2001:db8::1", 1).network() == v6("2001:db8::2:3", 9).network());
  CHECK(v6("2001:db8::1", 1).network() != v6("2001:db8:0:1::1", 1).network());
  CHECK(peer_address().network().empty());
  CHECK(v4("192.0.2.7", 40312).port() == 40312);
}

TEST_CASE("loopback addresses are known as IPv4, as IPv6 and as IPv4 in IPv6") {
  for (const char* const here : {"127.0.0.1", "127.255.0.3"}) CHECK(v4(here, 1).is_loopback());
  for (const char* const here : {"::1", "::ffff:127.0.0.1"}) CHECK(v6(here, 1).is_loopback());
  for (const char* const elsewhere : {"0.0.0.0", "128.0.0.1"}) CHECK_FALSE(v4(elsewhere, 1).is_loopback());
  for (const char* const elsewhere : {"::", "::2", "::ffff:10.0.0.1", "1::1", "::127.0.0.1"}) {
    CAPTURE(elsewhere);
    CHECK_FALSE(v6(elsewhere, 1).is_loopback());
  }
  CHECK_FALSE(peer_address().is_loopback());
}
