// How a connection ends: each close of the server's is announced, and a client that is still sending what was refused may come
// to its end first, for a while.

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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

struct host {
  explicit host(manager_options options = {})
      : env(std::make_shared<manual_environment>()),
        events(log_options{}, env),
        manager(memory_transport(env), events, std::move(options)) {
    manager.on_connect([this](const connection_info& c) { id_of_last = c.id; }).release();
    manager
        .on_disconnect(
            [this](const connection_info&, const disconnection& how) { ended.push_back(static_cast<int>(how.code)); })
        .release();
    manager.on_command("echo", [this](const request& q) {
      ++commands;
      return q.payload();
    });
    REQUIRE_FALSE(manager.start());
  }

  [[nodiscard]] memory_transport& line() { return manager.transport(); }

  [[nodiscard]] memory_client connect() {
    memory_client c(line());
    REQUIRE(c.next_type() == "connected");
    return c;
  }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  ws_manager<memory_transport> manager;
  std::string id_of_last;
  std::vector<int> ended;
  int commands = 0;
};

/// A message of 100,000 bytes, over the limit of 64 KiB, in pieces that come one by one.
struct big_message {
  std::string bytes = client_frame(0x81, std::string(100'000, 'x'));
  std::size_t sent = 0;

  void send(memory_client& c, std::size_t count) {
    c.peer->send(std::string_view(bytes).substr(sent, count));
    sent += count;
    c.pump();
  }
  void send_rest(memory_client& c) { send(c, bytes.size() - sent); }
};

void check_refused(memory_client& c) {
  REQUIRE(c.messages.size() == 1);
  const json told = c.next();
  CHECK(told["type"].as_string() == "disconnected");
  CHECK(told["code"].as_int64() == 1009);
  CHECK(told["reconnect"].as_bool() == false);
  CHECK(c.close_code == 1009);
}

}  // namespace

TEST_CASE("the server sends each close code before in `disconnected`", "[closing]") {
  struct row {
    const char* what;
    std::function<void(host&, memory_client&)> happens;
    int code;
    bool reconnect;
  };
  const auto sends = [](std::string bytes) {
    return [bytes = std::move(bytes)](host&, memory_client& c) { c.peer->send(bytes); };
  };
  const auto says = [](int code) {
    return [code](host& h, memory_client&) {
      CHECK_FALSE(h.manager.disconnect(h.id_of_last, static_cast<close_code>(code), "so it is"));
    };
  };
  std::vector<row> rows{
      {"a reserved opcode", sends(client_frame(0x83, "x")), 1002, false},
      {"no mask", sends(std::string("\x81\x01x", 3)), 1002, false},
      {"a close frame that is none", sends(client_frame(0x88, "x")), 1002, false},
      {"binary", sends(client_frame(0x82, "x")), 1003, false},
      {"not UTF-8", sends(client_frame(0x81, "\xff")), 1007, false},
      {"too big, whole", sends(client_frame(0x81, std::string(70'000, 'x'))), 1009, false},
      {"too big, its beginning", sends(client_frame(0x81, std::string(70'000, 'x')).substr(0, 100)), 1009, false},
      {"too many messages",
       [](host&, memory_client& c) {
         for (int i = 0; i < 500; ++i) c.peer->send(client_frame(0x81, R"({"command":"ping"})"));
       },
       4029, false},
      {"silence", [](host& h, memory_client&) { h.line().advance(91s); }, 4000, true},
      {"the end of the server", [](host& h, memory_client&) { h.manager.stop({}); }, 1001, true},
      {"a session that goes on elsewhere", [](host&, memory_client&) {}, 4009, false},
  };
  for (const int code : {1000, 1004, 1008, 1012, 1014, 1016, 2999, 3000, 4001, 4003, 4004, 4999, 5000})
    rows.push_back({"the host", says(code), code, false});
  for (const int code : {1001, 1011, 1013, 4000, 4008}) rows.push_back({"the host", says(code), code, true});
  for (const row& r : rows) {
    INFO(r.what << ": " << r.code);
    host h;
    memory_client c(h.line());
    const json hello = c.next();
    r.happens(h, c);
    std::unique_ptr<memory_client> heir;
    if (r.code == 4009)
      heir = std::make_unique<memory_client>(h.line(),
                                             "/ws/p?resume=" + std::string(*hello["resume"]["token"].as_string()) +
                                                 "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=0");
    c.pump();
    REQUIRE_FALSE(c.messages.empty());
    const json& told = c.messages.back();
    CHECK(told["type"].as_string() == "disconnected");
    CHECK(told["code"].as_int64() == r.code);
    CHECK(told["reconnect"].as_bool() == r.reconnect);
    // A code that may not be on the wire is none.
    const bool on_the_wire = r.code != 1004 && (r.code < 1015 || r.code > 2999) && r.code < 5000;
    CHECK(c.close_code == (on_the_wire ? r.code : 1005));
  }
}

TEST_CASE("a message that is too big comes to its end before the server's direction does", "[closing]") {
  host h;
  memory_client c = h.connect();
  big_message big;
  SECTION("in one frame") {
    big.send(c, 20);
    check_refused(c);
    CHECK_FALSE(c.peer->closed_by_server());
    big.send(c, 50'000);
    CHECK_FALSE(c.peer->closed_by_server());
    big.send_rest(c);
  }
  SECTION("in several frames, with others between them") {
    c.peer->send(client_frame(0x01, std::string(60'000, 'x')));
    c.pump();
    CHECK_FALSE(c.close_code);
    c.peer->send(client_frame(0x00, std::string(60'000, 'x')) + client_frame(0x89, "ping") +
                 client_frame(0x00, "").front());
    c.pump();
    check_refused(c);
    CHECK_FALSE(c.peer->closed_by_server());
    c.peer->send(client_frame(0x00, "").substr(1) + client_frame(0x80, std::string(60'000, 'x')).substr(0, 5));
    c.pump();
    CHECK_FALSE(c.peer->closed_by_server());
    c.peer->send(client_frame(0x80, std::string(60'000, 'x')).substr(5));
    c.pump();
  }
  SECTION("that the client breaks off to close") {
    c.peer->send(client_frame(0x01, std::string(70'000, 'x')));
    c.pump();
    check_refused(c);
    CHECK_FALSE(c.peer->closed_by_server());
    c.peer->send(client_frame(0x88, "\x03\xf1"));
    c.pump();
  }
  SECTION("a peer without frame borders any more") {
    c.peer->send(client_frame(0x01, std::string(70'000, 'x')));
    c.pump();
    check_refused(c);
    CHECK_FALSE(c.peer->closed_by_server());
    c.peer->send(client_frame(0x83, "x"));
    c.pump();
  }
  CHECK(c.peer->closed_by_server());
  CHECK_FALSE(c.peer->was_reset());
  CHECK(c.pongs.empty());
  c.peer->send(client_frame(0x81, R"({"command":"echo"})"));
  c.peer->close();
  c.pump();
  CHECK(c.messages.empty());
  CHECK(h.commands == 0);
  CHECK(h.ended == std::vector<int>{1009});
  CHECK(h.manager.status().connections == 0);
}

TEST_CASE("a client that was closed may end a message that is too big as well", "[closing]") {
  host h;
  memory_client c = h.connect();
  CHECK_FALSE(h.manager.disconnect(h.id_of_last, close_code::forbidden, "go"));
  big_message big;
  big.send(c, 50'000);
  CHECK(c.close_code == 4003);
  CHECK_FALSE(c.peer->closed_by_server());
  big.send_rest(c);
  CHECK(c.peer->closed_by_server());
  CHECK_FALSE(c.peer->was_reset());
  c.peer->close();
  c.pump();
  CHECK(h.ended == std::vector<int>{4003});
}

TEST_CASE("a message that is too big and does not end is waited for two seconds at most", "[closing]") {
  host h({.connections = {.all = 2}});
  memory_client witness = h.connect();
  memory_client c = h.connect();
  std::string head = client_frame(0x81, "");
  c.peer->send(std::string("\x81\xff\x00\x00\x00\x00\x03\xff\xff\xff", 10) + head.substr(2));
  c.pump();
  check_refused(c);
  for (int i = 0; i < 150 && !c.peer->closed_by_server(); ++i) {
    c.peer->send(std::string(1000, 'x'));
    h.line().advance(10ms);
    // It counts like any other.
    if (i == 0) CHECK(memory_client(h.line()).http().substr(0, 12) == "HTTP/1.1 503");
  }
  CHECK_FALSE(c.peer->closed_by_server());
  for (int i = 0; i < 51; ++i) {
    c.peer->send(std::string(1000, 'x'));
    h.line().advance(10ms);
  }
  CHECK(c.peer->closed_by_server());
  CHECK_FALSE(c.peer->was_reset());
  CHECK(h.ended.empty());
  // Then it is cut off, when `close_timeout` is over, counted from the close frame.
  for (int i = 0; i < 6 && !c.peer->was_reset(); ++i) {
    c.peer->send(std::string(1000, 'x'));
    h.line().advance(500ms);
  }
  CHECK(c.peer->was_reset());
  CHECK(h.ended == std::vector<int>{1009});
  witness.send(R"({"command":"ping"})");
  CHECK(witness.next_type() == "pong");
}

TEST_CASE("the server waits for the rest of a big message no longer than `close_timeout`", "[closing]") {
  host h({.close_timeout = 700ms});
  memory_client c = h.connect();
  big_message big;
  big.send(c, 50'000);
  check_refused(c);
  h.line().advance(1s);
  CHECK(c.peer->was_reset());
  CHECK(h.ended == std::vector<int>{1009});
}

TEST_CASE("the server does not wait for the rest of a message that is far too big", "[closing]") {
  host h;
  memory_client c = h.connect();
  SECTION("a frame of gigabytes") {
    c.peer->send(std::string("\x81\xff\x00\x00\x00\x01\x00\x00\x00\x00", 10) + "\x12\x34\x56\x78xxxx");
  }
  SECTION("a second frame of gigabytes") {
    c.peer->send(client_frame(0x01, std::string(70'000, 'x')));
    c.pump();
    CHECK_FALSE(c.peer->closed_by_server());
    c.peer->send(std::string("\x80\xff\x00\x00\x00\x01\x00\x00\x00\x00", 10) + "\x12\x34\x56\x78xxxx");
  }
  SECTION("more fragments than a message may have") {
    for (int i = 0; i < 1025; ++i) c.peer->send(client_frame(i == 0 ? 0x01 : 0x00, ""));
  }
  c.pump();
  check_refused(c);
  CHECK(c.peer->closed_by_server());
}

TEST_CASE("a server that stops waits for what is too big no longer than it else would", "[closing]") {
  host h;
  memory_client c = h.connect();
  big_message big;
  big.send(c, 50'000);
  check_refused(c);
  bool stopped = false;
  h.manager.stop([&] { stopped = true; });
  SECTION("while the client sends on") { big.send_rest(c); }
  SECTION("while it says no more") { h.line().advance(2s); }
  CHECK(c.peer->closed_by_server());
  CHECK_FALSE(c.peer->was_reset());
  c.peer->close();
  h.line().run();
  CHECK(stopped);
}
