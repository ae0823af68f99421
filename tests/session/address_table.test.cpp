#include <catch2_any.hpp>
#include <hotline/session/address_table.hpp>

#include <string>

using namespace hotline;
using detail::address_record;
using detail::address_table;

TEST_CASE("an address has one record while something uses it", "[session]") {
  address_table table;
  CHECK(table.find("192.0.2.1") == nullptr);
  address_record* first = table.use("192.0.2.1");
  REQUIRE(first != nullptr);
  CHECK(first->name() == "192.0.2.1");
  CHECK(first->users == 1);
  address_record* second = table.use("192.0.2.1");
  CHECK(second == first);
  CHECK(first->users == 2);
  address_record* third = address_table::share(first);
  CHECK(third == first);
  CHECK(table.use("192.0.2.2") != first);

  table.let_go(first);
  CHECK(first == nullptr);
  CHECK(table.find("192.0.2.1") == second);
  table.let_go(second);
  CHECK(table.find("192.0.2.1") == third);
  table.let_go(third);
  CHECK(table.find("192.0.2.1") == nullptr);
  CHECK(table.find("192.0.2.2") != nullptr);
}

TEST_CASE("where there is no address there is no record", "[session]") {
  address_table table;
  address_record* none = table.use("");
  CHECK(none == nullptr);
  CHECK(address_table::share(none) == nullptr);
  table.let_go(none);
  CHECK(none == nullptr);
  CHECK(table.find("") == nullptr);
}

TEST_CASE("records stay where they are while others come and go", "[session]") {
  constexpr int many = 1000;
  address_table table({1, 2});
  address_record* kept = table.use("kept");
  for (int i = 0; i < many; ++i) (void)table.use(std::to_string(i));
  CHECK(table.find("kept") == kept);
  for (int i = 0; i < many; ++i) {
    auto* gone = table.use(std::to_string(i));
    CHECK(gone->users == 2);
    table.let_go(gone);
  }
  CHECK(kept->name() == "kept");
}
