#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;
using hotline_test::memory_client;

namespace {

using manager_type = ws_manager<memory_transport>;
using list = std::vector<std::string>;

struct host {
  explicit host(manager_options options = {})
      : env(std::make_shared<manual_environment>()),
        events({}, env),
        manager(std::make_unique<manager_type>(memory_transport(env), events, std::move(options))) {
    manager->on_error([this](std::string_view where, std::exception_ptr thrown) {
      try {
        std::rethrow_exception(std::move(thrown));
      } catch (const std::exception& e) {
        errors.push_back(std::string(where) + ": " + e.what());
      }
    });
    manager->on_connect([this](const connection_info& c) { told.push_back("connect " + c.principal); });
    manager->on_resumed([this](const connection_info& c) { told.push_back("resumed " + c.principal); });
    manager->on_disconnect([this](const connection_info& c, const disconnection& how) {
      told.push_back((how.may_resume ? "lost " : "gone ") + c.principal);
    });
    REQUIRE_FALSE(manager->start());
  }

  /// Who connects waits in `asked`.
  void authenticate_later() {
    manager->authenticate([this](const http_request& q, std::string_view, admission_responder r) {
      names.push_back(q.query_value("who").value_or(""));
      asked.push_back(std::move(r));
    });
  }
  /// Who connects is whom it says it is.
  void believe() {
    manager->authenticate(
        [](const http_request& q, std::string_view) { return admission{q.query_value("who").value_or("")}; });
  }
  admission_responder take() {
    REQUIRE_FALSE(asked.empty());
    admission_responder first = std::move(asked.front());
    asked.pop_front();
    return first;
  }

  [[nodiscard]] memory_transport& line() { return manager->transport(); }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  list errors, told, names;
  std::deque<admission_responder> asked;
  std::unique_ptr<manager_type> manager;
};

bool answered(memory_client& c, std::string_view status) {
  c.pump();
  return c.http().starts_with("HTTP/1.1 " + std::string(status) + " ");
}

std::string resume_query(const json& hello, std::uint64_t after = 0) {
  return "resume=" + std::string(*hello["resume"]["token"].as_string()) +
         "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=" + std::to_string(after);
}

}  // namespace

// -------------------------------------------------------------------------------------- who is it, answered later

TEST_CASE("the host may take its time to say who a client is, and say it from any thread", "[identity]") {
  host h;
  h.authenticate_later();
  memory_client c(h.line(), "/ws/p?who=ada");
  CHECK(c.http().empty());
  CHECK(h.manager->status().connections == 0);
  std::thread([r = h.take()]() mutable { std::move(r).answer({"ada"}); }).join();
  CHECK(c.next()["type"].as_string() == "connected");
  CHECK(h.told == list{"connect ada"});
  REQUIRE(h.events.emit("p", "a"));
  CHECK(c.events() == std::vector<std::uint64_t>{1});
}

TEST_CASE("a hook that takes a responder may answer before it returns", "[identity]") {
  host h;
  h.manager->authenticate([](const http_request&, std::string_view project, admission_responder r) {
    std::move(r).answer({"one of " + std::string(project)});
  });
  memory_client c(h.line());
  CHECK(c.next()["type"].as_string() == "connected");
  CHECK(h.told == list{"connect one of p"});
}

TEST_CASE("a refusal that comes later is the HTTP answer", "[identity]") {
  host h;
  h.authenticate_later();
  memory_client c(h.line());
  h.take().refuse(403);
  CHECK(answered(c, "403"));
  CHECK(c.peer->closed_by_server());
  CHECK(h.told.empty());
}

TEST_CASE("who is neither let in nor turned away gets 500, and 503 when the time for it is over", "[identity]") {
  host h;
  h.authenticate_later();
  memory_client dropped(h.line()), late(h.line());
  { const admission_responder gone = h.take(); }
  CHECK(answered(dropped, "500"));
  h.line().advance(9s);
  CHECK(late.http().empty());
  h.line().advance(1s);
  CHECK(answered(late, "503"));
  h.take().answer({"ada"});
  late.pump();
  CHECK(answered(late, "503"));
  CHECK(h.told.empty());
}

