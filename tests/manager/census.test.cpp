#include <catch2_any.hpp>
#include <hotline/manager/census.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
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
    CHECK_FALSE(arrive(number).goes);
    here.hear(number);
    return here.let_in(number, address);
  }

  census::surplus arrive(std::uint64_t number, const std::string& address = "a") {
    const census::surplus too_many = here.arrive(number, address);
    if (too_many.told) here.leave_handshake(*too_many.told);
    return too_many;
  }

  // Who goes for it, and its head was awaited: it is gone then.
  std::uint64_t cuts_off(std::uint64_t number, const std::string& address = "a") {
    const std::uint64_t goes = arrive(number, address).goes.value_or(0);
    if (goes != 0) here.leave_handshake(goes);
    return goes;
  }

  // Who is told to go for it: it stays until the next has to go.
  std::uint64_t tells(std::uint64_t number, const std::string& address = "a") {
    const std::uint64_t goes = arrive(number, address).goes.value_or(0);
    if (goes == 0) return 0;
    here.tell(goes);
    here.await(goes);
    return goes;
  }

  void hold(std::uint64_t number, const std::string& address = "a") {
    CHECK_FALSE(arrive(number, address).goes);
    here.hear(number);
    here.keep_waiting(number);
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
  for (const std::uint64_t number : {1U, 2U, 3U}) CHECK_FALSE(s.arrive(number).goes);
  CHECK(s.counted.handshakes.value() == 3);
  CHECK(s.cuts_off(4) == 1);
  // Two has sent its head: it is the host that it waits for.
  s.here.hear(2);
  s.here.keep_waiting(2);
  CHECK(s.cuts_off(5) == 3);
  CHECK(s.counted.handshakes.value() == 3);
  CHECK(s.counted.accepted.value() == 5);
  CHECK(s.counted.limits[limit::handshakes].value() == 2);
}

TEST_CASE("where nobody's head is awaited, who comes is the one too many", "[manager]") {
  stage s({.handshakes = 2});
  for (const std::uint64_t number : {1U, 2U}) s.hold(number);
  // Each is told so. There is one more than there are places, however many come.
  for (std::uint64_t number = 3; number < 10; ++number) {
    CHECK(s.tells(number) == number);
    CHECK(s.counted.handshakes.value() == 3);
  }
  s.here.leave_handshake(9);
  s.here.leave_handshake(1);
  CHECK(s.tells(10) == 0);
  CHECK(s.counted.handshakes.value() == 2);
}

TEST_CASE("the address that has most handshakes gives way, with who waits for the host too", "[manager]") {
  stage s({.handshakes = 4});
  for (const std::uint64_t number : {1U, 2U, 3U}) s.hold(number, "bad");
  s.hold(4, "good");
  // Its last, for the first is nearly in.
  CHECK(s.tells(5, "other") == 3);
  s.here.hear(5);
  s.here.keep_waiting(5);
  CHECK(s.arrive(6, "bad").goes == 6);
  CHECK(s.counted.handshakes.value() == 5);
}

TEST_CASE("a handshake counts for the address that the host names", "[manager]") {
  stage s({.handshakes = 4});
  for (const std::uint64_t number : {1U, 2U, 3U, 4U}) {
    CHECK_FALSE(s.arrive(number, "proxy").goes);
    s.here.hear(number);
    s.here.move(number, number < 4 ? "bad" : "good");
    s.here.keep_waiting(number);
  }
  CHECK(s.tells(5, "proxy") == 3);
  s.here.hear(5);
  s.here.move(5, "good");
  s.here.keep_waiting(5);
  // Two and two: nobody has more than who comes will have, but for one of nowhere yet.
  CHECK(s.tells(6, "bad") == 6);
}

TEST_CASE("of addresses that have as many, the one that is silent longest gives way", "[manager]") {
  stage s({.handshakes = 3});
  CHECK_FALSE(s.arrive(1, "a").goes);
  CHECK_FALSE(s.arrive(2, "b").goes);
  s.hold(3, "c");
  CHECK(s.cuts_off(4, "d") == 1);
  CHECK(s.cuts_off(5, "e") == 2);
  CHECK(s.cuts_off(6, "c") == 4);
  CHECK(s.cuts_off(7, "d") == 6);
  s.here.hear(5);
  s.here.keep_waiting(5);
  s.here.hear(7);
  s.here.keep_waiting(7);
  // All have one, and all wait for the host.
  CHECK(s.tells(8, "f") == 8);
}

TEST_CASE("whoever comes and goes, the address that has most is known", "[manager]") {
  constexpr std::size_t places = 40;
  stage s({.handshakes = places});
  struct one {
    std::string address;
    bool holds;  // waits for the host
  };
  std::map<std::uint64_t, one> here;  // in the order in which they came
  std::uint64_t random = 1;
  const auto draw = [&random](std::uint64_t below) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (random >> 33U) % below;
  };
  for (std::uint64_t number = 1; number < 5000; ++number) {
    const std::string address(1, static_cast<char>('a' + draw(7) * draw(2)));
    std::map<std::string, std::size_t> sizes;
    for (const auto& [n, each] : here) ++sizes[each.address];
    std::size_t most = 0;
    for (const auto& [name, size] : sizes) most = std::max(most, size);
    const std::size_t own = sizes[address];
    const std::uint64_t goes = s.cuts_off(number, address);
    here[number] = {address, false};
    CHECK((goes != 0) == (here.size() > places));
    if (goes != 0) {
      REQUIRE(here.contains(goes));
      const one gone = here[goes];
      if (goes != number) {
        CHECK(sizes[gone.address] >= (gone.address == address ? most - 1 : most));
        if (own == most) CHECK_FALSE(gone.holds);
      }
      for (const auto& [n, each] : here)
        if (each.address == gone.address && !gone.holds && !each.holds) {
          CHECK(n == goes);  // the first of them
          break;
        }
      here.erase(goes);
    }
    if (here.contains(number) && draw(2) == 0) {
      s.here.hear(number);
      s.here.keep_waiting(number);
      here[number].holds = true;
    }
    if (draw(8) == 0 && !here.empty()) {
      auto leaves = here.begin();
      std::advance(leaves, static_cast<std::ptrdiff_t>(draw(here.size())));
      s.here.leave_handshake(leaves->first);
      here.erase(leaves);
    }
  }
  CHECK(s.counted.handshakes.value() == here.size());
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
