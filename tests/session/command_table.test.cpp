#include <catch2_any.hpp>
#include <hotline/session/command_table.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

using namespace hotline;
using namespace std::chrono_literals;
using detail::command_table;
using detail::pending_command;
using outcome = detail::command_table::admission;

namespace {

std::optional<command_id> id(std::string_view text) { return command_id::from(text); }
std::optional<command_id> id(std::int64_t number) { return command_id(number); }

std::shared_ptr<pending_command> pending(std::uint64_t serial, std::optional<command_id> of,
                                         steady_time deadline = {}) {
  auto made = std::make_shared<pending_command>();
  made->serial = serial;
  made->id = std::move(of);
  made->deadline = deadline;
  return made;
}

/// A table with its limits.
struct table_of : command_table {
  explicit table_of(session_limits given = {}) : limits(given) {}

  [[nodiscard]] verdict admit(const std::optional<command_id>& of) const { return command_table::admit(of, limits); }
  bool complete(std::uint64_t serial, std::string_view text) { return command_table::complete(serial, text, limits); }
  void remember(const command_id& of, std::string_view text) { command_table::remember(of, text, limits); }
  void remember(answer latest, std::string_view text) { command_table::remember(std::move(latest), text, limits); }

  session_limits limits;
};

}  // namespace

TEST_CASE("an id runs, is under way, and is answered", "[session]") {
  table_of t;
  CHECK(t.admit(id("a")).what == outcome::run);
  t.add(pending(1, id("a")));
  CHECK(t.admit(id("a")).what == outcome::under_way);
  CHECK(t.find(*id("a"))->serial == 1);
  CHECK(t.is_under_way(1));
  CHECK(t.complete(1, "the answer"));
  CHECK_FALSE(t.complete(1, "another"));
  CHECK_FALSE(t.is_under_way(1));
  CHECK(t.find(*id("a")) == nullptr);
  CHECK(t.admit(id("a")).what == outcome::answered);
  CHECK(t.admit(id("a")).remembered == "the answer");
}

TEST_CASE("the integer 1 and the string \"1\" are two ids", "[session]") {
  table_of t;
  t.add(pending(1, id(1)));
  CHECK(t.admit(id("1")).what == outcome::run);
  CHECK(t.find(*id("1")) == nullptr);
  t.remember(*id("1"), "text");
  CHECK(t.admit(id(1)).what == outcome::under_way);
  CHECK(t.admit(id("1")).remembered == "text");
  CHECK(t.complete(1, "number"));
  CHECK(t.admit(id(1)).remembered == "number");
  t.remember(*id("2"), "text");
  t.remember(*id(3), "number");
  CHECK(t.admit(id(2)).what == outcome::run);
  CHECK(t.admit(id("3")).what == outcome::run);
}

TEST_CASE("commands without an id are never the same one", "[session]") {
  table_of t;
  t.add(pending(1, {}));
  t.add(pending(2, {}));
  CHECK(t.admit({}).what == outcome::run);
  CHECK(t.complete(1, "x"));
  CHECK(t.admit({}).what == outcome::run);
  CHECK(t.under_way() == 1);
}

TEST_CASE("commands_in_flight bounds what is under way", "[session]") {
  table_of t({.commands_in_flight = 2});
  t.add(pending(1, id(1)));
  CHECK(t.admit(id(2)).what == outcome::run);
  t.add(pending(2, id(2)));
  CHECK(t.admit(id(3)).what == outcome::too_many);
  CHECK(t.admit({}).what == outcome::too_many);
  CHECK(t.admit(id(1)).what == outcome::under_way);
  CHECK(t.complete(1, ""));
  CHECK(t.admit(id(1)).what == outcome::answered);
  CHECK(t.admit(id(3)).what == outcome::run);
}

TEST_CASE("the oldest answers are forgotten first when there are too many", "[session]") {
  table_of t({.remembered_answers = 2});
  for (const int n : {1, 2, 3}) t.remember(*id(n), std::to_string(n));
  CHECK(t.admit(id(1)).what == outcome::run);
  CHECK(t.admit(id(2)).remembered == "2");
  CHECK(t.admit(id(3)).remembered == "3");
}

TEST_CASE("the oldest texts are forgotten first when they are too long together, and their ids stay", "[session]") {
  table_of t({.remembered_bytes = 10});
  t.remember(*id(1), "aaaa");
  t.remember(*id(2), "bbbb");
  t.remember(*id(3), "cc");
  CHECK(t.admit(id(1)).remembered == "aaaa");
  t.remember(*id(4), "d");
  CHECK(t.admit(id(1)).what == outcome::answered);
  CHECK(t.admit(id(1)).remembered.empty());
  CHECK(t.admit(id(2)).remembered == "bbbb");
  t.remember(*id(5), "0123456789");
  CHECK(t.admit(id(4)).remembered.empty());
  CHECK(t.admit(id(5)).remembered == "0123456789");
  // Texts that were forgotten made room: the count of bytes does not drift.
  t.remember(*id(6), "01234");
  t.remember(*id(7), "56789");
  CHECK(t.admit(id(5)).remembered.empty());
  CHECK(t.admit(id(6)).remembered == "01234");
  CHECK(t.admit(id(7)).remembered == "56789");
}

TEST_CASE("an answer that is over the bound by itself leaves its id, and costs the others nothing", "[session]") {
  table_of t({.remembered_answers = 2, .remembered_bytes = 10});
  t.remember(*id(1), "aaaa");
  t.remember(*id(2), "0123456789x");
  CHECK(t.admit(id(1)).remembered == "aaaa");
  CHECK(t.admit(id(2)).what == outcome::answered);
  CHECK(t.admit(id(2)).remembered.empty());
  t.remember(*id(3), "c");
  t.remember(*id(4), "d");
  CHECK(t.admit(id(2)).what == outcome::run);
}

TEST_CASE("a host may choose that nothing is remembered", "[session]") {
  table_of t({.remembered_answers = 0});
  t.add(pending(1, id(1)));
  CHECK(t.complete(1, "x"));
  CHECK(t.admit(id(1)).what == outcome::run);
}

TEST_CASE("those are overdue whose deadline has come", "[session]") {
  table_of t;
  const steady_time start{};
  t.add(pending(1, {}, start + 10ms));
  t.add(pending(2, {}, start + 20ms));
  CHECK(t.overdue(start + 9ms).empty());
  REQUIRE(t.overdue(start + 10ms).size() == 1);
  CHECK(t.overdue(start + 10ms)[0]->serial == 1);
  CHECK(t.overdue(start + 20ms).size() == 2);
  CHECK(t.all().size() == 2);
}

TEST_CASE("only one may claim the right to answer", "[session]") {
  const auto p = pending(1, {});
  CHECK(p->claim());
  CHECK_FALSE(p->claim());
}
