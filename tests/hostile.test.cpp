// Input from the internet, as rows: the bytes that come in, and the answer to their sender. A witness on the same project
// must notice none of it. Each layer's own input is in that layer's tests; docs/security.md lists them.

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;
using hotline_test::memory_client;

namespace {

/// A manager with one good client, which must receive each event in its turn and lose nothing.
struct besieged {
  explicit besieged(manager_options options = {})
      : env(std::make_shared<manual_environment>()),
        events(log_options{}, env),
        manager(memory_transport(env), events, std::move(options)) {
    manager.on_connect([this](const connection_info&) { ++connected; }).release();
    manager.on_disconnect([this](const connection_info&, const disconnection&) { ++disconnected; }).release();
    manager.on_error([this](std::string_view, std::exception_ptr) { ++errors; }).release();
    REQUIRE_FALSE(manager.start());
    witness = std::make_unique<memory_client>(line());
    REQUIRE(witness->next_type() == "connected");
  }

  [[nodiscard]] memory_transport& line() { return manager.transport(); }
  [[nodiscard]] std::uint64_t over(limit what) { return manager.metrics().limits[what]; }

  /// A client of the same project that was let in and greeted.
  [[nodiscard]] memory_client attacker() {
    memory_client c(line());
    REQUIRE(c.next_type() == "connected");
    return c;
  }

  /// The witness is as well off as ever.
  void check_witness() {
    REQUIRE(events.emit("p", "still"));
    CHECK(witness->events() == std::vector<std::uint64_t>{++heard});
    witness->send(R"({"command":"ping"})");
    CHECK(witness->next_type() == "pong");
    CHECK_FALSE(witness->close_code);
    CHECK(errors == 0);
  }

  /// Nothing is left of the others, and each that was let in has ended once.
  void check_alone() {
    line().run();
    CHECK(manager.status().connections == 1);
    CHECK(connected == disconnected + 1);
    check_witness();
  }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  ws_manager<memory_transport> manager;
  std::unique_ptr<memory_client> witness;
  std::uint64_t heard = 0;
  int connected = 0, disconnected = 0, errors = 0;
};

// A header whose length is said in 8 bytes, whatever it is, masked.
std::string announced(unsigned char first_byte, std::uint64_t size) {
  std::string out{static_cast<char>(first_byte), static_cast<char>(0xff)};
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift & 255));
  return out + "\x12\x34\x56\x78";
}

std::string repeated(std::string_view part, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += part;
  return out;
}

// A ping command that is `size` bytes of JSON.
std::string message_of(std::size_t size) {
  std::string text = R"({"command":"ping"})";
  return text.insert(1, std::string(size - text.size(), ' '));
}

// The answer to a text message: "" when nothing came.
std::string answer_to(memory_client& c, std::string_view text) {
  c.send(text);
  if (c.messages.empty()) return {};
  const json told = c.next();
  const std::string type(*told["type"].as_string());
  const auto code = told["code"].is_missing() ? told["error"]["code"].as_string() : told["code"].as_string();
  return code ? type + " " + std::string(*code) : type;
}

}  // namespace

