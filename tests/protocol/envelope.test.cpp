#include <hotline/protocol/envelope.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <string>
#include <string_view>

using hotline::session_limits;
using namespace hotline::detail;
using namespace std::string_literals;

namespace {

/// "command id payload", or "code id command" after a '!'.
std::string read(std::string_view text, const session_limits& limits = {}) {
  const auto message = read_envelope(text, limits);
  const auto id_of = [](const auto& part) { return part.id ? part.id->text() : "-"s; };
  if (message) {
    return message->command + " " + id_of(*message) + " " +
           (message->payload ? std::string(message->payload.text()) : "-");
  }
  const auto& failure = message.error();
  CHECK_FALSE(failure.message.empty());
  return "!" + std::string(failure.code) + " " + id_of(failure) + " " +
         (failure.command.empty() ? "-" : failure.command);
}

}  // namespace

TEST_CASE("a command is its name, its id and its payload", "[protocol]") {
  CHECK(read(R"({"command":"ping"})") == "ping - -");
  CHECK(read(R"({"command":"start_task","id":"a","payload":{"task":"x"}})") == R"(start_task "a" {"task":"x"})");
  CHECK(read(R"( {"payload" : {} , "id" : 7 , "command" : "a.b:c-D_1"} )") == "a.b:c-D_1 7 {}");
  CHECK(read(R"({"c\u006fmmand":"p\u0069ng"})") == "ping - -");
}

TEST_CASE("members that the envelope does not know are ignored", "[protocol]") {
  CHECK(read(R"({"v":2,"command":"ping","trace":{"command":"no","id":1},"type":[]})") == "ping - -");
}

TEST_CASE("a text that is not JSON is not_json", "[protocol]") {
  for (const std::string& text :
       {""s, " "s, "ping"s, "{"s, "{\"command\":\"ping\"}}"s, "{\"command\":\"ping\"} {}"s,
        "\xEF\xBB\xBF{\"command\":\"ping\"}"s, "{\"command\":\"ping\"}\0"s, "{\"command\":\"ping\",}"s,
        "{\"command\":\"\\ud800\"}"s, "{\"command\":\"\xFF\"}"s, "{'command':'ping'}"s}) {
    CAPTURE(text);
    CHECK(read(text) == "!not_json - -");
  }
}

TEST_CASE("JSON that is no object is not_an_object", "[protocol]") {
  for (const std::string_view text : {"null", "1", "\"ping\"", "[]", R"([{"command":"ping"}])", "true"}) {
    CAPTURE(text);
    CHECK(read(text) == "!not_an_object - -");
  }
}

TEST_CASE("a message without command is no_command, told with its id", "[protocol]") {
  CHECK(read("{}") == "!no_command - -");
  CHECK(read(R"({"id":3})") == "!no_command 3 -");
  CHECK(read(R"({"id":[],"payload":1})") == "!no_command - -");
  CHECK(read(R"({"Command":"ping"})") == "!no_command - -");
}

TEST_CASE("a command's name has 1 to 64 characters of a few kinds", "[protocol]") {
  for (const std::string_view name : {"null", "1", "[]", "{}", "\"\"", "\"a b\"", "\"a\\u0000\"", "\"\\u0000\"",
                                      "\"a/b\"", "\"\\u00e9\"", "\"a\\n\""}) {
    CAPTURE(name);
    CHECK(read(R"({"id":1,"command":)" + std::string(name) + "}") == "!invalid_command 1 -");
  }
  const auto named = [](std::size_t size) { return read(R"({"command":")" + std::string(size, 'a') + "\"}"); };
  CHECK(named(1) == "a - -");
  CHECK(named(63) == std::string(63, 'a') + " - -");
  CHECK(named(64) == std::string(64, 'a') + " - -");
  CHECK(named(65) == "!invalid_command - -");
  CHECK(named(129) == "!invalid_command - -");
}

TEST_CASE("an id that is none is invalid_id, told with its command", "[protocol]") {
  for (const std::string_view id :
       {"null", "true", "1.0", "1e2", "9223372036854775808", "[]", "{}", "\"\"", "\"a\\u0000\"", "\"\\u001f\""}) {
    CAPTURE(id);
    CHECK(read(R"({"command":"ping","id":)" + std::string(id) + "}") == "!invalid_id - ping");
  }
  CHECK(read(R"({"command":"ping","id":")" + std::string(64, 'i') + "\"}") ==
        "ping \"" + std::string(64, 'i') + "\" -");
  CHECK(read(R"({"command":"ping","id":")" + std::string(65, 'i') + "\"}") == "!invalid_id - ping");
}

TEST_CASE("a payload that is no object is invalid_payload, told with command and id", "[protocol]") {
  for (const std::string_view payload : {"null", "1", "\"{}\"", "[]", "false"}) {
    CAPTURE(payload);
    CHECK(read(R"({"command":"ping","id":"x","payload":)" + std::string(payload) + "}") ==
          "!invalid_payload \"x\" ping");
  }
}

TEST_CASE("a name used twice is duplicate_key, in the envelope and in the payload", "[protocol]") {
  CHECK(read(R"({"command":"ping","command":"ping"})") == "!duplicate_key - -");
  CHECK(read(R"({"command":"ping","id":1,"id":2})") == "!duplicate_key - -");
  CHECK(read(R"({"command":"ping","payload":{},"payl\u006fad":{}})") == "!duplicate_key - -");
  CHECK(read(R"({"command":"ping","payload":{"a":[{"b":1,"b":2}]}})") == "!duplicate_key - -");
}

TEST_CASE("a number that fits nothing is number_out_of_range", "[protocol]") {
  CHECK(read(R"({"command":"ping","payload":{"n":123456789012345678901234567890}})") == "!number_out_of_range - -");
  CHECK(read(R"({"command":"ping","payload":{"n":1e999}})") == "!number_out_of_range - -");
  CHECK(read(R"({"command":"ping","id":18446744073709551616})") == "!number_out_of_range - -");
}

TEST_CASE("the session's limits hold to the level, the value and the byte", "[protocol]") {
  const std::string deep3 = R"({"command":"x","payload":{"a":[]}})";
  session_limits limits;
  limits.json_depth = 2;
  CHECK(read(deep3, limits) == "!too_deep - -");
  limits.json_depth = 3;
  CHECK(read(deep3, limits) == R"(x - {"a":[]})");
  limits.json_nodes = 3;  // the envelope, "x", the payload and the array
  CHECK(read(deep3, limits) == "!too_many_values - -");
  limits.json_nodes = 4;
  CHECK(read(deep3, limits) == R"(x - {"a":[]})");
  limits.message_bytes = deep3.size() - 1;
  CHECK(read(deep3, limits) == "!too_big - -");
  limits.message_bytes = deep3.size();
  CHECK(read(deep3, limits) == R"(x - {"a":[]})");

  CHECK(read(std::string(60'000, '[')) == "!too_deep - -");
  std::string flood = R"({"command":"x","payload":{"a":[)";
  for (int i = 0; i < 20'000; ++i) flood += "{},";
  CHECK(read(flood) == "!too_many_values - -");
}
