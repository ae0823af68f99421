#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;
using hotline_test::memory_client;

namespace {

using manager_type = ws_manager<memory_transport>;
using seqs = std::vector<std::uint64_t>;

struct host {
  explicit host(manager_options options = {}, log_options limits = {})
      : env(std::make_shared<manual_environment>()),
        events(limits, env),
        manager(memory_transport(env), events, std::move(options)) {
    manager.on_connect([this](const connection_info& c) { told.push_back("connect " + c.id); }).release();
    manager.on_resumed([this](const connection_info& c) { told.push_back("resumed " + c.id); }).release();
    manager.on_session_expired([this](const connection_info& c) { told.push_back("expired " + c.id); }).release();
    lost = manager.on_disconnect([this](const connection_info& c, const disconnection& how) {
      told.push_back((how.may_resume ? "lost " : "gone ") + c.id);
    });
    REQUIRE_FALSE(manager.start());
  }

  [[nodiscard]] memory_transport& line() { return manager.transport(); }
  void emit(int count, std::string_view type = "a") {
    for (int i = 0; i < count; ++i) REQUIRE(events.emit("p", type));
  }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  manager_type manager;
  std::vector<std::string> told;
  subscription lost;  // the hook for ends: tests replace it
};

// A client that remembers what it needs to come back.
struct traveller {
  explicit traveller(host& h, std::string query = "") : h_(h) { connect(query); }

  void connect(const std::string& query) {
    socket.emplace(h_.line(), "/ws/p" + query);
    REQUIRE(socket->upgraded());
    hello = socket->next();
    REQUIRE(hello["type"].as_string() == "connected");
    id = std::string(*hello["connection_id"].as_string());
    token = std::string(hello["resume"]["token"].as_string().value_or(""));
    epoch = std::string(*hello["epoch"].as_string());
  }
  void resume(const std::string& extra = "") {
    connect("?resume=" + token + "&epoch=" + epoch + "&after=" + std::to_string(at) + extra);
  }
  void lose() {
    socket->peer->reset();
    h_.line().run();
  }
  // The events that came, noting how far they brought us.
  seqs hear() {
    seqs heard = socket->events();
    if (!heard.empty()) at = heard.back();
    return heard;
  }
  [[nodiscard]] bool resumed() const { return *hello["resumed"].as_bool(); }
  [[nodiscard]] std::string refusal() const { return std::string(hello["reason"].as_string().value_or("")); }

  host& h_;
  std::optional<memory_client> socket;
  json hello;
  std::string id, token, epoch;
  std::uint64_t at = 0;
};

/// It reads nothing, while a log of 10 events goes by.
void let_log_overtake(host& h, traveller& t) {
  t.socket->peer->stall(true);
  h.emit(5);
  h.line().run();
  h.emit(30);
  h.line().run();
}

}  // namespace

TEST_CASE("a client that comes back receives what it missed, once and in order", "[resume]") {
  host h;
  traveller t(h);
  h.emit(3);
  CHECK(t.hear() == seqs{1, 2, 3});
  const std::string id = t.id;
  t.lose();
  h.emit(4);
  t.resume();
  CHECK(t.resumed());
  CHECK(t.id == id);
  CHECK(t.hello["seq"].as_uint64() == 7);
  CHECK(t.hello["resume"]["window"].as_double() == 60);
  CHECK(t.hear() == seqs{4, 5, 6, 7});
  h.emit(1);
  CHECK(t.hear() == seqs{8});
  CHECK(h.told == std::vector<std::string>{"connect " + id, "lost " + id, "resumed " + id});
}

TEST_CASE("resuming needs no event before it, and works again and again", "[resume]") {
  host h;
  traveller t(h);
  for (int i = 0; i < 5; ++i) {
    const std::string used = t.token;
    t.lose();
    t.resume();
    REQUIRE(t.resumed());
    CHECK(t.token != used);
  }
  t.lose();
  h.emit(1);
  t.resume();
  CHECK(t.hear() == seqs{1});
}

TEST_CASE("a project where nothing happens does not forget those who wait", "[resume]") {
  host h;
  traveller t(h);
  t.lose();
  h.line().advance(50s);
  t.resume();
  CHECK(t.resumed());
}

