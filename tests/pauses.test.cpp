// Clients of a loop that did not run for a while: its process was stopped, or a handler blocked. A client that is there may not
// be ended for it, and one that is gone, or floods, is ended even so.

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;
using hotline_test::memory_client;

namespace {

constexpr std::string_view ping = R"({"command":"ping"})";

/// Heartbeat: a ping after 1 s of silence, given up after 4 s.
struct host {
  explicit host(manager_options options = {})
      : env(std::make_shared<manual_environment>()),
        events(log_options{}, env),
        manager(memory_transport(env), events, std::move(options), interval_heartbeat(1s, 4s)) {
    manager.on_error([](std::string_view, std::exception_ptr) { FAIL("thrown"); }).release();
  }

  void start() { REQUIRE_FALSE(manager.start()); }
  void count_work(int& runs) {
    manager.on_command("work", [&runs](const request&) {
      ++runs;
      return json_object{};
    });
  }
  [[nodiscard]] memory_transport& line() { return manager.transport(); }
  [[nodiscard]] std::uint64_t ended(close_code code) { return manager.metrics().disconnections[code]; }
  [[nodiscard]] std::uint64_t over(limit what) { return manager.metrics().limits[what]; }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  ws_manager<memory_transport> manager;
};

/// Clients that talk on their own, and such that only answer pings.
struct crowd {
  explicit crowd(host& h) : h_(h) {
    for (int i = 0; i < 20; ++i) {
      talkers.push_back(std::make_unique<memory_client>(h.line()));
      idle.push_back(std::make_unique<memory_client>(h.line()));
    }
  }

  void talk() {
    for (const auto& c : talkers) c->peer->send(client_frame(0x81, ping));
  }

  // Each ping is answered as soon as it has come.
  void answer() {
    h_.line().run();
    for (const auto& c : idle) {
      c->pump();
      for (std::size_t i = c->pings.size(); i > 0; --i) c->peer->send(client_frame(0x8a, ""));
      c->pings.clear();
    }
    h_.line().run();
  }

  /// Everything runs, a tenth of a second at a time.
  void live(std::chrono::milliseconds time) {
    for (; time > 0ms; time -= 100ms) {
      if (time % 500ms == 0ms) talk();
      h_.line().advance(100ms);
      answer();
    }
  }

  std::vector<std::unique_ptr<memory_client>> talkers, idle;

 private:
  host& h_;
};

std::string numbered(int i, std::string_view command = "work") {
  return R"({"command":")" + std::string(command) + R"(","id":)" + std::to_string(i) + "}";
}

std::string numbered_up_to(int count) {
  std::string frames;
  for (int i = 1; i <= count; ++i) frames += client_frame(0x81, numbered(i));
  return frames;
}

}  // namespace

TEST_CASE("a pause does not count as silence", "[pauses]") {
  host h;
  h.start();
  crowd all(h);
  memory_client gone(h.line());
  SECTION("a pause of 5 s, and what was sent during it is read behind the late tick") {
    all.live(3100ms);  // the one that is gone has been silent all that time
    h.line().pause(5s);
    all.talk();
  }
  SECTION("a pause of 5 s, and what was sent before it is read before the late tick") {
    all.live(3100ms);
    all.talk();
    h.line().pause(5s);
  }
  SECTION("4 s of every 4.7 s for a minute") {
    for (int i = 0; i < 12; ++i) {
      all.live(700ms);
      h.line().pause(4s);
      all.talk();
    }
  }
  SECTION("pauses that are shorter than a tick's interval, one behind the other") {
    for (int i = 0; i < 60; ++i) {
      h.line().pause(900ms);
      all.talk();
      all.answer();
    }
  }
  SECTION("a pause of an hour") { h.line().pause(1h); }
  all.answer();
  all.live(1s);
  INFO(h.ended(close_code::heartbeat_timeout) << " of 41 were closed with 4000");
  CHECK(h.manager.status().connections >= 40);
  for (const auto& c : all.talkers) CHECK_FALSE(c->close_code);
  for (const auto& c : all.idle) CHECK_FALSE(c->close_code);
  // A peer that is gone is dropped when the loop has run for long enough.
  all.live(5s);
  gone.pump();
  CHECK(gone.close_code == 4000);
  all.live(6s);
  CHECK(h.ended(close_code::heartbeat_timeout) == 1);
}

