#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/server/checked_options.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::memory_client;

namespace {

using manager_type = ws_manager<memory_transport>;
using milliseconds = std::chrono::milliseconds;

constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
constexpr milliseconds forever = milliseconds::max();
constexpr milliseconds never = milliseconds::min();

// An hour in the life of a manager, in a few words.
class hour {
 public:
  explicit hour(const manager_options& options)
      : env_(std::make_shared<manual_environment>()),
        events_({}, env_),
        manager_(memory_transport(env_), events_, options) {
    manager_.on_http([](const http_request&) { return http_response{.body = "page"}; });
    manager_.on_command("later", [this](const request&, responder r) { kept_.push_back(std::move(r)); });
    manager_.on_disconnect([this](const connection_info&, const disconnection& how) { may_resume_ = how.may_resume; })
        .release();
    manager_.on_session_expired([this](const connection_info&) { expired_ = true; }).release();
    REQUIRE_FALSE(manager_.start());
  }

  std::string pass() {
    ask_for_page();
    if (!connect()) return words_;
    talk();
    grow_old();
    lose();
    close();
    stop();
    return words_;
  }

 private:
  [[nodiscard]] memory_transport& line() { return manager_.transport(); }
  void say(const std::string& word) { words_ += (words_.empty() ? "" : " ") + word; }
  void say(bool it_is, const std::string& word) {
    if (it_is) say(word);
  }

  void ask_for_page() {
    const auto peer = line().connect();
    peer->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    line().run();
    say("page:" + peer->received().substr(9, 3));
  }

  bool connect() {
    // Its head comes in two parts, a second apart.
    const auto slow = line().connect();
    slow->send("GET / HTTP/1.1\r\nHo");
    line().advance(1s);
    slow->send("st: x\r\n\r\n");
    line().run();
    say("slow:" + slow->received().substr(9, 3));
    c_.emplace(line());
    say(c_->upgraded(), "in");
    if (!c_->upgraded()) say(c_->http().substr(9, 3));
    if (c_->upgraded()) (void)c_->next();
    return c_->upgraded();
  }

  void talk() {
    c_->peer->send(hotline_test::client_frame(0x89, "ping"));
    c_->send(R"({"command":"ping"})");
    say(c_->pongs.size() == 1, "pong");
    for (int i = 0; i < 300; ++i) REQUIRE(events_.emit("p", "a", {{"text", std::string(100, 'x')}}));
    say(c_->events().size() == 300, "events");
    c_->send(R"({"command":"later","id":1})");
    while (!c_->messages.empty()) {
      const json m = c_->next();
      say(m["type"].as_string() == "pong", "answer");
      say(m["type"].as_string() == "command_error", std::string(m["error"]["code"].as_string().value_or("")));
    }
    say(c_->close_code.has_value(), std::to_string(c_->close_code.value_or(0)));
  }

  void grow_old() {
    if (c_->close_code) return;
    c_->send(R"({"command":"unsubscribe","payload":{"events":["*"]}})");
    (void)c_->next_type();
    REQUIRE(events_.emit("p", "unheard"));
    c_->send(R"({"command":"subscribe","payload":{"events":["b"]}})");
    (void)c_->next_type();
    REQUIRE(events_.emit("p", "unheard"));
    for (int i = 0; i < 120; ++i) {
      line().advance(500ms);
      c_->peer->send(hotline_test::client_frame(0x8a, ""));
    }
    c_->pump();
    while (!c_->messages.empty()) {
      const json m = c_->next();
      say(m["type"].as_string() == "position", "position");
      say(m["type"].as_string() == "command_error", std::string(m["error"]["code"].as_string().value_or("")));
    }
  }

  void lose() {
    if (c_->close_code) return;
    c_->peer->reset();
    line().run();
    if (!may_resume_) return;
    say("waits");
    line().advance(50s);
    say(expired_, "expired");
    line().advance(11s);
    say(expired_, "expired");
  }

  void close() {
    memory_client deaf(line());
    const json hello = deaf.next();
    if (manager_.disconnect(*hello["connection_id"].as_string(), close_code::try_again_later)) return;
    line().advance(600ms);
    say(deaf.peer->was_reset(), "cut");
    line().advance(5s);
    say(deaf.peer->was_reset(), "cut");
    deaf.peer->reset();
    line().run();
  }

  void stop() {
    bool done = false;
    memory_client prompt(line()), deaf(line());
    deaf.peer->stall(true);
    REQUIRE(events_.emit("p", "c"));
    line().run();
    manager_.stop([&] { done = true; });
    prompt.pump();
    prompt.peer->close();
    for (const json& m : prompt.messages) say(m["retry_after"].as_double().value_or(0) > 0, "spread");
    for (const auto time : {600ms, 5000ms}) {
      line().advance(time);
      say(done, "done");
    }
  }

  std::shared_ptr<manual_environment> env_;
  event_emitter events_;
  std::vector<responder> kept_;
  manager_type manager_;
  std::optional<memory_client> c_;
  std::string words_;
  bool may_resume_ = false;
  bool expired_ = false;
};

}  // namespace

