#include <catch2_any.hpp>
#include <command/fake_output.hpp>
#include <hotline/command/dispatcher.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::one_client;
using list = std::vector<std::string>;

namespace {

struct counting : one_client {
  explicit counting(manager_options o = {}) : one_client(std::move(o)) {
    on("now", [this](const request&) { return json_object{{"run", ++ran}}; });
    on("later", [this](const request&, responder r) {
      ++ran;
      kept.push_back(std::move(r));
    });
  }
  int ran = 0;
  std::vector<responder> kept;
};

}  // namespace

TEST_CASE("an id that was answered gets the same answer again, byte for byte, and does not run again", "[command]") {
  counting s;
  s.send(R"({"command":"now","id":"x"})");
  const std::string answer = s.text();
  CHECK(answer.find(R"("run":1)") != std::string::npos);
  s.now += 5s;
  s.send(R"({"command":"now","id":"x"})");
  CHECK(s.text() == answer);
  // It is the id that counts, whatever else the message says.
  s.send(R"({"command":"later","id":"x","payload":{"other":true}})");
  CHECK(s.text() == answer);
  CHECK(s.ran == 1);
}

TEST_CASE("an id that is under way does not run a second time, and gets one answer", "[command]") {
  counting s;
  s.send(R"({"command":"later","id":"x"})");
  s.send(R"({"command":"later","id":"x"})");
  s.send(R"({"command":"now","id":"x"})");
  CHECK(s.ran == 1);
  CHECK(s.silent());
  std::move(s.kept[0]).answer(json_object{{"n", 1}});
  s.send(R"({"command":"later","id":"x"})");  // its answer is on the way
  CHECK(s.silent());
  s.run();
  const std::string answer = s.text();
  CHECK(s.silent());
  s.send(R"({"command":"later","id":"x"})");
  CHECK(s.text() == answer);
  CHECK(s.ran == 1);
}

TEST_CASE("refusals are answers too: they are remembered", "[command]") {
  counting s;
  s.on("throws", [&](const request&) {
    ++s.ran;
    throw 1;
  });
  for (const std::string command : {"throws", "nonesuch", "cancel"}) {
    const std::string message = R"({"command":")" + command + R"(","id":")" + command + "\"}";
    s.send(message);
    const std::string answer = s.text();
    CHECK(answer.find("command_error") != std::string::npos);
    if (command == "nonesuch") s.on("nonesuch", [](const request&) {});
    s.send(message);
    CHECK(s.text() == answer);
  }
  CHECK(s.ran == 1);
}

TEST_CASE("commands without an id run each time", "[command]") {
  counting s;
  for (int i = 0; i < 3; ++i) s.send(R"({"command":"now"})");
  CHECK(s.ran == 3);
  CHECK(s.output.answers.size() == 3);
}

TEST_CASE("1 and \"1\" are two commands", "[command]") {
  counting s;
  s.send(R"({"command":"now","id":1})");
  s.send(R"({"command":"now","id":"1"})");
  CHECK(s.ran == 2);
  CHECK(s.next()["id"].as_int64() == 1);
  CHECK(s.next()["id"].as_string() == "1");
}

TEST_CASE("too_many_commands is not remembered: the command may come again", "[command]") {
  counting s({.session = {.commands_in_flight = 1}});
  s.send(R"({"command":"later","id":1})");
  s.send(R"({"command":"later","id":2})");
  const json told = s.next();
  CHECK(told["error"]["code"].as_string() == "too_many_commands");
  CHECK(told["error"]["retryable"].as_bool() == true);
  CHECK(told["id"].as_int64() == 2);
  CHECK(s.ran == 1);
  std::move(s.kept[0]).answer(json_object{});
  s.run();
  (void)s.next();
  s.send(R"({"command":"later","id":2})");
  CHECK(s.ran == 2);
  CHECK(s.silent());
}

TEST_CASE("with too many commands under way, the built-in ones go on, cancel above all", "[command]") {
  counting s({.session = {.commands_in_flight = 1}});
  s.send(R"({"command":"later","id":1})");
  s.send(R"({"command":"ping"})");
  CHECK(s.next_code() == "pong");
  s.send(R"({"command":"subscribe","payload":{"events":["a"]}})");
  CHECK(s.next_code() == "command_response");
  s.send(R"({"command":"unsubscribe","payload":{"events":["a"]}})");
  CHECK(s.next_code() == "command_response");
  s.send(R"({"command":"cancel","id":2,"payload":{"id":1}})");
  CHECK(s.next_code() == "command_response");
  CHECK(s.kept[0].stop_token().stop_requested());
}

