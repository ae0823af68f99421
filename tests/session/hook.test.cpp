#include <catch2_any.hpp>
#include <hotline/session/hook.hpp>

#include <functional>
#include <memory>
#include <string>

using hotline::detail::hook;

TEST_CASE("a hook is the function that was set last, or none", "[session]") {
  hook<int(int)> h;
  CHECK_FALSE(h);
  h = [](int n) { return n + 1; };
  CHECK(h);
  CHECK(h(1) == 2);
  h = [](int n) { return n + 2; };
  CHECK(h(1) == 3);
  SECTION("null is none") {
    h = nullptr;
    CHECK_FALSE(h);
  }
  SECTION("an empty function is none") {
    h = std::function<int(int)>();
    CHECK_FALSE(h);
  }
}

TEST_CASE("a hook may replace itself while it runs, and keeps its state until it has returned", "[session]") {
  hook<std::string()> h;
  const auto state = std::make_shared<std::string>("first");
  h = [&h, state] {
    h = [] { return std::string("second"); };
    CHECK(state.use_count() == 2);
    return *state;
  };
  CHECK(h() == "first");
  CHECK(state.use_count() == 1);
  CHECK(h() == "second");
}