TEST_CASE("a token is good once", "[resume]") {
  host h;
  traveller t(h);
  const std::string first = t.token;
  t.lose();
  t.resume();
  t.socket->peer->send(client_frame(0x8a, ""));
  h.line().run();
  traveller thief(h, "?resume=" + first + "&epoch=" + t.epoch + "&after=0");
  CHECK_FALSE(thief.resumed());
  CHECK(thief.refusal() == "unknown_token");
  CHECK(thief.id != t.id);
  CHECK_FALSE(t.socket->close_code);
}

TEST_CASE("a client that never read its new token comes back with the former one, as often as it takes", "[resume]") {
  host h;
  traveller t(h);
  const std::string first = t.token, id = t.id;
  h.emit(2);
  t.hear();
  t.lose();
  h.emit(1);
  for (int i = 0; i < 3; ++i) {
    t.token = first;
    t.resume();
    CHECK(t.resumed());
    CHECK(t.id == id);
    CHECK(t.socket->events() == seqs{3});
    // The line dies, noticed at once or not at all.
    if (i != 1) t.lose();
  }
  // The new one is good as well, and then the former is not any more: there is one at most.
  const std::string second = t.token;
  t.resume();
  CHECK(t.resumed());
  t.lose();
  t.token = first;
  t.resume();
  CHECK(t.refusal() == "unknown_token");
  t.lose();
  t.token = second;
  t.resume();
  CHECK(t.id == id);
}

TEST_CASE("a former token is good for its project and principal alone, and not for a new one's session", "[resume]") {
  host h;
  h.manager.authenticate(
      [](const http_request& q, std::string_view) { return admission{q.query_value("who").value_or("nobody")}; });
  traveller t(h, "?who=ada");
  const std::string first = t.token;
  t.lose();
  t.resume("&who=ada");
  REQUIRE(t.resumed());
  t.lose();
  t.token = first;
  t.resume("&who=eve");
  CHECK(t.refusal() == "unknown_token");
  t.lose();
  memory_client elsewhere(h.line(), "/ws/q?who=ada&resume=" + first + "&epoch=" + t.epoch + "&after=0");
  CHECK(elsewhere.next()["resumed"].as_bool() == false);
  t.token = first;
  t.resume("&who=ada");
  CHECK(t.resumed());
}

TEST_CASE("bytes behind the request do not use a former token up, those after the answer do", "[resume]") {
  host h;
  traveller t(h);
  const std::string first = t.token;
  t.lose();
  const auto peer = h.line().connect();
  peer->send("GET /ws/p?resume=" + first + "&epoch=" + t.epoch +
             "&after=0 HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" +
             client_frame(0x8a, ""));
  h.line().run();
  peer->reset();
  h.line().run();
  t.resume();
  CHECK(t.resumed());
  t.socket->peer->send("\x8a");  // the first byte of a frame
  h.line().run();
  t.lose();
  t.token = first;
  t.resume();
  CHECK(t.refusal() == "unknown_token");
}

TEST_CASE("a refused resume uses up both tokens", "[resume]") {
  host h({}, {.events = 2});
  traveller t(h);
  const std::string first = t.token, epoch = t.epoch;
  t.lose();
  t.resume();
  const std::string second = t.token;
  h.emit(9);
  // While the old socket still lives.
  traveller refused(h, "?resume=" + second + "&epoch=" + epoch + "&after=0");
  CHECK(refused.refusal() == "evicted");
  traveller again(h, "?resume=" + first + "&epoch=" + epoch + "&after=9");
  CHECK(again.refusal() == "unknown_token");
}

TEST_CASE("the former token of a session that was detached too long has expired as well", "[resume]") {
  host h;
  traveller t(h);
  h.emit(1);
  const std::string first = t.token;
  t.lose();
  t.resume();
  t.lose();
  h.line().advance(61s);
  t.token = first;
  t.resume();
  CHECK(t.refusal() == "expired");
}

