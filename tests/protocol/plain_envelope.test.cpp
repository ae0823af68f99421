#include <hotline/protocol/envelope.hpp>
#include <hotline/protocol/plain_envelope.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>

using hotline::session_limits;
using namespace hotline::detail;

namespace {

std::string told(const client_command& command) {
  return command.command + " " + (command.id ? command.id->text() : "-") + " " +
         (command.payload ? std::string(command.payload.text()) : "-");
}

/// The reader's result; empty when it leaves the text to others.
std::string read_plain(std::string_view text, const session_limits& limits = {}) {
  client_command command;
  return plain_envelope_reader(text, limits).read(command) ? told(command) : "";
}

/// The JSON reader's result; empty for a failure.
std::string read_any(std::string_view text, const session_limits& limits = {}) {
  const auto read = read_any_envelope(text, limits);
  return read ? told(*read) : "";
}

}  // namespace

TEST_CASE("messages as clients write them are read without the JSON reader", "[protocol]") {
  CHECK(read_plain(R"({"command":"ping"})") == "ping - -");
  CHECK(read_plain(R"({"command":"ping","id":"c1"})") == R"(ping "c1" -)");
  CHECK(read_plain(R"({"id":0,"command":"a.b:c-D_1","payload":{}})") == "a.b:c-D_1 0 {}");
  CHECK(read_plain(R"({"command":"x","id":123456789012345678,"payload":{"a":[{"b":"}"}]}})") ==
        R"(x 123456789012345678 {"a":[{"b":"}"}]})");
  CHECK(read_plain("\t{ \"command\" : \"ping\" ,\r\n\"payload\" : { \"a\" : 1 } } ") == R"(ping - { "a" : 1 })");
}

TEST_CASE("all other messages are left to the JSON reader", "[protocol]") {
  for (const std::string_view text : {R"({"c\u006fmmand":"ping"})",
                                      R"({"command":"p\u0069ng"})",
                                      R"({"command":"ping","id":"\n"})",
                                      "{\"command\":\"ping\",\"id\":\"\xC3\xA9\"}",
                                      R"({"command":"ping","id":-1})",
                                      R"({"command":"ping","id":1234567890123456789})",
                                      R"({"payload":{},"command":"ping"})",
                                      R"({"command":"ping","payload":{},"id":1})",
                                      R"({"command":"ping","other":{}})",
                                      R"({"id":1})",
                                      "{}",
                                      "",
                                      R"({"command":"ping","command":"ping"})",
                                      R"({"command":"ping","id":1,"id":1})",
                                      R"({"command":"ping","payload":{},"payload":{}})",
                                      R"({"command":"ping","payload":[]})",
                                      R"({"command":"ping","id":01})",
                                      R"({"command":"ping","id":1.0})",
                                      R"({"command":"ping","id":""})",
                                      R"({"command":"ping","payload":{"a":1,"a":1}})",
                                      R"({"command":"ping","payload":{"a":}})",
                                      R"({"command":"ping"}})",
                                      R"({"command":"ping")",
                                      R"({"command":"ping",})",
                                      R"({"command":"a b"})"}) {
    CAPTURE(text);
    CHECK(read_plain(text).empty());
  }
}

TEST_CASE("a limit is the same for both readers", "[protocol]") {
  const std::string text = R"({"command":"x","id":1,"payload":{"a":[1,{"b":2}]}})";
  for (std::size_t limit = 0; limit < 70; ++limit) {
    CAPTURE(limit);
    const session_limits depth{.json_depth = limit}, nodes{.json_nodes = limit}, bytes{.message_bytes = limit};
    CHECK(read_plain(text, depth) == read_any(text, depth));
    CHECK(read_plain(text, nodes) == read_any(text, nodes));
    CHECK(read_plain(text, bytes) == read_any(text, bytes));
    CHECK(read_plain(R"({"command":"x","id":1})", nodes) == read_any(R"({"command":"x","id":1})", nodes));
  }
}

TEST_CASE("both readers read the same of a damaged message, or one of them nothing", "[protocol]") {
  std::mt19937 random(14);
  const std::string good = R"( {"command":"a:b", "id":"c-17", "payload":{"x":{"id":7},"y":[1,2]}} )";
  constexpr std::string_view likely = "\"{}[]:, \\0-1\x7F\xC3\n";
  std::size_t plain = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (std::size_t i = random() % 3; i > 0; --i) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = likely[random() % likely.size()]; break;
        case 1: text.insert(at, 1, likely[random() % likely.size()]); break;
        default: text.erase(at, 1 + random() % 3); break;
      }
    }
    const std::string read = read_plain(text);
    if (read.empty()) continue;
    CAPTURE(text);
    REQUIRE(read == read_any(text));
    ++plain;
  }
  CHECK(plain > 5000);
  CHECK(plain < 15'000);
}