TEST_CASE("a handler that blocks ends no connection", "[pauses]") {
  host h;
  h.manager.on_command("block", [&](const request&) {
    h.line().pause(5s);
    return json_object{};
  });
  h.start();
  crowd all(h);
  all.live(2s);
  all.talkers.front()->peer->send(client_frame(0x81, numbered(1, "block")));
  all.live(3s);
  CHECK(h.ended(close_code::heartbeat_timeout) == 0);
  CHECK(h.manager.status().connections == 40);
}

TEST_CASE("bytes that wait to be read prove that their sender is there, whatever the clock says", "[pauses]") {
  host h;
  h.start();
  memory_client talks(h.line()), silent(h.line()), left(h.line());
  // The tick comes before the bytes that were sent, and nothing shows that it is late.
  h.manager.post([&] {
    talks.peer->send(client_frame(0x81, ping));
    left.peer->close();
  });
  h.env->advance(10s);
  h.line().run();
  talks.pump();
  silent.pump();
  CHECK_FALSE(talks.close_code);
  left.pump();
  CHECK(silent.close_code == 4000);
  CHECK_FALSE(left.close_code);
}

TEST_CASE("a policy of the host's own is asked again with the pauses left out", "[pauses]") {
  struct strict {
    heartbeat_action operator()(const heartbeat_query& q) const noexcept {
      return q.now - q.last_heard > 3s ? heartbeat_action::drop : heartbeat_action::nothing;
    }
    [[nodiscard]] static std::chrono::milliseconds interval() noexcept { return 0ms; }
    [[nodiscard]] static std::chrono::milliseconds timeout() noexcept { return 3s; }
  };
  const auto env = std::make_shared<manual_environment>();
  event_emitter events(log_options{}, env);
  ws_manager<memory_transport> manager(memory_transport(env), events, {}, strict());
  REQUIRE_FALSE(manager.start());
  memory_client c(manager.transport());
  manager.transport().advance(2s);
  manager.transport().pause(20s);
  c.pump();
  CHECK_FALSE(c.close_code);
  manager.transport().advance(2s);
  c.pump();
  CHECK(c.close_code == 4000);
}

TEST_CASE("a head that waits in its socket is not late", "[pauses]") {
  host h;
  h.start();
  const std::string head =
      "GET /ws/p HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  const auto early = h.line().connect();
  const auto late = h.line().connect();
  early->send(head.substr(0, 40));
  h.line().advance(8s);
  h.line().pause(15s);
  early->send(head.substr(40));
  h.line().run();
  CHECK(early->received().starts_with("HTTP/1.1 101 "));
  CHECK(late->received().empty());
  h.line().advance(3s);
  CHECK(late->received().starts_with("HTTP/1.1 408 "));
}

TEST_CASE("a head that drips is late, although some of it waits at every tick", "[pauses]") {
  host h;
  h.start();
  const auto drips = h.line().connect();
  drips->send("GET /");
  h.line().advance(9600ms);
  for (int i = 0; i < 4; ++i) {
    // At each tick a byte has come that was not read yet.
    h.manager.post([&] { drips->send("a"); });
    h.env->advance(500ms);
    h.line().run();
    if (i == 0) CHECK(drips->received().empty());
  }
  CHECK(drips->received().starts_with("HTTP/1.1 408 "));
}

TEST_CASE("a host that answers during a pause is not late", "[pauses]") {
  host h;
  std::optional<admission_responder> asked;
  h.manager.authenticate(
      [&](const http_request&, std::string_view, admission_responder r) { asked.emplace(std::move(r)); });
  h.start();
  memory_client c(h.line());
  REQUIRE(asked);
  h.line().advance(8s);
  h.line().pause(15s);
  SECTION("with its answer in the mailbox") { std::move(*asked).answer({"ada"}); }
  SECTION("with its answer a second later") {
    h.line().run();
    h.line().advance(1s);
    std::move(*asked).answer({"ada"});
  }
  c.pump();
  CHECK(c.upgraded());
}

