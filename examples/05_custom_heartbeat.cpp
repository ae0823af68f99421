// A client that is silent for too long is dropped with 4000; a policy says how long that is: one of your own, or a shipped
// one. Try it: open its address in two tabs and see when the last sign of life of each came; stop one browser (kill -STOP)
// and see it go. With --jittered it takes the shipped policy.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <iostream>
#include <optional>
#include <string_view>

using namespace std::chrono_literals;

namespace {

constexpr const char* page = R"html(<!doctype html>
<meta charset="utf-8"><title>heartbeats</title><link rel="icon" href="data:,">
<p>The server expects to hear from each of these every <b id="interval">?</b> s and drops it after <b id="timeout">?</b> s:</p>
<ul id="connections"></ul>
<p id="state">connecting</p>
<script type="module">
import {connect} from "/hotline.js";
const element = id => document.querySelector("#" + id);
const client = connect("/ws/demo");
client.onState(({state, reason = ""}) => element("state").textContent = `${state} ${reason}`);
const show = ({connections}) => element("connections").replaceChildren(...connections.map(c =>
  Object.assign(document.createElement("li"), {textContent: `${c.connection_id}, heard ${c.heard_ago.toFixed(1)} s ago`})));
for (;;) {
  const {heartbeat} = await client.ready();
  element("interval").textContent = heartbeat.interval;
  element("timeout").textContent = heartbeat.timeout;
  await client.call("who", {}, {idempotent: true}).then(show, () => {});
  await new Promise(resolve => setTimeout(resolve, 250));
}
</script>
)html";

/// Pings after some silence and then expects an answer soon: dead peers are noticed quickly, lively ones cost nothing.
/// (The shipped `interval_heartbeat` pings again instead, and allows for several lost pings.)
class prompt_heartbeat {
 public:
  prompt_heartbeat(std::chrono::milliseconds silence, std::chrono::milliseconds answer)
      : silence_(silence), answer_(answer) {}

  hotline::heartbeat_action operator()(const hotline::heartbeat_query& q) const {
    const bool answer_is_due = q.last_ping > q.last_heard;
    if (answer_is_due)
      return q.now - q.last_ping >= answer_ ? hotline::heartbeat_action::drop : hotline::heartbeat_action::nothing;
    return q.now - q.last_heard >= silence_ ? hotline::heartbeat_action::ping : hotline::heartbeat_action::nothing;
  }

  // Clients receive both, so that a client can notice a dead server as well.
  [[nodiscard]] std::chrono::milliseconds interval() const { return silence_; }
  [[nodiscard]] std::chrono::milliseconds timeout() const { return silence_ + answer_; }

 private:
  std::chrono::milliseconds silence_;
  std::chrono::milliseconds answer_;
};

static_assert(hotline::heartbeat_policy<prompt_heartbeat>);  // says what is missing, should something be

template <hotline::heartbeat_policy Heartbeat>
int serve(std::uint16_t port, Heartbeat heartbeat) {
  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = port}, {}, heartbeat);
  manager.on_http([](const hotline::http_request& q) -> std::optional<hotline::http_response> {
    if (q.path != "/") return std::nullopt;
    return hotline::http_response{.content_type = "text/html; charset=utf-8", .body = page};
  });

  // The list for a monitoring page: `is_healthy` measures with the policy's timeout.
  manager.on_command("who", [&](const hotline::request& q) {
    hotline::json_array all;
    const auto now = manager.transport().env().now();
    for (const auto& c : manager.connections(q.project())) all.append(to_json(c, now));
    return hotline::json_object{{"connections", all}};
  });

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { manager.stop(); });
  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen on port " << port << ": " << failed.message() << "; choose another with --port N\n";
    return 1;
  }
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;
  io.run();
  return 0;
}

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  return wrong == std::errc() && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 8080;
  bool jittered = false, understood = true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--jittered")
      jittered = true;
    else if (name == "--port" && i + 1 < argc)
      understood = read_port(argv[++i], port) && understood;
    else
      understood = false;
  }
  if (!understood) {
    std::cerr << "usage: " << argv[0] << " [--jittered] [--port N], where N is 0 (any free port) to 65535\n";
    return 2;
  }

  // Seconds, so that there is something to see; for real clients tens of seconds are right.
  // The jittered one gives each connection an interval of its own between 1.5 s and 2 s: pings come spread.
  return jittered ? serve(port, hotline::jittered_heartbeat(2s, 6s)) : serve(port, prompt_heartbeat(1s, 1s));
}
