#include <catch2_any.hpp>
#include <hotline/server/counted_address.hpp>

using hotline::detail::counted_address;

TEST_CASE("an address is counted without its port, and IPv6 by its network", "[server]") {
  CHECK(counted_address("127.0.0.1:40312") == "127.0.0.1");
  CHECK(counted_address("127.0.0.1") == "127.0.0.1");
  CHECK(counted_address("proxied") == "proxied");
  CHECK(counted_address("unix").empty());
  CHECK(counted_address("memory").empty());
  CHECK(counted_address("").empty());
  CHECK(counted_address("[2001:db8:1:2:3:4:5:6]:80") == "2001:db8:1:2:");
  CHECK(counted_address("[2001:db8:1:2::9]:80") == "2001:db8:1:2:");
  CHECK(counted_address("2001:db8:1:2::") == "2001:db8:1:2:");
  CHECK(counted_address("[2001:db8::9]:80") == "2001:db8:0:0:");
  CHECK(counted_address("[::1]:80") == "0:0:0:0:");
  CHECK(counted_address("::") == "0:0:0:0:");
  CHECK(counted_address("1::2:3:4:5:6:7") == "1:0:2:3:");
  CHECK(counted_address("[::ffff:192.0.2.1]:80") == "192.0.2.1");
  CHECK(counted_address("[") == "");
}
