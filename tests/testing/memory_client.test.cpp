#include <hotline/testing/memory_client.hpp>

#include <catch2_any.hpp>
#include <hotline/concepts.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/transport/memory_transport.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace hotline;
using testing::memory_client;
using testing::test_failure;

namespace {

/// A server that sends what a test wants, right or wrong.
struct server final : transport_receiver<memory_connection> {
  server() { REQUIRE_FALSE(transport.start(*this)); }

  void on_open(memory_connection& c) override { client = &c; }
  void on_data(memory_connection&, std::span<char> bytes) override {
    if (received.empty()) say(head);
    received.append(bytes.data(), bytes.size());
  }
  void on_writable(memory_connection&) override {}
  void on_closed(memory_connection&, std::error_code) override {}
  void on_tick() override {}

  void say(std::string_view bytes) { CHECK(transport.write(*client, std::span(&bytes, 1)) == bytes.size()); }

  /// Sends a frame as a server does: without a mask. For payloads of less than 126 bytes.
  void frame(unsigned char first, std::string_view payload) {
    say(std::string{static_cast<char>(first), static_cast<char>(payload.size())} + std::string(payload));
  }

  memory_transport transport;
  memory_connection* client = nullptr;
  std::string received;
  std::string head = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
};

std::string failure_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const test_failure& failed) {
    return failed.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("a client asks for an upgrade and takes what comes", "[testing]") {
  server s;
  memory_client c(s.transport, "/ws/p?last=1", "X-Token: t\r\n");
  CHECK(s.received.starts_with("GET /ws/p?last=1 HTTP/1.1\r\n"));
  CHECK(s.received.find("X-Token: t\r\n\r\n") != std::string::npos);
  CHECK(c.upgraded());
  CHECK(c.http() == s.head);
  s.frame(0x81, R"({"type":"a","timestamp":1})");
  s.frame(0x89, "ping");
  s.frame(0x8A, "pong");
  s.frame(0x81, R"({"type":"b","timestamp":1})");
  CHECK(c.next_type() == "a");
  CHECK(c.next()["type"].as_string() == "b");
  CHECK(c.next_type().empty());
  CHECK(c.pings == std::vector<std::string>{"ping"});
  CHECK(c.pongs == std::vector<std::string>{"pong"});
  s.frame(0x88, std::string_view("\x0F\xA0"
                                 "enough",
                                 8));
  c.pump();
  CHECK(c.close_code == 4000);
  CHECK(c.close_reason == "enough");
}

TEST_CASE("a client that is refused has the response", "[testing]") {
  server s;
  s.head = "HTTP/1.1 403 Forbidden\r\n\r\nno";
  memory_client c(s.transport);
  CHECK_FALSE(c.upgraded());
  CHECK(c.http() == s.head);
  CHECK(failure_of([&] { c.greet(); }) == "no upgrade, but: " + s.head);
}

TEST_CASE("answers are found by id and events by type, in any order", "[testing]") {
  server s;
  memory_client c(s.transport);
  s.frame(0x81, R"({"type":"event","event_type":"said","timestamp":1,"seq":1})");
  s.frame(0x81, R"({"type":"command_progress","timestamp":1,"id":2})");
  s.frame(0x81, R"({"type":"command_error","timestamp":1,"id":2,"error":{}})");
  s.frame(0x81, R"({"type":"notice","timestamp":1,"seq":2})");
  s.frame(0x81, R"({"type":"command_response","timestamp":1,"id":1,"result":{}})");
  CHECK(c.send_command("greet") == 1);
  CHECK(s.received.size() > s.head.size());
  CHECK(c.answer(1)["result"].is_object());
  CHECK(c.answer(1).is_missing());
  CHECK(c.answer(2)["error"].is_object());
  CHECK(c.event("notice")["seq"].as_uint64() == 2);
  CHECK(c.event("other").is_missing());
  CHECK(c.events() == std::vector<std::uint64_t>{1});
  CHECK(c.next_type() == "command_progress");
  CHECK(c.messages.empty());
}

TEST_CASE("a wait for what does not come names what came", "[testing]") {
  server s;
  memory_client c(s.transport);
  CHECK(failure_of([&] { (void)c.next(); }) == "no message came");
  s.frame(0x81, R"({"type":"a","timestamp":1})");
  s.frame(0x88, "\x03\xE8");
  CHECK(failure_of([&] { (void)c.command("greet"); }) ==
        R"(no answer to the command greet; the server closed with 1000 ; waiting: {"type":"a","timestamp":1})");
}

TEST_CASE("a client accepts nothing that the protocol does not allow", "[testing]") {
  struct wrong {
    std::function<void(server&)> happens;
    std::string_view named;
  };
  const std::vector<wrong> all{
      {[](server& s) { s.say("\x81\x80mask"); }, "a masked frame of a server"},
      {[](server& s) { s.frame(0x82, "x"); }, "a frame of an unexpected kind: first byte 130"},
      {[](server& s) { s.frame(0xC1, "x"); }, "a compressed message that nobody asked for"},
      {[](server& s) { s.frame(0x81, "{"); }, "a message is no JSON: {"},
      {[](server& s) { s.frame(0x81, R"({"timestamp":1})"); }, R"(a message has no type: {"timestamp":1})"},
      {[](server& s) { s.frame(0x81, R"({"type":"a"})"); }, R"(a message has no timestamp: {"type":"a"})"},
      {[](server& s) { s.frame(0x88, ""), s.frame(0x89, ""); }, "a frame after the close frame"},
  };
  for (const wrong& w : all) {
    INFO(w.named);
    server s;
    memory_client c(s.transport);
    w.happens(s);
    CHECK(failure_of([&] { c.pump(); }) == w.named);
  }
}

TEST_CASE("frames of every length are masked as a client does", "[testing]") {
  for (const std::size_t size : {0U, 125U, 126U, 65'535U, 65'536U, 70'000U}) {
    CAPTURE(size);
    const std::string payload(size, 'x');
    const std::string bytes = testing::masked_frame(0x81, payload, 0);
    std::size_t header = size < 126 ? 2 : size < 65'536 ? 4 : 10;
    CHECK(bytes.size() == header + 4 + size);
    CHECK(static_cast<unsigned char>(bytes[1]) == 0x80 + (size < 126 ? size : size < 65'536 ? 126 : 127));
    std::size_t named = 0;
    for (std::size_t i = 2; i < header; ++i) named = named << 8 | static_cast<unsigned char>(bytes[i]);
    if (header > 2) CHECK(named == size);
    CHECK((bytes.substr(header) == std::string(4, '\0') + payload));
  }
}