TEST_CASE("frames that break the protocol end their sender by name and no other client", "[hostile]") {
  struct row {
    std::string what, bytes;
    int close;
  };
  const std::vector<row> rows{
      {"unmasked", std::string("\x81\x02{}", 4), 1002},
      {"RSV1 with no extension", client_frame(0xc1, "{}"), 1002},
      {"RSV2", client_frame(0xa1, "{}"), 1002},
      {"RSV3", client_frame(0x91, "{}"), 1002},
      {"a reserved opcode", client_frame(0x83, ""), 1002},
      {"the last reserved opcode", client_frame(0x87, ""), 1002},
      {"a reserved control opcode", client_frame(0x8b, ""), 1002},
      {"the last reserved control opcode", client_frame(0x8f, ""), 1002},
      {"a fragmented ping", client_frame(0x09, ""), 1002},
      {"a fragmented pong", client_frame(0x0a, ""), 1002},
      {"a fragmented close", client_frame(0x08, ""), 1002},
      {"a ping of 126 bytes", client_frame(0x89, std::string(126, 'x')), 1002},
      {"a pong of 126 bytes", client_frame(0x8a, std::string(126, 'x')), 1002},
      {"a close of 126 bytes", client_frame(0x88, "\x03\xe8" + std::string(124, 'x')), 1002},
      {"a continuation of nothing", client_frame(0x80, "{}"), 1002},
      {"a continuation behind a whole message", client_frame(0x81, R"({"command":"ping"})") + client_frame(0x80, "{}"),
       1002},
      {"a message inside a fragmented one", client_frame(0x01, "{") + client_frame(0x81, "{}"), 1002},
      {"a message begun inside a fragmented one", client_frame(0x01, "{") + client_frame(0x01, "}"), 1002},
      {"a length of 2^63", announced(0x81, std::uint64_t{1} << 63), 1002},
      {"a length of 2^64-1", announced(0x81, ~std::uint64_t{0}), 1002},
      {"a length of 2^63-1", announced(0x81, ~std::uint64_t{0} >> 1), 1009},
      {"a length of 2^32", announced(0x81, std::uint64_t{1} << 32), 1009},
      {"a continuation of 2^64-5", client_frame(0x01, "abcd") + announced(0x80, ~std::uint64_t{0} - 4), 1002},
      {"a continuation of 2^63-1", client_frame(0x01, "abcd") + announced(0x80, ~std::uint64_t{0} >> 1), 1009},
      {"a ping of 2^63", announced(0x89, std::uint64_t{1} << 63), 1002},
      {"a length longer written than need be", announced(0x81, 5), 1002},
      {"binary", client_frame(0x82, "x"), 1003},
      {"a surrogate", client_frame(0x81, "\"\xed\xa0\x80\""), 1007},
      {"an overlong NUL", client_frame(0x81, "\"\xc0\x80\""), 1007},
      {"1,025 fragments", client_frame(0x01, "") + repeated(client_frame(0x00, ""), 1024), 1009},
      {"a close code of 0", client_frame(0x88, std::string(2, '\0')), 1002},
      {"a close code that only a socket may have", client_frame(0x88, "\x03\xee"), 1002},
      {"half a close code", client_frame(0x88, "\x03"), 1002},
  };
  besieged h;
  for (const row& r : rows) {
    for (const std::size_t pieces : {std::size_t{1}, std::size_t{0}}) {
      INFO(r.what << (pieces == 1 ? ", byte by byte" : ", in one piece"));
      memory_client c = h.attacker();
      if (pieces != 0) c.peer->chop(pieces);
      c.peer->send(r.bytes);
      c.pump();
      CHECK(c.close_code == r.close);
      CHECK(c.peer->closed_by_server());
      // Further input is not read: nothing comes after a close frame.
      const std::size_t told = c.messages.size();
      c.peer->send(client_frame(0x81, R"({"command":"ping"})") + r.bytes + std::string(100'000, '\x81'));
      c.pump();
      CHECK(c.messages.size() == told);
      c.peer->close();
      h.check_alone();
    }
  }
  CHECK(h.over(limit::message_bytes) == 6);
  CHECK(h.over(limit::message_fragments) == 2);
  CHECK(h.manager.metrics().disconnections[close_code::message_too_big] == 8);
}

TEST_CASE("requests that break HTTP or the handshake are refused by name, and nothing of them is kept", "[hostile]") {
  struct row {
    std::string what, line;  // in place of the good one that begins alike, or as one more
    int status;
  };
  const std::vector<row> rows{
      {"nothing wrong", "X: y", 101},
      {"a line folded", "X: y\r\n folded", 400},
      {"a bare LF", "X: y\nZ: z", 400},
      {"a bare CR", "X: y\rZ: z", 400},
      {"a NUL", std::string("X: y\0z", 6), 400},
      {"a control character", "X: y\x01z", 400},
      {"a blank before the colon", "X : y", 400},
      {"a blank before the host's colon", "Host : test", 400},
      {"a name that is none", "X(: y", 400},
      {"a second host", "Host: other", 400},
      {"two hosts in one", "Host: test, other", 400},
      {"a host that is a path", "Host: test/ws", 400},
      {"a length that is no number", "Content-Length: abc", 400},
      {"a negative length", "Content-Length: -1", 400},
      {"a length and another", "Content-Length: 0\r\nContent-Length: 0", 400},
      {"a body of 32 MB", "Content-Length: 32000000", 413},
      {"chunks", "Transfer-Encoding: chunked", 400},
      {"101 headers", repeated("X: y\r\n", 95) + "X: y", 431},
      {"a header of 8 KiB", "X: " + std::string(8192, 'y'), 431},
      {"an upgrade that only contains it", "Upgrade: notwebsocketx", 400},
      {"a connection that only contains it", "Connection: xupgradex", 400},
      {"a key of one byte", "Sec-WebSocket-Key: x", 400},
      {"a second key",
       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 400},
      {"a version with a tail", "Sec-WebSocket-Version: 13abc", 426},
      {"an old version", "Sec-WebSocket-Version: 8", 426},
  };
  besieged h;
  for (const row& r : rows) {
    for (const std::size_t pieces : {std::size_t{1}, std::size_t{0}}) {
      INFO(r.what << (pieces == 1 ? ", byte by byte" : ", in one piece"));
      std::string head = "GET /ws/p HTTP/1.1\r\n";
      const std::string_view name = std::string_view(r.line).substr(0, r.line.find(':') + 1);
      for (const std::string_view good : {"Host: test", "Upgrade: websocket", "Connection: Upgrade",
                                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"})
        if (!good.starts_with(name) || name == "Host:") head.append(good).append("\r\n");
      const auto peer = h.line().connect();
      if (pieces != 0) peer->chop(pieces);
      peer->send(head + r.line + "\r\n\r\n");
      h.line().run();
      CHECK(peer->received().substr(0, 13) == "HTTP/1.1 " + std::to_string(r.status) + " ");
      CHECK(peer->closed_by_server() == (r.status != 101));
      // The body that was announced, or whatever.
      if (r.status != 101) peer->send(std::string(1'000'000, 'b'));
      h.line().run();
      peer->close();
      h.check_alone();
    }
  }
}

TEST_CASE("a reason that no close frame has room for is cut, and the frame is sent", "[hostile]") {
  besieged h;
  const std::string witness = h.manager.connections("p").front().id;
  memory_client c = h.attacker();
  std::string reason;
  for (int i = 0; i < 200; ++i) reason += "\xc3\xa9";
  for (const connection_info& info : h.manager.connections("p"))
    if (info.id != witness) REQUIRE_FALSE(h.manager.disconnect(info.id, close_code::policy_violation, reason));
  c.pump();
  CHECK(c.next()["reason"].as_string() == reason);
  CHECK(c.close_code == 1008);
  CHECK(c.close_reason == reason.substr(0, 122));  // 123 would cut a character
  c.peer->send(client_frame(0x88, "\x03\xf0"));
  h.line().run();
  c.peer->close();
  h.check_alone();
}

TEST_CASE("limits on a message hold to the byte whether it comes whole or in fragments", "[hostile]") {
  constexpr std::size_t most = 1000;
  besieged h({.session = {.message_bytes = most, .message_fragments = 4}});
  for (const std::size_t size : {most - 1, most, most + 1, most + 2}) {
    const std::string text = message_of(size);
    for (const std::size_t first : {size, std::size_t{1}, most / 2}) {
      INFO(size << " bytes, the first fragment " << first);
      memory_client c = h.attacker();
      c.peer->send(first == size ? client_frame(0x81, text)
                                 : client_frame(0x01, text.substr(0, first)) + client_frame(0x80, text.substr(first)));
      if (size <= most) {
        CHECK(c.next_type() == "pong");
        CHECK_FALSE(c.close_code);
      } else {
        c.pump();
        CHECK(c.close_code == 1009);
      }
      c.peer->close();
      h.check_alone();
    }
  }
  for (const int frames : {3, 4, 5, 6}) {
    INFO(frames << " fragments");
    memory_client c = h.attacker();
    c.peer->send(client_frame(0x01, R"({"command":"ping"})") + repeated(client_frame(0x00, ""), frames - 2) +
                 client_frame(0x80, ""));
    c.pump();
    CHECK(c.close_code.value_or(0) == (frames <= 4 ? 0 : 1009));
    c.peer->close();
    h.check_alone();
  }
  CHECK(h.over(limit::message_bytes) == 6);
  CHECK(h.over(limit::message_fragments) == 2);
}

TEST_CASE("texts made to hurt a reader of JSON are refused by name and their sender goes on", "[hostile]") {
  struct row {
    std::string what, text, told;
  };
  const auto command = [](std::string_view payload) {
    return R"({"command":"ping","payload":)" + std::string(payload) + "}";
  };
  const auto nested = [&](int levels) {
    return command(R"({"a":)" + repeated("[", levels) + repeated("]", levels) + "}");
  };
  const auto values = [&](int count) { return command(R"({"a":[1)" + repeated(",1", count - 1) + "]}"); };
  const std::vector<row> rows{
      {"65,000 open brackets", std::string(65'000, '['), "error too_deep"},
      {"65,000 open objects", repeated(R"({"a":)", 13'000), "error too_deep"},
      {"31 levels", nested(29), "pong"},
      {"32 levels", nested(30), "pong"},
      {"33 levels", nested(31), "error too_deep"},
      {"34 levels", nested(32), "error too_deep"},
      {"8,191 values", values(8187), "pong"},
      {"8,192 values", values(8188), "pong"},
      {"8,193 values", values(8189), "error too_many_values"},
      {"8,194 values", values(8190), "error too_many_values"},
      {"30,000 empty objects", command(R"({"a":[{})" + repeated(",{}", 20'000) + "]}"), "error too_many_values"},
      {"a number of 60,000 digits", command(R"({"a":)" + std::string(60'000, '9') + "}"), "error number_out_of_range"},
      {"a number of 30 digits", command(R"({"a":)" + std::string(30, '9') + "}"), "error number_out_of_range"},
      {"1e999", command(R"({"a":1e999})"), "error number_out_of_range"},
      {"-1e999", command(R"({"a":-1e999})"), "error number_out_of_range"},
      {"an exponent of 60,000 digits", command(R"({"a":1e)" + std::string(60'000, '9') + "}"),
       "error number_out_of_range"},
      {"2^64", command(R"({"a":18446744073709551616})"), "error number_out_of_range"},
      {"what overflows RapidJSON", command(R"({"a":0.1234567890123456789e-2147483639})"), "pong"},
      {"NaN", command(R"({"a":NaN})"), "error not_json"},
      {"a command named twice", R"({"command":"ping","command":"pong"})", "error duplicate_key"},
      {"a command named twice, once escaped", R"({"command":"ping","\u0063ommand":"pong"})", "error duplicate_key"},
      {"a payload's name used twice", command(R"({"a":1,"a":2})"), "error duplicate_key"},
      {"a BOM", "\xef\xbb\xbf{\"command\":\"ping\"}", "error not_json"},
      {"a BOM of UTF-16", std::string("\0{\0}", 4), "error not_json"},
      {"a NUL in front", std::string(1, '\0') + R"({"command":"ping"})", "error not_json"},
      {"a NUL behind", R"({"command":"ping"})" + std::string(1, '\0'), "error not_json"},
      {"a NUL in the name", R"({"command":"pi\u0000ng"})", "error invalid_command"},
      {"a NUL in the id", R"({"command":"ping","id":"a\u0000b"})", "command_error invalid_id"},
      {"an id of 65 bytes", R"({"command":"ping","id":")" + std::string(65, 'a') + "\"}", "command_error invalid_id"},
      {"an id that is a fraction", R"({"command":"ping","id":1.5})", "command_error invalid_id"},
      {"half a surrogate pair", R"({"command":"\ud800"})", "error not_json"},
      {"two messages in one", R"({"command":"ping"}{"command":"ping"})", "error not_json"},
      {"nothing", "", "error not_json"},
      {"a name of 60,000 bytes", R"({"command":")" + std::string(60'000, 'a') + "\"}", "error invalid_command"},
      {"a name that climbs", R"({"command":"../../ping"})", "error invalid_command"},
      {"__proto__", R"({"command":"__proto__","__proto__":{}})", "command_error unknown_command"},
  };
  besieged h;
  memory_client c = h.attacker();
  for (const row& r : rows) {
    INFO(r.what);
    CHECK(answer_to(c, r.text) == r.told);
    CHECK(answer_to(c, R"({"command":"ping"})") == "pong");
    CHECK_FALSE(c.close_code);
    h.check_witness();
    CHECK(c.events().size() == 1);
  }
  CHECK(h.over(limit::json_depth) == 4);
  CHECK(h.over(limit::json_nodes) == 3);
  const auto is_error = [](const row& r) { return r.told.starts_with("error "); };
  CHECK(h.manager.metrics().bad_messages ==
        static_cast<std::uint64_t>(std::count_if(rows.begin(), rows.end(), is_error)));
  c.peer->reset();
  h.check_alone();
}

TEST_CASE("floods are answered and bounded and no other client waits", "[hostile]") {
  // Not by the rates: those have tests of their own.
  besieged h({.session = {.subscriptions = 16,
                          .commands_in_flight = 8,
                          .messages_per_second = 1'000'000,
                          .message_burst = 1'000'000,
                          .control_frames_per_second = 1'000'000,
                          .control_frame_burst = 1'000'000}});
  memory_client c = h.attacker();
  SECTION("subscriptions, up to the limit and over it") {
    const auto subscribe = [](int from, int count) {
      std::string names;
      for (int i = 0; i < count; ++i) names += (i == 0 ? "\"t" : ",\"t") + std::to_string(from + i) + '"';
      return R"({"command":"subscribe","payload":{"events":[)" + names + "]}}";
    };
    CHECK(answer_to(c, subscribe(0, 17)) == "command_error too_many_subscriptions");
    CHECK(answer_to(c, subscribe(0, 15)) == "command_response");
    CHECK(answer_to(c, subscribe(15, 2)) == "command_error too_many_subscriptions");
    CHECK(answer_to(c, subscribe(15, 1)) == "command_response");
    for (int i = 0; i < 1000; ++i) CHECK(answer_to(c, subscribe(16 + i, 1)) == "command_error too_many_subscriptions");
    CHECK(answer_to(c, R"({"command":"subscribe","payload":{"events":[")" + std::string(129, 'a') + "\"]}}") ==
          "command_error invalid_payload");
    CHECK(h.manager.connections("p").size() == 2);
    CHECK(h.over(limit::subscriptions) == 1002);
  }
  SECTION("commands that are never answered") {
    std::vector<responder> kept;
    h.manager.on_command("slow", [&](const request&, responder r) { kept.push_back(std::move(r)); });
    for (int i = 0; i < 1000; ++i) {
      const std::string told = answer_to(c, R"({"command":"slow","id":)" + std::to_string(i) + "}");
      CHECK(told == (i < 8 ? "" : "command_error too_many_commands"));
    }
    CHECK(kept.size() == 8);
    CHECK(h.over(limit::commands_in_flight) == 992);
    CHECK(h.manager.metrics().commands_failed == 992);
    h.check_witness();
    c.peer->reset();
    h.line().run();
    kept.clear();
  }
  SECTION("pings in one write") {
    c.peer->send(repeated(client_frame(0x89, std::string(125, 'p')), 500));
    c.pump();
    CHECK(c.pongs.size() == 500);
  }
  SECTION("pings whose pongs are not read") {
    c.peer->stall(true);
    for (int i = 0; i < 100; ++i) {
      c.peer->send(repeated(client_frame(0x89, std::string(125, 'p')), 100));
      h.line().run();
      if (i % 10 == 0) h.check_witness();
    }
    // Half a lane of pongs, then nothing is read of it any more, so it is as good as silent.
    h.line().advance(120s);
    CHECK(c.peer->closed_by_server());
    CHECK(h.manager.metrics().disconnections[close_code::heartbeat_timeout] == 2);  // the witness was silent as well
    h.witness = std::make_unique<memory_client>(h.line());
    CHECK(h.witness->next_type() == "connected");
    return;
  }
  if (!c.peer->closed_by_server()) c.peer->reset();
  h.check_alone();
}

TEST_CASE("two thousand sockets that send nothing are turned away in time and hold up no other client", "[hostile]") {
  besieged h;
  std::vector<std::shared_ptr<memory_peer>> silent;
  for (int i = 0; i < 2000; ++i) {
    silent.push_back(h.line().connect());
    // A third never speaks, a third stops within the request, a third goes on by a byte at a time.
    if (i % 3 != 0) silent.back()->send("GET /ws/p HTTP/1.1\r\nHost: t\r\nX: ");
  }
  h.line().run();
  h.check_witness();
  CHECK(h.manager.status().connections == 1);
  // Those that were silent longest have made room.
  CHECK(h.manager.metrics().handshakes == 1024);
  memory_client good = h.attacker();
  CHECK(answer_to(good, R"({"command":"ping"})") == "pong");
  for (int second = 0; second < 11; ++second) {
    for (std::size_t i = 2; i < silent.size(); i += 3) silent[i]->send("x");
    h.line().advance(1s);
    h.check_witness();
  }
  int told = 0;
  for (const auto& peer : silent) {
    REQUIRE(peer->closed_by_server());
    told += peer->received().starts_with("HTTP/1.1 408 ");
  }
  CHECK(told >= 1023);  // a connection after them took one place for a moment
  CHECK(h.manager.metrics().limits[limit::handshake_time] == static_cast<std::uint64_t>(told));
  good.peer->close();
  h.line().advance(6s);
  h.check_alone();
}

TEST_CASE("a flood of commands is refused by name and then ended", "[hostile]") {
  besieged h;
  int runs = 0;
  h.manager.on_command("work", [&](const request&) {
    ++runs;
    return json_object{};
  });
  memory_client c = h.attacker();
  std::string flood;
  for (int i = 1; i <= 401; ++i) flood += client_frame(0x81, R"({"command":"work","id":)" + std::to_string(i) + "}");
  c.peer->send(flood);
  c.pump();
  int refused = 0;
  while (!c.messages.empty()) {
    const json told = c.next();
    if (told["error"]["code"].as_string() != "rate_limited") continue;
    CHECK(told["error"]["retryable"].as_bool() == true);
    ++refused;
  }
  CHECK(runs == 200);
  CHECK(refused == 200);
  CHECK(c.close_code == 4029);
  c.peer->close();
  h.check_alone();
  CHECK(h.manager.metrics().limits[limit::message_rate] == 201);
  CHECK(h.manager.metrics().disconnections[close_code::too_many_messages] == 1);
}

TEST_CASE("a refused message settles the call of its id, and does not use the id up", "[hostile]") {
  struct row {
    std::string what, text, code, id;
  };
  const auto with = [](std::string_view payload) {
    return R"({"id":7,"command":"work","payload":)" + std::string(payload) + "}";
  };
  const auto id_last = [](std::string_view payload) {
    return R"({"payload":)" + std::string(payload) + R"(,"command":"work","id":7})";
  };
  const std::string deep = R"({"a":)" + repeated("[", 40) + repeated("]", 40) + "}";
  const std::string many = R"({"a":[0)" + repeated(",0", 10'000) + "]}";
  const std::vector<row> rows{
      {"half a surrogate pair", with(R"({"text":"hello \ud83d"})"), "not_json", "7"},
      {"half a surrogate pair before the id", id_last(R"({"text":"hello \ud83d"})"), "not_json", "7"},
      {"the other half", with(R"({"text":"\ude00 hello"})"), "not_json", "7"},
      {"half a pair in a name", with(R"({"\ud83d":1})"), "not_json", "7"},
      {"40 levels", with(deep), "too_deep", "7"},
      {"40 levels before the id", id_last(deep), "too_deep", "7"},
      {"10,000 numbers", with(many), "too_many_values", "7"},
      {"10,000 numbers before the id", id_last(many), "too_many_values", "7"},
      {"2^64", with(R"({"n":18446744073709551616})"), "number_out_of_range", "7"},
      {"2^64 before the id", id_last(R"({"n":18446744073709551616})"), "number_out_of_range", "7"},
      {"1e999", with(R"({"n":1e999})"), "number_out_of_range", "7"},
      {"a name used twice", with(R"({"a":1,"a":2})"), "duplicate_key", "7"},
      {"NaN", with(R"({"a":NaN})"), "not_json", "7"},
      {"NaN before the id", id_last(R"({"a":NaN})"), "not_json", "7"},
      {"an end too early", R"({"id":7,"command":"work","payload":{"a":)", "not_json", "7"},
      {"a comma too many", R"({"id":7,"command":"work",})", "not_json", "7"},
      {"text behind it", R"({"id":7,"command":"work"} and more)", "not_json", "7"},
      {"a NUL behind it", R"({"id":7,"command":"work"})" + std::string(1, '\0'), "not_json", "7"},
      {"blanks around everything", " {\n\t\"id\" : 7 ,\r\n\"command\" : \"work\" , x", "not_json", "7"},
      {"a command with a space", R"({"id":7,"command":"do work"})", "invalid_command", "7"},
      {"a command of 65 characters", R"({"id":7,"command":")" + std::string(65, 'a') + "\"}", "invalid_command", "7"},
      {"a command that is a number", R"({"id":7,"command":1})", "invalid_command", "7"},
      {"no command", R"({"id":7,"payload":{}})", "no_command", "7"},
      {"two commands", R"({"id":7,"command":"work","command":"rest"})", "duplicate_key", "7"},
      {"a payload that is a list", with("[]"), "invalid_payload", "7"},
      {"an id with escapes", R"({"id":"\u0061\n","payload":{"a":tru}})", "not_json", "-"},
      {"an id that is text", R"({"id":"\u0061 \"b\"","payload":{"a":tru}})", "not_json", R"("a \"b\"")"},
      {"an id with its name escaped", R"({"i\u0064":7,"payload":{"a":tru}})", "not_json", "7"},
      {"the id twice", R"({"id":7,"id":7,"command":"work"})", "duplicate_key", "7"},
      // None of these ids is echoed: it would be another command's, or it is no id.
      {"two ids", R"({"id":7,"command":"work","id":8})", "duplicate_key", "-"},
      {"two ids, one of them none", R"({"id":7,"command":"work","id":""})", "duplicate_key", "-"},
      {"an id that may go on", R"({"command":"work","id":7)", "not_json", "-"},
      {"an id of another object", R"({"payload":{"id":7,"a":tru},"command":"work"})", "not_json", "-"},
      {"an id behind brackets that do not close", R"({"payload":{"a":[1},"b":2],"id":7})", "not_json", "-"},
      {"an id in a text", R"({"payload":"\"id\":7,","a":tru})", "not_json", "-"},
      {"an id in a list", R"([{"id":7}])", "not_an_object", "-"},
      {"an id of 65 bytes", R"({"id":")" + std::string(65, 'a') + R"(","payload":tru})", "not_json", "-"},
      {"an id of 20 digits", R"({"id":18446744073709551616,"command":"work"})", "number_out_of_range", "-"},
      {"an id that is half a surrogate pair", R"({"id":"\ud83d","command":"work"})", "not_json", "-"},
  };
  besieged h;
  int ran = 0;
  std::vector<responder> under_way;
  h.manager.on_command("work", [&](const request&) { return json_object{{"run", ++ran}}; });
  h.manager.on_command("rest", [&](const request&, responder r) { under_way.push_back(std::move(r)); });
  for (const row& r : rows) {
    INFO(r.what);
    memory_client c = h.attacker();
    c.send(r.text);
    REQUIRE(c.messages.size() == 1);
    const json told = c.next();
    if (r.id == "-") {
      CHECK(told["type"].as_string() == "error");
      CHECK(told["code"].as_string() == r.code);
      CHECK(told["id"].is_missing());
    } else {
      CHECK(told["type"].as_string() == "command_error");
      CHECK(told["command"].is_string());
      CHECK(told["id"].text() == r.id);
      CHECK(told["error"]["code"].as_string() == r.code);
      CHECK(told["error"]["retryable"].as_bool() == false);
    }
    // Nothing of it was remembered: the same id runs once.
    const int before = ran;
    c.send(R"({"id":7,"command":"work"})");
    CHECK(c.next()["result"]["run"].as_int64() == before + 1);
    CHECK_FALSE(c.close_code);
    c.peer->reset();
  }
  // A command whose answer is still to come gets no other.
  memory_client c = h.attacker();
  c.send(R"({"id":7,"command":"rest"})");
  c.send(R"({"id":7,"command":"rest","payload":{"a":tru}})");
  const json told = c.next();
  CHECK(told["type"].as_string() == "error");
  CHECK(told["id"].is_missing());
  c.send(R"({"id":7,"command":"rest","payload":[]})");
  CHECK(c.next()["type"].as_string() == "error");
  std::move(under_way.at(0)).answer(json_object{{"done", true}});
  c.pump();
  REQUIRE(c.messages.size() == 1);
  CHECK(c.next()["type"].as_string() == "command_response");
  c.peer->reset();
  h.check_alone();
}

TEST_CASE("a command that was refused for its rate may be sent again", "[hostile]") {
  besieged h({.session = {.messages_per_second = 10, .message_burst = 2}});
  h.manager.on_command("work", [](const request&) { return json_object{{"done", true}}; });
  memory_client c = h.attacker();
  CHECK(answer_to(c, R"({"command":"work","id":1})") == "command_response");
  CHECK(answer_to(c, R"({"command":"work","id":2})") == "command_response");
  CHECK(answer_to(c, R"({"command":"work","id":3})") == "command_error rate_limited");
  CHECK(answer_to(c, "nonsense") == "error not_json");
  h.line().advance(1s);
  CHECK(answer_to(c, R"({"command":"work","id":3})") == "command_response");
}

TEST_CASE("a flood of pings or pongs is ended", "[hostile]") {
  for (const unsigned char first_byte : {std::uint8_t{0x89}, std::uint8_t{0x8a}}) {
    besieged h;
    memory_client c = h.attacker();
    c.peer->send(repeated(client_frame(first_byte, "x"), 100));
    c.pump();
    CHECK_FALSE(c.close_code);
    c.peer->send(client_frame(first_byte, "x"));
    c.pump();
    CHECK(c.close_code == 4029);
    c.peer->close();
    h.check_alone();
    CHECK(h.manager.metrics().limits[limit::control_rate] == 1);
  }
}

TEST_CASE("a project is what its id says and nothing that climbs or hides", "[hostile]") {
  struct row {
    std::string what, target;
    int status;
  };
  const std::vector<row> rows{
      {"dots", "/ws/.", 404},
      {"a way up", "/ws/../p", 404},
      {"a way up, encoded", "/ws/%2e%2e%2fp", 404},
      {"a way up, encoded twice", "/ws/%252e%252e%252fp", 404},
      {"a way up with the other slash", "/ws/..%5cp", 404},
      {"a way up, overlong", "/ws/%c0%ae%c0%ae%c0%afp", 404},
      {"a way down and up", "/ws/p/../p", 404},
      {"a slash behind", "/ws/p/", 404},
      {"two slashes", "/ws//p", 404},
      {"a way around the prefix", "/x/../ws/p", 404},
      {"the prefix in other letters", "/WS/p", 404},
      {"the prefix, encoded", "/%77s/p", 404},
      {"NUL behind", "/ws/p%00", 404},
      {"a line end", "/ws/p%0d%0aX:%20y", 404},
      {"a space", "/ws/p%20", 404},
      {"a letter that looks like p", "/ws/%d1%80", 404},
      {"a character without width", "/ws/p%e2%80%8b", 404},
      {"a wide p", "/ws/%ef%bd%90", 404},
      {"text from right to left", "/ws/%e2%80%aep", 404},
      {"bytes that are no UTF-8", "/ws/%ff%fe", 404},
      {"raw bytes above ASCII", "/ws/\xd1\x80", 400},
      {"a percent sign alone", "/ws/p%", 404},
      {"half an encoding", "/ws/p%4", 404},
      {"an encoding of IIS", "/ws/%u0070", 404},
      {"a fragment", "/ws/p#p", 400},
      {"p, encoded", "/ws/%70", 101},
  };
  besieged h;
  for (const row& r : rows) {
    INFO(r.what);
    memory_client c(h.line(), r.target);
    CHECK(c.http().substr(0, 12) == "HTTP/1.1 " + std::to_string(r.status));
    if (r.status == 101) CHECK(c.next()["project_id"].as_string() == "p");
    c.peer->close();
    h.check_alone();
  }
}

TEST_CASE("pages of elsewhere are refused before the upgrade however they write their origin", "[hostile]") {
  besieged h;
  for (const std::string_view origin :
       {"http://evil.example", "null", "", "http://test.evil.example", "http://eviltest", "http://test:81",
        "http://test@evil.example", "test", "http://test/", "://test.", "http://test http://evil.example",
        "http://test\t,http://evil.example"}) {
    INFO(origin);
    memory_client c(h.line(), "/ws/p", "Origin: " + std::string(origin) + "\r\n");
    CHECK(c.http().substr(0, 13) == "HTTP/1.1 403 ");
    CHECK(c.peer->closed_by_server());
    c.peer->close();
    h.check_alone();
  }
  memory_client own(h.line(), "/ws/p", "Origin: http://test\r\n");
  CHECK(own.upgraded());
}
