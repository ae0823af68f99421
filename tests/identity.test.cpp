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
    manager
        ->on_error([this](std::string_view where, std::exception_ptr thrown) {
          try {
            std::rethrow_exception(std::move(thrown));
          } catch (const std::exception& e) {
            errors.push_back(std::string(where) + ": " + e.what());
          }
        })
        .release();
    manager->on_connect([this](const connection_info& c) { told.push_back("connect " + c.principal); }).release();
    manager->on_resumed([this](const connection_info& c) { told.push_back("resumed " + c.principal); }).release();
    manager
        ->on_disconnect([this](const connection_info& c, const disconnection& how) {
          told.push_back((how.may_resume ? "lost " : "gone ") + c.principal);
        })
        .release();
    REQUIRE_FALSE(manager->start());
  }

  /// A client that connects waits in `asked`.
  void authenticate_later() {
    manager->authenticate([this](const http_request& q, std::string_view, admission_responder r) {
      names.push_back(q.query_value("who").value_or(""));
      asked.push_back(std::move(r));
    });
  }
  /// A client that connects is the principal that it names.
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

TEST_CASE("a hook that stops the manager while a client is let in leaves the client one answer", "[identity]") {
  host h;
  h.authenticate_later();
  h.manager->authorize_subscriptions([&](const connection_info&, std::string_view) {
    h.manager->stop();
    return std::optional<command_error>();
  });
  memory_client c(h.line());
  h.take().answer({"ada"});
  c.pump();
  CHECK(c.http().starts_with("HTTP/1.1 101 "));
  CHECK(c.next()["type"].as_string() == "connected");
  CHECK(c.next()["type"].as_string() == "disconnected");
  CHECK(c.close_code == 1001);
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

TEST_CASE("a client that is neither let in nor refused gets 500, and 503 when the time for it is over", "[identity]") {
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

TEST_CASE("input of a client that waits is not read, and is answered when the client is let in", "[identity]") {
  host h({.session = {.message_burst = 1000}});
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

TEST_CASE("a client that waits to be let in when the manager stops gets 503, and the late answer is dropped",
          "[identity]") {
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

TEST_CASE("a client that comes back is authenticated again, and may be let in later", "[identity]") {
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

// ------------------------------------------------------------------------------------------- what may it listen to

namespace {

const auto no_secrets = [](const connection_info&, std::string_view type) {
  return type == "secret" || type == "*" ? std::optional(command_error{"", "not for " + std::string(type)})
                                         : std::nullopt;
};

std::string subscribe(memory_client& c, const std::string& names) {
  c.send(R"({"command":"subscribe","payload":{"events":)" + names + "}}");
  const json told = c.next();
  return std::string(told["error"] ? told["error"]["message"].as_string().value_or("?")
                                   : told["result"]["events"].text());
}

}  // namespace

TEST_CASE("an event type may be forbidden to a client, and then nothing of its subscription holds", "[identity]") {
  host h;
  h.manager->authorize_subscriptions(no_secrets);
  memory_client c(h.line());
  CHECK(c.next()["events"].text() == "[]");
  CHECK(subscribe(c, R"(["a"])") == R"(["a"])");
  c.send(R"({"command":"subscribe","id":1,"payload":{"events":["b","secret"]}})");
  const json told = c.next();
  CHECK(told["error"]["code"].as_string() == "forbidden");
  CHECK(told["error"]["message"].as_string() == "events[1]: not for secret");
  CHECK(subscribe(c, R"(["*"])") == "events[0]: not for *");
  for (const auto* type : {"a", "b", "secret"}) REQUIRE(h.events.emit("p", type));
  CHECK(c.events() == std::vector<std::uint64_t>{1});
}

TEST_CASE("a client that may receive everything receives everything from the start", "[identity]") {
  host h;
  list asked;
  h.manager->authorize_subscriptions([&](const connection_info& c, std::string_view type) {
    asked.push_back(c.project + " " + c.principal + " " + std::string(type));
    return std::optional<command_error>();
  });
  h.believe();
  memory_client c(h.line(), "/ws/p?who=ada");
  CHECK(c.next()["events"].text() == R"(["*"])");
  REQUIRE(h.events.emit("p", "a"));
  CHECK(c.events().size() == 1);
  CHECK(subscribe(c, R"(["x","y","x"])") == R"(["x","y"])");
  CHECK(subscribe(c, R"(["y","z"])") == R"(["x","y","z"])");
  // Once for each that is new.
  CHECK(asked == list{"p ada *", "p ada x", "p ada y", "p ada z"});
}

TEST_CASE("a message full of forbidden names asks no more than the limit allows to subscribe to", "[identity]") {
  host h({.session = {.subscriptions = 3}});
  int asked = 0;
  h.manager->authorize_subscriptions([&](const connection_info&, std::string_view) {
    ++asked;
    return std::optional<command_error>();
  });
  memory_client c(h.line());
  c.next();
  asked = 0;
  CHECK(subscribe(c, R"(["a","b","c","d","e","f"])") == "at most 3 event types");
  CHECK(asked == 3);
}

TEST_CASE("a subscription hook that throws forbids, and on_error receives it", "[identity]") {
  host h;
  h.manager->authorize_subscriptions(
      [](const connection_info&, std::string_view) -> std::optional<command_error> { throw std::runtime_error("db"); });
  memory_client c(h.line());
  CHECK(c.next()["events"].text() == "[]");
  CHECK(h.errors == list{"authorize_subscriptions: db"});
  c.send(R"({"command":"subscribe","payload":{"events":["a"]}})");
  CHECK(c.next()["error"]["code"].as_string() == "internal_error");
  CHECK(h.errors.back() == "subscribe: db");
  REQUIRE(h.events.emit("p", "a"));
  CHECK(c.events().empty());
}

TEST_CASE("a resumed session loses types that are forbidden by then, and learns its subscription", "[identity]") {
  host h;
  memory_client c(h.line());
  const json hello = c.next();
  CHECK_FALSE(hello["events"]);
  subscribe(c, R"(["a","secret"])");
  c.peer->reset();
  h.line().run();
  h.manager->authorize_subscriptions(no_secrets);
  REQUIRE(h.events.emit("p", "secret"));
  REQUIRE(h.events.emit("p", "a"));
  memory_client again(h.line(), "/ws/p?" + resume_query(hello));
  const json back = again.next();
  CHECK(back["resumed"].as_bool() == true);
  CHECK(back["events"].text() == R"(["a"])");
  CHECK(again.events() == std::vector<std::uint64_t>{2});
}

TEST_CASE("a subscription hook that takes itself away while it is asked about several types allows no more",
          "[identity]") {
  host h;
  memory_client first(h.line());
  const json hello = first.next();
  first.send(R"({"command":"subscribe","payload":{"events":["a","b"]}})");
  CHECK(first.next_type() == "command_response");
  h.manager->authorize_subscriptions([&](const connection_info&, std::string_view) -> std::optional<command_error> {
    h.manager->authorize_subscriptions(nullptr);
    return std::nullopt;
  });
  first.peer->reset();
  h.line().run();
  memory_client again(h.line(), "/ws/p?resume=" + std::string(*hello["resume"]["token"].as_string()) +
                                    "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=0");
  CHECK(again.next()["resumed"].as_bool() == true);
  REQUIRE(h.events.emit("p", "a"));
  REQUIRE(h.events.emit("p", "b"));
  CHECK(again.events() == std::vector<std::uint64_t>{1});
}

TEST_CASE("a subscription hook may disconnect, and stop the manager, from inside", "[identity]") {
  host h;
  std::string id;
  h.manager->on_connect([&](const connection_info& c) { id = c.id; }).release();
  memory_client c(h.line());
  c.next();
  SECTION("disconnect") {
    h.manager->authorize_subscriptions([&](const connection_info&, std::string_view) {
      CHECK_FALSE(h.manager->disconnect(id, close_code::forbidden, "go"));
      return std::optional<command_error>();
    });
    c.send(R"({"command":"subscribe","payload":{"events":["a"]}})");
    CHECK(c.next()["type"].as_string() == "disconnected");
    CHECK(c.close_code == 4003);
  }
  SECTION("stop, while a client connects") {
    h.manager->authorize_subscriptions([&](const connection_info& who, std::string_view) {
      CHECK(h.manager->disconnect(who.id) == errc::no_such_connection);  // not there yet
      h.manager->stop();
      return std::optional<command_error>();
    });
    memory_client other(h.line());
    h.line().advance(10s);
    CHECK_FALSE(h.manager->is_running());
  }
}

// --------------------------------------------------------------------------------------------------- how long

namespace {

/// A principal for as many seconds as its token says: "ada 60".
admission read_token(std::string_view token, environment& env) {
  const std::size_t space = token.find(' ');
  if (space == std::string_view::npos) return admission::refuse(401);
  return {std::string(token.substr(0, space)), 0,
          env.wall_now() + std::chrono::seconds(std::stoi(std::string(token.substr(space + 1))))};
}

struct guarded : host {
  explicit guarded(manager_options options = {}) : host(std::move(options)) {
    manager->authenticate([this](const http_request& q, std::string_view) {
      return read_token(q.query_value("token").value_or(""), *env);
    });
    manager->reauthenticate([this](const connection_info&, std::string_view token) { return read_token(token, *env); });
  }
};

json refresh(memory_client& c, const std::string& token) {
  c.send(R"({"command":"refresh","id":"r","payload":{"token":")" + token + "\"}}");
  return c.next();
}

}  // namespace

TEST_CASE("an admission that ends is announced, and its end is 4001", "[identity]") {
  guarded h;
  memory_client c(h.line(), "/ws/p?token=ada+60");
  const json hello = c.next();
  CHECK(hello["expires_in"].as_double() == 60);
  h.line().advance(59500ms);
  CHECK_FALSE(c.close_code);
  CHECK(h.manager->connections().front().expires_at == h.env->now() + 500ms);
  h.line().advance(500ms);
  const json told = c.next();
  CHECK(told["type"].as_string() == "disconnected");
  CHECK(told["code"].as_uint64() == 4001);
  CHECK(told["reconnect"].as_bool() == true);
  CHECK(c.close_code == 4001);
  CHECK(c.close_reason == "the authentication has expired");
}

TEST_CASE("an admission without an end is announced as none", "[identity]") {
  host h;
  memory_client c(h.line());
  CHECK_FALSE(c.next()["expires_in"]);
}

TEST_CASE("an admission that has ended already is none", "[identity]") {
  guarded h;
  memory_client c(h.line(), "/ws/p?token=ada+0");
  CHECK(answered(c, "401"));
  memory_client d(h.line(), "/ws/p?token=ada+1");
  d.next();
  CHECK(refresh(d, "ada -5")["error"]["code"].as_string() == "unauthorized");
}

TEST_CASE("a session whose admission has ended waits for its client to come with a new one", "[identity]") {
  guarded h;
  memory_client c(h.line(), "/ws/p?token=ada+60");
  const json hello = c.next();
  h.line().advance(60s);
  c.peer->close();
  h.line().run();
  CHECK(h.told.back() == "lost ada");
  REQUIRE(h.events.emit("p", "missed"));
  memory_client old(h.line(), "/ws/p?token=ada+0&" + resume_query(hello));
  CHECK(answered(old, "401"));
  memory_client other(h.line(), "/ws/p?token=eve+60&" + resume_query(hello));
  CHECK(other.next()["reason"].as_string() == "unknown_token");
  memory_client again(h.line(), "/ws/p?token=ada+30&" + resume_query(hello));
  const json back = again.next();
  CHECK(back["resumed"].as_bool() == true);
  CHECK(back["expires_in"].as_double() == 30);
  CHECK(again.events() == std::vector<std::uint64_t>{1});
  h.line().advance(29500ms);
  CHECK_FALSE(again.close_code);
}

TEST_CASE("a client that was closed for another reason does not come back because its time is over as well",
          "[identity]") {
  guarded h;
  std::string id;
  h.manager->on_connect([&](const connection_info& c) { id = c.id; }).release();
  memory_client c(h.line(), "/ws/p?token=ada+60");
  h.line().advance(59s);
  SECTION("by the host") { CHECK_FALSE(h.manager->disconnect(id, close_code::forbidden)); }
  SECTION("by itself") { c.peer->send(client_frame(0x88, "\x03\xe8")); }
  h.line().advance(2s);
  c.peer->close();
  h.line().run();
  CHECK(h.told.back() == "gone ada");
}

TEST_CASE("a clock that is set moves no deadline", "[identity]") {
  guarded h;
  memory_client c(h.line(), "/ws/p?token=ada+60");
  h.env->set_wall(h.env->wall_now() + 24h);
  h.line().advance(59s);
  c.pump();
  CHECK_FALSE(c.close_code);
  h.line().advance(1s);
  c.pump();
  CHECK(c.close_code == 4001);
}

TEST_CASE("an admission may end as far away as there is time", "[identity]") {
  host h;
  h.manager->authenticate([](const http_request&, std::string_view) { return admission{"ada", 0, wall_time::max()}; });
  memory_client c(h.line());
  CHECK(c.next()["type"].as_string() == "connected");
  h.line().advance(80s);
  c.pump();
  CHECK_FALSE(c.close_code);
}

TEST_CASE("a client that refreshes stays", "[identity]") {
  guarded h;
  memory_client c(h.line(), "/ws/p?token=ada+60");
  c.next();
  h.line().advance(59s);
  const json told = refresh(c, "ada 60");
  CHECK(told["result"]["expires_in"].as_double() == 60);
  CHECK(told["result"]["events"].text() == R"(["*"])");
  h.line().advance(59s);
  c.pump();
  CHECK_FALSE(c.close_code);
  h.line().advance(1s);
  c.pump();
  CHECK(c.close_code == 4001);
}

TEST_CASE("a refresh that fails changes nothing", "[identity]") {
  guarded h;
  memory_client c(h.line(), "/ws/p?token=ada+60");
  c.next();
  CHECK(refresh(c, "nonsense")["error"]["code"].as_string() == "unauthorized");
  c.send(R"({"command":"refresh","payload":{"token":"eve 600"}})");
  CHECK(c.next()["error"]["code"].as_string() == "forbidden");
  c.send(R"({"command":"refresh","payload":{"token":7}})");
  CHECK(c.next()["error"]["message"].as_string() == "token: expected string");
  h.line().advance(59500ms);
  c.pump();
  CHECK_FALSE(c.close_code);
  h.line().advance(500ms);
  c.pump();
  CHECK(c.close_code == 4001);
}

TEST_CASE("a refresh without an end lets a client stay for ever", "[identity]") {
  guarded h;
  h.manager->reauthenticate([](const connection_info& c, std::string_view) { return admission{c.principal}; });
  memory_client c(h.line(), "/ws/p?token=ada+60");
  c.next();
  CHECK_FALSE(refresh(c, "any")["result"]["expires_in"]);
  h.line().advance(80s);
  c.pump();
  CHECK_FALSE(c.close_code);
}

TEST_CASE("without a host that reauthenticates, refresh is a name like any other", "[identity]") {
  host h;
  memory_client c(h.line());
  c.next();
  CHECK(refresh(c, "t")["error"]["code"].as_string() == "unknown_command");
  h.manager->on_command("refresh", [](const request&) { return json_object{{"page", "fresh"}}; });
  c.send(R"({"command":"refresh"})");
  CHECK(c.next()["result"]["page"].as_string() == "fresh");
}

TEST_CASE("a refresh may be answered later, from any thread, and then applies", "[identity]") {
  guarded h;
  h.manager->reauthenticate([&](const connection_info&, std::string_view token, admission_responder r) {
    h.names.emplace_back(token);
    h.asked.push_back(std::move(r));
  });
  memory_client c(h.line(), "/ws/p?token=ada+60");
  c.next();
  c.send(R"({"command":"refresh","id":1,"payload":{"token":"new"}})");
  CHECK(c.messages.empty());
  std::thread([r = h.take(), env = h.env]() mutable { std::move(r).answer({"ada", 0, env->wall_now() + 70s}); }).join();
  CHECK(c.next()["result"]["expires_in"].as_double() == 70);
  h.line().advance(69s);
  c.pump();
  CHECK_FALSE(c.close_code);
  CHECK(h.names == list{"new"});
}

TEST_CASE("a refresh that is dropped, throws, is late or has no session any more changes nothing", "[identity]") {
  guarded h;
  bool throws = false;
  h.manager->reauthenticate([&](const connection_info&, std::string_view, admission_responder r) {
    if (throws) throw std::runtime_error("db");
    h.asked.push_back(std::move(r));
  });
  memory_client c(h.line(), "/ws/p?token=ada+60");
  c.next();
  const auto ask = [&] { c.send(R"({"command":"refresh","payload":{"token":"new"}})"); };
  SECTION("given up") {
    ask();
    { const admission_responder gone = h.take(); }
    CHECK(c.next()["error"]["code"].as_string() == "internal_error");
  }
  SECTION("thrown at") {
    throws = true;
    ask();
    CHECK(c.next()["error"]["code"].as_string() == "internal_error");
    CHECK(c.next_type().empty());
    CHECK(h.errors == list{"refresh: db"});
  }
  SECTION("late") {
    ask();
    h.line().advance(30s);
    CHECK(c.next()["error"]["code"].as_string() == "timeout");
    h.take().answer({"ada", 0, h.env->wall_now() + 1h});
    CHECK(c.next_type().empty());
    h.line().advance(30s);
    c.pump();
    CHECK(c.close_code == 4001);
  }
  SECTION("no session any more") {
    ask();
    c.peer->reset();
    h.line().advance(61s);
    h.take().answer({"ada", 0, h.env->wall_now() + 1h});
    h.line().run();
  }
  SECTION("without a manager") {
    ask();
    h.manager.reset();
    h.take().answer({"ada", 0, h.env->wall_now() + 1h});
  }
}

TEST_CASE("a refresh checks the client's subscriptions again", "[identity]") {
  guarded h;
  memory_client c(h.line(), "/ws/p?token=ada+60");
  c.next();
  subscribe(c, R"(["a","secret"])");
  h.manager->authorize_subscriptions(no_secrets);
  const json told = refresh(c, "ada 60");
  CHECK(told["result"]["events"].text() == R"(["a"])");
  REQUIRE(h.events.emit("p", "secret"));
  REQUIRE(h.events.emit("p", "a"));
  CHECK(c.events() == std::vector<std::uint64_t>{2});
}

TEST_CASE("a hook that fails while a refresh checks subscriptions leaves everything as it was", "[identity]") {
  guarded h;
  memory_client c(h.line(), "/ws/p?token=ada+60");
  c.next();
  h.manager->authorize_subscriptions(
      [](const connection_info&, std::string_view) -> std::optional<command_error> { throw std::runtime_error("db"); });
  SECTION("at once") { CHECK(refresh(c, "ada 600")["error"]["code"].as_string() == "internal_error"); }
  SECTION("later") {
    h.manager->reauthenticate([](const connection_info&, std::string_view, admission_responder r) {
      std::move(r).answer({"ada", 0, wall_time::max()});
    });
    CHECK(refresh(c, "ada 600")["error"]["code"].as_string() == "internal_error");
  }
  CHECK(h.errors == list{"refresh: db"});
  REQUIRE(h.events.emit("p", "a"));
  CHECK(c.events().size() == 1);
  h.line().advance(60s);
  c.pump();
  CHECK(c.close_code == 4001);
}

// ------------------------------------------------------------------------------------------------------- discretion

TEST_CASE("no token is ever said to a log, to the error hook or to another client", "[identity]") {
  static const std::string secret = "s3cr3t-t0k3n";
  guarded h({.session = {.message_bytes = 512}, .http_response_bytes = 4});
  std::string said;
  h.manager->on_log([&](log_level, std::string_view line) { said.append(line).append("\n"); }).release();
  h.manager->on_error([&](std::string_view where, std::exception_ptr) { said.append(where).append("\n"); }).release();
  h.manager
      ->on_disconnect([&](const connection_info& c, const disconnection& how) {
        said.append(to_json(c, h.env->now()).text()).append(how.reason).append("\n");
      })
      .release();
  h.manager->on_http([](const http_request&) { return http_response{.body = "too long"}; });
  memory_client watcher(h.line(), "/ws/p?token=eve+900");

  // At the door.
  for (const std::string& target : {"/ws/p?token=" + secret, "/page?token=" + secret, "/ws/../p?token=" + secret,
                                    "/ws/p?resume=" + secret + "&epoch=" + secret + "&after=x", "/ws/" + secret}) {
    memory_client c(h.line(), target, "Authorization: Bearer " + secret + "\r\nCookie: token=" + secret + "\r\n");
    said.append(c.http()).append("\n");
  }
  const auto reader = h.line().connect();
  reader->send("GET /page?token=" + secret + " HTTP/1.1\r\nHost: t\r\nCookie: token=" + secret + "\r\n\r\n");
  h.line().run();
  said.append(reader->received());
  // Inside: right, wrong, broken, and by hooks that fail.
  memory_client c(h.line(), "/ws/p?token=ada+900");
  const std::string quoted = '"' + secret + '"';
  const auto tell = [&](const std::string& payload) {
    c.send(R"({"command":"refresh","id":1,"payload":)" + payload + "}");
    c.send(R"({"command":"refresh","payload":)" + payload + "}");
  };
  for (const std::string& payload : {"{\"token\":" + quoted + "}", "{\"token\":[" + quoted + "]}", quoted,
                                     "{\"token\":" + quoted + ",\"token\":" + quoted + "}", "{\"token\":" + quoted,
                                     "{\"token\":\"" + secret + " \\ud800\"}", "{\"token\":" + secret + "}"})
    tell(payload);
  h.manager->reauthenticate([](const connection_info&, std::string_view token) -> admission {
    throw std::runtime_error(std::string(token));  // for the host's own eyes
  });
  tell("{\"token\":" + quoted + "}");
  h.manager->reauthenticate([](const connection_info&, std::string_view, admission_responder) {});
  tell("{\"token\":" + quoted + "}");
  c.send(R"({"command":"refresh","payload":{"token":")" + std::string(600, 's') + secret + "\"}}");
  h.line().advance(1s);
  for (memory_client* const each : {&c, &watcher}) {
    each->pump();
    for (const json& m : each->messages) said.append(m.text()).append("\n");
    said.append(each->close_reason).append("\n");
  }
  c.peer->close();
  h.line().run();
  for (const connection_info& each : h.manager->connections()) said.append(to_json(each, h.env->now()).text());
  INFO(said);
  CHECK(said.find("refresh") != std::string::npos);
  CHECK(said.find("http_response_bytes") != std::string::npos);
  CHECK(said.find("s3cr3t") == std::string::npos);
  CHECK(said.find("t0k3n") == std::string::npos);
}