TEST_CASE("tokens that were made up, cut or bent are unknown", "[resume]") {
  host h;
  traveller t(h);
  t.lose();
  std::string bent = t.token;
  bent.back() = bent.back() == '0' ? '1' : '0';
  for (const std::string& token :
       {std::string(), std::string("x"), t.token.substr(1), t.token + "0", bent, std::string(48, '0')}) {
    traveller other(h, "?resume=" + token + "&epoch=" + t.epoch + "&after=0");
    CHECK_FALSE(other.resumed());
    CHECK(other.refusal() == "unknown_token");
  }
  t.resume();
  CHECK(t.resumed());
}

TEST_CASE("a token belongs to its project", "[resume]") {
  host h;
  traveller t(h);
  t.lose();
  const std::string epoch(h.events.log()->open("other")->epoch());
  memory_client c(h.line(), "/ws/other?resume=" + t.token + "&epoch=" + epoch + "&after=0");
  const json hello = c.next();
  CHECK(hello["resumed"].as_bool() == false);
  CHECK(hello["reason"].as_string() == "unknown_token");
  t.resume();
  CHECK(t.resumed());
}

TEST_CASE("a token belongs to whom the host named, and the host is asked at every connect", "[resume]") {
  host h;
  std::string who = "ada";
  h.manager.authenticate([&](const http_request&, std::string_view project) {
    CHECK(project == "p");
    return who == "mallory" ? admission::refuse(403) : admission{who};
  });
  traveller t(h);
  CHECK(h.manager.connections().front().principal == "ada");
  t.lose();
  who = "mallory";
  memory_client refused(h.line(), "/ws/p?resume=" + t.token + "&epoch=" + t.epoch + "&after=0");
  CHECK(refused.http().starts_with("HTTP/1.1 403 "));
  who = "grace";
  traveller other(h, "?resume=" + t.token + "&epoch=" + t.epoch + "&after=0");
  CHECK_FALSE(other.resumed());
  CHECK(other.refusal() == "unknown_token");
  who = "ada";
  t.resume();  // neither of them has used it up
  CHECK(t.resumed());
  CHECK(h.manager.connections("p").size() == 2);
}

TEST_CASE("the filter comes back with the session", "[resume]") {
  host h;
  traveller t(h);
  t.socket->send(R"({"command":"subscribe","payload":{"events":["a"]}})");
  (void)t.socket->next();
  t.lose();
  h.emit(1, "b");
  h.emit(1, "a");
  t.resume();
  CHECK(t.hear() == seqs{2});
  t.socket->send(R"({"command":"subscribe","payload":{"events":["b"]}})");
  CHECK(t.socket->next()["result"]["events"].text() == R"(["a","b"])");
}

TEST_CASE("after the window the session has expired, and the client learns so", "[resume]") {
  host h;
  traveller t(h);
  const std::string id = t.id;
  h.emit(1);
  t.lose();
  h.line().advance(59s);
  CHECK(h.told.back() == "lost " + id);
  h.line().advance(2s);
  CHECK(h.told.back() == "expired " + id);
  t.resume();
  CHECK_FALSE(t.resumed());
  CHECK(t.refusal() == "expired");
  CHECK(t.id != id);
}

TEST_CASE("a client that missed more than the log keeps is refused, or goes on after a gap if it asked for that",
          "[resume]") {
  host h({}, {.events = 5});
  traveller strict(h), lenient(h);
  const std::string id = lenient.id;
  strict.lose();
  lenient.lose();
  h.emit(8);
  strict.resume();
  CHECK_FALSE(strict.resumed());
  CHECK(strict.refusal() == "evicted");
  CHECK(strict.hear().empty());
  CHECK(strict.hello["seq"].as_uint64() == 8);

  lenient.resume("&on_gap=continue");
  CHECK(lenient.resumed());
  CHECK(lenient.id == id);
  const json gap = lenient.socket->next();
  CHECK(gap["type"].as_string() == "gap");
  CHECK(gap["from"].as_uint64() == 1);
  CHECK(gap["to"].as_uint64() == 3);
  CHECK(gap["reason"].as_string() == "evicted");
  CHECK(lenient.hear() == seqs{4, 5, 6, 7, 8});
}

TEST_CASE("the last event that may be missing is the one before the oldest", "[resume]") {
  host h({}, {.events = 5});
  traveller just(h), over(h);
  h.emit(1);
  CHECK(just.hear() == seqs{1});
  just.lose();
  over.lose();
  h.emit(5);  // the oldest is 2
  just.resume();
  CHECK(just.resumed());
  CHECK(just.hear() == seqs{2, 3, 4, 5, 6});
  over.resume();
  CHECK(over.refusal() == "evicted");
}

