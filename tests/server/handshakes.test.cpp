#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/server/handshakes.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/wire/decoder_pool.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>
#include <server/parts_of_a_hub.hpp>

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::memory_client;

namespace {

struct host {
  explicit host(manager_options options = {})
      : env(std::make_shared<manual_environment>()),
        events({}, env),
        manager(memory_transport(env), events, std::move(options)) {
    manager.client_address([](const http_request& q) { return std::string(q.header("X-Forwarded-For")); });
    manager.on_log([this](log_level, std::string_view line) { lines.emplace_back(line); }).release();
    REQUIRE_FALSE(manager.start());
  }

  [[nodiscard]] memory_transport& line() { return manager.transport(); }
  [[nodiscard]] memory_client connect(std::string_view target = "/ws/p", std::string_view from = "") {
    return memory_client(line(), target,
                         from.empty() ? std::string() : "X-Forwarded-For: " + std::string(from) + "\r\n");
  }
  [[nodiscard]] std::uint64_t over(limit what) { return manager.metrics().limits[what]; }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  ws_manager<memory_transport> manager;
  std::vector<std::string> lines;
};

// Returns the target by which a client that received `hello` asks to go on.
std::string back_to(const json& hello) {
  return "/ws/p?resume=" + std::string(*hello["resume"]["token"].as_string()) +
         "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=0";
}

// A client that is refused learns when to come back, and its connection ends.
void check_refused(const memory_client& c, int status) {
  CHECK_FALSE(c.upgraded());
  CHECK(c.http().substr(0, 12) == "HTTP/1.1 " + std::to_string(status));
  CHECK(c.http().find("\r\nRetry-After: 5\r\n") != std::string::npos);
  CHECK(c.peer->closed_by_server());
}

}  // namespace

TEST_CASE("one connection too many is refused until another has ended", "[server]") {
  host h({.connections = {.all = 2}});
  memory_client a = h.connect("/ws/a"), b = h.connect("/ws/b");
  CHECK(b.upgraded());
  const memory_client c = h.connect("/ws/c");
  check_refused(c, 503);
  CHECK(h.over(limit::connections) == 1);
  CHECK(h.manager.metrics().connections == 2);
  a.peer->close();
  h.line().run();
  CHECK(h.connect("/ws/c").upgraded());
}

TEST_CASE("a project's connections are limited apart from others'", "[server]") {
  host h({.connections = {.per_project = 1}});
  const memory_client a = h.connect("/ws/a");
  check_refused(h.connect("/ws/a"), 503);
  CHECK(h.connect("/ws/b").upgraded());
  CHECK(h.over(limit::project_connections) == 1);
}

TEST_CASE("an address' connections are limited, also when it is the host that names the address", "[server]") {
  host h({.connections = {.per_address = 2}});
  const memory_client a = h.connect("/ws/p", "192.0.2.1"), b = h.connect("/ws/q", "192.0.2.1");
  const memory_client c = h.connect("/ws/p", "192.0.2.1");
  check_refused(c, 429);
  CHECK(h.lines.back() == "192.0.2.1 was answered 429: over connections.per_address");
  CHECK(h.connect("/ws/p", "192.0.2.2").upgraded());
  CHECK(h.manager.connections("q").front().remote_address == "192.0.2.1");
  CHECK(h.over(limit::address_connections) == 1);
  // Nobody's address is not one that many share.
  std::vector<memory_client> unnamed;
  for (int i = 0; i < 3; ++i) unnamed.push_back(h.connect());
  for (const memory_client& each : unnamed) CHECK(each.upgraded());
}

TEST_CASE("a client that takes over its own connection is not one more", "[server]") {
  host h({.connections = {.all = 1}});
  memory_client first = h.connect();
  const std::string back = back_to(first.next());
  check_refused(h.connect("/ws/p?resume=" + std::string(48, '0') + "&epoch=e&after=0"), 503);
  memory_client second = h.connect(back);
  CHECK(second.upgraded());
  CHECK(second.next()["resumed"].as_bool() == true);
  CHECK(h.manager.metrics().resumes[resume_outcome::resumed] == 1);
}