TEST_CASE("a subscription that is repeated is not run again, and is answered with the types as they are now",
          "[command]") {
  counting s;
  s.send(R"({"command":"subscribe","id":1,"payload":{"events":["a"]}})");
  CHECK(s.text().find(R"("events":["a"])") != std::string::npos);
  s.send(R"({"command":"unsubscribe","id":2,"payload":{"events":["a"]}})");
  CHECK(s.text().find(R"("events":[])") != std::string::npos);
  for (const std::string command : {"subscribe", "unsubscribe", "later"}) {
    s.send(R"({"command":")" + command + R"(","id":1,"payload":{"events":["a"]}})");
    const std::string answer = s.text();
    CHECK(answer.find(R"("events":[])") != std::string::npos);
    CHECK(answer.find(R"("id":1)") != std::string::npos);
    CHECK(answer.find(R"("command":"subscribe")") != std::string::npos);  // the one that ran
  }
  s.send(R"({"command":"subscribe","id":2,"payload":{"events":["a"]}})");
  CHECK(s.text().find(R"("command":"unsubscribe")") != std::string::npos);
  CHECK(s.ran == 0);
  // A refusal is remembered as it was.
  s.send(R"({"command":"subscribe","id":3,"payload":{"events":7}})");
  const std::string refusal = s.text();
  s.send(R"({"command":"subscribe","id":3,"payload":{"events":["b"]}})");
  CHECK(s.text() == refusal);
}

TEST_CASE("cancel says whether there was something to cancel", "[command]") {
  counting s;
  s.send(R"({"command":"later","id":1})");
  s.send(R"({"command":"later","id":"1"})");
  const auto result = [&](const std::string& payload) {
    s.send(R"({"command":"cancel","payload":)" + payload + "}");
    return std::string(s.next()["result"].text());
  };
  CHECK(result(R"({"id":2})") == R"({"cancelled":false})");
  CHECK(result(R"({"id":1})") == R"({"cancelled":true})");
  CHECK(s.kept[0].stop_token().stop_requested());
  CHECK_FALSE(s.kept[1].stop_token().stop_requested());
  CHECK(result(R"({"id":"1"})") == R"({"cancelled":true})");
  CHECK(s.kept[1].stop_token().stop_requested());
  CHECK(result(R"({"id":1})") == R"({"cancelled":true})");  // still under way
  s.kept.clear();
  s.run();
  (void)s.next();
  (void)s.next();
  CHECK(result(R"({"id":1})") == R"({"cancelled":false})");
}

TEST_CASE("cancel of what is no id is refused by name", "[command]") {
  counting s;
  for (const std::string payload :
       {"{}", R"({"id":null})", R"({"id":1.5})", R"({"id":""})", R"({"id":{}})", R"({"id":"\u0000"})"}) {
    INFO(payload);
    s.send(R"({"command":"cancel","payload":)" + payload + "}");
    const json told = s.next();
    CHECK(told["error"]["code"].as_string() == "invalid_payload");
    CHECK(told["error"]["message"].as_string() == "id: expected string or integer");
  }
  s.send(R"({"command":"cancel"})");
  CHECK(s.next_code() == "invalid_payload");
}

TEST_CASE("the authorization hook refuses with forbidden, or with a code of its own, and nothing runs", "[command]") {
  counting s;
  s.commands.authorize([](const connection_info& who, const request& q) -> std::optional<command_error> {
    CHECK(who.id == "0000000000000007");
    if (q.payload()["may"].as_bool() == true) return std::nullopt;
    if (q.payload()["may"].is_null()) return command_error{"paused", "ask again", true};
    return command_error{"", "not you"};
  });
  s.send(R"({"command":"now","id":1})");
  CHECK(s.next()["error"].text() == R"({"code":"forbidden","message":"not you","retryable":false})");
  s.send(R"({"command":"now","payload":{"may":null}})");
  CHECK(s.next()["error"].text() == R"({"code":"paused","message":"ask again","retryable":true})");
  CHECK(s.ran == 0);
  s.send(R"({"command":"now","id":2,"payload":{"may":true}})");
  CHECK(s.next_code() == "command_response");
  CHECK(s.ran == 1);
}