TEST_CASE("a host that does not answer is late when the loop has run for long enough", "[pauses]") {
  host h;
  std::optional<admission_responder> asked;
  h.manager.authenticate(
      [&](const http_request&, std::string_view, admission_responder r) { asked.emplace(std::move(r)); });
  h.start();
  memory_client c(h.line());
  h.line().advance(8s);
  h.line().pause(15s);
  c.pump();
  CHECK(c.http().empty());
  h.line().advance(3s);
  c.pump();
  CHECK(c.http().starts_with("HTTP/1.1 503 "));
}

TEST_CASE("a close that is answered during a pause ends in good order", "[pauses]") {
  host h;
  h.start();
  memory_client answers(h.line()), never(h.line());
  for (const auto& c : h.manager.connections()) REQUIRE_FALSE(h.manager.disconnect(c.id));
  answers.pump();
  never.pump();
  REQUIRE(answers.close_code);
  h.line().advance(3s);
  h.line().pause(10s);
  answers.peer->send(client_frame(0x88, "\x03\xe8"));
  h.line().run();
  CHECK(answers.peer->closed_by_server());
  CHECK_FALSE(answers.peer->was_reset());
  answers.peer->close();
  CHECK_FALSE(never.peer->closed_by_server());
  h.line().advance(3s);
  CHECK(never.peer->was_reset());
  CHECK(h.over(limit::close_time) == 1);
}

TEST_CASE("clients that drain are not cut off for a pause", "[pauses]") {
  host h;
  h.start();
  memory_client reads(h.line());
  reads.peer->stall(true);
  REQUIRE(h.events.emit("p", "last"));
  h.line().run();
  bool done = false;
  h.manager.stop([&] { done = true; });
  h.line().advance(3s);
  h.line().pause(10s);
  h.line().run();
  CHECK_FALSE(reads.peer->closed_by_server());
  reads.peer->stall(false);
  reads.pump();
  CHECK(reads.events().size() == 1);
  CHECK(reads.close_code == 1001);
  reads.peer->send(client_frame(0x88, "\x03\xe9"));
  reads.peer->close();
  h.line().advance(1s);
  CHECK(done);
}

TEST_CASE("a command that is answered during a pause has its answer", "[pauses]") {
  host h;
  std::vector<responder> kept;
  h.manager.on_command("later", [&](const request&, responder r) { kept.push_back(std::move(r)); });
  h.start();
  memory_client c(h.line());
  REQUIRE(c.next_type() == "connected");
  c.send(numbered(1, "later"));
  c.send(numbered(2, "later"));
  REQUIRE(kept.size() == 2);
  for (int i = 0; i < 28; ++i) {
    h.line().advance(1s);
    c.peer->send(client_frame(0x8a, ""));
  }
  h.line().pause(10s);
  std::move(kept[0]).answer(json_object{});
  c.pump();
  c.messages.erase(std::remove_if(c.messages.begin(), c.messages.end(),
                                  [](const json& m) { return m["type"].as_string() == "position"; }),
                   c.messages.end());
  REQUIRE(c.messages.size() == 1);
  CHECK(c.next()["type"].as_string() == "command_response");
  h.line().advance(3s);
  CHECK(c.next()["error"]["code"].as_string() == "timeout");
  CHECK(h.over(limit::command_time) == 1);
}

TEST_CASE("a session is there for a client that could not come back for a pause", "[pauses]") {
  host h({.resume = {.window = 10s}});
  h.start();
  memory_client c(h.line()), never(h.line());
  const json hello = c.next();
  const std::string resume = "/ws/p?resume=" + std::string(*hello["resume"]["token"].as_string()) +
                             "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=0";
  c.peer->reset();
  never.peer->reset();
  h.line().advance(8s);
  h.line().pause(30s);
  h.line().run();
  memory_client again(h.line(), resume);
  CHECK(again.next()["resumed"].as_bool() == true);
  h.line().advance(3s);
  CHECK(h.manager.metrics().expired_sessions == 1);
}

