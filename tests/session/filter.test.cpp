#include <catch2_any.hpp>
#include <hotline/session/filter.hpp>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

using hotline::filter;
using hotline::hash_type;

namespace {

using list = std::vector<std::string>;

filter only(std::initializer_list<std::string_view> names) {
  filter f;
  for (const auto name : names) f.add(name);
  return f;
}

bool hears(const filter& f, std::string_view type) { return f.matches(type, hash_type(type)); }

}  // namespace

TEST_CASE("a new filter lets nothing through", "[session]") {
  const filter f;
  CHECK(f.hears_nothing());
  CHECK_FALSE(f.hears_all());
  CHECK_FALSE(hears(f, "a"));
}

TEST_CASE("a filter lets the types through that it names, and no others", "[session]") {
  filter f = only({"b", "a"});
  CHECK(f.names() == list{"a", "b"});
  CHECK(hears(f, "a"));
  CHECK(hears(f, "b"));
  CHECK_FALSE(hears(f, "c"));
  CHECK_FALSE(hears(f, "ab"));
  CHECK_FALSE(f.matches("c", hash_type("a")));  // the hash alone decides nothing
  f.remove("a");
  CHECK_FALSE(hears(f, "a"));
  CHECK(hears(f, "b"));
  f.remove("b");
  CHECK(f.hears_nothing());
}

TEST_CASE("naming a type twice, or taking away what is not there, changes nothing", "[session]") {
  filter f = only({"a", "a"});
  CHECK(f.names().size() == 1);
  f.remove("b");
  CHECK(f == only({"a"}));
  f.remove("a");
  CHECK(f.hears_nothing());
}

TEST_CASE("the asterisk names all and takes all away", "[session]") {
  filter f = only({"a", "*", "b"});
  CHECK(f.hears_all());
  CHECK(f.names().empty());
  CHECK(hears(f, "anything"));
  CHECK(f == filter::everything());
  f.remove("a");  // there is no "all but"
  CHECK(f == filter::everything());
  f.remove("*");
  CHECK(f.hears_nothing());
  f.add("c");
  CHECK(f == only({"c"}));
  f.remove("*");
  CHECK(f == filter());
}

TEST_CASE("filters are equal, and hash alike, when they let the same through, however they came to it", "[session]") {
  const std::hash<filter> hash;
  filter roundabout = only({"x", "c", "*"});
  roundabout.remove("*");
  for (const auto* name : {"c", "d", "a", "b"}) roundabout.add(name);
  roundabout.remove("d");
  CHECK(roundabout == only({"a", "b", "c"}));
  CHECK(hash(roundabout) == hash(only({"b", "c", "a"})));
  CHECK_FALSE(only({"a"}) == only({"b"}));
  CHECK_FALSE(only({"a"}) == only({"a", "b"}));
  CHECK_FALSE(filter() == filter::everything());
  CHECK(hash(filter()) != hash(filter::everything()));
  std::unordered_map<filter, int> groups;
  ++groups[only({"a", "b"})];
  ++groups[only({"b", "a"})];
  ++groups[filter()];
  ++groups[filter::everything()];
  CHECK(groups.size() == 3);
}

TEST_CASE("a filter is a set: random changes agree with std::set", "[session]") {
  std::mt19937 random(1);
  filter f;
  std::set<std::string> model;
  for (int i = 0; i < 5000; ++i) {
    const std::string name = "type" + std::to_string(random() % 40);
    if (random() % 2 == 0) {
      f.add(name);
      model.insert(name);
    } else {
      f.remove(name);
      model.erase(name);
    }
    CHECK(f.names() == list(model.begin(), model.end()));
    CHECK(hears(f, name) == model.contains(name));
  }
}