TEST_CASE("a client that takes over its own connection again and again has one at a time", "[server]") {
  host h({.connections = {.all = 1}});
  std::vector<memory_client> all;
  all.push_back(h.connect());
  for (int i = 0; i < 20; ++i) {
    const json hello = all.back().next();
    REQUIRE(hello["type"].as_string() == "connected");
    // None of them answers its close.
    all.push_back(h.connect(back_to(hello)));
    REQUIRE(all.back().upgraded());
    h.line().run();
    CHECK(h.manager.metrics().connections == 1);
    CHECK(h.manager.status().connections == 1);
  }
}

TEST_CASE("taking over a connection of another address makes no room at one's own", "[server]") {
  host h({.connections = {.per_address = 1}});
  const memory_client own = h.connect("/ws/p", "192.0.2.1");
  memory_client there = h.connect("/ws/p", "192.0.2.2");
  const std::string back = back_to(there.next());
  check_refused(h.connect(back, "192.0.2.1"), 429);
  there.pump();
  CHECK_FALSE(there.close_code);
  memory_client again = h.connect(back, "192.0.2.2");
  CHECK(again.next()["resumed"].as_bool() == true);
  check_refused(h.connect("/ws/p", "192.0.2.2"), 429);
  CHECK(h.manager.metrics().connections == 2);
  CHECK(h.over(limit::address_connections) == 2);
}

TEST_CASE("the host does not look up a client that would be one too many", "[server]") {
  host h({.connections = {.per_address = 1}});
  int asked = 0;
  h.manager.authenticate([&](const http_request&, std::string_view) {
    ++asked;
    return admission{"ada"};
  });
  memory_client first = h.connect("/ws/p", "192.0.2.1");
  check_refused(h.connect("/ws/p", "192.0.2.1"), 429);
  const json hello = first.next();
  const std::string id(*hello["connection_id"].as_string());
  for (const std::string& token : {std::string(48, '0'), id + std::string(32, '0')})
    check_refused(h.connect("/ws/p?resume=" + token + "&epoch=e&after=0", "192.0.2.1"), 429);
  CHECK(asked == 1);
  CHECK(h.connect(back_to(hello), "192.0.2.1").upgraded());
  CHECK(asked == 2);
}

TEST_CASE("sessions of one address that wait crowd out no session of another address", "[server]") {
  host h({.resume = {.sessions = 3, .per_address = 2}});
  memory_client good = h.connect("/ws/p", "192.0.2.1");
  const std::string back = back_to(good.next());
  good.peer->reset();
  for (int i = 0; i < 10; ++i) h.connect("/ws/p", "192.0.2.66").peer->reset();
  h.line().run();
  CHECK(h.manager.metrics().waiting_sessions == 3);
  CHECK(h.over(limit::address_waiting_sessions) == 8);
  memory_client again = h.connect(back, "192.0.2.1");
  CHECK(again.next()["resumed"].as_bool() == true);
  // Their places are free again.
  h.line().advance(61s);
  CHECK(h.manager.metrics().waiting_sessions == 0);
  for (int i = 0; i < 2; ++i) h.connect("/ws/p", "192.0.2.66").peer->reset();
  h.line().run();
  CHECK(h.over(limit::address_waiting_sessions) == 8);
  CHECK(h.over(limit::waiting_sessions) == 0);
}

TEST_CASE("a connection that is taken over is logged and counted like any other end", "[server]") {
  host h;
  memory_client old = h.connect();
  const json hello = old.next();
  memory_client heir = h.connect(back_to(hello));
  CHECK(heir.next()["resumed"].as_bool() == true);
  old.pump();
  CHECK(old.close_code == 4009);
  const std::string id(*hello["connection_id"].as_string());
  CHECK(h.lines.back() == id + " of p (memory) ended: 4009, taken over: the session goes on over a newer connection");
  old.peer->close();
  heir.peer->close();
  h.line().run();
  const manager_metrics m = h.manager.metrics();
  CHECK(m.disconnections[close_code::taken_over] == 1);
  CHECK(m.disconnections[close_code::abnormal] == 1);
  CHECK(m.new_sessions == 1);
  CHECK(m.resumes[resume_outcome::resumed] == 1);
}

