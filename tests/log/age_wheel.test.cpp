#include <catch2_any.hpp>
#include <hotline/log/age_wheel.hpp>

#include <array>
#include <chrono>
#include <vector>

using namespace hotline;
using namespace hotline::detail;
using namespace std::chrono_literals;

namespace {

struct item : ring_link<by_age> {};

constexpr steady_time start{100s};

}  // namespace

TEST_CASE("a member comes up at its full second, and never early", "[age_wheel]") {
  age_wheel<item> wheel(start);
  item one;
  wheel.put(one, start + 1500ms);

  CHECK(wheel.due(start) == nullptr);
  CHECK(wheel.due(start + 1500ms) == nullptr);
  CHECK(wheel.due(start + 1999ms) == nullptr);
  CHECK(wheel.due(start + 2s) == &one);
  CHECK(wheel.due(start + 2s) == &one);  // until it is put elsewhere

  wheel.put(one, start + 3s);
  CHECK(wheel.due(start + 2s) == nullptr);
  CHECK(wheel.due(start + 3s) == &one);
}

TEST_CASE("members come up in the order of their seconds", "[age_wheel]") {
  age_wheel<item> wheel(start);
  std::array<item, 3> items;
  wheel.put(items[0], start + 30s);
  wheel.put(items[1], start + 10s);
  wheel.put(items[2], start + 20s);

  std::vector<const item*> order;
  while (item* const up = wheel.due(start + 1h)) {
    order.push_back(up);
    up->leave_ring();
  }
  CHECK(order == std::vector<const item*>{&items[1], &items[2], &items[0]});
}

TEST_CASE("a time that is past comes up at once", "[age_wheel]") {
  age_wheel<item> wheel(start);
  item one;
  wheel.put(one, start - 50s);
  CHECK(wheel.due(start) == &one);
}

TEST_CASE("a time beyond the wheel comes up before it, to be put again", "[age_wheel]") {
  age_wheel<item> wheel(start);
  item one;
  const steady_time due = start + 24h;
  wheel.put(one, due);
  int times = 0;
  for (steady_time now = start; now < due; now += 1s) {
    item* const up = wheel.due(now);
    if (up == nullptr) continue;
    REQUIRE(up == &one);
    ++times;
    wheel.put(one, due);
  }
  CHECK(times > 0);
  CHECK(times < 24 * 3600 / 1000 + 1);
  CHECK(wheel.due(due) == &one);
}

TEST_CASE("a wheel that nobody asked for long goes on at the present", "[age_wheel]") {
  age_wheel<item> wheel(start);
  CHECK(wheel.due(start + 100h) == nullptr);
  item one;
  wheel.put(one, start + 100h + 2s);
  CHECK(wheel.due(start + 100h + 1s) == nullptr);
  CHECK(wheel.due(start + 100h + 2s) == &one);
}
