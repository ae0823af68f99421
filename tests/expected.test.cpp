#include <hotline/command/command_result.hpp>
#include <hotline/error.hpp>
#include <hotline/expected.hpp>

#include <catch2_any.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

using hotline::detail::expected;

namespace {

/// A value that its owner counts.
class counted {
 public:
  explicit counted(int& alive) noexcept : alive_(&alive) { ++*alive_; }
  counted(const counted& other) noexcept : alive_(other.alive_) { ++*alive_; }
  counted& operator=(const counted&) = delete;
  ~counted() { --*alive_; }

 private:
  int* alive_;
};

struct throws_when_moved {
  throws_when_moved() = default;
  throws_when_moved(const throws_when_moved&) = default;
  throws_when_moved(throws_when_moved&&) {}
};

}  // namespace

TEST_CASE("an expected has its value or its error", "[expected]") {
  const expected<int, std::string> value = 7;
  REQUIRE(value);
  CHECK(value.has_value());
  CHECK(*value == 7);

  const expected<int, std::string> error = std::string("a reason that is too long for a small string");
  CHECK_FALSE(error);
  CHECK(error.error() == "a reason that is too long for a small string");
}

TEST_CASE("an expected is copied, moved and assigned to in each state", "[expected]") {
  const std::string long_text(100, 'x');
  const expected<std::string, std::unique_ptr<int>> moved_from_value = std::string(long_text);
  CHECK(moved_from_value->size() == 100);

  expected<std::string, int> first = std::string(long_text);
  const expected<std::string, int> copy = first;
  CHECK(*copy == long_text);
  CHECK(*first == long_text);
  first = 3;
  CHECK(first.error() == 3);
  const expected<std::string, int> copy_of_error = first;
  CHECK(copy_of_error.error() == 3);
  first = copy;
  CHECK(*first == long_text);
  expected<std::string, int> second = std::move(first);
  CHECK(*std::move(second) == long_text);
}

TEST_CASE("an expected that is assigned to itself keeps its value", "[expected]") {
  expected<std::string, int> one = std::string(100, 'x');
  const expected<std::string, int>& same = one;
  one = same;
  CHECK(one->size() == 100);
}

TEST_CASE("an expected destroys what it has, and only that", "[expected]") {
  int values = 0;
  int errors = 0;
  struct fault : counted {
    using counted::counted;
  };
  {
    expected<counted, fault> one = counted(values);
    CHECK(values == 1);
    CHECK(errors == 0);
    one = fault(errors);
    CHECK(values == 0);
    CHECK(errors == 1);
    const auto copy = one;
    CHECK(errors == 2);
  }
  CHECK(values == 0);
  CHECK(errors == 0);
}

TEST_CASE("an expected can do what its types can do", "[expected]") {
  CHECK(std::is_copy_constructible_v<expected<int, std::string>>);
  CHECK_FALSE(std::is_copy_constructible_v<expected<std::unique_ptr<int>, std::string>>);
  CHECK(std::is_nothrow_move_constructible_v<expected<std::unique_ptr<int>, std::string>>);
  // A value that throws as it is moved would leave neither value nor error behind.
  CHECK(std::is_move_constructible_v<expected<throws_when_moved, int>>);
  CHECK(std::is_nothrow_move_assignable_v<expected<std::string, int>>);
  CHECK_FALSE(std::is_assignable_v<expected<int, throws_when_moved>&, expected<int, throws_when_moved>>);
  CHECK_FALSE(std::is_copy_assignable_v<expected<std::unique_ptr<int>, std::string>>);
  // A copy takes memory: the classes around it must not promise that it cannot fail.
  CHECK_FALSE(std::is_nothrow_copy_assignable_v<hotline::result<std::string>>);
  CHECK_FALSE(std::is_nothrow_copy_assignable_v<hotline::command_result>);
}

TEST_CASE("an expected whose value cannot be moved in keeps what it had", "[expected]") {
  struct moody {
    moody(int v, bool t) : value(v), throws(t) {}
    moody(moody&& other) : value(other.value), throws(other.throws) {
      if (other.throws && other.armed) throw std::runtime_error("not now");
      armed = other.throws;  // the next move throws
    }
    moody& operator=(moody&& other) {
      if (other.throws) throw std::runtime_error("not now");
      value = other.value;
      return *this;
    }
    int value;
    bool throws;
    bool armed = false;
  };
  expected<moody, std::string> one = std::string("an error");
  one = expected<moody, std::string>(moody(1, false));
  REQUIRE(one);
  CHECK(one->value == 1);
  expected<moody, std::string> error = std::string("another error, too long for a small string");
  CHECK_THROWS(error = expected<moody, std::string>(moody(2, true)));
  REQUIRE_FALSE(error);
  CHECK(error.error() == "another error, too long for a small string");
  CHECK_THROWS(one = expected<moody, std::string>(moody(3, true)));
  REQUIRE(one);
  CHECK(one->value == 1);
  one = expected<moody, std::string>(std::string("an error"));
  CHECK(one.error() == "an error");
}