TEST_CASE("a client that comes back has used up what it had used up of its rates", "[server]") {
  host h({.session = {.messages_per_second = 1, .message_burst = 2}});
  memory_client c = h.connect();
  const std::string back = back_to(c.next());
  for (int i = 0; i < 2; ++i) c.send(R"({"command":"ping"})");
  CHECK(c.next_type() == "pong");
  CHECK(c.next_type() == "pong");
  memory_client again = h.connect(back);
  CHECK(again.next_type() == "connected");
  again.send(R"({"command":"ping"})");
  CHECK(again.next()["error"]["code"].as_string() == "rate_limited");
}

TEST_CASE("every refusal makes one line, in which no stranger can begin another", "[server]") {
  host h({.valid_project = nullptr});
  h.manager.authenticate([&](const http_request&, std::string_view) { return admission::refuse(401); });
  (void)h.connect("/ws/p?token=secret", "192.0.2.1\tx");
  REQUIRE(h.lines.size() == 1);
  CHECK(h.lines.back() == "192.0.2.1?x was answered 401");
  (void)h.connect("/elsewhere?token=secret");
  CHECK(h.lines.back() == "memory was answered 404");
  h.manager.authenticate([&](const http_request&, std::string_view) { return admission{}; });
  h.connect("/ws/a%0Ab").peer->reset();
  h.line().run();
  CHECK(h.lines.back().find(" of a?b (memory) ended: 1006") != std::string::npos);
  memory_client c = h.connect();
  c.peer->send(hotline_test::client_frame(0x88,
                                          "\x03\xe8\xc2\x85"
                                          "\xc2\x9b"
                                          "31m\xc3\xa9\xc2\xa0"));
  c.peer->close();
  h.line().run();
  CHECK(h.lines.back().ends_with("1000, normal: ????31m\xc3\xa9\xc2\xa0"));
}

