#include <hotline/testing/memory_host.hpp>

#include <catch2_any.hpp>
#include <hotline/command/responder.hpp>
#include <hotline/protocol/json_object.hpp>
#include <manager_over_memory.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using testing::memory_client;
using testing::memory_host;

TEST_CASE("a handler is tested in four lines", "[testing]") {
  memory_host host;
  host.manager().on_command("greet", [](const request& q) {
    return json_object{{"hello", q.payload()["name"].as_string().value_or("?")}};
  });
  memory_client client = host.connect("/ws/demo");
  CHECK(client.command("greet", {{"name", "Ada"}})["result"]["hello"].as_string() == "Ada");
  CHECK(client.command("dance")["error"]["code"].as_string() == "unknown_command");
}

TEST_CASE("clients receive the events of their project", "[testing]") {
  memory_host host;
  memory_client a = host.connect("/ws/a"), b = host.connect("/ws/b");
  REQUIRE(host.events().emit("a", "said", {{"text", "hi"}}));
  CHECK(a.event("said")["text"].as_string() == "hi");
  CHECK(b.event("said").is_missing());
  REQUIRE(host.manager().broadcast_to_project("b", {{"type", "notice"}}));
  CHECK(b.event("notice")["seq"].as_uint64() == 1);
}

TEST_CASE("an answer that comes later is taken by its id", "[testing]") {
  memory_host host;
  std::vector<responder> waiting;
  host.manager().on_command("copy", [&](const request&, responder answer) { waiting.push_back(std::move(answer)); });
  memory_client client = host.connect();
  const auto id = client.send_command("copy");
  CHECK(client.answer(id).is_missing());
  CHECK_THROWS_AS(client.command("copy"), testing::test_failure);
  REQUIRE(waiting.size() == 2);
  std::move(waiting[0]).answer(json_object{{"files", 12}});
  CHECK(client.answer(id)["result"]["files"].as_int64() == 12);
  std::move(waiting[1]).answer(json_object{});
}

TEST_CASE("a client is not pinged without a heartbeat that the test passes", "[testing]") {
  memory_host host;
  memory_client client = host.connect();
  host.advance(10min);
  client.pump();
  CHECK(client.pings.empty());
  CHECK_FALSE(client.close_code);
}

TEST_CASE("time passes when the test says so", "[testing]") {
  memory_host host({}, {}, hotline::interval_heartbeat());
  memory_client client = host.connect();
  host.advance(29s);
  client.pump();
  CHECK(client.pings.empty());
  host.advance(100s);
  client.pump();
  CHECK_FALSE(client.pings.empty());
  CHECK(client.close_code == 4000);
}

TEST_CASE("a client resumes its session", "[testing]") {
  memory_host host;
  std::string resumed;
  const auto watched = host.manager().on_resumed([&](const connection_info& c) { resumed = c.id; });
  memory_client client = host.connect("/ws/p");
  CHECK(client.id().size() == 16);
  client.peer->reset();
  host.run();
  REQUIRE(host.events().emit("p", "missed"));
  memory_client again = host.connect("/ws/p?" + client.resume_query(0));
  CHECK(resumed == client.id());
  CHECK(again.id() == client.id());
  CHECK(again.events() == std::vector<std::uint64_t>{1});
}

TEST_CASE("a client that is refused, and a page, are HTTP", "[testing]") {
  memory_host host;
  host.manager().authenticate([](const http_request& q, std::string_view) -> admission {
    return q.header("X-Token") == "good" ? admission{.principal = "ada"} : admission::refuse(403);
  });
  host.manager().on_http([](const http_request&) { return std::optional(http_response{.body = "page"}); });
  CHECK(host.request("/ws/p").http().starts_with("HTTP/1.1 403 "));
  CHECK(host.get("/").ends_with("\r\n\r\npage"));
  CHECK_THROWS_AS(host.connect("/ws/p"), testing::test_failure);
  CHECK(host.connect("/ws/p", "X-Token: good\r\n").upgraded());
}

TEST_CASE("a host starts its manager itself where it wants to, and a stopped one is not started again", "[testing]") {
  memory_host host;
  REQUIRE_FALSE(host.manager().start());
  memory_client client = host.connect();
  host.manager().stop();
  client.pump();
  CHECK(client.next_type() == "disconnected");
  CHECK(client.close_code == 1001);
  CHECK(host.request("/ws/p").http().empty());

  memory_host stopped;
  REQUIRE_FALSE(stopped.manager().start());
  stopped.manager().stop();
  stopped.run();
  CHECK_THROWS_AS(stopped.connect(), testing::test_failure);
}
