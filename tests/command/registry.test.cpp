#include <catch2_any.hpp>
#include <command/fake_output.hpp>
#include <hotline/command/registry.hpp>

#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;
using hotline_test::one_client;
using list = std::vector<std::string>;

namespace {

struct greeting {
  std::string name;
  std::optional<std::int64_t> times;
  static constexpr auto fields = hotline::fields(field{"name", &greeting::name}, field{"times", &greeting::times});
};

struct only_optional {
  std::optional<std::string> note;
  static constexpr auto fields = hotline::fields(field{"note", &only_optional::note});
};

struct measured {
  double value = 0;
  static constexpr auto fields = hotline::fields(field{"value", &measured::value});
};

// Types that may be handlers, and types that may not.
struct takes_nothing {
  void operator()() const {}
};
struct answers_a_number {
  int operator()(const request&) const { return 1; }
};
struct returns_beside_a_responder {
  json_object operator()(const request&, responder) const { return {}; }
};
struct answers_later {
  void operator()(const request&, responder) const {}
};
struct answers_with_an_error {
  command_error operator()(request) const { return {}; }
};
struct takes_an_int {
  void operator()(const request&, int) const {}
};
static_assert(command_handler<answers_later>);
static_assert(command_handler<answers_with_an_error>);
static_assert(!command_handler<takes_nothing>);
static_assert(!command_handler<answers_a_number>);
static_assert(!command_handler<returns_beside_a_responder>);
static_assert(!typed_command_handler<takes_an_int, int>);

}  // namespace

TEST_CASE("a handler answers an object, any JSON value, a described struct, or nothing, which is {}", "[command]") {
  one_client s;
  s.on("object", [](const request& q) { return json_object{{"project", q.project()}}; });
  s.on("value", [](const request& q) { return q.payload()["it"]; });
  s.on("struct", [](const request&) { return greeting{"ada", 2}; });
  s.on("void", [](const request&) {});
  const auto answer = [&](const std::string& command, const std::string& payload = "{}") {
    s.send(R"({"command":")" + command + R"(","payload":)" + payload + "}");
    const json told = s.next();
    CHECK(told["type"].as_string() == "command_response");
    CHECK(told["command"].as_string() == command);
    CHECK(told["id"].is_missing());
    return std::string(told["result"].text());
  };
  CHECK(answer("object") == R"({"project":"p"})");
  CHECK(answer("value", R"({"it":[1,{"a":"b"}]})") == R"([1,{"a":"b"}])");
  CHECK(answer("value", R"({"it":null})") == "null");
  CHECK(answer("value") == "null");
  CHECK(answer("struct") == R"({"name":"ada","times":2})");
  CHECK(answer("void") == "{}");
}

TEST_CASE("a handler's command_error reaches the client with its code, message and whether to try again", "[command]") {
  one_client s;
  s.on("busy", [](const request&) { return command_error{"busy", "come back later", true}; });
  s.on("maybe", [](const request& q) -> command_result {
    if (q.payload()["ok"].as_bool() == true) return json_object{{"ok", true}};
    return command_error{"no", "not this time"};
  });
  s.send(R"({"command":"busy","id":4})");
  const json told = s.next();
  CHECK(told["type"].as_string() == "command_error");
  CHECK(told["command"].as_string() == "busy");
  CHECK(told["id"].as_int64() == 4);
  CHECK(told["error"].text() == R"({"code":"busy","message":"come back later","retryable":true})");
  s.send(R"({"command":"maybe"})");
  CHECK(s.next()["error"].text() == R"({"code":"no","message":"not this time","retryable":false})");
  s.send(R"({"command":"maybe","payload":{"ok":true}})");
  CHECK(s.next()["result"].text() == R"({"ok":true})");
}

TEST_CASE("an answer that JSON cannot say is internal_error", "[command]") {
  one_client s;
  s.on("nan", [](const request&) { return measured{std::numeric_limits<double>::quiet_NaN()}; });
  s.on("bytes", [](const request&) { return json_object{{"text", "\xff"}}; });
  s.send(R"({"command":"nan"})");
  CHECK(s.next_code() == "internal_error");
  s.send(R"({"command":"bytes"})");
  CHECK(s.next_code() == "internal_error");
}

TEST_CASE("a handler sees who asks, what, and with which id", "[command]") {
  one_client s;
  std::string seen;
  s.on("look", [&](const request& q) {
    seen = q.connection_id() + " " + q.project() + " " + q.command() + " " + (q.id() ? q.id()->text() : "-") + " " +
           std::string(q.payload().text());
    CHECK(q.payload().is_missing() == (seen.back() == ' '));
  });
  s.send(R"({"command":"look","id":"a","payload":{"x":1}})");
  CHECK(seen == R"(0000000000000007 p look "a" {"x":1})");
  s.send(R"({"command":"look"})");
  CHECK(seen == "0000000000000007 p look - ");
}

