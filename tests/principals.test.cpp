#include <catch2_any.hpp>
#include <hotline/testing/memory_host.hpp>
#include <manager_over_memory.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using testing::memory_client;
using testing::memory_host;

namespace {

struct service : memory_host {
  explicit service(manager_options options = {}) : memory_host(std::move(options)) {
    manager().authenticate([](const http_request& q, std::string_view) {
      return admission{.principal = std::string(q.header("X-User"))};
    });
  }

  [[nodiscard]] memory_client user(std::string_view name, std::string_view target = "/ws/p") {
    return connect(target, "X-User: " + std::string(name) + "\r\n");
  }

  std::size_t send(std::string_view project, std::string_view principal, const json_object& message) {
    const result<std::size_t> sent = manager().send_to_principal(project, principal, message);
    REQUIRE(sent);
    return *sent;
  }
};

const json_object note{{"type", "note"}, {"n", 1}};

}  // namespace

TEST_CASE("a message to a principal reaches all of its connections in the project, and no other", "[principals]") {
  service s;
  memory_client tab = s.user("ada"), phone = s.user("ada"), elsewhere = s.user("ada", "/ws/q"), bob = s.user("bob");
  REQUIRE(phone.command("unsubscribe", {{"events", json_array{"*"}}})["result"].is_object());
  CHECK(s.send("p", "ada", note) == 2);
  for (memory_client* const c : {&tab, &phone}) {
    const json told = c->next();
    CHECK(told["type"].as_string() == "note");
    CHECK(told["project_id"].as_string() == "p");
    CHECK(told["n"].as_int64() == 1);
    CHECK(told["seq"].is_missing());
    CHECK(c->next_type().empty());
  }
  CHECK(elsewhere.next_type().empty());
  CHECK(bob.next_type().empty());
  CHECK(*s.events().emit("p", "first") == 1);  // the message took no number
}

TEST_CASE("a message to a principal that is not there reaches nobody", "[principals]") {
  service s;
  memory_client ada = s.user("ada");
  CHECK(s.send("p", "bob", note) == 0);
  CHECK(s.send("nowhere", "ada", note) == 0);
  CHECK(s.send("p", "", note) == 0);
  memory_client anonymous = s.user("");
  CHECK(s.send("p", "", note) == 1);
  CHECK(anonymous.next_type() == "note");
  CHECK(ada.next_type().empty());
}

TEST_CASE("a message to a principal is checked as one to a connection", "[principals]") {
  service s;
  const memory_client ada = s.user("ada");
  const auto error_of = [&](const json_object& m) { return s.manager().send_to_principal("p", "ada", m).error().code; };
  CHECK(error_of({{"n", 1}}) == errc::invalid_event_type);
  CHECK(error_of({{"type", "pong"}}) == errc::reserved_type);
  CHECK(error_of({{"type", "note"}, {"seq", 1}}) == errc::reserved_field);
  CHECK(s.manager().send_to_principal("\xff", "ada", note).error().code == errc::invalid_project);
}

TEST_CASE("a detached session does not receive a message to its principal later", "[principals]") {
  service s;
  memory_client away = s.user("ada"), here = s.user("ada");
  away.peer->reset();
  s.run();
  CHECK(s.send("p", "ada", note) == 1);
  memory_client again = s.user("ada", "/ws/p?" + away.resume_query(0));
  CHECK(again.id() == away.id());
  CHECK(again.next_type().empty());
  CHECK(here.next_type() == "note");
  CHECK(s.send("p", "ada", note) == 2);
  CHECK(again.next_type() == "note");
}

TEST_CASE("a connection that does not read is closed, and the principal's others receive the message", "[principals]") {
  service s({.session = {.control_lane_bytes = 4096}});
  const json_object large{{"type", "note"}, {"text", std::string(1000, 'x')}};
  SECTION("among others") {
    memory_client slow = s.user("ada"), good = s.user("ada");
    slow.peer->stall(true);
    std::vector<std::size_t> sent;
    for (int i = 0; i < 6; ++i) {
      sent.push_back(s.send("p", "ada", large));
      good.pump();
    }
    CHECK(sent.front() == 2);
    CHECK(sent.back() == 1);
    CHECK(good.messages.size() == 6);
    slow.peer->stall(false);
    slow.pump();
    CHECK(slow.close_code == 4008);
  }
  SECTION("the last of its project, whose room ends") {
    memory_client slow = s.user("ada");
    slow.peer->stall(true);
    std::size_t sent = 1;
    for (int i = 0; i < 6 && sent > 0; ++i) sent = s.send("p", "ada", large);
    CHECK(sent == 0);
    CHECK(s.send("p", "ada", note) == 0);
    slow.peer->stall(false);
    slow.pump();
    CHECK(slow.close_code == 4008);
  }
}

TEST_CASE("a handler and a hook may send to the principal that they are called for", "[principals]") {
  service s;
  std::vector<std::size_t> sent;
  s.manager()
      .on_connect([&](const connection_info& c) {
        sent.push_back(s.send(c.project, c.principal, {{"type", "joined"}}));
      })
      .release();
  s.manager().on_command("remind", [&](const request& q) -> command_result {
    return json_object{{"connections", s.send(q.project(), q.principal(), {{"type", "reminder"}})}};
  });
  memory_client tab = s.user("ada"), phone = s.user("ada");
  CHECK(sent == std::vector<std::size_t>{1, 2});
  CHECK(tab.command("remind")["result"]["connections"].as_int64() == 2);
  CHECK_FALSE(tab.event("reminder").is_missing());
  CHECK_FALSE(phone.event("reminder").is_missing());
}

TEST_CASE("every member of a room receives it, current or lagging", "[principals]") {
  service s;
  memory_client current = s.user("ada"), lagging = s.user("ada");
  lagging.peer->window(10);
  REQUIRE(s.events().emit("p", "line", {{"text", std::string(100, 'x')}}));
  s.run();
  CHECK(s.send("p", "ada", note) == 2);
  CHECK_FALSE(current.event("note").is_missing());
  lagging.peer->stall(false);
  CHECK(lagging.events().size() == 1);
  CHECK_FALSE(lagging.event("note").is_missing());
}