TEST_CASE("another epoch, or a position ahead of the log, is told apart from everything else", "[resume]") {
  host h;
  traveller t(h);
  t.lose();
  t.epoch = "0123456789abcdef";
  t.resume();
  CHECK(t.refusal() == "epoch_changed");

  traveller ahead(h);
  ahead.lose();
  ahead.at = 1;
  ahead.resume();
  CHECK(ahead.refusal() == "epoch_changed");

  host restarted;
  traveller before(restarted, "?resume=" + std::string(48, 'a') + "&epoch=ffff&after=12");
  CHECK(before.refusal() == "epoch_changed");
}

TEST_CASE("a resume without its epoch or with a position that is no number is a bad request", "[resume]") {
  host h;
  for (const std::string query :
       {"?resume=x", "?resume=x&epoch=e", "?resume=x&after=1", "?resume=x&epoch=e&after=-1",
        "?resume=x&epoch=e&after=1x", "?resume=x&epoch=e&after=99999999999999999999", "?last=x"}) {
    INFO(query);
    memory_client c(h.line(), "/ws/p" + query);
    CHECK(c.http().starts_with("HTTP/1.1 400 "));
  }
}

TEST_CASE("a session whose old socket still lives is taken over: that socket is closed first", "[resume]") {
  host h;
  traveller t(h);
  const std::string id = t.id;
  h.emit(2);
  CHECK(t.hear() == seqs{1, 2});
  memory_client old = std::move(*t.socket);
  t.resume();
  CHECK(t.resumed());
  CHECK(t.id == id);
  old.pump();
  CHECK(old.close_code == 4009);
  const json told = old.next();
  CHECK(told["type"].as_string() == "disconnected");
  CHECK(told["reconnect"].as_bool() == false);
  h.emit(1);
  CHECK(old.events().empty());
  CHECK(t.hear() == seqs{3});
  old.peer->close();
  h.line().run();
  CHECK(h.manager.status().connections == 1);
  CHECK(h.told == std::vector<std::string>{"connect " + id, "lost " + id, "resumed " + id});
  CHECK_FALSE(h.manager.send_to(id, {{"type", "note"}}));
  CHECK(t.socket->next_type() == "note");
}

TEST_CASE("an old socket that takes nothing does not keep its session", "[resume]") {
  host h;
  traveller t(h);
  t.socket->peer->stall(true);
  h.emit(5);
  h.line().run();
  memory_client old = std::move(*t.socket);
  t.resume();
  CHECK(t.resumed());
  CHECK(t.hear() == seqs{1, 2, 3, 4, 5});
  h.line().advance(6s);
  CHECK(old.peer->was_reset());
  CHECK(h.manager.status().connections == 1);
}

TEST_CASE("answers to a detached session wait for its client", "[resume]") {
  host h;
  std::optional<responder> waiting;
  int runs = 0;
  h.manager.on_command("slow", [&](const request&, responder r) {
    ++runs;
    waiting = std::move(r);
  });
  traveller t(h);
  t.socket->send(R"({"command":"slow","id":"c1"})");
  t.lose();
  waiting->progress({{"percent", 50}});
  std::move(*waiting).answer(json_object{{"done", true}});
  h.line().run();
  h.emit(1);
  t.resume();
  const json progress = t.socket->next();
  CHECK(progress["type"].as_string() == "command_progress");
  const json answer = t.socket->next();
  CHECK(answer["type"].as_string() == "command_response");
  CHECK(answer["id"].as_string() == "c1");
  CHECK(t.hear() == seqs{1});
  // Asked again, it is answered again and not run again.
  t.socket->send(R"({"command":"slow","id":"c1"})");
  CHECK(t.socket->next().text() == answer.text());
  CHECK(runs == 1);
}