TEST_CASE("a typed payload arrives decoded, and one that does not fit is refused by the field's name", "[command]") {
  one_client s;
  list heard;
  s.on<greeting>("greet", [&](const request& q, const greeting& g) {
    heard.push_back(g.name + std::to_string(g.times.value_or(1)));
    return json_object{{"to", q.connection_id()}};
  });
  const auto refusal = [&](const std::string& rest) {
    s.send(R"({"command":"greet")" + rest + "}");
    const json told = s.next();
    CHECK(told["error"]["code"].as_string() == "invalid_payload");
    CHECK(told["error"]["retryable"].as_bool() == false);
    return std::string(told["error"]["message"].as_string().value_or(""));
  };
  CHECK(refusal(R"(,"payload":{"name":7})") == "name: expected string");
  CHECK(refusal(R"(,"payload":{"name":null})") == "name: expected string");
  CHECK(refusal(R"(,"payload":{"name":"a","times":"x"})") == "times: expected integer");
  CHECK(refusal(R"(,"payload":{})") == "name: missing");
  CHECK(refusal("") == "name: missing");
  CHECK(heard.empty());
  s.send(R"({"command":"greet","payload":{"name":"ada","times":3,"more":[]}})");
  CHECK(s.next()["result"].text() == R"({"to":"0000000000000007"})");
  CHECK(heard == list{"ada3"});
}

TEST_CASE("a missing payload is as good as an empty object", "[command]") {
  one_client s;
  int ran = 0;
  s.on<only_optional>("note", [&](const request&, const only_optional& o) {
    CHECK_FALSE(o.note);
    ++ran;
  });
  s.send(R"({"command":"note"})");
  s.send(R"({"command":"note","payload":{}})");
  CHECK(s.next()["result"].text() == "{}");
  CHECK(s.next()["result"].text() == "{}");
  CHECK(ran == 2);
}

TEST_CASE("a typed handler may answer later", "[command]") {
  one_client s;
  std::optional<responder> kept;
  s.on<greeting>("greet", [&](const request&, const greeting& g, responder r) {
    CHECK(g.name == "ada");
    kept.emplace(std::move(r));
  });
  s.send(R"({"command":"greet","payload":{"name":1}})");
  CHECK(s.next_code() == "invalid_payload");
  CHECK_FALSE(kept);
  s.send(R"({"command":"greet","payload":{"name":"ada"}})");
  REQUIRE(kept);
  CHECK(s.silent());
  std::move(*kept).answer(greeting{"you", {}});
  s.run();
  CHECK(s.next()["result"].text() == R"({"name":"you"})");
}

TEST_CASE("the last handler set for a name counts, and a removed one leaves an unknown command", "[command]") {
  one_client s;
  s.on("a", [](const request&) { return json_object{{"n", 1}}; });
  s.on("a", [](const request&) { return json_object{{"n", 2}}; });
  s.send(R"({"command":"a"})");
  CHECK(s.next()["result"]["n"].as_int64() == 2);
  s.commands.handlers().erase("a");
  s.commands.handlers().erase("never there");
  s.send(R"({"command":"a"})");
  CHECK(s.next_code() == "unknown_command");
}

TEST_CASE("a handler may remove or replace itself while it runs", "[command]") {
  one_client s;
  s.on("once", [&s, long_enough_for_the_heap = std::string(100, 'x')](const request&) {
    s.commands.handlers().erase("once");
    return json_object{{"still", long_enough_for_the_heap}};
  });
  s.on("turn", [&s, first = std::string(100, 'a')](const request&) {
    s.on("turn", [second = std::string(100, 'b')](const request&) { return json_object{{"is", second}}; });
    return json_object{{"is", first}};
  });
  s.send(R"({"command":"once"})");
  CHECK(s.next()["result"]["still"].as_string() == std::string(100, 'x'));
  s.send(R"({"command":"once"})");
  CHECK(s.next_code() == "unknown_command");
  s.send(R"({"command":"turn"})");
  CHECK(s.next()["result"]["is"].as_string() == std::string(100, 'a'));
  s.send(R"({"command":"turn"})");
  CHECK(s.next()["result"]["is"].as_string() == std::string(100, 'b'));
}

TEST_CASE("a handler keeps what it holds from one command to the next", "[command]") {
  one_client s;
  s.on("count", [n = 0](const request&) mutable { return json_object{{"n", ++n}}; });
  s.send(R"({"command":"count"})");
  s.send(R"({"command":"count"})");
  (void)s.next();
  CHECK(s.next()["result"]["n"].as_int64() == 2);
}

TEST_CASE("an exception of a handler is internal_error without its text, and goes to the error hook", "[command]") {
  one_client s;
  s.on("throws", [](const request&) -> json_object { throw std::runtime_error("secret"); });
  s.on("odd", [](const request&) { throw 42; });
  s.send(R"({"command":"throws","id":1})");
  CHECK(s.output.answers.front().find("secret") == std::string::npos);
  const json told = s.next();
  CHECK(told["error"]["code"].as_string() == "internal_error");
  CHECK(told["id"].as_int64() == 1);
  s.send(R"({"command":"odd"})");
  CHECK(s.next_code() == "internal_error");
  CHECK(s.output.errors == list{"throws: secret", "odd: ?"});
  CHECK(s.silent());
  s.send(R"({"command":"odd"})");
  CHECK(s.next_code() == "internal_error");
}