TEST_CASE("a hook that destroys the manager lets nobody in", "[server]") {
  for (const bool early : {true, false}) {
    auto env = std::make_shared<manual_environment>();
    memory_transport kept(env);
    event_emitter events({}, env);
    REQUIRE(events.emit("p", "secret"));
    std::unique_ptr<ws_manager<memory_transport>> manager;
    manager_options options;
    options.valid_project = [&](std::string_view) {
      if (early) manager.reset();
      return true;
    };
    manager = std::make_unique<ws_manager<memory_transport>>(memory_transport(env), events, options);
    manager->client_address([&](const http_request&) {
      if (!early) manager.reset();
      return std::string();
    });
    manager->authenticate([](const http_request&, std::string_view) { return admission::refuse(401); });
    REQUIRE_FALSE(manager->start());
    const auto peer = manager->transport().connect();
    peer->send(
        "GET /ws/p?last=1 HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    manager->transport().run();
    CHECK(manager == nullptr);
    CHECK(peer->received().find("101") == std::string::npos);
    CHECK(peer->received().find("secret") == std::string::npos);
  }
}

TEST_CASE("the handshake that is silent longest makes room for the next", "[server]") {
  host h({.connections = {.handshakes = 3}});
  std::vector<std::shared_ptr<memory_peer>> silent;
  for (int i = 0; i < 10; ++i) {
    silent.push_back(h.line().connect());
    silent.back()->send("GET /");
    h.line().run();
  }
  CHECK(h.manager.metrics().handshakes == 3);
  CHECK(silent[6]->closed_by_server());
  CHECK_FALSE(silent[7]->closed_by_server());
  memory_client good = h.connect();
  CHECK(good.upgraded());
  CHECK(h.over(limit::handshakes) == 8);
  CHECK(h.manager.metrics().handshakes == 2);
}

TEST_CASE("where all wait for the host, the next is asked to come back later", "[server]") {
  host h({.connections = {.handshakes = 2}});
  std::vector<admission_responder> asked;
  h.manager.authenticate(
      [&](const http_request&, std::string_view, admission_responder r) { asked.push_back(std::move(r)); });
  memory_client a = h.connect(), b = h.connect(), c = h.connect();
  check_refused(c, 503);
  CHECK(h.over(limit::handshakes) == 1);
  for (admission_responder& r : asked) std::move(r).answer({"somebody"});
  a.pump();
  b.pump();
  CHECK(a.upgraded());
  CHECK(b.upgraded());
  CHECK(h.manager.metrics().connections == 2);
}

TEST_CASE("a client_address hook that throws leaves the peer's address", "[server]") {
  host h;
  h.manager.client_address([](const http_request&) -> std::string { throw std::runtime_error("no header"); });
  CHECK(h.connect().upgraded());
  CHECK(h.manager.connections().front().remote_address == "memory");
  CHECK(h.manager.metrics().host_failures == 1);
}

TEST_CASE("the answers to requests are counted by their status", "[server]") {
  host h({.origins = {}});
  (void)h.connect("/elsewhere");
  (void)h.connect("/ws/..");
  const auto slow = h.line().connect();
  h.line().advance(11s);
  const auto big = h.line().connect();
  big->send("GET /" + std::string(9000, 'x'));
  h.line().run();
  const manager_metrics m = h.manager.metrics();
  CHECK(m.http_answers[http_status{404}] == 2);
  CHECK(m.http_answers[http_status{408}] == 1);
  CHECK(m.http_answers[http_status{431}] == 1);
  CHECK(m.limits[limit::handshake_time] == 1);
  CHECK(m.limits[limit::head] == 1);
  CHECK(m.accepted == 4);
}

TEST_CASE("a connection's end has the same reason for its client, in the log and in the metrics", "[server]") {
  host h;
  memory_client c = h.connect();
  const std::string id(*c.next()["connection_id"].as_string());
  CHECK_FALSE(h.manager.disconnect(id, close_code::policy_violation, "enough\nof that"));
  c.pump();
  const json told = c.next();
  CHECK(told["type"].as_string() == "disconnected");
  CHECK(told["code"].as_int64() == 1008);
  CHECK(c.close_code == 1008);
  c.peer->close();
  h.line().run();
  CHECK(h.manager.metrics().disconnections[close_code::policy_violation] == 1);
  CHECK(h.lines.back() == id + " of p (memory) ended: 1008, policy violation: enough?of that");
}

// ------------------------------------------------------------------------------------------ over a hub's parts

namespace {

/// A hub's handshakes over a fake carrier.
struct fake_handshakes : hotline_test::parts_of_a_hub {
  using parts_of_a_hub::parts_of_a_hub;

  /// A socket whose request is there, and what it comes to in one turn.
  connection& ask(std::string_view target = "/ws/p", bool upgrades = true) {
    connection& c = arrive();
    const detail::turn_list::turn scope(outbound.turns());
    entrance.arrive(c);
    std::string head = "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n";
    if (upgrades)
      head +=
          "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
          "Sec-WebSocket-Version: 13\r\n";
    head += "\r\n";
    std::span<char> bytes(head);
    REQUIRE(c.receive(bytes, now(), decoders).what == connection::inbound::request);
    entrance.ask(c);
    outbound.turns().touch(c);
    return c;
  }
  /// A host that admits later.
  void admit_later() {
    calls.authenticate = detail::as_admitter<const http_request&, std::string_view>(
        [this](const http_request&, std::string_view, admission_responder r) { asked.push_back(std::move(r)); });
  }
  /// The answer of the host's comes to the loop.
  void admit(const admission& said) {
    std::move(asked.back()).answer(said);
    const detail::turn_list::turn scope(outbound.turns());
    line.run();
  }
  /// The status of the answer to its request.
  [[nodiscard]] static int status(connection& c) {
    const std::string answer = socket_of(c).take();
    return answer.empty() ? 0 : std::stoi(answer.substr(9, 3));
  }

  detail::decoder_pool decoders{options.session};
  std::vector<admission_responder> asked;
  detail::handshakes entrance{line,     options, heartbeat, outbound, log,           calls,
                              commands, keeper,  sessions,  limiter,  mail.shared(), counted};
};

}  // namespace

TEST_CASE("a request is answered as plain HTTP, or its client comes in", "[server]") {
  fake_handshakes h;
  SECTION("as plain HTTP") {
    detail::connection& c = h.ask("/elsewhere", false);
    CHECK(h.status(c) == 404);
    CHECK(h.socket_of(c).is_shut_down);
    CHECK(h.counted.http_answers[http_status{404}].value() == 1);
    CHECK(h.told.empty());
  }
  SECTION("as a client") {
    detail::connection& c = h.ask();
    const std::string sent = h.socket_of(c).take();
    const std::size_t end_of_head = sent.find("\r\n\r\n") + 4;
    CHECK(sent.starts_with("HTTP/1.1 101 "));
    const auto frames = hotline_test::frames_in(std::string_view(sent).substr(end_of_head));
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].find(R"("type":"connected")") != std::string::npos);
    CHECK(frames[0].find(c.of()->id()) != std::string::npos);
    CHECK(c.is_open());
    CHECK(c.room == h.outbound.rooms().find("p"));
    CHECK(c.of()->wanted().hears_all());
    CHECK(h.counted.new_sessions.value() == 1);
    CHECK(h.counted.connections.value() == 1);
    CHECK(h.counted.handshakes.value() == 0);
    CHECK(h.told == std::vector<std::string>{"connected p"});
  }
}

