#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// Hooks that observe are all kept; of those that decide, the last counts.

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::memory_client;

namespace {

using words = std::vector<std::string>;

struct host {
  explicit host(manager_options options = {})
      : env(std::make_shared<manual_environment>()),
        events({}, env),
        manager(std::make_unique<ws_manager<memory_transport>>(memory_transport(env), events, std::move(options))) {
    REQUIRE_FALSE(manager->start());
    manager->on_command("throws", [](const request&) -> command_result { throw std::runtime_error("x"); });
  }
  [[nodiscard]] memory_client connect(std::string_view target = "/ws/p") {
    return memory_client(manager->transport(), target);
  }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  std::unique_ptr<ws_manager<memory_transport>> manager;
};

std::string text_of(const json& message, std::string_view name) {
  return std::string(message[name].as_string().value_or(""));
}

}  // namespace

TEST_CASE("all observing hooks are called, in the order in which they were added", "[hooks]") {
  host h({.resume = {.window = 10s}});
  auto& m = *h.manager;
  words told;
  std::vector<subscription> kept;
  for (const std::string who : {"1", "2", "3"}) {
    kept.push_back(m.on_connect([&, who](const connection_info&) { told.push_back("connect " + who); }));
    kept.push_back(m.on_disconnect(
        [&, who](const connection_info&, const disconnection&) { told.push_back("disconnect " + who); }));
    kept.push_back(m.on_resumed([&, who](const connection_info&) { told.push_back("resumed " + who); }));
    kept.push_back(m.on_session_expired([&, who](const connection_info&) { told.push_back("expired " + who); }));
    kept.push_back(m.on_error(
        [&, who](std::string_view where, std::exception_ptr) { told.push_back(std::string(where) + " " + who); }));
  }
  const auto was_told = [&] { return std::exchange(told, {}); };
  memory_client c = h.connect();
  const json hello = c.next();
  const std::string token =
      "/ws/p?resume=" + text_of(hello["resume"], "token") + "&epoch=" + text_of(hello, "epoch") + "&after=0";
  CHECK(was_told() == words{"connect 1", "connect 2", "connect 3"});
  c.send(R"({"command":"throws"})");
  CHECK(was_told() == words{"throws 1", "throws 2", "throws 3"});
  c.peer->reset();
  c.pump();
  CHECK(was_told() == words{"disconnect 1", "disconnect 2", "disconnect 3"});
  memory_client again = h.connect(token);
  CHECK(was_told() == words{"resumed 1", "resumed 2", "resumed 3"});
  again.peer->reset();
  again.pump();
  told.clear();
  h.manager->transport().advance(30s);
  CHECK(was_told() == words{"expired 1", "expired 2", "expired 3"});

  words lines;
  kept.push_back(m.on_log([&](log_level, std::string_view) { lines.emplace_back("1"); }));
  kept.push_back(m.on_log([&](log_level, std::string_view) { lines.emplace_back("2"); }));
  memory_client stranger(h.manager->transport(), "/nowhere");
  CHECK(lines == words{"1", "2"});

  kept.clear();
  memory_client unseen = h.connect();
  unseen.send(R"({"command":"throws"})");
  unseen.peer->reset();
  unseen.pump();
  CHECK(told.empty());
  CHECK(lines.size() == 2);
}

TEST_CASE("a hook that throws keeps no other from being called", "[hooks]") {
  host h;
  auto& m = *h.manager;
  words told;
  const auto fails = m.on_error([&](std::string_view where, std::exception_ptr) -> void {
    told.push_back("first: " + std::string(where));
    throw 1;
  });
  const auto hears = m.on_error([&](std::string_view where, std::exception_ptr) { told.emplace_back(where); });
  const auto throws = m.on_connect([](const connection_info&) { throw 1; });
  const auto connects = m.on_connect([&](const connection_info&) { told.emplace_back("connected"); });
  const auto logs_badly = m.on_log([](log_level, std::string_view) { throw 2; });
  const auto logs = m.on_log([&](log_level, std::string_view) { told.emplace_back("logged"); });
  const memory_client c = h.connect();
  CHECK(told == words{"first: on_connect", "on_connect", "connected"});
  told.clear();
  const memory_client stranger(m.transport(), "/nowhere");
  CHECK(told == words{"first: on_log", "on_log", "logged"});
}