TEST_CASE("a command in flight goes on across a resume, and a repeated one waits for its answer", "[resume]") {
  host h;
  std::optional<responder> waiting;
  int runs = 0;
  h.manager.on_command("slow", [&](const request&, responder r) {
    ++runs;
    waiting = std::move(r);
  });
  traveller t(h);
  t.socket->send(R"({"command":"slow","id":1})");
  t.lose();
  t.resume();
  CHECK_FALSE(waiting->stop_token().stop_requested());
  t.socket->send(R"({"command":"slow","id":1})");
  CHECK(t.socket->next_type().empty());
  std::move(*waiting).answer({});
  CHECK(t.socket->next()["id"].as_int64() == 1);
  CHECK(t.socket->next_type().empty());
  CHECK(runs == 1);
}

TEST_CASE("commands of a session that expires are stopped", "[resume]") {
  host h;
  std::optional<responder> waiting;
  h.manager.on_command("slow", [&](const request&, responder r) { waiting = std::move(r); });
  traveller t(h);
  t.socket->send(R"({"command":"slow","id":1})");
  t.lose();
  h.line().advance(20s);
  CHECK_FALSE(waiting->stop_token().stop_requested());
  h.line().advance(41s);
  CHECK(waiting->stop_token().stop_requested());
}

TEST_CASE("a waiting session keeps a bounded number of answers: one over and it cannot be resumed", "[resume]") {
  host h({.session = {.control_lane_bytes = 1000}});
  std::vector<responder> waiting;
  h.manager.on_command("slow", [&](const request&, responder r) { waiting.push_back(std::move(r)); });
  traveller t(h);
  t.socket->send(R"({"command":"slow","id":1})");
  t.lose();
  for (int i = 0; i < 20; ++i) waiting.front().progress({{"i", i}});
  h.line().run();
  t.resume();
  CHECK_FALSE(t.resumed());
  CHECK(t.refusal() == "expired");
}

TEST_CASE("a client that says goodbye does not come back", "[resume]") {
  host h;
  traveller t(h);
  const std::string id = t.id;
  t.socket->peer->send(client_frame(0x88, std::string("\x03\xe8", 2)));
  h.line().run();
  t.socket->peer->close();
  h.line().run();
  CHECK(h.told.back() == "gone " + id);
  t.resume();
  CHECK(t.refusal() == "unknown_token");
}

TEST_CASE("a client that the host forbids does not come back", "[resume]") {
  host h;
  traveller t(h);
  CHECK_FALSE(h.manager.disconnect(t.id, close_code::forbidden));
  t.lose();
  t.resume();
  CHECK(t.refusal() == "unknown_token");
}

TEST_CASE("a client that the host forbids does not come back while its old socket lingers either", "[resume]") {
  host h;
  traveller t(h);
  SECTION("the host") { CHECK_FALSE(h.manager.disconnect(t.id, close_code::forbidden)); }
  SECTION("its own goodbye") { t.socket->peer->send(client_frame(0x88, std::string("\x03\xe8", 2))); }
  h.line().run();
  const std::string id = t.id;
  memory_client old = std::move(*t.socket);
  t.resume();
  CHECK(t.refusal() == "unknown_token");
  old.peer->close();
  h.line().run();
  CHECK(h.told == std::vector<std::string>{"connect " + id, "connect " + t.id, "gone " + id});
}

TEST_CASE("connections that are counted by the hooks come out even", "[resume]") {
  host h;
  int there = 0;
  std::vector<std::string> codes;
  h.manager.on_connect([&](const connection_info&) { ++there; }).release();
  h.manager.on_resumed([&](const connection_info&) { ++there; }).release();
  h.manager
      .on_disconnect([&](const connection_info& c, const disconnection& how) {
        --there;
        codes.push_back((how.may_resume ? "" : "gone ") + std::to_string(static_cast<int>(how.code)) + " " +
                        std::string(how.reason));
        CHECK(c.project == "p");
      })
      .release();
  traveller t(h);
  std::vector<memory_client> old;
  const auto taken_over = [&] {
    old.push_back(std::move(*t.socket));
    t.resume();
    CHECK(t.resumed());
    CHECK(there == 1);
    CHECK(h.manager.status().connections == 1);
  };
  taken_over();
  CHECK(codes.back() == "4009 the session goes on over a newer connection");
  taken_over();
  t.lose();
  CHECK(there == 0);
  CHECK(codes.size() == 3);
  t.resume();
  CHECK(there == 1);
  // Closed already when it is taken over, and the peer has not answered.
  CHECK_FALSE(h.manager.disconnect(t.id, close_code::try_again_later, "full"));
  taken_over();
  CHECK(codes.back() == "1013 full");
  // It cannot go on: the old one ends, the new one begins.
  old.push_back(std::move(*t.socket));
  t.epoch = "other";
  t.at = 0;
  t.resume();
  CHECK_FALSE(t.resumed());
  for (memory_client& c : old) c.peer->reset();
  h.line().run();
  CHECK(there == 1);
  CHECK(codes.size() == 5);
  CHECK(codes.back() == "gone 4009 the session goes on over a newer connection");
}

