// How many bytes a client may send a second, as they are or inflated.

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;
using hotline_test::memory_client;

namespace {

/// A command of `size` bytes, most of them values, in ten: its id and its size, after "pack". "nothing" and what follows it
/// stands for no bytes. Counts what it inflates.
class packing final : public message_compression {
 public:
  [[nodiscard]] bool deflate(std::string_view, std::string&) override { return false; }
  [[nodiscard]] inflation inflate(std::string_view payload, std::size_t most) override {
    ++messages;
    if (payload.starts_with("nothing")) return {outcome::inflated};
    message_ = command_of(std::stoul(std::string(payload.substr(10))), std::stoi(std::string(payload.substr(4, 6))));
    bytes += message_.size();
    if (message_.size() > most) return {outcome::too_big};
    return {outcome::inflated, message_};
  }

  [[nodiscard]] static std::string command_of(std::size_t size, int id) {
    std::string text = R"({"command":"work","id":)" + std::to_string(id) + R"(,"payload":{"v":[0)";
    text.reserve(size + 10);
    while (text.size() + 5 < size) text += ",0";
    return text + "]}}";
  }
  [[nodiscard]] static std::string pack(std::size_t size, int id) {
    return "pack" + std::to_string(100'000 + id) + std::to_string(size);
  }

  std::size_t bytes = 0;
  int messages = 0;

 private:
  std::string message_;
};

std::string command_of(std::size_t size, int id) { return packing::command_of(size, id); }

struct host {
  explicit host(manager_options options = {}) : manager(memory_transport(env), events, std::move(options)) {
    auto made = std::make_unique<packing>();
    inflated = made.get();
    manager.compress(std::move(made));
    manager.on_command("work", [this](const request&) {
      ++runs;
      return json_object{};
    });
    REQUIRE_FALSE(manager.start());
  }

