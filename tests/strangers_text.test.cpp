// Text that strangers write, on its way to a host's log.

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/printable.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/utf8.hpp>
#include <hotline/ws_manager.hpp>
#include <manager_over_memory.hpp>
#include <memory_client.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;
using hotline_test::memory_client;

namespace {

// A second line, an escape, DEL, C1 controls, both separators, a turn of direction.
const std::string hostile = "gone\r\n2026-01-01 root logged in\x1b[2J\x7f\b\u0085\u009b31m\u2028\u2029\u202Ecod\u2066";
// The part of it that a header lets through, and C1 as single bytes.
const std::string hostile_header =
    "gone\u0085\u009b31m\u2028\u2029\u202Ecod\u2066 \x9b"
    "31m\x85";

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%%%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    encoded += digits;
  }
  return encoded;
}

// Looked for in the bytes, and not by the function that is tested.
bool is_one_clean_line(std::string_view line) {
  for (const char c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  for (const std::string_view bad : {"\u0085", "\u009b", "\u2028", "\u2029", "\u202E", "\u2066"})
    if (line.find(bad) != line.npos) return false;
  return detail::is_utf8(line);
}

struct host {
  explicit host(manager_options options = {})
      : env(std::make_shared<manual_environment>()),
        events({}, env),
        manager(memory_transport(env), events, std::move(options)) {
    manager.on_log([this](log_level, std::string_view line) { lines.emplace_back(line); }).release();
    REQUIRE_FALSE(manager.start());
  }

  [[nodiscard]] memory_transport& line() { return manager.transport(); }
  void close(memory_client& c, std::string_view reason) {
    c.peer->send(client_frame(0x88, "\x03\xe8" + std::string(reason)));
    line().advance(1s);
    c.peer->close();
    line().run();
  }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  ws_manager<memory_transport> manager;
  std::vector<std::string> lines;
};

struct way {
  const char* what;
  bool is_logged;
  std::function<void(host&)> go;
};

}  // namespace

TEST_CASE("a log receives one clean line, whichever way a stranger's text comes", "[strangers_text]") {
  const std::string in_header = "X-Evil: " + hostile_header + "\r\n";
  const std::vector<way> ways{
      {"the reason of a close", true,
       [](host& h) {
         memory_client c(h.line());
         REQUIRE(c.upgraded());
         h.close(c, hostile);
       }},
      {"the id of a project", true,
       [](host& h) {
         memory_client c(h.line(), "/ws/" + percent_encoded(hostile));
         REQUIRE(c.upgraded());
         h.close(c, "");
       }},
      {"an address that a header names, of a client", true,
       [&](host& h) {
         h.manager.client_address([](const http_request& q) { return std::string(q.header("X-Evil")); });
         memory_client c(h.line(), "/ws/p", in_header);
         if (c.upgraded()) h.close(c, "");
       }},
      {"an address that the query names, of a client", true,
       [](host& h) {
         h.manager.client_address([](const http_request& q) { return q.query_value("from").value_or(""); });
         memory_client c(h.line(), "/ws/p?from=" + percent_encoded(hostile));
         REQUIRE(c.upgraded());
         h.close(c, "");
       }},
      {"an address that the query names, of a client who is refused", true,
       [](host& h) {
         h.manager.client_address([](const http_request& q) { return q.query_value("from").value_or(""); });
         h.manager.authenticate([](const http_request&, std::string_view) { return admission::refuse(403); });
         memory_client c(h.line(), "/ws/p?from=" + percent_encoded(hostile));
         REQUIRE_FALSE(c.upgraded());
       }},
      {"an origin", true,
       [](host& h) { memory_client c(h.line(), "/ws/p", "Origin: https://" + hostile_header + "\r\n"); }},
      {"a scheme", true,
       [](host& h) {
         h.manager.client_scheme([](const http_request& q) { return q.query_value("scheme").value_or(""); });
         memory_client c(h.line(), "/ws/p?scheme=" + percent_encoded(hostile), "Origin: https://a.example\r\n");
         REQUIRE_FALSE(c.upgraded());
       }},
      {"a path", true, [](host& h) { memory_client c(h.line(), "/" + percent_encoded(hostile)); }},
      {"a head that is none", true,
       [](host& h) {
         const auto peer = h.line().connect();
         peer->send("\x1b[2J" + hostile + "\r\n\r\n");
         h.line().run();
       }},
      {"a command, a subscription and a payload", false,
       [](host& h) {
         memory_client c(h.line());
         c.send("{\"command\":\"a\\r\\n\\u001b[2J\\u009b\\u2028\",\"id\":\"\\r\\n\\u001b\"}");
         c.send("{\"command\":\"subscribe\",\"id\":1,\"payload\":{\"events\":[\"\\r\\n\\u001b\"]}}");
         c.send(hostile);
       }},
  };
  for (const way& each : ways) {
    INFO(each.what);
    host h({.valid_project = [](std::string_view) { return true; }});
    each.go(h);
    CHECK(h.lines.empty() != each.is_logged);
    for (const std::string& line : h.lines) {
      INFO(line);
      CHECK(is_one_clean_line(line));
    }
  }
}
