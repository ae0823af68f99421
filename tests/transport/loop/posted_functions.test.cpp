#include <hotline/transport/loop/posted_functions.hpp>

#include <catch2_any.hpp>

#include <memory>
#include <vector>

using hotline::detail::posted_functions;

TEST_CASE("posted functions come out in their order, and only the first wakes the loop") {
  posted_functions posted;
  int woken = 0;
  std::vector<int> order;
  const auto wake = [&] { ++woken; };
  CHECK_FALSE(posted.take());
  for (int i = 0; i < 3; ++i) posted.add([&order, i] { order.push_back(i); }, wake);
  CHECK(woken == 1);
  CHECK(posted.size() == 3);
  while (const auto next = posted.take()) next();
  CHECK(order == std::vector{0, 1, 2});
  posted.add([] {}, wake);
  CHECK(woken == 2);
}

TEST_CASE("a loop that has a turn is not woken, and finds at its end that functions are left") {
  posted_functions posted;
  int woken = 0;
  posted.begin_turn();
  posted.add([] {}, [&] { ++woken; });
  CHECK(woken == 0);
  CHECK(posted.end_turn());
  CHECK(posted.take());
  posted.begin_turn();
  CHECK_FALSE(posted.end_turn());
  posted.add([] {}, [&] { ++woken; });
  CHECK(woken == 1);
}

TEST_CASE("closed posted functions keep nothing, and destroy what they had without their lock") {
  posted_functions posted;
  int woken = 0;
  const auto wake = [&] { ++woken; };
  bool destroyed = false;
  // Its destructor asks the list.
  std::shared_ptr<int> asks(new int, [&](int* p) {
    CHECK(posted.size() == 0);
    destroyed = true;
    delete p;
  });
  posted.add([asks] {}, wake);
  asks.reset();
  posted.close();
  CHECK(destroyed);
  CHECK(posted.size() == 0);
  posted.add([] {}, wake);
  CHECK(posted.size() == 0);
  CHECK(woken == 1);
}