TEST_CASE("the time for an admission counts from the first byte, not from the question", "[identity]") {
  host h;
  h.authenticate_later();
  const auto peer = h.line().connect();
  peer->send("GET /ws/p HTTP/1.1\r\n");
  h.line().advance(8s);
  peer->send(
      "Host: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  h.line().run();
  CHECK(h.asked.size() == 1);
  h.line().advance(2s);
  CHECK(peer->received().starts_with("HTTP/1.1 503 "));
}

TEST_CASE("an authentication that throws is 500 and told, whatever became of its responder", "[identity]") {
  host h;
  SECTION("without one") {
    h.manager->authenticate([](const http_request&, std::string_view) -> admission { throw std::runtime_error("db"); });
  }
  SECTION("with one") {
    h.manager->authenticate(
        [](const http_request&, std::string_view, admission_responder) { throw std::runtime_error("db"); });
  }
  memory_client c(h.line());
  CHECK(answered(c, "500"));
  CHECK(h.errors == list{"authenticate: db"});
}

TEST_CASE("a responder that was put aside before its hook threw still counts", "[identity]") {
  host h;
  h.manager->authenticate([&](const http_request&, std::string_view, admission_responder r) {
    h.asked.push_back(std::move(r));
    throw std::runtime_error("late");
  });
  memory_client c(h.line());
  CHECK(c.http().empty());
  h.take().answer({"ada"});
  CHECK(c.next()["type"].as_string() == "connected");
}

TEST_CASE("what a client sends while it waits is not read, and is answered when it is let in", "[identity]") {
  host h;
  h.authenticate_later();
  memory_client c(h.line());
  // Some behind the head, in the same read, of another client.
  const auto peer = h.line().connect();
  peer->send(
      "GET /ws/p HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" +
      client_frame(0x81, R"({"command":"ping","id":"behind"})"));
  h.line().run();
  int commands = 0;
  h.manager->on_command("count", [&](const request&) { ++commands; });
  for (int i = 0; i < 1000; ++i) c.send(R"({"command":"count"})");
  CHECK(commands == 0);
  h.take().answer({"ada"});
  h.take().answer({"bob"});
  c.pump();
  CHECK(commands == 1000);
  CHECK(c.messages.size() == 1001);
  CHECK(peer->received().find(R"("type":"pong")") != std::string::npos);
  CHECK(peer->received().find(R"("type":"connected")") < peer->received().find(R"("type":"pong")"));
}

TEST_CASE("a client that is gone when it is let in has never been there", "[identity]") {
  host h;
  h.authenticate_later();
  memory_client c(h.line());
  c.peer->reset();
  h.line().run();
  h.take().answer({"ada"});
  h.line().run();
  CHECK(h.told.empty());
  CHECK(h.manager->status().connections == 0);
}

TEST_CASE("who waits to be let in when the manager stops gets 503, and its answer nobody", "[identity]") {
  host h;
  h.authenticate_later();
  memory_client c(h.line());
  bool stopped = false;
  h.manager->stop([&] { stopped = true; });
  h.take().answer({"ada"});
  CHECK(answered(c, "503"));
  c.peer->close();
  h.line().run();
  CHECK(stopped);
  CHECK(h.told.empty());
}

TEST_CASE("an admission may come while the manager is destroyed, and after", "[identity]") {
  host h;
  h.authenticate_later();
  memory_client a(h.line()), b(h.line());
  std::thread other([r = h.take()]() mutable { std::move(r).answer({"ada"}); });
  h.manager.reset();
  other.join();
  h.take().answer({"bob"});
  CHECK(h.told.empty());
}

TEST_CASE("an authentication may stop the manager", "[identity]") {
  host h;
  h.manager->authenticate([&](const http_request&, std::string_view) {
    h.manager->stop();
    return admission{"ada"};
  });
  memory_client c(h.line());
  CHECK_FALSE(c.upgraded());
  CHECK(h.told.empty());
}

TEST_CASE("an authentication may replace itself while it runs", "[identity]") {
  host h;
  h.manager->authenticate(
      [&, kept = std::string("kept on the heap, for it is long enough")](const http_request&, std::string_view) {
        h.believe();
        return admission{kept};
      });
  memory_client a(h.line(), "/ws/p?who=bob"), b(h.line(), "/ws/p?who=bob");
  CHECK(h.told == list{"connect kept on the heap, for it is long enough", "connect bob"});
}

TEST_CASE("whoever comes back is asked again, and may be let in later", "[identity]") {
  host h;
  h.authenticate_later();
  memory_client c(h.line(), "/ws/p?who=ada");
  h.take().answer({"ada"});
  const json hello = c.next();
  c.peer->reset();
  h.line().run();
  REQUIRE(h.events.emit("p", "missed"));
  memory_client again(h.line(), "/ws/p?who=ada&" + resume_query(hello));
  CHECK(again.http().empty());
  h.take().answer({"ada"});
  CHECK(again.next()["resumed"].as_bool() == true);
  CHECK(again.events() == std::vector<std::uint64_t>{1});
  CHECK(h.told == list{"connect ada", "lost ada", "resumed ada"});
}
