#include <catch2_any.hpp>
#include <hotline/log/conflation.hpp>

#include <string>

using hotline::detail::conflation_index;

TEST_CASE("an entry supersedes the newest before it of its type and key", "[log]") {
  conflation_index keys;
  CHECK_FALSE(keys.add(1, "progress", "task 1"));
  CHECK_FALSE(keys.add(2, "progress", "task 2"));
  CHECK_FALSE(keys.add(3, "status", "task 1"));
  CHECK(keys.add(4, "progress", "task 1") == 1);
  CHECK(keys.add(5, "progress", "task 1") == 4);
  CHECK(keys.add(6, "progress", "task 2") == 2);
}

TEST_CASE("a type and a key do not run into each other", "[log]") {
  conflation_index keys;
  CHECK_FALSE(keys.add(1, "ab", "c"));
  CHECK_FALSE(keys.add(2, "a", "bc"));
  CHECK_FALSE(keys.add(3, "a", std::string("\0b", 2)));
}

TEST_CASE("keys are forgotten with their entries", "[log]") {
  conflation_index keys;
  (void)keys.add(1, "a", "x");
  (void)keys.add(2, "a", "y");
  (void)keys.add(3, "a", "x");
  const std::size_t three = keys.footprint();
  keys.forget_before(2);
  CHECK(keys.footprint() < three);
  CHECK(keys.add(4, "a", "x") == 3);
  keys.forget_before(5);
  CHECK(keys.footprint() == 0);
  CHECK_FALSE(keys.add(6, "a", "x"));
  CHECK(keys.footprint() <= conflation_index::cost_of("a", "x"));
}
