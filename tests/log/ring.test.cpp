#include <catch2_any.hpp>
#include <hotline/log/ring.hpp>

#include <array>
#include <memory>
#include <vector>

using namespace hotline::detail;

namespace {

struct by_name;
struct item : ring_link<by_name> {
  explicit item(int n) : number(n) {}
  int number;
};
using items = ring<item, by_name>;

std::vector<int> numbers_in(const items& all) {
  std::vector<int> numbers;
  for (item* i = all.first(); i != nullptr; i = all.behind(*i)) numbers.push_back(i->number);
  return numbers;
}

}  // namespace

TEST_CASE("a ring keeps the order in which its members entered", "[ring]") {
  std::array<item, 3> some{item(1), item(2), item(3)};
  items all;
  CHECK(all.first() == nullptr);
  for (item& i : some) all.push(i);
  CHECK(numbers_in(all) == std::vector<int>{1, 2, 3});

  SECTION("a member that enters again is the last") {
    all.push(some[0]);
    CHECK(numbers_in(all) == std::vector<int>{2, 3, 1});
    all.push(some[0]);
    CHECK(numbers_in(all) == std::vector<int>{2, 3, 1});
  }
  SECTION("a member leaves, once") {
    some[1].leave_ring();
    some[1].leave_ring();
    CHECK(numbers_in(all) == std::vector<int>{1, 3});
  }
  SECTION("a member that enters another ring leaves this one") {
    items other;
    other.push(some[2]);
    CHECK(numbers_in(all) == std::vector<int>{1, 2});
    CHECK(numbers_in(other) == std::vector<int>{3});
  }
}

TEST_CASE("a member that is destroyed leaves its ring", "[ring]") {
  items all;
  item first(1);
  auto second = std::make_unique<item>(2);
  all.push(first);
  all.push(*second);
  second.reset();
  CHECK(numbers_in(all) == std::vector<int>{1});
}