  [[nodiscard]] memory_transport& line() { return manager.transport(); }
  [[nodiscard]] std::uint64_t over() { return manager.metrics().limits[limit::byte_rate]; }
  [[nodiscard]] memory_client client(const std::string& query = "") {
    return memory_client(line(), "/ws/p" + query, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  }

  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  event_emitter events{log_options{}, env};
  ws_manager<memory_transport> manager;
  packing* inflated = nullptr;
  int runs = 0;
};

int refused(memory_client& c) {
  int count = 0;
  for (const json& m : c.messages)
    if (m["error"]["code"].as_string() == "rate_limited") ++count;
  return count;
}

}  // namespace

TEST_CASE("deflated bytes count inflated, and what is far over is not inflated", "[byte_rate]") {
  host h({.session = {.messages_per_second = 1'000'000, .message_burst = 1'000'000}});
  memory_client c = h.client();
  std::size_t sent = 0;
  for (int i = 1; i <= 5000 && !c.close_code; ++i) {
    h.env->advance(5ms);
    const std::string frame = client_frame(0xC1, packing::pack(16'000, i));
    sent += frame.size();
    c.peer->send(frame);
    c.pump();
  }
  INFO(h.runs << " runs, " << h.inflated->bytes << " bytes inflated for " << sent << " sent");
  CHECK(c.close_code == 4029);
  CHECK(c.close_reason == "too many bytes");
  CHECK(h.runs > 250);
  CHECK(h.runs < 450);
  CHECK(refused(c) > 100);
  CHECK(h.over() == static_cast<std::uint64_t>(refused(c)) + 1);
  const int before = h.inflated->messages;
  // While the close is awaited nothing of it is looked at.
  for (int i = 0; i < 100; ++i) c.peer->send(client_frame(0xC1, packing::pack(16'000, i)));
  h.line().run();
  CHECK(h.inflated->messages == before);
}

TEST_CASE("bytes count however they come", "[byte_rate]") {
  const auto spaces = [](std::size_t size) { return std::string(size, ' '); };
  struct row {
    std::string what, bytes;
  };
  host h({.session = {.messages_per_second = 1'000'000,
                      .message_burst = 1'000'000,
                      .bytes_per_second = 1000,
                      .byte_burst = 20'000}});
  const std::string fragments =
      client_frame(0x01, spaces(5000)) + client_frame(0x00, spaces(4000)) + client_frame(0x80, "{}" + spaces(1000));
  const row rows[] = {
      {"commands", client_frame(0x81, command_of(10'000, 1))},
      {"fragments", fragments},
      {"nonsense", client_frame(0x81, "nonsense" + spaces(10'000))},
      {"deflated", client_frame(0xC1, packing::pack(10'000, 1))},
      {"deflated from nothing", client_frame(0xC1, "nothing" + spaces(10'000))},
  };
  for (const row& r : rows) {
    INFO(r.what);
    const std::uint64_t before = h.over();
    memory_client c = h.client();
    int sent = 0;
    for (; sent < 10 && !c.close_code; ++sent) {
      c.peer->send(r.bytes);
      c.pump();
    }
    CHECK(c.close_code == 4029);
    CHECK(sent >= 4);
    CHECK(sent <= 5);
    CHECK(h.over() > before);
  }
}

TEST_CASE("an honest upload is not noticed", "[byte_rate]") {
  host h;
  memory_client c = h.client();
  SECTION("ten large messages a second for a minute") {
    for (int i = 1; i <= 600; ++i) {
      h.line().advance(100ms);
      c.send(command_of(16'000, i % 60 + 1).insert(1, std::string(49'000, ' ')));
    }
  }
  SECTION("4 MB at once") {
    std::string text = R"({"command":"work"})";
    text.insert(1, std::string(65'000, ' '));
    for (int i = 0; i < 60; ++i) c.send(text);
  }
  CHECK(h.over() == 0);
  CHECK_FALSE(c.close_code);
}

TEST_CASE("the rate that a session has used up stays used up over its next socket", "[byte_rate]") {
  host h({.session = {.bytes_per_second = 1000, .byte_burst = 20'000}});
  memory_client c = h.client();
  const json hello = c.next();
  c.send(command_of(15'000, 1));
  CHECK(h.runs == 1);
  c.peer->reset();
  memory_client again = h.client("?resume=" + std::string(*hello["resume"]["token"].as_string()) +
                                 "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=0");
  REQUIRE(again.next()["resumed"].as_bool() == true);
  again.send(command_of(15'000, 2));
  CHECK(h.runs == 1);
  CHECK(refused(again) == 1);
  h.line().advance(30s);
  again.send(command_of(15'000, 2));
  CHECK(h.runs == 2);
}

TEST_CASE("a refusal for too many bytes tells the id, where it can be read", "[byte_rate]") {
  host h({.session = {.bytes_per_second = 1000, .byte_burst = 1000}});
  memory_client c = h.client();
  REQUIRE(c.next_type() == "connected");
  c.send(R"({"payload":)" + std::string(1500, '['));
  json told = c.next();
  CHECK(told["type"].as_string() == "error");
  CHECK(told["code"].as_string() == "rate_limited");
  h.line().advance(2s);
  c.send(command_of(1500, 7));
  told = c.next();
  CHECK(told["type"].as_string() == "command_error");
  CHECK(told["id"].as_uint64() == 7);
  CHECK(told["error"]["message"].as_string() == "too many bytes in a short time");
  CHECK(told["error"]["retryable"].as_bool() == true);
  CHECK(h.over() == 2);
}

TEST_CASE("a rate of bytes with which no client could send anything is refused, and the largest is none",
          "[byte_rate]") {
  event_emitter events;
  using manager_type = ws_manager<memory_transport>;
  CHECK_THROWS_AS(manager_type(memory_transport(), events, {.session = {.bytes_per_second = 0}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(manager_type(memory_transport(), events, {.session = {.byte_burst = 0}}), std::invalid_argument);
  host h({.session = {.messages_per_second = 1'000'000,
                      .message_burst = 1'000'000,
                      .bytes_per_second = static_cast<std::size_t>(-1),
                      .byte_burst = static_cast<std::size_t>(-1)}});
  memory_client c = h.client();
  for (int i = 0; i < 200; ++i) c.send(command_of(15'000, i % 50));
  CHECK(h.over() == 0);
}