TEST_CASE("options that make no sense are refused where the manager is made", "[server]") {
  const std::vector<std::pair<std::string, manager_options>> all{
      {"route_prefix empty", {.route_prefix = ""}},
      {"route_prefix no folder", {.route_prefix = "ws"}},
      {"message_fragments", {.session = {.message_fragments = 0}}},
      {"json_depth", {.session = {.json_depth = 0}}},
      {"json_nodes", {.session = {.json_nodes = 1}}},
      {"control_lane_bytes", {.session = {.control_lane_bytes = 255}}},
      {"head_bytes", {.handshake = {.head_bytes = 255}}},
      {"headers", {.handshake = {.headers = 4}}},
      {"timeout", {.handshake = {.timeout = 0ms}}},
      {"timeout", {.handshake = {.timeout = -1ms}}},
      {"catch_up_bytes", {.catch_up_bytes = 0}},
  };
  for (const auto& [name, options] : all) {
    INFO(name);
    event_emitter events;
    std::string told;
    try {
      const manager_type m(memory_transport(), events, options);
    } catch (const std::invalid_argument& e) {
      told = e.what();
    }
    CHECK(told.starts_with("hotline: "));
    CHECK(told.find(name.substr(0, name.find(' '))) != std::string::npos);
  }
}

TEST_CASE("every option has a meaning at its least, and none overflows at its most", "[server]") {
  const std::string usual = "page:200 slow:200 in pong events answer position timeout waits expired cut spread done";
  const auto instead = [&](const std::string& word, const std::string& by) {
    std::string words = usual;
    return words.replace(words.find(word), word.size(), by);
  };
  struct row {
    std::string name;
    manager_options options;
    std::string words;
  };
  const std::vector<row> all{
      {"defaults", {}, usual},
      {"message_bytes 0", {.session = {.message_bytes = 0}}, "page:200 slow:200 in pong 1009 cut spread done"},
      {"message_bytes most", {.session = {.message_bytes = most}}, usual},
      {"message_fragments 1", {.session = {.message_fragments = 1}}, usual},
      {"message_fragments most", {.session = {.message_fragments = most}}, usual},
      {"json_depth 1", {.session = {.json_depth = 1}}, instead(" position", "")},  // nor can it subscribe
      {"json_depth most", {.session = {.json_depth = most}}, usual},
      {"json_nodes most", {.session = {.json_nodes = most}}, usual},
      {"subscriptions 0", {.session = {.subscriptions = 0}}, usual},
      {"subscriptions most", {.session = {.subscriptions = most}}, usual},
      {"commands_in_flight 0",
       {.session = {.commands_in_flight = 0}},
       instead("position timeout", "too_many_commands position")},
      {"commands_in_flight most", {.session = {.commands_in_flight = most}}, usual},
      {"remembered_answers 0", {.session = {.remembered_answers = 0}}, usual},
      {"remembered_answers most", {.session = {.remembered_answers = most}}, usual},
      {"remembered_bytes 0", {.session = {.remembered_bytes = 0}}, usual},
      {"remembered_bytes most", {.session = {.remembered_bytes = most}}, usual},
      {"control_lane_bytes least", {.session = {.control_lane_bytes = 256}}, usual},
      {"control_lane_bytes most", {.session = {.control_lane_bytes = most}}, usual},
      {"head_bytes least", {.handshake = {.head_bytes = 256}}, usual},
      {"head_bytes most", {.handshake = {.head_bytes = most}}, usual},
      {"headers least", {.handshake = {.headers = 5}}, usual},
      {"headers most", {.handshake = {.headers = most}}, usual},
      {"handshake.timeout least", {.handshake = {.timeout = 1ms}}, instead("slow:200", "slow:408")},
      {"handshake.timeout most", {.handshake = {.timeout = forever}}, usual},
      {"window 0", {.resume = {.window = 0ms}}, instead(" waits expired", "")},
      {"window negative", {.resume = {.window = never}}, instead(" waits expired", "")},
      {"window most", {.resume = {.window = forever}}, instead(" expired", "")},
      {"sessions 0", {.resume = {.sessions = 0}}, instead(" waits expired", "")},
      {"per_address 0", {.resume = {.per_address = 0}}, instead(" waits expired", "")},
      {"sessions most", {.resume = {.sessions = most}}, usual},
      {"http_response_bytes 0", {.http_response_bytes = 0}, "page:500 slow:500" + usual.substr(17)},
      {"http_response_bytes most", {.http_response_bytes = most}, usual},
      {"command_timeout 0", {.command_timeout = 0ms}, instead(" timeout", "")},
      {"command_timeout negative", {.command_timeout = never}, instead(" timeout", "")},
      {"command_timeout most", {.command_timeout = forever}, instead(" timeout", "")},
      {"close_timeout 0", {.close_timeout = 0ms}, instead("cut", "cut cut")},
      {"close_timeout negative", {.close_timeout = never}, instead("cut", "cut cut")},
      {"close_timeout most", {.close_timeout = forever}, instead(" cut", "")},
      {"drain_timeout 0", {.drain_timeout = 0ms}, instead("done", "done done")},
      {"drain_timeout negative", {.drain_timeout = never}, instead("done", "done done")},
      {"drain_timeout most", {.drain_timeout = forever}, instead(" done", "")},
      {"restart_spread 0", {.restart_spread = 0ms}, instead(" spread", "")},
      {"restart_spread negative", {.restart_spread = never}, instead(" spread", "")},
      {"restart_spread most", {.restart_spread = forever}, usual},
      {"position_interval 0", {.position_interval = 0ms}, instead(" position", "")},
      {"position_interval negative", {.position_interval = never}, instead(" position", "")},
      {"position_interval most", {.position_interval = forever}, instead(" position", "")},
      {"catch_up_bytes least", {.catch_up_bytes = 1}, usual},
      {"catch_up_bytes most", {.catch_up_bytes = most}, usual},
  };
  for (const auto& [name, options, words] : all) {
    INFO(name);
    CHECK(hour(options).pass() == words);
  }
}
