#include <catch2_any.hpp>
#include <hotline/session/remembered_answers.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

using hotline::command_id;
using hotline::session_limits;
using hotline::detail::remembered_answers;
using hotline::detail::repeated;

namespace {

struct answers {
  void add(std::int64_t id, std::string_view text) {
    known.add(remembered_answers::prepare(command_id(id)), text, limits);
  }
  /// Returns the text, "none" when the id is not known.
  [[nodiscard]] std::string_view text(std::int64_t id) const {
    const auto* const found = known.find(command_id(id));
    return found == nullptr ? std::string_view("none") : found->text();
  }

  session_limits limits{.remembered_answers = 3, .remembered_bytes = 10};
  remembered_answers known{};
};

}  // namespace

TEST_CASE("an answer is found by its id", "[session]") {
  answers a;
  CHECK(a.text(1) == "none");
  a.add(1, "one");
  CHECK(a.text(1) == "one");
  CHECK(a.text(11) == "none");
  a.add(11, "");
  CHECK(a.text(1) == "one");
  CHECK(a.text(11).empty());
  CHECK(a.known.find(command_id(1))->when_repeated() == repeated::text);
}

TEST_CASE("the oldest of too many answers is forgotten", "[session]") {
  answers a;
  for (std::int64_t id = 1; id <= 5; ++id) a.add(id, "x");
  CHECK(a.text(1) == "none");
  CHECK(a.text(2) == "none");
  for (std::int64_t id = 3; id <= 5; ++id) CHECK(a.text(id) == "x");
  a.limits.remembered_answers = 1;
  a.add(6, "y");
  CHECK(a.text(6) == "y");
}

TEST_CASE("the oldest of too long texts are forgotten, and their ids are not", "[session]") {
  answers a;
  a.add(1, "12345");
  a.add(2, "1234");
  a.add(3, "12");
  CHECK(a.text(1).empty());
  CHECK(a.text(2) == "1234");
  CHECK(a.text(3) == "12");
  a.add(4, "1234567890");
  CHECK(a.text(1) == "none");
  CHECK(a.text(2).empty());
  CHECK(a.text(3).empty());
  CHECK(a.text(4) == "1234567890");
  a.add(5, "12345678901");  // over the bound by itself
  CHECK(a.text(5).empty());
  CHECK(a.text(4) == "1234567890");
}

TEST_CASE("one answer is the oldest and the newest", "[session]") {
  answers a;
  a.limits.remembered_answers = 1;
  a.add(1, "12345");
  a.limits.remembered_bytes = 4;
  a.add(2, "12");
  CHECK(a.text(1) == "none");
  CHECK(a.text(2) == "12");
}

TEST_CASE("an answer that is made again keeps no text", "[session]") {
  answers a;
  for (const repeated how : {repeated::subscribed, repeated::unsubscribed}) {
    auto kept = remembered_answers::prepare(command_id(7));
    kept->make_again(how);
    a.known.add(std::move(kept), "text", a.limits);
    a.limits.remembered_answers = 1;
    CHECK(a.known.find(command_id(7))->when_repeated() == how);
    CHECK(a.text(7).empty());
  }
}

TEST_CASE("where no answers are remembered none is", "[session]") {
  answers a;
  a.limits.remembered_answers = 0;
  a.add(1, "one");
  CHECK(a.text(1) == "none");
}
