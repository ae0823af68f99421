#include <catch2_any.hpp>
#include <hotline/manager/census.hpp>

#include <cstdint>
#include <optional>
#include <string>

using namespace hotline;
using detail::census;
using detail::counted_address;

namespace {

struct stage {
  explicit stage(connection_limits l) : limits(l) {}

  // Until it is a connection.
  census::address_share* let_in(std::uint64_t number, const std::string& address) {
    CHECK_FALSE(here.arrive(number));
    here.hear(number);
    return here.let_in(number, address);
  }

  connection_limits limits;
  detail::live_metrics counted;
  census here{limits, counted};
};

}  // namespace

TEST_CASE("an address is counted without its port, and IPv6 by its network", "[manager]") {
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

TEST_CASE("one handshake too many ends the one whose head is awaited longest", "[manager]") {
  stage s({.handshakes = 3});
  for (const std::uint64_t number : {1U, 2U, 3U}) CHECK_FALSE(s.here.arrive(number));
  CHECK(s.counted.handshakes.value() == 3);
  CHECK(s.here.arrive(4) == 1);
  s.here.leave_handshake(1);
  // Two has sent its head: it is the host that it waits for.
  s.here.hear(2);
  CHECK(s.here.arrive(5) == 3);
  s.here.leave_handshake(3);
  CHECK(s.counted.handshakes.value() == 3);
  CHECK(s.counted.accepted.value() == 5);
  CHECK(s.counted.limits[limit::handshakes].value() == 2);
}

TEST_CASE("where nobody's head is awaited, who comes is the one too many", "[manager]") {
  stage s({.handshakes = 2});
  for (const std::uint64_t number : {1U, 2U}) {
    CHECK_FALSE(s.here.arrive(number));
    s.here.hear(number);
  }
  CHECK(s.here.arrive(3) == 3);
  // It was answered and takes its answer: now it can be cut off for the next.
  CHECK(s.here.arrive(4) == 3);
}

TEST_CASE("connections are counted in all, for a project and for an address", "[manager]") {
  stage s({.all = 4, .per_project = 3, .per_address = 2});
  CHECK_FALSE(s.here.full(0, "a"));
  CHECK(s.here.full(3, "a") == limit::project_connections);
  census::address_share* const first = s.let_in(1, "a");
  CHECK_FALSE(s.here.full(1, "a"));
  CHECK(s.let_in(2, "a") == first);
  CHECK(s.here.full(2, "a") == limit::address_connections);
  CHECK_FALSE(s.here.full(2, "b"));
  s.here.leave_connection(first);
  CHECK_FALSE(s.here.full(1, "a"));
  CHECK(s.let_in(3, "") == nullptr);
  CHECK(s.let_in(4, "") == nullptr);
  CHECK_FALSE(s.here.full(0, ""));
  CHECK(s.let_in(5, "") == nullptr);
  CHECK(s.here.full(0, "") == limit::connections);
  CHECK(s.counted.connections.value() == 4);
  CHECK(s.counted.handshakes.value() == 0);
}