TEST_CASE("after a close nobody comes in", "[server]") {
  fake_handshakes h;
  h.entrance.close();
  CHECK(h.status(h.ask()) == 503);
}

TEST_CASE("a client waits for the host's word, and receives it once", "[server]") {
  fake_handshakes h;
  h.admit_later();
  detail::connection& c = h.ask();
  REQUIRE(h.asked.size() == 1);
  CHECK(c.at() == detail::connection::phase::waiting);
  CHECK(h.status(c) == 0);
  SECTION("it may come in") {
    h.admit({"ada"});
    CHECK(h.status(c) == 101);
    CHECK(c.of()->principal() == "ada");
  }
  SECTION("it may not") {
    h.admit(admission::refuse(403));
    CHECK(h.status(c) == 403);
  }
  SECTION("the host has let it in until a time that is over") {
    h.admit({"ada", 0, h.outbound.wall()});
    CHECK(h.status(c) == 401);
  }
  SECTION("the host has lost its responder") {
    h.asked.clear();
    const detail::turn_list::turn scope(h.outbound.turns());
    h.line.run();
    h.outbound.settle(c);
    CHECK(h.status(c) == 500);
  }
  SECTION("the hub has stopped meanwhile") {
    h.entrance.close();
    h.admit({"ada"});
    CHECK(h.status(c) == 503);
  }
  SECTION("it was answered before, for the host took too long") {
    {
      const detail::turn_list::turn scope(h.outbound.turns());
      h.entrance.refuse(c, 503, limit::handshake_time);
    }
    CHECK(h.status(c) == 503);
    h.admit({"ada"});
    CHECK(h.socket_of(c).take().empty());
    CHECK(c.of() == nullptr);
  }
  SECTION("it has gone") {
    h.entrance.leave(c);
    h.end(c);
    h.admit({"ada"});
    CHECK(h.told.empty());
    CHECK(h.counted.connections.value() == 0);
  }
}

TEST_CASE("a client whose project's events need a permission subscribes to what it may", "[server]") {
  fake_handshakes h;
  h.commands.filters().authorize([](const connection_info&, std::string_view) -> std::optional<command_error> {
    return command_error{"forbidden", "not you"};
  });
  CHECK(h.ask().of()->wanted().hears_nothing());
}

TEST_CASE("one socket too many ends the one that keeps its head back, without an answer", "[server]") {
  fake_handshakes h({.connections = {.handshakes = 1}});
  detail::connection& silent = h.arrive();
  detail::connection& next = h.arrive();
  const detail::turn_list::turn scope(h.outbound.turns());
  h.entrance.arrive(silent);
  h.entrance.arrive(next);
  CHECK(h.socket_of(silent).is_aborted);
  CHECK(h.socket_of(silent).take().empty());
  CHECK_FALSE(h.socket_of(next).is_aborted);
  CHECK(h.counted.handshakes.value() == 1);
}

TEST_CASE("a client for whose session's facts there is no memory has not come in", "[server]") {
  fake_handshakes h;
  h.admit_later();
  detail::connection& c = h.ask();
  *h.out_of_memory = true;
  h.admit({"ada"});
  *h.out_of_memory = false;
  CHECK(h.socket_of(c).is_aborted);
  CHECK(h.socket_of(c).take().empty());
  CHECK(h.told == std::vector<std::string>{"error connection"});
  const std::uint64_t number = c.of()->number();
  h.entrance.leave(c);
  h.end(c, false);
  CHECK_FALSE(h.sessions.contains(number));
  CHECK(h.told.size() == 1);
  CHECK(h.counted.connections.value() == 0);
}
