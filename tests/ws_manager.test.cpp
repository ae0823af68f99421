#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;
using hotline_test::memory_client;

namespace {

using manager_type = ws_manager<memory_transport>;

struct host {
  explicit host(manager_options options = {}, log_options limits = {})
      : env(std::make_shared<manual_environment>()),
        events(limits, env),
        manager(std::make_unique<manager_type>(memory_transport(env), events, std::move(options))) {
    REQUIRE_FALSE(manager->start());
  }

  [[nodiscard]] memory_transport& line() { return manager->transport(); }
  [[nodiscard]] memory_client connect(std::string_view target = "/ws/p") {
    memory_client c(line(), target);
    REQUIRE(c.upgraded());
    const json hello = c.next();
    REQUIRE(hello["type"].as_string() == "connected");
    id_of_last = std::string(*hello["connection_id"].as_string());
    return c;
  }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  std::unique_ptr<manager_type> manager;
  std::string id_of_last;
};

using seqs = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a client is greeted with what it needs to know", "[manager]") {
  host h;
  REQUIRE(h.events.emit("p", "before"));
  memory_client c(h.line());
  CHECK(c.head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
  const json hello = c.next();
  CHECK(hello["type"].as_string() == "connected");
  CHECK(hello["project_id"].as_string() == "p");
  CHECK(hello["protocol"].as_int64() == 1);
  CHECK(hello["epoch"].as_string() == h.events.log()->open("p")->epoch());
  CHECK(hello["seq"].as_int64() == 1);
  CHECK(hello["resumed"].as_bool() == false);
  CHECK(hello["heartbeat"]["interval"].as_double() == 30);
  CHECK(hello["heartbeat"]["timeout"].as_double() == 90);
  CHECK(hello["limits"]["message_bytes"].as_int64() == 65536);
  CHECK(c.events().empty());
}

TEST_CASE("events reach the connections of their project, with their fields in the envelope", "[manager]") {
  host h;
  memory_client a = h.connect("/ws/a"), b = h.connect("/ws/b");
  REQUIRE(h.events.emit("a", "task_started", {{"task_id", "t1"}, {"n", 3}}));
  const json e = a.next();
  CHECK(e["type"].as_string() == "event");
  CHECK(e["event_type"].as_string() == "task_started");
  CHECK(e["project_id"].as_string() == "a");
  CHECK(e["seq"].as_int64() == 1);
  CHECK(e["task_id"].as_string() == "t1");
  CHECK(e["n"].as_int64() == 3);
  CHECK(b.next_type().empty());
}

TEST_CASE("subscribe replaces the default, adds after that, and unsubscribe takes away", "[manager]") {
  host h;
  memory_client c = h.connect();
  const auto emit_all = [&] {
    for (const auto* type : {"a", "b", "c"}) REQUIRE(h.events.emit("p", type));
  };
  emit_all();
  CHECK(c.events() == seqs{1, 2, 3});
  c.send(R"({"command":"subscribe","id":1,"payload":{"events":["a"]}})");
  const json told = c.next();
  CHECK(told["type"].as_string() == "command_response");
  CHECK(told["id"].as_int64() == 1);
  CHECK(told["result"].text() == R"({"events":["a"],"seq":3})");
  emit_all();
  CHECK(c.events() == seqs{4});
  c.send(R"({"command":"subscribe","payload":{"events":["c"]}})");
  CHECK(c.next()["result"]["events"].text() == R"(["a","c"])");
  emit_all();
  CHECK(c.events() == seqs{7, 9});
  c.send(R"({"command":"unsubscribe","payload":{"events":["a"]}})");
  CHECK(c.next()["result"]["events"].text() == R"(["c"])");
  emit_all();
  CHECK(c.events() == seqs{12});
  c.send(R"({"command":"subscribe","payload":{"events":["*"]}})");
  CHECK(c.next()["result"]["events"].text() == R"(["*"])");
  emit_all();
  CHECK(c.events() == seqs{13, 14, 15});
  c.send(R"({"command":"unsubscribe","payload":{"events":["a"]}})");
  CHECK(c.next()["error"]["code"].as_string() == "subscribed_to_all");
  c.send(R"({"command":"unsubscribe","payload":{"events":["*"]}})");
  CHECK(c.next()["result"]["events"].text() == "[]");
  emit_all();
  CHECK(c.events().empty());
}

TEST_CASE("metrics tell of the log, of projects, and of how long events took", "[manager]") {
  host h;
  memory_client a = h.connect("/ws/a"), b = h.connect("/ws/b");
  REQUIRE(h.events.emit("a", "e"));
  REQUIRE(h.events.emit("a", "e"));
  h.env->advance(3ms);
  CHECK(a.events() == seqs{1, 2});
  CHECK_FALSE(h.events.emit("a", "no type"));
  manager_metrics m = h.manager->metrics();
  CHECK(m.projects == 2);
  CHECK(m.log_projects == 2);
  CHECK(m.log_appended == 2);
  CHECK(m.log_bytes > 0);
  // Both were sent in one turn, the first of them three milliseconds old.
  CHECK(m.fan_out_latency.nanoseconds == 3'000'000);
  CHECK(m.fan_out_latency.within[5] == 1);
  CHECK(m.new_sessions == 2);
  b.peer->close();
  h.line().run();
  CHECK(h.manager->metrics().projects == 1);
}

TEST_CASE("the host may choose that a new connection receives no events", "[manager]") {
  host h({.hears_all = false});
  memory_client c = h.connect();
  REQUIRE(h.events.emit("p", "a"));
  CHECK(c.events().empty());
}

TEST_CASE("bad subscriptions are refused by name and change nothing", "[manager]") {
  host h({.session = {.subscriptions = 2}});
  memory_client c = h.connect();
  const auto refusal = [&](const std::string& payload) {
    c.send(R"({"command":"subscribe","payload":)" + payload + "}");
    const json told = c.next();
    CHECK(told["type"].as_string() == "command_error");
    return std::string(*told["error"]["code"].as_string()) + ": " + std::string(*told["error"]["message"].as_string());
  };
  CHECK(refusal("{}") == "invalid_payload: events: expected array");
  CHECK(refusal(R"({"events":["a",7]})") == "invalid_payload: events[1]: expected string");
  CHECK(refusal(R"({"events":["a b"]})") == "invalid_payload: events[0]: no event type");
  CHECK(refusal(R"({"events":["a","b","c"]})") == "too_many_subscriptions: at most 2 event types");
  REQUIRE(h.events.emit("p", "z"));
  CHECK(c.events() == seqs{1});
}

TEST_CASE("ping is answered with pong, which carries the log's end", "[manager]") {
  host h;
  memory_client c = h.connect();
  REQUIRE(h.events.emit("p", "a"));
  CHECK(c.events() == seqs{1});
  c.send(R"({"command":"ping","id":"x"})");
  const json pong = c.next();
  CHECK(pong["type"].as_string() == "pong");
  CHECK(pong["id"].as_string() == "x");
  CHECK(pong["seq"].as_int64() == 1);
}

TEST_CASE("a message that the host makes keeps its type, is numbered, and reaches subscribers of its type",
          "[manager]") {
  host h;
  memory_client c = h.connect();
  REQUIRE(h.manager->broadcast_to_project("p", {{"type", "notice"}, {"text", "hello"}}));
  const json told = c.next();
  CHECK(told["type"].as_string() == "notice");
  CHECK(told["seq"].as_int64() == 1);
  CHECK(told["text"].as_string() == "hello");
  c.send(R"({"command":"subscribe","payload":{"events":["other"]}})");
  (void)c.next();
  REQUIRE(h.manager->broadcast_to_project("p", {{"type", "notice"}}));
  CHECK(c.next_type().empty());

  CHECK(h.manager->broadcast_to_project("p", {{"text", "no type"}}).error().code == errc::invalid_event_type);
  CHECK(h.manager->broadcast_to_project("p", {{"type", "connected"}}).error().code == errc::reserved_type);
  CHECK(h.manager->broadcast_to_project("p", {{"type", "a"}, {"seq", 7}}).error().code == errc::reserved_field);
  CHECK(h.manager->broadcast_to_project("", {{"type", "a"}}).error().code == errc::invalid_project);
}

TEST_CASE("broadcast_to_all reaches every project", "[manager]") {
  host h;
  memory_client a = h.connect("/ws/a"), b = h.connect("/ws/b");
  const auto sent = h.manager->broadcast_to_all({{"type", "notice"}});
  REQUIRE(sent);
  CHECK(*sent == 2);
  CHECK(a.next_type() == "notice");
  CHECK(b.next_type() == "notice");
}

TEST_CASE("send_to reaches one connection, past its filter and past the log", "[manager]") {
  host h;
  memory_client a = h.connect();
  const std::string id = h.id_of_last;
  memory_client b = h.connect();
  a.send(R"({"command":"unsubscribe","payload":{"events":["*"]}})");
  (void)a.next();
  CHECK_FALSE(h.manager->send_to(id, {{"type", "private"}, {"n", 1}}));
  const json told = a.next();
  CHECK(told["type"].as_string() == "private");
  CHECK(told["seq"].is_missing());
  CHECK(b.next_type().empty());
  CHECK(h.manager->send_to("nobody", {{"type", "private"}}) == errc::no_such_connection);
  CHECK(h.manager->send_to(id, {{"type", "pong"}}) == errc::reserved_type);
}

TEST_CASE("disconnect tells the client why before it closes", "[manager]") {
  host h;
  std::vector<std::string> ended;
  h.manager
      ->on_disconnect([&](const connection_info& info, const disconnection& how) {
        ended.push_back(info.project + " " + std::to_string(static_cast<int>(how.code)) + " " +
                        std::string(how.reason));
      })
      .release();
  memory_client c = h.connect();
  CHECK_FALSE(h.manager->disconnect(h.id_of_last, close_code::forbidden, "not yours"));
  const json told = c.next();
  CHECK(told["type"].as_string() == "disconnected");
  CHECK(told["code"].as_int64() == 4003);
  CHECK(told["reason"].as_string() == "not yours");
  CHECK(told["reconnect"].as_bool() == false);
  CHECK(c.close_code == 4003);
  CHECK(c.close_reason == "not yours");
  CHECK(ended.empty());
  c.peer->send(client_frame(0x88, "\x0f\xa3"));
  c.pump();
  CHECK(c.peer->closed_by_server());
  c.peer->close();
  c.pump();
  CHECK(ended == std::vector<std::string>{"p 4003 not yours"});
  CHECK(h.manager->disconnect(h.id_of_last) == errc::no_such_connection);
}

TEST_CASE("a close from the client is answered with its code", "[manager]") {
  host h;
  std::vector<int> ended;
  h.manager
      ->on_disconnect(
          [&](const connection_info&, const disconnection& how) { ended.push_back(static_cast<int>(how.code)); })
      .release();
  memory_client c = h.connect();
  c.peer->send(client_frame(0x88, std::string("\x03\xe9", 2) + "bye"));
  c.pump();
  CHECK(c.close_code == 1001);
  c.peer->close();
  c.pump();
  CHECK(ended == std::vector<int>{1001});
  CHECK(h.manager->status().connections == 0);
}

TEST_CASE("a peer that ignores our close is let go after close_timeout", "[manager]") {
  host h;
  memory_client c = h.connect();
  CHECK_FALSE(h.manager->disconnect(h.id_of_last));
  h.line().advance(4s);
  CHECK(h.manager->status().connections == 1);
  h.line().advance(2s);
  CHECK(h.manager->status().connections == 0);
  CHECK(c.peer->was_reset());
}

TEST_CASE("a silent client is pinged after 30 s and given up after 90 s", "[manager]") {
  host h;
  memory_client quiet = h.connect(), lively = h.connect();
  h.line().advance(31s);
  quiet.pump();
  lively.pump();
  CHECK(quiet.pings.size() == 1);
  CHECK(lively.pings.size() == 1);
  lively.peer->send(client_frame(0x8a, ""));
  h.line().advance(30s);
  lively.peer->send(client_frame(0x8a, ""));
  h.line().advance(30s);
  quiet.pump();
  CHECK(quiet.close_code == 4000);
  CHECK(quiet.next_type() == "disconnected");
  lively.pump();
  CHECK_FALSE(lively.close_code);
}

TEST_CASE("every way to break the rules has its code", "[manager]") {
  struct offence {
    std::string name, bytes;
    int code;
  };
  const std::string big(70000, 'a');
  const std::vector<offence> offences{
      {"binary", client_frame(0x82, "x"), 1003},
      {"not UTF-8", client_frame(0x81, "\xff"), 1007},
      {"a reserved bit", client_frame(0xc1, "x"), 1002},
      {"unmasked", std::string("\x81\x01x", 3), 1002},
      {"a reserved opcode", client_frame(0x83, "x"), 1002},
      {"too big", client_frame(0x81, big), 1009},
      {"a close with a code that may not be sent", client_frame(0x88, std::string("\x03\xed", 2)), 1002},
  };
  host h;
  memory_client witness = h.connect();
  for (const auto& o : offences) {
    INFO(o.name);
    memory_client c = h.connect();
    c.peer->send(o.bytes);
    c.pump();
    CHECK(c.close_code == o.code);
    CHECK(c.peer->closed_by_server());
    c.peer->close();
    c.pump();
  }
  REQUIRE(h.events.emit("p", "still"));
  CHECK(witness.events() == seqs{1});
  CHECK(h.manager->status().connections == 1);
}

TEST_CASE("a message that is no command gets an error, and the connection goes on", "[manager]") {
  host h;
  memory_client c = h.connect();
  const auto told = [&](std::string_view text) {
    c.send(text);
    const json answer = c.next();
    return std::string(*answer["type"].as_string()) + " " +
           std::string(
               (answer["code"].is_missing() ? answer["error"]["code"] : answer["code"]).as_string().value_or(""));
  };
  CHECK(told("{") == "error not_json");
  CHECK(told("[]") == "error not_an_object");
  CHECK(told("{}") == "error no_command");
  CHECK(told(R"({"command":""})") == "error invalid_command");
  CHECK(told(R"({"command":"x","id":{}})") == "command_error invalid_id");
  CHECK(told(R"({"command":"x","payload":3})") == "command_error invalid_payload");
  CHECK(told(R"({"command":"x","command":"y"})") == "error duplicate_key");
  CHECK(told(std::string(100, '[')) == "error too_deep");
  CHECK(told(R"({"command":"nonesuch"})") == "command_error unknown_command");
  CHECK(told(R"({"command":"ping"})") == "pong ");
}

TEST_CASE("other paths are the host's, and what it does not know is 404", "[manager]") {
  host h;
  h.manager->on_http([](const http_request& q) -> std::optional<http_response> {
    if (q.path == "/") return http_response{.content_type = "text/html", .body = "<h1>hi</h1>"};
    if (q.path == "/throws") throw std::runtime_error("secret");
    return std::nullopt;
  });
  const auto get = [&](std::string_view line) {
    const auto peer = h.line().connect();
    peer->send(std::string(line) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    h.line().run();
    CHECK(peer->closed_by_server());
    return peer->take();
  };
  CHECK(get("GET /").ends_with("\r\n\r\n<h1>hi</h1>"));
  CHECK(get("HEAD /").find("Content-Length: 11\r\n") != std::string::npos);
  CHECK(get("HEAD /").ends_with("\r\n\r\n"));
  CHECK(get("GET /none").starts_with("HTTP/1.1 404 "));
  CHECK(get("GET /throws").starts_with("HTTP/1.1 500 "));
  CHECK(get("GET /throws").find("secret") == std::string::npos);
  CHECK(get("DELETE /").starts_with("HTTP/1.1 405 "));
  CHECK(get("GET /ws/p").starts_with("HTTP/1.1 426 "));
}

TEST_CASE("a page may be read as slowly as its reader likes, as long as it reads", "[manager]") {
  host h({.close_timeout = 5s});
  h.manager->on_http([](const http_request&) { return http_response{.body = std::string(10'000, 'x')}; });
  const auto ask = [&] {
    auto peer = h.line().connect();
    peer->window(100);
    peer->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    h.line().run();
    return peer;
  };
  const auto slow = ask();
  const auto stalled = ask();
  for (int i = 0; i < 10; ++i) {
    h.line().advance(3s);
    slow->window(1000);
    h.line().run();
  }
  CHECK(stalled->was_reset());
  slow->stall(false);
  h.line().run();
  CHECK(slow->take().ends_with(std::string(10'000, 'x')));
  CHECK_FALSE(slow->was_reset());
}

TEST_CASE("project ids are decoded once and must obey the rule", "[manager]") {
  host h;
  const auto answer = [&](std::string_view target) {
    memory_client c(h.line(), target);
    if (!c.upgraded()) return c.http().substr(9, 3);
    return std::string(*c.next()["project_id"].as_string());
  };
  CHECK(answer("/ws/my.project-1_x") == "my.project-1_x");
  CHECK(answer("/ws/a%2Db") == "a-b");
  CHECK(answer("/ws/p?other=x") == "p");
  CHECK(answer("/ws/") == "404");
  CHECK(answer("/ws/a/b") == "404");
  CHECK(answer("/ws/a%2Fb") == "404");
  CHECK(answer("/ws/..") == "404");
  CHECK(answer("/ws/%2e%2e") == "404");
  CHECK(answer("/ws/a%252Db") == "404");
  CHECK(answer("/ws/%zz") == "404");
  CHECK(answer("/ws/%00") == "404");
  CHECK(answer("/ws/" + std::string(128, 'a')) == std::string(128, 'a'));
  CHECK(answer("/ws/" + std::string(129, 'a')) == "404");
  CHECK(answer("/other") == "404");
}

TEST_CASE("pages of other origins are refused before the upgrade unless the host allows them", "[manager]") {
  const auto answer = [](host& h, const std::string& headers) {
    return memory_client(h.line(), "/ws/p", headers).upgraded()
               ? "101"
               : memory_client(h.line(), "/ws/p", headers).http().substr(9, 3);
  };
  host h;
  CHECK(answer(h, "") == "101");
  CHECK(answer(h, "Origin: http://test\r\n") == "101");
  CHECK(answer(h, "Origin: https://TEST\r\n") == "101");
  CHECK(answer(h, "Origin: https://evil.example\r\n") == "403");
  CHECK(answer(h, "Origin: http://test.evil.example\r\n") == "403");
  CHECK(answer(h, "Origin: http://test:81\r\n") == "403");
  CHECK(answer(h, "Origin: null\r\n") == "403");
  CHECK(answer(h, "Origin: http://test\r\nOrigin: http://test\r\n") == "403");
  host open(
      {.allows_origin = [](std::string_view origin, std::string_view) { return origin == "https://app.example"; }});
  CHECK(answer(open, "Origin: https://app.example\r\n") == "101");
  CHECK(answer(open, "Origin: http://test\r\n") == "403");
}

TEST_CASE("pages of the origins that the host lists are let in, and only those", "[manager]") {
  const auto lets_in = [](host& h, const std::string& origin) {
    const memory_client c(h.line(), "/ws/p", "Origin: " + origin + "\r\n");
    CHECK((c.upgraded() || c.http().starts_with("HTTP/1.1 403 ")));
    return c.upgraded();
  };
  host listed({.origins = {"https://app.example", "https://app.example:8443"}});
  CHECK(lets_in(listed, "https://app.example"));
  CHECK(lets_in(listed, "HTTPS://App.Example"));
  CHECK(lets_in(listed, "https://app.example:8443"));
  CHECK(lets_in(listed, "http://test"));
  for (const auto* other :
       {"http://app.example", "https://app.example:1", "https://app.example.evil", "https://app.exampl",
        "https://xapp.example", "app.example", "null", "*", "https://app.example/", "https://a.app.example"})
    CHECK_FALSE(lets_in(listed, other));

  host only({.origins = {"https://app.example"}, .allows_origin = nullptr});
  CHECK(lets_in(only, "https://app.example"));
  CHECK_FALSE(lets_in(only, "http://test"));

  host any({.origins = {"*"}});
  CHECK(lets_in(any, "https://evil.example"));
  CHECK_FALSE(lets_in(any, "null"));
  CHECK_FALSE(lets_in(any, "NULL"));
  CHECK_FALSE(memory_client(any.line(), "/ws/p", "Origin: https://a\r\nOrigin: https://a\r\n").upgraded());
}

TEST_CASE("the host decides who may connect, and its commands know who asks", "[manager]") {
  host h;
  h.manager->authenticate([](const http_request& q, std::string_view) {
    const auto name = q.query_value("name");
    if (name == "throws") throw std::runtime_error("secret");
    return name ? admission{*name} : admission::refuse(401);
  });
  h.manager->on_command("who", [](const request& q) { return json_object{{"you", q.principal()}}; });
  CHECK(memory_client(h.line()).http().starts_with("HTTP/1.1 401 "));
  const std::string failed = memory_client(h.line(), "/ws/p?name=throws").http();
  CHECK(failed.starts_with("HTTP/1.1 500 "));
  CHECK(failed.find("secret") == std::string::npos);
  memory_client ada = h.connect("/ws/p?name=ada");
  ada.send(R"({"command":"who"})");
  CHECK(ada.next()["result"]["you"].as_string() == "ada");
  CHECK(h.manager->connection(h.id_of_last)->principal == "ada");
}

TEST_CASE("a head that does not end in time is 408, whatever trickles in", "[manager]") {
  host h;
  const auto peer = h.line().connect();
  for (int i = 0; i < 25 && !peer->closed_by_server(); ++i) {
    peer->send(i == 0 ? "GET / HTTP/1.1\r\nHost: x\r\nA: " : "x");
    h.line().advance(500ms);
  }
  CHECK(peer->closed_by_server());
  CHECK(peer->received().starts_with("HTTP/1.1 408 "));
}

TEST_CASE("a client that does not read its answers is closed as too slow, and holds a bounded amount", "[manager]") {
  host h({.session = {.control_lane_bytes = 4096}});
  memory_client c = h.connect();
  const std::string id = h.id_of_last;
  c.peer->stall(true);
  std::error_code last;
  for (int i = 0; i < 100 && !last; ++i)
    last = h.manager->send_to(id, {{"type", "note"}, {"text", std::string(100, 'x')}});
  CHECK(last == errc::control_lane_full);
  c.peer->stall(false);
  h.line().run();
  c.pump();
  CHECK(c.close_code == 4008);
}

TEST_CASE("a client that floods commands and does not read is not read from either", "[manager]") {
  host h({.session = {.control_lane_bytes = 64 * 1024, .message_burst = 10'000}});
  memory_client c = h.connect();
  c.peer->stall(true);
  std::string burst;
  for (int i = 0; i < 200; ++i) burst += client_frame(0x81, R"({"command":"ping"})");
  for (int i = 0; i < 50; ++i) {
    c.peer->send(burst);
    h.line().run();
  }
  c.peer->stall(false);
  h.line().run();
  c.pump();
  CHECK_FALSE(c.close_code);
  CHECK(c.messages.size() == 10000);
}

TEST_CASE("a burst of commands with large answers is answered whole to a client that reads slowly", "[manager]") {
  host h({.session = {.control_lane_bytes = 64 * 1024}});
  int runs = 0;
  h.manager->on_command("big", [&](const request&) {
    ++runs;
    return json_object{{"text", std::string(40'000, 'x')}};
  });
  memory_client c = h.connect();
  c.peer->window(1000);
  std::string burst;
  for (int i = 0; i < 50; ++i) burst += client_frame(0x81, R"({"command":"big","id":)" + std::to_string(i) + "}");
  c.peer->send(burst);
  h.line().run();
  CHECK(runs == 1);  // the rest waits until its answer is on its way
  for (int i = 0; i < 300 && c.messages.size() < 50; ++i) {
    c.peer->window(10'000);
    h.line().run();
    c.pump();
  }
  CHECK_FALSE(c.close_code);
  REQUIRE(c.messages.size() == 50);
  for (int i = 0; i < 50; ++i) CHECK(c.next()["id"].as_int64() == i);
  CHECK(runs == 50);
  c.peer->stall(false);
  c.send(R"({"command":"ping","id":"after"})");
  CHECK(c.next()["id"].as_string() == "after");
}

TEST_CASE("one answer may be larger than the lane", "[manager]") {
  host h({.session = {.control_lane_bytes = 4096}});
  h.manager->on_command("big", [&](const request&) { return json_object{{"text", std::string(100'000, 'x')}}; });
  memory_client c = h.connect();
  c.send(R"({"command":"big","id":1})");
  CHECK(c.next()["result"]["text"].as_string()->size() == 100'000);
  c.peer->window(10);
  c.send(R"({"command":"big","id":2})");
  c.peer->stall(false);
  CHECK(c.next()["id"].as_int64() == 2);
}

TEST_CASE("a client that says goodbye behind a burst is answered, and its goodbye too", "[manager]") {
  host h({.session = {.control_lane_bytes = 4096}});
  h.manager->on_command("big", [&](const request&) { return json_object{{"text", std::string(10'000, 'x')}}; });
  memory_client c = h.connect();
  c.peer->window(10);
  c.peer->send(client_frame(0x81, R"({"command":"big","id":1})") + client_frame(0x81, R"({"command":"big","id":2})") +
               client_frame(0x88, "\x03\xe8"));
  h.line().run();
  c.peer->stall(false);
  h.line().run();
  c.pump();
  CHECK(c.messages.size() == 2);
  CHECK(c.close_code == 1000);
}

TEST_CASE("a producer is notified when its subscribers fall behind and when they have caught up", "[manager]") {
  host h;
  std::vector<pace> told;
  h.manager->on_pace("p", {.behind = 10'000, .caught_up = 2'000, .patience = 5s},
                     [&](pace now) { told.push_back(now); });
  memory_client prompt = h.connect();
  memory_client slow = h.connect();
  const auto emit = [&](int count) {
    for (int i = 0; i < count; ++i) REQUIRE(h.events.emit("p", "a", {{"text", std::string(900, 'x')}}));
    h.line().run();
  };
  using paces = std::vector<pace>;
  slow.peer->stall(true);
  emit(5);
  CHECK(told.empty());
  emit(10);
  CHECK(told == paces{pace::behind});
  slow.peer->window(4'000);
  h.line().run();
  CHECK(told.size() == 1);
  slow.peer->stall(false);
  h.line().run();
  CHECK(told == paces{pace::behind, pace::caught_up});
  CHECK(prompt.events() == slow.events());

  slow.peer->stall(true);
  emit(15);
  CHECK(told.size() == 3);
  h.line().advance(6s);  // so long is it waited for
  CHECK(told.size() == 4);
  emit(15);
  CHECK(told.size() == 4);

  memory_client other = h.connect();
  other.peer->stall(true);
  emit(15);
  CHECK(told.size() == 5);
  other.peer->reset();  // and who goes is not waited for at all
  h.line().run();
  CHECK(told.size() == 6);
  CHECK(told.back() == pace::caught_up);

  memory_client last = h.connect();
  last.peer->stall(true);
  emit(15);
  CHECK(told.back() == pace::behind);
  h.manager->on_pace("p", {}, {});
  last.peer->stall(false);
  h.line().run();
  CHECK(told.back() == pace::behind);
}

TEST_CASE("a pace function that was removed is not called for a change that was on its way", "[manager]") {
  host h;
  int told = 0;
  h.manager->on_pace("p", {.behind = 1'000, .caught_up = 100}, [&](pace) { ++told; });
  memory_client slow = h.connect();
  slow.peer->stall(true);
  h.line().run();
  REQUIRE(h.events.emit("p", "a", {{"text", std::string(2'000, 'x')}}));
  REQUIRE(h.line().run_one());  // measured, and not told yet
  h.manager->on_pace("p", {}, {});
  h.line().run();
  CHECK(told == 0);
}

TEST_CASE("when the last listener of a project goes, its producer goes on", "[manager]") {
  host h;
  std::vector<pace> told;
  h.manager->on_pace("p", {.behind = 1'000, .caught_up = 100}, [&](pace now) { told.push_back(now); });
  memory_client slow = h.connect();
  slow.peer->stall(true);
  REQUIRE(h.events.emit("p", "a", {{"text", std::string(2'000, 'x')}}));
  h.line().run();
  CHECK(told == std::vector<pace>{pace::behind});
  slow.peer->reset();
  h.line().run();
  CHECK(told == std::vector<pace>{pace::behind, pace::caught_up});
}

TEST_CASE("stop tells everybody, flushes what was accepted, and then is silent", "[manager]") {
  host h;
  int done = 0, disconnects = 0;
  h.manager
      ->on_disconnect([&](const connection_info&, const disconnection& how) {
        CHECK(how.code == close_code::going_away);
        CHECK(done == 0);
        ++disconnects;
      })
      .release();
  memory_client prompt = h.connect(), slow = h.connect();
  slow.peer->window(10);
  for (int i = 0; i < 5; ++i) REQUIRE(h.events.emit("p", "a"));
  h.line().run();
  h.manager->stop([&] { ++done; });
  for (memory_client* const c : {&prompt, &slow}) {
    c->peer->stall(false);
    CHECK(c->events() == seqs{1, 2, 3, 4, 5});
    const json told = c->next();
    CHECK(told["type"].as_string() == "disconnected");
    CHECK(told["code"].as_int64() == 1001);
    CHECK(told["reconnect"].as_bool() == true);
    CHECK(c->close_code == 1001);
    CHECK(done == 0);
    c->peer->send(client_frame(0x88, std::string("\x03\xe9", 2)));
    h.line().run();
    c->peer->close();
    h.line().run();
  }
  CHECK(done == 1);
  CHECK(disconnects == 2);
  CHECK_FALSE(h.manager->is_running());
  REQUIRE(h.events.emit("p", "after"));
  h.line().run();
}

TEST_CASE("at a stop each client receives a time of its own to come back after", "[manager]") {
  host h({.restart_spread = 2s});
  std::vector<memory_client> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(h.connect());
  h.manager->stop();
  std::set<double> times;
  for (memory_client& c : clients) {
    const json told = c.next();
    CHECK(told["type"].as_string() == "disconnected");
    const double after = told["retry_after"].as_double().value();
    CHECK(after >= 0);
    CHECK(after <= 2);
    times.insert(after);
  }
  CHECK(times.size() > 40);
  CHECK(*times.begin() < 0.5);
  CHECK(*times.rbegin() > 1.5);
}

TEST_CASE("a client that is disconnected for another reason receives no time to come back", "[manager]") {
  host h({.restart_spread = 2s});
  memory_client c = h.connect();
  CHECK_FALSE(h.manager->disconnect(h.id_of_last, close_code::try_again_later));
  CHECK(c.next()["retry_after"].is_missing());
}

TEST_CASE("a client with few events receives its position now and then", "[manager]") {
  host h({.position_interval = 10s});
  memory_client all = h.connect();
  memory_client some = h.connect();
  memory_client none = h.connect();
  some.send(R"({"command":"subscribe","payload":{"events":["b"]}})");
  none.send(R"({"command":"unsubscribe","payload":{"events":["*"]}})");
  for (memory_client* const c : {&some, &none}) CHECK(c->next_type() == "command_response");
  h.line().advance(11s);
  CHECK(some.next_type().empty());  // nothing happened
  for (int i = 0; i < 5; ++i) REQUIRE(h.events.emit("p", "a"));
  REQUIRE(h.events.emit("p", "b"));
  h.line().advance(11s);
  CHECK(some.next()["seq"].as_int64() == 6);
  CHECK(some.next_type().empty());  // the event said as much
  const json told = none.next();
  CHECK(told["type"].as_string() == "position");
  CHECK(told["seq"].as_int64() == 6);
  REQUIRE(h.events.emit("p", "a"));
  h.line().advance(5s);
  CHECK(some.next_type().empty());
  h.line().advance(6s);
  for (memory_client* const c : {&some, &none}) CHECK(c->next()["seq"].as_int64() == 7);
  h.line().advance(30s);
  for (memory_client* const c : {&some, &none}) CHECK(c->next_type().empty());
  CHECK(all.events() == seqs{1, 2, 3, 4, 5, 6, 7});
  CHECK(all.next_type().empty());
}

TEST_CASE("a position is behind every event that it covers, and waits while the client lags", "[manager]") {
  host h({.position_interval = 1s});
  memory_client c = h.connect();
  c.send(R"({"command":"subscribe","payload":{"events":["b"]}})");
  CHECK(c.next_type() == "command_response");
  c.peer->stall(true);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(h.events.emit("p", "b"));
    REQUIRE(h.events.emit("p", "a"));
    h.line().advance(2s);
  }
  c.peer->window(30);
  h.line().advance(2s);
  c.peer->stall(false);
  h.line().advance(2s);
  std::vector<std::string> heard;
  for (std::string type = c.next_type(); !type.empty(); type = c.next_type()) heard.push_back(type);
  CHECK(heard == std::vector<std::string>{"event", "event", "event", "position"});
}

TEST_CASE("stop ends within its bound although a client never reads", "[manager]") {
  host h;
  bool done = false;
  memory_client stuck = h.connect();
  stuck.peer->stall(true);
  REQUIRE(h.events.emit("p", "a"));
  h.manager->stop([&] { done = true; });
  h.line().advance(4s);
  CHECK_FALSE(done);
  h.line().advance(2s);
  CHECK(done);
}

TEST_CASE("the completion of stop may destroy the manager", "[manager]") {
  host h;
  memory_client c = h.connect();
  memory_transport* const line = &h.line();
  h.manager->stop([&] { h.manager.reset(); });
  c.peer->close();
  line->run();
  CHECK(h.manager == nullptr);
}

TEST_CASE("a posted function may destroy the manager, and those after it are dropped", "[manager]") {
  host h;
  memory_client c = h.connect();
  int called = 0;
  h.manager->on_pace("p", {.behind = 100, .caught_up = 10}, [&](pace) { ++called; });
  h.manager->post([&] {
    ++called;
    h.manager.reset();
  });
  h.manager->post([&] { ++called; });
  REQUIRE(h.events.emit("p", "a"));
  const auto line = c.peer;
  h.line().run();
  CHECK(h.manager == nullptr);
  CHECK(called == 1);
  CHECK(line->closed_by_server());
}

TEST_CASE("hooks that throw affect no client", "[manager]") {
  host h;
  std::vector<std::string> told;
  h.manager
      ->on_error([&](std::string_view where, std::exception_ptr) {
        told.emplace_back(where);
        throw std::runtime_error("the hook itself");
      })
      .release();
  h.manager->on_connect([](const connection_info&) { throw 1; }).release();
  h.manager->on_disconnect([](const connection_info&, const disconnection&) { throw 2; }).release();
  memory_client c = h.connect();
  REQUIRE(h.events.emit("p", "a"));
  CHECK(c.events() == seqs{1});
  c.peer->reset();
  c.pump();
  CHECK(told == std::vector<std::string>{"on_connect", "on_disconnect"});
}

TEST_CASE("a hook that decides may replace itself while it runs", "[manager]") {
  host h;
  int first = 0;
  int second = 0;
  auto& m = *h.manager;
  const std::string held(100, 'x');  // not in the function's small buffer
  m.authorize_commands([&, held](const connection_info&, const request&) -> std::optional<command_error> {
    m.authorize_commands([&](const connection_info&, const request&) -> std::optional<command_error> {
      ++second;
      return std::nullopt;
    });
    first += held == std::string(100, 'x');
    return std::nullopt;
  });
  m.on_command("fine", [](const request&) {});
  memory_client c = h.connect();
  c.send(R"({"command":"fine"})");
  c.send(R"({"command":"fine"})");
  CHECK(first == 1);
  CHECK(second == 1);
}

TEST_CASE("connections are listed with their subscriptions and the time of their last message", "[manager]") {
  host h;
  memory_client a = h.connect("/ws/a");
  h.line().advance(10s);
  memory_client b = h.connect("/ws/b");
  b.send(R"({"command":"subscribe","payload":{"events":["y","x"]}})");
  const auto all = h.manager->connections();
  REQUIRE(all.size() == 2);
  CHECK(all[0].project == "a");
  CHECK(all[0].hears_all);
  CHECK(all[1].subscriptions == std::vector<std::string>{"x", "y"});
  CHECK(h.env->now() - all[0].last_heard == 10s);
  CHECK(all[0].is_healthy(h.env->now()));
  CHECK_FALSE(all[0].is_healthy(h.env->now() + 81s));
  CHECK(h.manager->connections("b").size() == 1);
  CHECK(to_json(h.manager->status()).text() ==
        R"({"connections":2,"projects":[{"project_id":"a","connections":1},{"project_id":"b","connections":1}]})");
  REQUIRE(h.manager->connection(h.id_of_last));
  CHECK(h.manager->connection(h.id_of_last)->project == "b");
}

TEST_CASE("a manager is refused a prefix that is no folder", "[manager]") {
  event_emitter events;
  CHECK_THROWS_AS(manager_type(memory_transport(), events, {.route_prefix = "ws"}), std::invalid_argument);
}

// ------------------------------------------------------------------------------------------- destroyed from inside

namespace {

// A host whose manager goes while it is being called, and two clients who see it.
struct doomed : host {
  explicit doomed(manager_options options = {}) : host(std::move(options)) {
    manager->on_disconnect([this](const connection_info&, const disconnection&) { ++calls_after; }).release();
    manager->on_session_expired([this](const connection_info&) { ++calls_after; }).release();
    manager->on_command("after", [this](const request&) { ++calls_after; });
    manager->on_error([this](std::string_view, std::exception_ptr) { ++calls_after; }).release();
    transport_memory = std::make_shared<memory_client>(line());
    other = std::make_unique<memory_client>(line());
  }
  // Nothing of the manager is left when this returns, and the host can be sure that no more calls come.
  void destroy() {
    manager.reset();
    calls_after = 0;
  }
  std::shared_ptr<memory_client> transport_memory;
  std::unique_ptr<memory_client> other;
  int calls_after = 0;
};

}  // namespace

TEST_CASE("a handler may destroy its manager, and nothing more is called", "[manager]") {
  doomed h;
  h.manager->on_command("destroy", [&, kept = std::make_shared<int>(7)](const request& q) {
    h.destroy();
    CHECK(*kept == 7);  // a running handler is kept until it has returned
    return json_object{{"project", q.project()}};
  });
  h.manager->on_command("throws", [&](const request&) {
    h.destroy();
    throw std::runtime_error("too late");
  });
  h.manager->on_command("defers", [&](const request&, responder r) {
    h.destroy();
    std::move(r).answer(json_object{});
  });
  const auto peer = h.transport_memory->peer;
  for (const auto* name : {"destroy", "throws", "defers"}) {
    DYNAMIC_SECTION(name) {
      // Those after it, in the same read, do not run.
      peer->send(client_frame(0x81, R"({"command":")" + std::string(name) + "\"}") +
                 client_frame(0x81, R"({"command":"after"})"));
      h.line().run();
      CHECK(h.manager == nullptr);
      CHECK(h.calls_after == 0);
      CHECK(h.other->peer->closed_by_server());
      peer->send(client_frame(0x81, R"({"command":"after"})"));
      CHECK(h.calls_after == 0);
    }
  }
}

TEST_CASE("any hook may destroy the manager that calls it", "[manager]") {
  std::function<void()> end;
  bool ends_early = false;
  int asked_for_origin = 0;
  doomed h({.valid_project =
                [&](std::string_view) {
                  if (ends_early) end();
                  return true;
                },
            .allows_origin =
                [&](std::string_view, std::string_view) {
                  ++asked_for_origin;
                  end();
                  return true;
                },
            .resume = {.window = 1s}});
  end = [&] { h.destroy(); };
  memory_client& c = *h.transport_memory;
  SECTION("authenticate") {
    h.manager->authenticate([&](const http_request&, std::string_view) {
      end();
      return admission{"ada"};
    });
    CHECK_FALSE(memory_client(h.line()).upgraded());
  }
  SECTION("an authentication that is answered later") {
    h.manager->authenticate([&](const http_request&, std::string_view, admission_responder r) {
      end();
      std::move(r).answer({"ada"});
    });
    CHECK_FALSE(memory_client(h.line()).upgraded());
  }
  SECTION("on_connect") {
    h.manager->on_connect([&](const connection_info&) { end(); }).release();
    const memory_client last(h.line());
  }
  SECTION("on_connect, when it was let in later") {
    h.manager->authenticate(
        [&](const http_request&, std::string_view, admission_responder r) { std::move(r).answer({"ada"}); });
    h.manager->on_connect([&](const connection_info&) { end(); }).release();
    const memory_client last(h.line());
  }
  SECTION("authorize_subscriptions at the door") {
    h.manager->authorize_subscriptions([&](const connection_info&, std::string_view) {
      end();
      return std::optional<command_error>();
    });
    const memory_client last(h.line());
  }
  SECTION("authorize_subscriptions") {
    h.manager->authorize_subscriptions([&](const connection_info&, std::string_view) {
      end();
      return std::optional<command_error>();
    });
    c.send(R"({"command":"subscribe","payload":{"events":["a","b"]}})");
  }
  SECTION("authorize_commands") {
    h.manager->authorize_commands([&](const connection_info&, const request&) {
      end();
      return std::optional<command_error>();
    });
    c.send(R"({"command":"after"})");
  }
  SECTION("reauthenticate") {
    h.manager->reauthenticate([&](const connection_info&, std::string_view) {
      end();
      return admission{};
    });
    c.send(R"({"command":"refresh","payload":{"token":"t"}})");
  }
  SECTION("on_http") {
    h.manager->on_http([&](const http_request&) {
      end();
      return http_response{};
    });
    h.line().connect()->send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    h.line().run();
  }
  SECTION("on_disconnect") {
    h.manager->on_disconnect([&](const connection_info&, const disconnection&) { end(); }).release();
    c.peer->reset();
    h.line().run();
  }
  SECTION("on_resumed") {
    h.manager->on_resumed([&](const connection_info&) { end(); }).release();
    const json hello = c.next();
    c.peer->reset();
    h.line().run();
    const memory_client again(h.line(), "/ws/p?resume=" + std::string(*hello["resume"]["token"].as_string()) +
                                            "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=0");
  }
  SECTION("on_session_expired") {
    h.manager->on_session_expired([&](const connection_info&) { end(); }).release();
    c.peer->reset();
    h.other->peer->reset();
    h.line().advance(2s);
  }
  SECTION("on_error") {
    h.manager->on_error([&](std::string_view, std::exception_ptr) { end(); }).release();
    h.manager->on_command("throws", [](const request&) { throw std::runtime_error("x"); });
    c.send(R"({"command":"throws"})");
  }
  SECTION("a stop callback") {
    std::vector<responder> kept;
    std::unique_ptr<std::stop_callback<std::function<void()>>> told;
    h.manager->on_command("waits", [&](const request&, responder r) {
      if (!told) told = std::make_unique<std::stop_callback<std::function<void()>>>(r.stop_token(), end);
      kept.push_back(std::move(r));
    });
    c.send(R"({"command":"waits"})");
    c.send(R"({"command":"waits"})");
    h.line().advance(30s);
  }
  SECTION("a pace") {
    h.manager->on_pace("p", {.behind = 1, .caught_up = 0}, [&](pace) { end(); });
    c.peer->stall(true);
    for (int i = 0; i < 9; ++i) (void)h.events.emit("p", "a");
    h.line().run();
  }
  SECTION("a posted function that throws then") {
    h.manager->post([&] {
      end();
      throw std::runtime_error("x");
    });
    h.line().run();
  }
  SECTION("valid_project, before allows_origin is asked") {
    ends_early = true;
    CHECK_FALSE(memory_client(h.line(), "/ws/p", "Origin: https://elsewhere\r\n").upgraded());
    CHECK(asked_for_origin == 0);
  }
  SECTION("client_scheme") {
    h.manager->client_scheme([&](const http_request&) {
      end();
      return std::string("https");
    });
    CHECK_FALSE(memory_client(h.line(), "/ws/p", "Origin: https://elsewhere\r\n").upgraded());
    CHECK(asked_for_origin == 0);
  }
  SECTION("allows_origin") {
    CHECK_FALSE(memory_client(h.line(), "/ws/p", "Origin: https://elsewhere\r\n").upgraded());
  }
  SECTION("on_log") {
    h.manager->on_log([&](log_level, std::string_view) { end(); }).release();
    c.peer->reset();
    h.line().run();
  }
  SECTION("on_log, from stop itself") {
    std::vector<admission_responder> asked;
    h.manager->authenticate(
        [&](const http_request&, std::string_view, admission_responder r) { asked.push_back(std::move(r)); });
    const memory_client waiting(h.line());
    h.manager->on_log([&](log_level, std::string_view) { end(); }).release();
    h.manager->stop();
  }
  SECTION("the first of two who wait for the end") {
    h.manager->stop(end);
    h.manager->stop([&] { ++h.calls_after; });
    h.line().advance(20s);
  }
  SECTION("the completion of stop that throws then") {
    h.manager->stop([&] {
      end();
      throw std::runtime_error("x");
    });
    h.line().advance(20s);
  }
  CHECK(h.manager == nullptr);
  CHECK(h.calls_after == 0);
  REQUIRE(h.events.emit("p", "a"));  // events still reach the log, and no client
}

TEST_CASE("commands under way are stopped before the manager's destructor returns, from inside too", "[manager]") {
  doomed h;
  std::vector<responder> kept;
  h.manager->on_command("waits", [&](const request&, responder r) { kept.push_back(std::move(r)); });
  h.other->send(R"({"command":"waits"})");
  bool stopped_by_then = false;
  h.manager->on_command("destroy", [&](const request&) {
    h.destroy();
    stopped_by_then = kept.front().stop_token().stop_requested();
  });
  h.transport_memory->send(R"({"command":"destroy"})");
  CHECK(stopped_by_then);
  CHECK_FALSE(kept.front().is_pending());
}

TEST_CASE("a handler and each hook may stop the manager, and clients still get what they are owed", "[manager]") {
  host h({.resume = {.window = 1s}});
  int stopped = 0;
  const auto stop = [&] { h.manager->stop([&] { ++stopped; }); };
  h.manager->on_command("nothing", [](const request&) {});
  h.manager->on_command("throws", [](const request&) { throw std::runtime_error("x"); });
  memory_client witness = h.connect();
  memory_client c = h.connect();
  REQUIRE(h.events.emit("p", "owed"));
  SECTION("a handler") {
    h.manager->on_command("stop", [&](const request&) {
      stop();
      return json_object{{"was", "here"}};
    });
    c.send(R"({"command":"stop"})");
    CHECK(c.next()["seq"].as_int64() == 1);
    CHECK(c.next()["result"]["was"].as_string() == "here");
    CHECK(c.next()["type"].as_string() == "disconnected");
    CHECK(c.close_code == 1001);
  }
  SECTION("authorize_commands") {
    h.manager->authorize_commands([&](const connection_info&, const request&) {
      stop();
      return std::optional<command_error>();
    });
    c.send(R"({"command":"nothing"})");
  }
  SECTION("authorize_subscriptions") {
    h.manager->authorize_subscriptions([&](const connection_info&, std::string_view) {
      stop();
      return std::optional<command_error>();
    });
    c.send(R"({"command":"subscribe","payload":{"events":["a","b"]}})");
  }
  SECTION("reauthenticate") {
    h.manager->reauthenticate([&](const connection_info&, std::string_view) {
      stop();
      return admission{};
    });
    c.send(R"({"command":"refresh","payload":{"token":"t"}})");
  }
  SECTION("client_address") {
    h.manager->client_address([&](const http_request&) {
      stop();
      return std::string("192.0.2.1");
    });
    memory_client last(h.line());
    CHECK((!last.upgraded() || last.close_code == 1001));
    last.peer->close();
  }
  SECTION("on_connect") {
    h.manager->on_connect([&](const connection_info&) { stop(); }).release();
    memory_client last(h.line());
    CHECK(last.next_type() == "connected");
    CHECK(last.close_code == 1001);
    last.peer->close();
  }
  SECTION("on_disconnect") {
    h.manager->on_disconnect([&](const connection_info&, const disconnection&) { stop(); }).release();
    c.peer->reset();
  }
  SECTION("on_resumed") {
    h.manager->on_resumed([&](const connection_info&) { stop(); }).release();
    memory_client lost(h.line());
    const json hello = lost.next();
    lost.peer->reset();
    h.line().run();
    memory_client again(h.line(), "/ws/p?resume=" + std::string(*hello["resume"]["token"].as_string()) +
                                      "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=1");
    CHECK(again.next()["resumed"].as_bool() == true);
    CHECK(again.close_code == 1001);
    again.peer->close();
  }
  SECTION("on_session_expired") {
    h.manager->on_session_expired([&](const connection_info&) { stop(); }).release();
    c.peer->reset();
    h.line().advance(2s);
  }
  SECTION("on_error") {
    h.manager->on_error([&](std::string_view, std::exception_ptr) { stop(); }).release();
    c.send(R"({"command":"throws"})");
  }
  SECTION("on_log") {
    h.manager->on_log([&](log_level, std::string_view) { stop(); }).release();
    c.peer->reset();
  }
  SECTION("a pace") {
    h.manager->on_pace("p", {.behind = 1, .caught_up = 0}, [&](pace) { stop(); });
    c.peer->stall(true);
    for (int i = 0; i < 9; ++i) (void)h.events.emit("p", "a");
    h.line().run();
    c.peer->stall(false);
  }
  witness.pump();
  CHECK(witness.events().front() == 1);
  CHECK(witness.next_type() == "disconnected");
  CHECK(witness.close_code == 1001);
  for (memory_client* const each : {&witness, &c}) each->peer->close();
  h.line().advance(10s);
  CHECK(stopped >= 1);
  CHECK_FALSE(h.manager->is_running());
}

TEST_CASE("an answer that a responder gave before the stop, or in the call that stops, is sent", "[manager]") {
  host h;
  std::optional<responder> kept;
  h.manager->on_command("before", [&](const request&, responder r) {
    std::move(r).answer(json_object{{"was", "here"}});
    h.manager->stop();
  });
  h.manager->on_command("after", [&](const request&, responder r) {
    h.manager->stop();
    std::move(r).answer(json_object{{"was", "here"}});
  });
  h.manager->on_command("kept", [&](const request&, responder r) { kept = std::move(r); });
  memory_client c = h.connect();
  SECTION("in a handler, before") { c.send(R"({"command":"before","id":1})"); }
  SECTION("in a handler, after") { c.send(R"({"command":"after","id":1})"); }
  SECTION("elsewhere") {
    c.send(R"({"command":"kept","id":1})");
    std::move(*kept).answer(json_object{{"was", "here"}});
    h.manager->stop();
  }
  CHECK(c.next()["result"]["was"].as_string() == "here");
  CHECK(c.next()["type"].as_string() == "disconnected");
  CHECK(c.close_code == 1001);
}

TEST_CASE("a handler that finds no memory has failed like any other", "[manager]") {
  host h;
  std::vector<std::string> failures;
  h.manager->on_error([&](std::string_view where, std::exception_ptr) { failures.emplace_back(where); }).release();
  h.manager->on_command("greedy", [](const request&) { throw std::bad_alloc(); });
  memory_client c = h.connect();
  c.send(R"({"command":"greedy","id":1})");
  CHECK(c.next()["error"]["code"].as_string() == "internal_error");
  CHECK(failures == std::vector<std::string>{"greedy"});
  c.send(R"({"command":"ping"})");
  CHECK(c.next_type() == "pong");
}

TEST_CASE("a page that stops the manager is sent, and so is the refusal of an authentication that does", "[manager]") {
  host h;
  int stopped = 0;
  const auto stop = [&] { h.manager->stop([&] { ++stopped; }); };
  h.manager->on_http([&](const http_request&) {
    stop();
    return http_response{.body = "goodbye"};
  });
  h.manager->authenticate([&](const http_request&, std::string_view) {
    stop();
    return admission{};
  });
  const auto unfinished = h.line().connect();
  unfinished->send("GET / HTTP/1.1\r\n");
  const auto peer = h.line().connect();
  std::string answer;
  SECTION("a page") {
    peer->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    answer = "HTTP/1.1 200 ";
  }
  SECTION("an authentication") {
    peer->send(
        "GET /ws/p HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    answer = "HTTP/1.1 503 ";
  }
  h.line().run();
  CHECK(peer->received().starts_with(answer));
  CHECK(peer->closed_by_server());
  CHECK_FALSE(peer->was_reset());
  CHECK(unfinished->was_reset());
  CHECK(stopped == 0);
  peer->close();
  h.line().run();
  CHECK(stopped == 1);
}

TEST_CASE("an exception of the completion of stop goes to the error hook", "[manager]") {
  host h;
  std::string told;
  h.manager->on_error([&](std::string_view where, std::exception_ptr) { told = where; }).release();
  h.manager->stop([] { throw std::runtime_error("x"); });
  h.line().run();
  CHECK(told == "stop");
}

TEST_CASE("a hook may disconnect the client that it is called for, before and after", "[manager]") {
  host h;
  std::vector<std::error_code> told;
  h.manager
      ->on_connect([&](const connection_info& c) {
        told.push_back(h.manager->send_to(c.id, {{"type", "hello"}}));
        told.push_back(h.manager->disconnect(c.id, close_code::forbidden, "full"));
        told.push_back(h.manager->disconnect(c.id));
      })
      .release();
  h.manager
      ->on_disconnect([&](const connection_info& c, const disconnection& how) {
        CHECK(how.code == close_code::forbidden);
        told.push_back(h.manager->send_to(c.id, {{"type", "hello"}}));
        told.push_back(h.manager->disconnect(c.id));
      })
      .release();
  memory_client c(h.line());
  CHECK(c.next_type() == "connected");
  CHECK(c.next_type() == "hello");
  CHECK(c.next_type() == "disconnected");
  CHECK(c.close_code == 4003);
  c.peer->close();
  h.line().run();
  const std::error_code gone = errc::no_such_connection;
  CHECK(told == std::vector<std::error_code>{{}, {}, gone, gone, gone});
}

TEST_CASE("a listener may disconnect, and destroy the manager whose handler emits", "[manager]") {
  host h;
  h.manager->on_command("emit", [&](const request& q) { (void)h.events.emit(q.project(), "a"); });
  memory_client c = h.connect();
  SECTION("disconnect") {
    const auto heard = h.events.on("a", [&](const event&) { (void)h.manager->disconnect(h.id_of_last); });
    c.send(R"({"command":"emit"})");
    CHECK(c.next_type() == "disconnected");
    CHECK(c.close_code == 1000);
  }
  SECTION("destroy") {
    const auto heard = h.events.on("a", [&](const event&) { h.manager.reset(); });
    c.peer->send(client_frame(0x81, R"({"command":"emit"})"));
    h.line().run();
    CHECK(h.manager == nullptr);
    CHECK(c.peer->closed_by_server());
  }
}

TEST_CASE("a slow client receives a gap when its project had to give room to others", "[manager]") {
  host h({}, {.event_bytes = 4096, .total_bytes = 32 * 1024});
  memory_client c = h.connect();
  c.peer->stall(true);
  const json_object fields{{"data", std::string(200, 'x')}};
  for (int i = 0; i < 60; ++i) REQUIRE(h.events.emit("p", "tick", fields));
  h.line().run();
  for (int i = 0; i < 1000; ++i) REQUIRE(h.events.emit("q" + std::to_string(i % 40), "tick", fields));
  const log_bounds left = h.events.log()->open("p")->bounds();
  REQUIRE(left.oldest > 2);
  REQUIRE(h.events.log()->status().bytes <= 32 * 1024);

  c.peer->stall(false);
  seqs heard;
  std::uint64_t missed_to = 0;
  c.pump();
  for (const json& message : c.messages) {
    if (message["type"].as_string() == "gap") {
      CHECK(message["from"].as_uint64() == heard.size() + 1);
      CHECK(message["reason"].as_string() == "evicted");
      missed_to = *message["to"].as_uint64();
    } else {
      heard.push_back(*message["seq"].as_uint64());
    }
  }
  CHECK(missed_to == left.oldest - 1);
  CHECK(heard.size() <= 60 - missed_to + 1);
  if (missed_to < 60) CHECK(heard.back() == 60);
}

TEST_CASE("stopping a manager that has stopped completes at once", "[manager]") {
  host h;
  int told = 0;
  h.manager->stop([&] { ++told; });
  h.line().run();
  CHECK(told == 1);
  h.manager->stop([&] { ++told; });
  CHECK(told == 2);
}
