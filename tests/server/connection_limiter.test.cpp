#include <catch2_any.hpp>
#include <connection/lone_connection.hpp>
#include <hotline/server/connection_limiter.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>

using namespace hotline;
using detail::address_record;
using detail::connection;
using detail::connection_limiter;

namespace {

/// A limiter and its connections, each of which goes by its number.
struct limited_crowd {
  explicit limited_crowd(connection_limits l) : limits(l) {}

  connection_limiter::surplus arrive(std::uint64_t number, const std::string& address = "a") {
    auto& c = all[number];
    c = std::make_unique<connection>(options, hotline_test::no_socket(), number, address, steady_time());
    const connection_limiter::surplus too_many = here.arrive(*c);
    if (too_many.told != nullptr) leave(too_many.told->arriving()->number);
    return too_many;
  }

  // Until it is a connection.
  address_record* let_in(std::uint64_t number, const std::string& address) {
    CHECK(arrive(number).goes == nullptr);
    connection& c = *all.at(number);
    here.look_at(c);
    c.arriving()->remote_address = address;
    here.let_in(c);
    return c.address;
  }

  // Its socket has ended.
  void leave(std::uint64_t number) {
    const auto gone = all.find(number);
    here.leave(*gone->second);
    here.let_go(*gone->second);
    all.erase(gone);
  }

  // Returns the handshake that goes for it, whose head was awaited: it is gone then.
  std::uint64_t cuts_off(std::uint64_t number, const std::string& address = "a") {
    const connection* const goes = arrive(number, address).goes;
    if (goes == nullptr) return 0;
    const std::uint64_t gone = goes->arriving()->number;
    leave(gone);
    return gone;
  }

  // Returns the handshake that gets an answer so that this one may come: it stays until the next has to go.
  std::uint64_t tells(std::uint64_t number, const std::string& address = "a") {
    connection* const goes = arrive(number, address).goes;
    if (goes == nullptr) return 0;
    here.tell(*goes);
    here.await(*goes);
    return goes->arriving()->number;
  }

  // Its head is here, and it waits for the host.
  void wait(std::uint64_t number) {
    here.look_at(*all.at(number));
    here.keep_waiting(*all.at(number));
  }

  void arrive_and_wait(std::uint64_t number, const std::string& address = "a") {
    CHECK(arrive(number, address).goes == nullptr);
    wait(number);
  }

  // Its head is here, and the host has named another address; it waits for the host.
  void move_and_wait(std::uint64_t number, const std::string& address) {
    here.look_at(*all.at(number));
    here.move(*all.at(number), address);
    here.keep_waiting(*all.at(number));
  }

  manager_options options;
  connection_limits limits;
  detail::live_metrics counted;
  detail::address_table addresses;
  connection_limiter here{limits, counted, addresses};
  std::map<std::uint64_t, std::unique_ptr<connection>> all;
};

}  // namespace

TEST_CASE("one handshake too many ends the one whose head is awaited longest", "[server]") {
  limited_crowd s({.handshakes = 3});
  for (const std::uint64_t number : {1U, 2U, 3U}) CHECK(s.arrive(number).goes == nullptr);
  CHECK(s.counted.handshakes.value() == 3);
  CHECK(s.cuts_off(4) == 1);
  // Two has sent its head: it is the host that it waits for.
  s.wait(2);
  CHECK(s.cuts_off(5) == 3);
  CHECK(s.counted.handshakes.value() == 3);
  CHECK(s.counted.accepted.value() == 5);
  CHECK(s.counted.limits[limit::handshakes].value() == 2);
}

TEST_CASE("where no head is awaited, the handshake that comes is the one too many", "[server]") {
  limited_crowd s({.handshakes = 2});
  for (const std::uint64_t number : {1U, 2U}) s.arrive_and_wait(number);
  // Each gets an answer. There is one more than there are places, however many come.
  for (std::uint64_t number = 3; number < 10; ++number) {
    CHECK(s.tells(number) == number);
    CHECK(s.counted.handshakes.value() == 3);
  }
  s.leave(9);
  s.leave(1);
  CHECK(s.tells(10) == 0);
  CHECK(s.counted.handshakes.value() == 2);
}

TEST_CASE("the address that has most handshakes gives way, with those that wait for the host too", "[server]") {
  limited_crowd s({.handshakes = 4});
  for (const std::uint64_t number : {1U, 2U, 3U}) s.arrive_and_wait(number, "bad");
  s.arrive_and_wait(4, "good");
  // Its last, for the first is nearly in.
  CHECK(s.tells(5, "other") == 3);
  s.wait(5);
  CHECK(s.arrive(6, "bad").goes->arriving()->number == 6);
  CHECK(s.counted.handshakes.value() == 5);
}

TEST_CASE("a handshake counts for the address that the host names", "[server]") {
  limited_crowd s({.handshakes = 4});
  for (const std::uint64_t number : {1U, 2U, 3U, 4U}) {
    CHECK(s.arrive(number, "proxy").goes == nullptr);
    s.move_and_wait(number, number < 4 ? "bad" : "good");
  }
  CHECK(s.tells(5, "proxy") == 3);
  s.move_and_wait(5, "good");
  // Two and two: nobody has more than who comes will have, but for one of nowhere yet.
  CHECK(s.tells(6, "bad") == 6);
}

TEST_CASE("among addresses that have as many, the one that is silent longest gives way", "[server]") {
  limited_crowd s({.handshakes = 3});
  CHECK(s.arrive(1, "a").goes == nullptr);
  CHECK(s.arrive(2, "b").goes == nullptr);
  s.arrive_and_wait(3, "c");
  CHECK(s.cuts_off(4, "d") == 1);
  CHECK(s.cuts_off(5, "e") == 2);
  CHECK(s.cuts_off(6, "c") == 4);
  CHECK(s.cuts_off(7, "d") == 6);
  s.wait(5);
  s.wait(7);
  // All have one, and all wait for the host.
  CHECK(s.tells(8, "f") == 8);
}

TEST_CASE("the address that has most is known, however handshakes come and go", "[server]") {
  constexpr std::size_t places = 40;
  limited_crowd s({.handshakes = places});
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
      s.wait(number);
      here[number].holds = true;
    }
    if (draw(8) == 0 && !here.empty()) {
      auto leaves = here.begin();
      std::advance(leaves, static_cast<std::ptrdiff_t>(draw(here.size())));
      s.leave(leaves->first);
      here.erase(leaves);
    }
  }
  CHECK(s.counted.handshakes.value() == here.size());
}

TEST_CASE("connections are counted in all, for a project and for an address", "[server]") {
  limited_crowd s({.all = 4, .per_project = 3, .per_address = 2});
  CHECK_FALSE(s.here.full(0, "a"));
  CHECK(s.here.full(3, "a") == limit::project_connections);
  const address_record* const first = s.let_in(1, "a");
  CHECK_FALSE(s.here.full(1, "a"));
  CHECK(s.let_in(2, "a") == first);
  CHECK(s.here.full(2, "a") == limit::address_connections);
  CHECK_FALSE(s.here.full(2, "b"));
  s.leave(2);
  CHECK_FALSE(s.here.full(1, "a"));
  CHECK(s.let_in(3, "") == nullptr);
  CHECK(s.let_in(4, "") == nullptr);
  CHECK_FALSE(s.here.full(0, ""));
  CHECK(s.let_in(5, "") == nullptr);
  CHECK(s.here.full(0, "") == limit::connections);
  CHECK(s.counted.connections.value() == 4);
  CHECK(s.counted.handshakes.value() == 0);
}
