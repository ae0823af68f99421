#include <hotline/number_table.hpp>

#include <catch2_any.hpp>

#include <cstdint>
#include <memory>
#include <set>
#include <stdexcept>

using namespace hotline::detail;

namespace {

struct job : hashed_entry {
  explicit job(std::uint64_t number, int* living = nullptr) : hashed_entry(number), alive(living) {
    if (number == 13) throw std::invalid_argument("13");
    if (alive != nullptr) ++*alive;
  }
  ~job() {
    if (alive != nullptr) --*alive;
  }
  job(const job&) = delete;
  job& operator=(const job&) = delete;

  int* alive;
};

std::multiset<std::uint64_t> numbers_of(const number_table<job>& table) {
  std::multiset<std::uint64_t> numbers;
  for (const job* one = table.first(); one != nullptr; one = table.after(*one)) numbers.insert(one->hash());
  return numbers;
}

}  // namespace

TEST_CASE("a number table finds what was added by its number", "[number_table]") {
  number_table<job> table;
  CHECK(table.find(0) == nullptr);
  CHECK(table.first() == nullptr);
  job& zero = table.add(0U);
  job& large = table.add(~std::uint64_t{0});
  CHECK(table.find(0) == &zero);
  CHECK(table.find(~std::uint64_t{0}) == &large);
  CHECK(table.find(1) == nullptr);
  CHECK(table.size() == 2);
}

TEST_CASE("a number table grows and shrinks without losing one", "[number_table]") {
  number_table<job> table;
  std::multiset<std::uint64_t> expected;
  std::uint64_t number = 1;
  for (int i = 0; i < 3000; ++i) {
    number = number * 6364136223846793005U + 1442695040888963407U;
    table.add(number);
    expected.insert(number);
    if (i % 3 == 2) {
      job* const gone = table.find(*expected.begin());
      REQUIRE(gone != nullptr);
      expected.erase(expected.begin());
      table.release(*gone);
      delete gone;
    }
  }
  CHECK(numbers_of(table) == expected);
  for (const std::uint64_t known : expected) CHECK(table.find(known)->hash() == known);
}

TEST_CASE("numbers that differ in their high bits alone are told apart", "[number_table]") {
  number_table<job> table;
  for (std::uint64_t high = 0; high < 64; ++high) table.add(high << 40);
  for (std::uint64_t high = 0; high < 64; ++high) CHECK(table.find(high << 40)->hash() == high << 40);
  CHECK(table.find(std::uint64_t{64} << 40) == nullptr);
}

TEST_CASE("a number table destroys what it has, and what was released is the caller's", "[number_table]") {
  int alive = 0;
  std::unique_ptr<job> kept;
  {
    number_table<job> table;
    for (std::uint64_t n = 0; n < 10; ++n) table.add(n, &alive);
    kept.reset(table.find(3));
    table.release(*kept);
    CHECK(table.find(3) == nullptr);
    CHECK_THROWS_AS(table.add(13U, &alive), std::invalid_argument);
    CHECK(table.size() == 9);
    CHECK(alive == 10);
  }
  CHECK(alive == 1);
}