TEST_CASE("a hook that learns of a takeover may do anything to the session", "[resume]") {
  host h;
  traveller t(h);
  const std::string id = t.id;
  bool stopped = false;
  std::string expected;
  h.lost = h.manager.on_disconnect([&](const connection_info& c, const disconnection& how) {
    h.told.push_back("lost " + c.id);
    if (how.code != close_code::taken_over) return;
    if (expected == "4003") CHECK_FALSE(h.manager.disconnect(c.id, close_code::forbidden));
    if (expected == "1001") h.manager.stop([&] { stopped = true; });
  });
  SECTION("disconnect it") { expected = "4003"; }
  SECTION("stop the manager") { expected = "1001"; }
  memory_client old = std::move(*t.socket);
  t.resume();
  CHECK(t.resumed());
  CHECK(std::to_string(t.socket->close_code.value_or(0)) == expected);
  t.socket->peer->close();
  old.peer->close();
  h.line().run();
  CHECK(h.told == std::vector<std::string>{"connect " + id, "lost " + id, "resumed " + id, "lost " + id});
  CHECK(stopped == (expected == "1001"));
}

TEST_CASE("only so many sessions wait: the one that has waited longest goes first", "[resume]") {
  host h({.resume = {.sessions = 2}});
  traveller a(h), b(h), c(h);
  const std::string first = a.id;
  a.lose();
  b.lose();
  c.lose();
  CHECK(h.told.back() == "expired " + first);
  a.resume();
  CHECK(a.refusal() == "expired");
  b.resume();
  CHECK(b.resumed());
  c.resume();
  CHECK(c.resumed());
}

TEST_CASE("a host that keeps no sessions gives no tokens", "[resume]") {
  host h({.resume = {.window = 0ms}});
  traveller t(h);
  const std::string id = t.id;
  CHECK(t.hello["resume"].is_missing());
  t.lose();
  CHECK(h.told.back() == "gone " + id);
}

TEST_CASE("a client that comes back does not receive what was superseded while it was away", "[resume]") {
  host h;
  traveller t(h);
  traveller prompt(h);
  t.lose();
  for (int i = 0; i < 5; ++i) REQUIRE(h.events.emit("p", "progress", {{"percent", i}}, {.key = "task 1"}));
  h.emit(1);
  t.resume();
  CHECK(t.resumed());
  CHECK(t.hear() == seqs{5, 6});
  CHECK(t.socket->next_type().empty());  // and no gap
  CHECK(prompt.hear() == seqs{1, 2, 3, 4, 5, 6});
}

TEST_CASE("a new client may start some events back", "[resume]") {
  host h({}, {.events = 5});
  h.emit(8);
  CHECK(traveller(h, "?last=2").hear() == seqs{7, 8});
  CHECK(traveller(h, "?last=0").hear().empty());
  CHECK(traveller(h, "?last=5").hear() == seqs{4, 5, 6, 7, 8});
  CHECK(traveller(h, "?last=1000").hear() == seqs{4, 5, 6, 7, 8});
}

TEST_CASE("a laggard that the log overtakes may be closed instead of told of a gap", "[resume]") {
  host h({.laggards = laggard_policy::close}, {.events = 10});
  traveller t(h);
  let_log_overtake(h, t);
  t.socket->peer->stall(false);
  h.line().run();
  t.socket->pump();
  CHECK(t.socket->close_code == 4008);
}