TEST_CASE("the authorization hook is not asked for built-in and unknown commands", "[command]") {
  counting s;
  int asked = 0;
  s.commands.authorize([&](const connection_info&, const request&) -> std::optional<command_error> {
    ++asked;
    return command_error{};
  });
  for (const std::string command : {"ping", "subscribe", "unsubscribe", "cancel", "nonesuch"})
    s.send(R"({"command":")" + command + "\"}");
  CHECK(asked == 0);
  s.send(R"({"command":"now"})");
  CHECK(asked == 1);
}

TEST_CASE("an authorization hook that throws lets nothing run, and is reported", "[command]") {
  counting s;
  s.commands.authorize([](const connection_info&, const request&) -> std::optional<command_error> {
    throw std::runtime_error("secret");
  });
  s.send(R"({"command":"now","id":1})");
  CHECK(s.output.answers.front().find("secret") == std::string::npos);
  CHECK(s.next_code() == "internal_error");
  CHECK(s.ran == 0);
  CHECK(s.output.errors == list{"now: secret"});
}

TEST_CASE("an authorization hook may replace or remove itself while it runs, and keeps its state", "[command]") {
  counting s;
  s.commands.authorize([&s, asked = 0, text = std::string(100, 'x')](
                           const connection_info&, const request&) mutable -> std::optional<command_error> {
    if (++asked < 2) return std::nullopt;
    s.commands.authorize(nullptr);
    return command_error{"last", text};
  });
  s.send(R"({"command":"now"})");
  CHECK(s.next_code() == "command_response");
  s.send(R"({"command":"now"})");
  CHECK(s.next()["error"]["message"].as_string() == std::string(100, 'x'));
  s.send(R"({"command":"now"})");
  CHECK(s.next_code() == "command_response");
}

TEST_CASE("a handler may set the authorization hook of the next command", "[command]") {
  counting s;
  s.on("lock", [&](const request&) {
    s.commands.authorize([](const connection_info&, const request&) { return std::optional(command_error{}); });
  });
  s.send(R"({"command":"lock"})");
  CHECK(s.next_code() == "command_response");
  s.send(R"({"command":"now"})");
  CHECK(s.next_code() == "forbidden");
}

TEST_CASE("the built-in commands cannot be replaced", "[command]") {
  counting s;
  for (const auto* name : {"ping", "subscribe", "unsubscribe", "cancel"}) s.on(name, [&](const request&) { ++s.ran; });
  s.send(R"({"command":"ping"})");
  s.send(R"({"command":"subscribe","payload":{"events":[]}})");
  s.send(R"({"command":"unsubscribe","payload":{"events":[]}})");
  s.send(R"({"command":"cancel","payload":{"id":1}})");
  CHECK(s.ran == 0);
  CHECK(s.next_code() == "pong");
  for (int i = 0; i < 3; ++i) CHECK(s.next_code() == "command_response");
}

TEST_CASE("a message that is no command gets error, or command_error where the command is known", "[command]") {
  counting s;
  s.send("]");
  const json told = s.next();
  CHECK(told["type"].as_string() == "error");
  CHECK(told["code"].as_string() == "not_json");
  s.send(R"({"command":"now","id":"x","payload":[]})");
  const json refused = s.next();
  CHECK(refused["type"].as_string() == "command_error");
  CHECK(refused["command"].as_string() == "now");
  CHECK(refused["id"].as_string() == "x");
  CHECK(refused["error"]["code"].as_string() == "invalid_payload");
  // It never ran, so its id is free.
  s.send(R"({"command":"now","id":"x"})");
  CHECK(s.next_code() == "command_response");
}

TEST_CASE("a command that is refused for its sender's haste is not run, and one under way keeps its one answer",
          "[command]") {
  one_client s;
  std::vector<responder> kept;
  int runs = 0;
  s.on("later", [&](const request&, responder r) { kept.push_back(std::move(r)); });
  s.on("now", [&](const request&) { ++runs; });
  s.send(R"({"command":"later","id":7})");
  s.send(R"({"command":"later","id":7})", limit::message_rate);
  CHECK(s.silent());
  s.send(R"({"command":"now","id":8})", limit::message_rate);
  CHECK(s.next_code() == "rate_limited");
  CHECK(runs == 0);
  std::move(kept.front()).answer(json_object{{"done", true}});
  s.run();
  CHECK(s.next()["id"].as_int64() == 7);
  s.send(R"({"command":"now","id":8})");
  CHECK(runs == 1);
}
