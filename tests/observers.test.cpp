#include <catch2_any.hpp>
#include <hotline/observers.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using hotline::subscription;
using hotline::detail::observers;

namespace {

const auto nothing_fails = [](const std::exception_ptr&) { FAIL("an observer threw"); };

}  // namespace

TEST_CASE("observers are called in the order in which they were added, with the arguments", "[observers]") {
  observers<int, const std::string&> all;
  std::vector<std::string> seen;
  const subscription first =
      all.add([&](int n, const std::string& s) { seen.push_back("1:" + std::to_string(n) + s); });
  const subscription second =
      all.add([&](int n, const std::string& s) { seen.push_back("2:" + std::to_string(n) + s); });

  all.call(nothing_fails, 7, "x");

  CHECK(seen == std::vector<std::string>{"1:7x", "2:7x"});
}

TEST_CASE("there are observers as long as a subscription lives", "[observers]") {
  observers<> all;
  CHECK_FALSE(all);
  all.call(nothing_fails);  // no observer
  int calls = 0;
  subscription one = all.add([&] { ++calls; });
  CHECK(all);

  SECTION("a subscription that is dropped ends its observer") {
    one.reset();
    CHECK_FALSE(all);
    all.call(nothing_fails);
    CHECK(calls == 0);
  }
  SECTION("a subscription that is released leaves its observer for good") {
    one.release();
    one.reset();
    all.call(nothing_fails);
    CHECK(calls == 1);
  }
  SECTION("clear ends all, and later ones are called") {
    all.clear();
    CHECK_FALSE(all);
    const subscription two = all.add([&] { calls += 10; });
    all.call(nothing_fails);
    CHECK(calls == 10);
    one.reset();
    all.call(nothing_fails);
    CHECK(calls == 20);
  }
}

TEST_CASE("a null function is not added", "[observers]") {
  observers<> all;
  const subscription none = all.add(nullptr);
  CHECK_FALSE(none);
  CHECK_FALSE(all);
}

TEST_CASE("an observer that throws keeps no other from being called", "[observers]") {
  observers<> all;
  int calls = 0;
  const subscription broken = all.add([] { throw std::runtime_error("broken"); });
  const subscription whole = all.add([&] { ++calls; });
  std::vector<std::string> thrown;

  all.call([&](const std::exception_ptr& e) {
    try {
      std::rethrow_exception(e);
    } catch (const std::runtime_error& error) {
      thrown.emplace_back(error.what());
    }
  });

  CHECK(thrown == std::vector<std::string>{"broken"});
  CHECK(calls == 1);
}

TEST_CASE("observers change while they are called", "[observers]") {
  observers<> all;
  std::vector<int> seen;
  subscription third;

  SECTION("an observer that ends another keeps it from being called") {
    const subscription first = all.add([&] {
      seen.push_back(1);
      third.reset();
    });
    const subscription second = all.add([&] { seen.push_back(2); });
    third = all.add([&] { seen.push_back(3); });
    all.call(nothing_fails);
    CHECK(seen == std::vector<int>{1, 2});
  }
  SECTION("an observer that ends itself finishes its call") {
    auto own = std::make_shared<subscription>();
    *own = all.add([&seen, own = std::weak_ptr(own)] {
      own.lock()->reset();
      seen.push_back(1);
    });
    all.call(nothing_fails);
    all.call(nothing_fails);
    CHECK(seen == std::vector<int>{1});
  }
  SECTION("an observer that is added during a call is called from the next on") {
    const subscription first = all.add([&] {
      seen.push_back(1);
      if (!third) third = all.add([&] { seen.push_back(3); });
    });
    all.call(nothing_fails);
    CHECK(seen == std::vector<int>{1});
    all.call(nothing_fails);
    CHECK(seen == std::vector<int>{1, 1, 3});
  }
  SECTION("clear during a call ends those that were not called yet") {
    const subscription first = all.add([&] {
      seen.push_back(1);
      all.clear();
    });
    const subscription second = all.add([&] { seen.push_back(2); });
    all.call(nothing_fails);
    CHECK(seen == std::vector<int>{1});
  }
}

TEST_CASE("an observer may destroy what calls it", "[observers]") {
  auto all = std::make_unique<observers<>>();
  std::vector<int> seen;
  subscription first = all->add([&] {
    seen.push_back(1);
    all.reset();
  });
  subscription second = all->add([&] { seen.push_back(2); });

  all->call(nothing_fails);

  CHECK(seen == std::vector<int>{1});
  first.reset();  // subscriptions outlive what they are to
  second.reset();
}

TEST_CASE("an observer may own a subscription to the same list", "[observers]") {
  observers<> all;
  int calls = 0;
  auto inner = std::make_shared<subscription>(all.add([&] { ++calls; }));
  subscription outer = all.add([inner = std::move(inner)] {});

  SECTION("it ends with its holder") {
    outer.reset();
    CHECK_FALSE(all);
    all.call(nothing_fails);
    CHECK(calls == 0);
  }
  SECTION("it ends with all others") {
    all.clear();
    CHECK_FALSE(all);
  }
}

TEST_CASE("observers that were moved from are only destroyed", "[observers]") {
  int calls = 0;
  observers<> from;
  const subscription one = from.add([&] { ++calls; });
  const observers<> to = std::move(from);
  to.call(nothing_fails);
  CHECK(calls == 1);
}

TEST_CASE("observers come and go on some threads while others call", "[observers]") {
  constexpr int rounds = 2000;
  observers<int> all;
  std::atomic<int> steady_calls{0};
  std::atomic<int> after_end{0};
  const subscription steady = all.add([&](int) { ++steady_calls; });

  const auto come_and_go = [&] {
    for (int i = 0; i < rounds; ++i) {
      auto alive = std::make_shared<std::atomic<bool>>(true);
      subscription passing = all.add([&, alive](int) { (void)alive->load(); });
      passing.reset();
    }
  };
  const auto call = [&] {
    for (int i = 0; i < rounds; ++i) all.call([&](const std::exception_ptr&) { ++after_end; }, i);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back(come_and_go);
  for (int i = 0; i < 2; ++i) threads.emplace_back(call);
  for (std::thread& t : threads) t.join();

  CHECK(steady_calls == 2 * rounds);
  CHECK(after_end == 0);
  int calls = 0;
  const subscription last = all.add([&](int) { ++calls; });
  all.call(nothing_fails, 0);
  CHECK(calls == 1);
}