TEST_CASE("a laggard that reads nothing at all is closed with 4008 as well, and cut off after close_timeout",
          "[resume]") {
  host h({.laggards = laggard_policy::close, .close_timeout = 2s}, {.events = 10});
  traveller t(h);
  traveller other(h);  // subscribes to no events, so that the log cannot overtake it
  other.socket->send(R"({"command":"subscribe","payload":{"events":[]}})");
  let_log_overtake(h, t);
  h.line().advance(1s);
  CHECK(h.manager.status().connections == 2);
  h.line().advance(3s);
  CHECK(h.manager.status().connections == 1);
  CHECK(h.manager.metrics().disconnections[close_code::too_slow] == 1);
}

TEST_CASE("a laggard whose session is taken over is closed, and its heir is not", "[resume]") {
  host h({.laggards = laggard_policy::close}, {.events = 10});
  traveller t(h);
  let_log_overtake(h, t);
  std::vector<admission_responder> asked;
  h.manager.authenticate(
      [&](const http_request&, std::string_view, admission_responder r) { asked.push_back(std::move(r)); });
  memory_client heir(h.line(), "/ws/p?resume=" + t.token + "&epoch=" + t.epoch + "&after=35");
  REQUIRE(asked.size() == 1);
  // In one turn: it is found to lag when its socket takes more, and then it is taken over.
  t.socket->peer->stall(false);
  std::move(asked.front()).answer({});
  heir.pump();
  CHECK(heir.next()["resumed"].as_bool() == true);
  CHECK_FALSE(heir.close_code);
  t.socket->pump();
  CHECK(t.socket->close_code == 4008);
  h.emit(1);
  CHECK(heir.events() == seqs{36});
}

TEST_CASE("a client that agrees to a gap when it comes back receives it, also where laggards are closed", "[resume]") {
  host h({.laggards = laggard_policy::close}, {.events = 10});
  traveller t(h);
  t.lose();
  h.emit(30);
  t.resume("&on_gap=continue");
  CHECK(t.resumed());
  CHECK(t.socket->next_type() == "gap");
  CHECK(t.socket->events().size() == 10);
  CHECK_FALSE(t.socket->close_code);
}

TEST_CASE("stop does not wait for sessions without a client", "[resume]") {
  host h;
  traveller t(h);
  t.lose();
  bool done = false;
  h.manager.stop([&] { done = true; });
  h.line().run();
  CHECK(done);
  CHECK(h.told.back() == "expired " + t.id);
}

TEST_CASE("a session whose client fell silent in a quiet project goes on where it was", "[resume]") {
  host h;
  traveller t(h);
  h.line().advance(93s);  // given up, and closing: the socket is there still
  CHECK(h.told == std::vector<std::string>{"connect " + t.id});
  h.line().advance(5s);
  CHECK(h.told.back() == "lost " + t.id);
  t.resume();
  CHECK(t.resumed());
}

TEST_CASE("a command of a waiting session may stop the manager when its deadline has passed", "[resume]") {
  host h;
  std::vector<responder> waiting;
  h.manager.on_command("slow", [&](const request&, responder r) { waiting.push_back(std::move(r)); });
  traveller t(h);
  t.socket->send(R"({"command":"slow","id":1})");
  t.socket->send(R"({"command":"slow","id":2})");
  t.lose();
  bool done = false;
  std::size_t told_meanwhile = 0;
  const std::stop_callback late(waiting.at(0).stop_token(), [&] {
    const std::size_t told = h.told.size();
    h.manager.stop([&] { done = true; });
    told_meanwhile = h.told.size() - told;
  });
  h.line().advance(31s);
  CHECK(told_meanwhile == 0);  // the session is in use
  CHECK(waiting.at(1).stop_token().stop_requested());
  CHECK(done);
  CHECK(h.told.back() == "expired " + t.id);
}

TEST_CASE("a session that may be resumed when its host stops expires, and the host is notified", "[resume]") {
  host h;
  bool done = false;
  h.lost = h.manager.on_disconnect([&](const connection_info& c, const disconnection& how) {
    h.told.push_back((how.may_resume ? "lost " : "gone ") + c.id);
    h.manager.stop([&] { done = true; });
  });
  traveller t(h);
  t.lose();
  CHECK(done);
  CHECK(h.told == std::vector<std::string>{"connect " + t.id, "lost " + t.id, "expired " + t.id});
}