TEST_CASE("input that came during a pause is no flood", "[pauses]") {
  host h;
  int runs = 0;
  h.count_work(runs);
  h.start();
  memory_client c(h.line());
  int id = 0;
  const auto send = [&](int count) {
    for (int i = 0; i < count; ++i) c.peer->send(client_frame(0x81, numbered(++id)));
  };
  SECTION("50 messages a second for 10 s, read behind the late tick") {
    h.line().pause(10s);
    send(500);
  }
  SECTION("the same, read before it") {
    send(500);
    h.line().pause(10s);
  }
  SECTION("4 s of every 4.7 s for a minute") {
    for (int i = 0; i < 13; ++i) {
      h.line().pause(4s);
      send(235);
      h.line().run();
      h.line().advance(700ms);
    }
  }
  SECTION("a client that uses nearly all that it may") {
    h.line().pause(10s);
    send(950);
    for (int i = 0; i < 60; ++i) {
      h.line().advance(1s);
      send(95);
      h.line().run();
    }
  }
  SECTION("pings and pongs") {
    h.line().pause(20s);
    for (int i = 0; i < 100; ++i) c.peer->send(client_frame(0x89, "") + client_frame(0x8a, ""));
    send(1);
  }
  SECTION("a whole upload") {
    h.line().pause(10s);
    std::string large = numbered(++id);
    large.insert(1, std::string(60'000, ' '));
    for (int i = 0; i < 150; ++i) c.peer->send(client_frame(0x81, large));
    id = 1;
  }
  c.pump();
  h.line().run();
  CHECK(h.over(limit::message_rate) == 0);
  CHECK(h.over(limit::control_rate) == 0);
  CHECK(h.over(limit::byte_rate) == 0);
  CHECK_FALSE(c.close_code);
  CHECK(runs == id);
}

TEST_CASE("a flood is one, pause or not", "[pauses]") {
  host h;
  int runs = 0;
  h.count_work(runs);
  h.start();
  memory_client c(h.line());
  h.line().pause(10s);
  const std::string flood = numbered_up_to(1401);
  c.peer->send(flood);
  c.pump();
  CHECK(runs >= 1100);
  CHECK(runs <= 1200);
  CHECK(c.close_code == 4029);
  // To a client that comes after the pause it is worth nothing.
  memory_client after(h.line());
  runs = 0;
  after.peer->send(flood);
  after.pump();
  CHECK(runs == 200);
  CHECK(after.close_code == 4029);
  // Nor to anybody long after it.
  h.line().advance(200s);
  memory_client later(h.line());
  runs = 0;
  later.peer->send(flood);
  later.pump();
  CHECK(runs == 200);
  CHECK(later.close_code == 4029);
}

TEST_CASE("an allowance is a minute at most, however long the pause", "[pauses]") {
  host h;
  int runs = 0;
  h.count_work(runs);
  h.start();
  memory_client c(h.line());
  h.line().pause(1h);
  const std::string flood = numbered_up_to(10'000);
  c.peer->send(flood);
  c.pump();
  CHECK(runs >= 6000);
  CHECK(runs <= 6200);
  CHECK(c.close_code == 4029);
}

TEST_CASE("a loop that is late again and again still ends who is gone, and who floods", "[pauses]") {
  host h({.resume = {.window = 10s}});
  int runs = 0;
  h.count_work(runs);
  h.start();
  const auto be_late = [&](int times) {
    for (; times > 0; --times) {
      h.line().pause(600ms);
      h.line().run();
    }
  };
  memory_client lost(h.line());
  lost.peer->reset();
  memory_client gone(h.line());
  be_late(2000);
  gone.pump();
  CHECK(gone.close_code == 4000);
  CHECK(h.manager.metrics().waiting_sessions == 0);
  memory_client silent(h.line());
  be_late(20);
  silent.pump();
  CHECK(silent.close_code == 4000);
  memory_client c(h.line());
  const std::string flood = numbered_up_to(1401);
  c.peer->send(flood);
  c.pump();
  CHECK(runs <= 300);
  CHECK(c.close_code == 4029);
}

TEST_CASE("a clock that jumps is no pause", "[pauses]") {
  host h;
  h.start();
  memory_client c(h.line());
  h.env->advance(100s);
  h.line().run();
  c.pump();
  CHECK(c.close_code == 4000);
}
