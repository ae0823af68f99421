#include <hotline/keyed_table.hpp>

#include <catch2_any.hpp>

#include <algorithm>
#include <cstddef>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace hotline::detail;

namespace {

struct tally : keyed_entry {
  tally(std::string name, int value, int* alive = nullptr) : keyed_entry(std::move(name)), count(value), living(alive) {
    if (value < 0) throw std::invalid_argument("below zero");
    if (living != nullptr) ++*living;
  }
  ~tally() {
    if (living != nullptr) --*living;
  }

  int count;
  int* living;
};

constexpr hash_key some_key{1, 2};

std::vector<std::string> names_of(const keyed_table<tally>& table) {
  std::vector<std::string> names;
  for (const tally* one = table.first(); one != nullptr; one = table.after(*one)) names.push_back(one->name());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("a keyed table finds what was added by its name", "[keyed_table]") {
  keyed_table<tally> table(some_key);
  CHECK(table.empty());
  CHECK(table.find("") == nullptr);
  CHECK(table.first() == nullptr);

  tally& cat = table.add("cat", 3);
  tally& empty = table.add("", 4);
  CHECK(table.size() == 2);
  CHECK(table.find("cat") == &cat);
  CHECK(table.find("") == &empty);
  CHECK(table.find("ca") == nullptr);
  CHECK(cat.name() == "cat");
  CHECK(cat.count == 3);
}

TEST_CASE("a keyed table destroys what is erased, and at its end the rest", "[keyed_table]") {
  int alive = 0;
  {
    keyed_table<tally> table(some_key);
    table.add("a", 1, &alive);
    table.add("b", 2, &alive);
    CHECK(alive == 2);
    table.erase(*table.find("a"));
    CHECK(alive == 1);
    CHECK(table.find("a") == nullptr);
    CHECK(names_of(table) == std::vector<std::string>{"b"});
    table.clear();
    CHECK(alive == 0);
    CHECK(table.empty());
    table.add("c", 3, &alive);
    CHECK(table.find("c") != nullptr);
  }
  CHECK(alive == 0);
}

TEST_CASE("a keyed table is as before when an object cannot be made", "[keyed_table]") {
  keyed_table<tally> table(some_key);
  for (int i = 0; i < 20; ++i) {
    CHECK_THROWS(table.add("bad", -1));
    table.add("good" + std::to_string(i), i);
  }
  CHECK(table.size() == 20);
  CHECK(table.find("bad") == nullptr);
  CHECK(names_of(table).size() == 20);
}

TEST_CASE("a keyed table of any size finds, walks over and removes what it has", "[keyed_table]") {
  // Each size up to a few hundred: a bucket is split at every one of them.
  keyed_table<tally> table(some_key);
  std::set<std::string> model;
  std::mt19937 random(7);
  for (int step = 0; step < 2000; ++step) {
    const std::string name = "name" + std::to_string(random() % 600);
    tally* const known = table.find(name);
    REQUIRE((known != nullptr) == model.contains(name));
    if (known == nullptr) {
      CHECK(table.add(name, step).count == step);
      model.insert(name);
    } else if (random() % 4 == 0) {
      table.erase(*known);
      model.erase(name);
    }
    REQUIRE(table.size() == model.size());
    if (step % 50 == 0) REQUIRE(names_of(table) == std::vector<std::string>(model.begin(), model.end()));
  }
  for (const std::string& name : model) REQUIRE(table.find(name)->name() == name);
}

TEST_CASE("an object that is destroyed with its table may look into the table", "[keyed_table]") {
  struct curious : keyed_entry {
    curious(std::string name, keyed_table<curious>& t) : keyed_entry(std::move(name)), table(t) {}
    ~curious() {
      for (const char* const other : {"a", "b", "c"}) {
        CHECK(table.find(other) == nullptr);
      }
      CHECK(table.empty());
    }

    keyed_table<curious>& table;
  };
  keyed_table<curious> table(some_key);
  for (const char* const name : {"a", "b", "c"}) table.add(name, table);
  table.clear();
  CHECK(table.find("a") == nullptr);
  table.add("a", table);
}

TEST_CASE("an object of a keyed table stays where it is as the table grows", "[keyed_table]") {
  keyed_table<tally> table(some_key);
  const tally* const first = &table.add("first", 1);
  for (int i = 0; i < 1000; ++i) table.add(std::to_string(i), i);
  CHECK(table.find("first") == first);
}