TEST_CASE("a hook may be added and ended inside a call", "[hooks]") {
  host h;
  auto& m = *h.manager;
  words told;
  subscription first, second, late;
  const std::string held(100, 'x');  // not in the function's small buffer
  first = m.on_connect([&, held](const connection_info&) {
    told.push_back("first");
    first.reset();
    second.reset();
    if (!late) late = m.on_connect([&](const connection_info&) { told.push_back("late"); });
    if (held != std::string(100, 'x')) told.push_back("gone too early");
  });
  second = m.on_connect([&](const connection_info&) { told.push_back("second"); });
  const auto third = m.on_connect([&](const connection_info&) { told.push_back("third"); });
  const memory_client c = h.connect();
  CHECK(std::exchange(told, {}) == words{"first", "third"});
  const memory_client d = h.connect();
  CHECK(told == words{"third", "late"});
}

TEST_CASE("a subscription may outlive its manager, end on another thread, or be let go", "[hooks]") {
  host h;
  auto& m = *h.manager;
  int kept = 0, ended = 0, released = 0;
  subscription held = m.on_connect([&](const connection_info&) { ++kept; });
  subscription ends = m.on_connect([&](const connection_info&) { ++ended; });
  m.on_connect([&](const connection_info&) { ++released; }).release();
  CHECK_FALSE(m.on_connect({}));
  std::thread([&] { ends.reset(); }).join();
  { const memory_client c = h.connect(); }
  CHECK(kept == 1);
  CHECK(ended == 0);
  CHECK(released == 1);
  const auto alive = std::make_shared<int>();
  m.on_log([alive](log_level, std::string_view) {}).release();
  h.manager.reset();
  CHECK(alive.use_count() == 1);
  held.reset();
}

TEST_CASE("when a hook destroys the manager, the others are not called", "[hooks]") {
  host h;
  int later = 0;
  h.manager->on_connect([&](const connection_info&) { h.manager.reset(); }).release();
  h.manager->on_connect([&](const connection_info&) { ++later; }).release();
  const subscription kept = h.manager->on_connect([&](const connection_info&) { ++later; });
  memory_transport& line = h.manager->transport();
  const auto peer = line.connect();
  peer->send(
      "GET /ws/p HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  line.run();
  CHECK(h.manager == nullptr);
  CHECK(later == 0);
}

TEST_CASE("the last of the hooks that decide counts", "[hooks]") {
  host h;
  auto& m = *h.manager;
  int first = 0;
  m.authorize_commands([&](const connection_info&, const request&) {
    ++first;
    return std::optional(command_error{"forbidden", "the first"});
  });
  m.authorize_commands([&](const connection_info&, const request&) { return std::optional<command_error>(); });
  m.authorize_subscriptions([&](const connection_info&, std::string_view) {
    ++first;
    return std::optional(command_error{"forbidden", "the first"});
  });
  m.authorize_subscriptions([&](const connection_info&, std::string_view) { return std::optional<command_error>(); });
  m.on_http([&](const http_request&) {
    ++first;
    return std::optional<http_response>();
  });
  m.on_http([](const http_request&) { return std::optional(http_response{.body = "the second's"}); });
  m.client_address([&](const http_request&) {
    ++first;
    return std::string("first");
  });
  m.client_address([](const http_request&) { return std::string("second"); });
  m.authenticate([&](const http_request&, std::string_view) {
    ++first;
    return admission::refuse(403);
  });
  m.authenticate([](const http_request&, std::string_view) { return admission{"second"}; });
  m.on_command("who", [&](const request&) {
    ++first;
    return json_object{{"who", "first"}};
  });
  m.on_command("who", [](const request&) { return json_object{{"who", "second"}}; });
  std::string address;
  m.on_connect([&](const connection_info& c) { address = c.principal + " at " + c.remote_address; }).release();
  memory_client c = h.connect();
  REQUIRE(c.upgraded());
  CHECK(address == "second at second");
  (void)c.next();
  c.send(R"({"command":"who"})");
  CHECK(text_of(c.next()["result"], "who") == "second");
  const memory_client page(m.transport(), "/page");
  CHECK(first == 0);
}

TEST_CASE("all error hooks receive what listeners throw", "[hooks]") {
  event_emitter events;
  words told;
  subscription a = events.on_listener_error([&](std::string_view type, std::exception_ptr) {
    told.push_back("a " + std::string(type));
    throw 1;
  });
  const subscription b = events.on_listener_error(
      [&](std::string_view type, std::exception_ptr) { told.push_back("b " + std::string(type)); });
  const subscription throws = events.on_all([](const event&) { throw 2; });
  REQUIRE(events.emit("p", "e"));
  CHECK(std::exchange(told, {}) == words{"a e", "b e"});
  a.reset();
  REQUIRE(events.emit("p", "f"));
  CHECK(told == words{"b f"});
}
