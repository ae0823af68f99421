// A service that has an io_context already: its timer emits an event a second, its signals end everything in order.
// Try it: open its address and see it count; press Ctrl-C: the page says so, and the program ends with 0.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <iostream>
#include <optional>
#include <string_view>

namespace {

constexpr const char* page = R"html(<!doctype html>
<meta charset="utf-8"><title>clock</title><link rel="icon" href="data:,">
<h1 id="beat">?</h1>
<p id="state">connecting</p>
<script type="module">
import {connect} from "/hotline.js";
const element = id => document.querySelector("#" + id);
const client = connect("/ws/clock");
client.on("tick", ({beat}) => element("beat").textContent = beat);
client.onState(({state, reason = ""}) => element("state").textContent = `${state} ${reason}`);
</script>
)html";

// The host's own business, which knows nothing of WebSocket.
class metronome {
 public:
  metronome(asio::io_context& io, hotline::event_emitter& events) : timer_(io), events_(events) {}

  void start() {
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](std::error_code cancelled) {
      if (cancelled) return;
      const auto seq = events_.emit("clock", "tick", {{"beat", ++beats_}});
      if (!seq) std::cerr << "no tick: " << seq.error().message << '\n';
      start();
    });
  }
  void stop() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
  hotline::event_emitter& events_;
  int beats_ = 0;
};

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  return wrong == std::errc() && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 8080;
  if (argc > 1 && (argc != 3 || std::string_view(argv[1]) != "--port" || !read_port(argv[2], port))) {
    std::cerr << "usage: " << argv[0] << " [--port N], where N is 0 (any free port) to 65535\n";
    return 2;
  }

  asio::io_context io;
  hotline::event_emitter events;
  metronome ticks(io, events);

  auto manager = hotline::make_ws_manager(io, events, {.port = port});
  manager.on_http([](const hotline::http_request& q) -> std::optional<hotline::http_response> {
    if (q.path != "/") return std::nullopt;
    return hotline::http_response{.content_type = "text/html; charset=utf-8", .body = page};
  });
  // Each of these is called while its subscription lives.
  const auto coming =
      manager.on_connect([](const hotline::connection_info& c) { std::cout << c.id << " has come" << std::endl; });
  const auto going = manager.on_disconnect([](const hotline::connection_info& c, const hotline::disconnection& how) {
    std::cout << c.id << " has gone: " << to_string(how.code) << std::endl;
  });
  const auto failing = manager.on_error([](std::string_view where, std::exception_ptr) {
    std::cerr << hotline::printable(where) << " threw\n";  // it may be a command's name, as a client sent it
  });

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) {
    signals.clear();  // a second Ctrl-C is the system's again
    ticks.stop();
    manager.stop([] { std::cout << "stopped" << std::endl; });
  });

  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen on port " << port << ": " << failed.message() << "; choose another with --port N\n";
    return 1;
  }
  ticks.start();
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;
  io.run();  // returns when neither the host nor hotline has anything left to do
}
