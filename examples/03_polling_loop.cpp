// A program with a loop of its own, a game or a simulation: hotline gets its turn once a frame, by io.poll().
// Try it: open its address, see the world move, and push it.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <iostream>
#include <optional>
#include <string_view>
#include <thread>

namespace {

constexpr const char* page = R"html(<!doctype html>
<meta charset="utf-8"><title>world</title><link rel="icon" href="data:,">
<progress id="world" max="10"></progress> <span id="x"></span>
<button id="left">push left</button> <button id="right">push right</button>
<p id="state">connecting</p>
<script type="module">
import {connect} from "/hotline.js";
const element = id => document.querySelector("#" + id);
const client = connect("/ws/world");
client.on("moved", ({x}) => { element("world").value = x; element("x").textContent = x.toFixed(2); });
const push = by => client.call("push", {by}).catch(error => element("state").textContent = error.message);
element("left").onclick = () => push(-1);
element("right").onclick = () => push(1);
client.onState(({state, reason = ""}) => element("state").textContent = `${state} ${reason}`);
</script>
)html";

struct moved {
  static constexpr std::string_view event_type = "moved";
  std::int64_t frame = 0;
  double x = 0;
  static constexpr auto fields =
      hotline::fields(hotline::field{"frame", &moved::frame}, hotline::field{"x", &moved::x});
};

struct push {
  double by = 0;
  static constexpr auto fields = hotline::fields(hotline::field{"by", &push::by});
};

struct world {
  double x = 0, speed = 1;
  std::int64_t frame = 0;

  void step(double seconds) {
    ++frame;
    x += speed * seconds;
    if (x < 0 || x > 10) speed = -speed;
  }
};

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  return wrong == std::errc() && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  std::uint16_t port = 8080;
  if (argc > 1 && (argc != 3 || std::string_view(argv[1]) != "--port" || !read_port(argv[2], port))) {
    std::cerr << "usage: " << argv[0] << " [--port N], where N is 0 (any free port) to 65535\n";
    return 2;
  }

  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = port});
  manager.on_http([](const hotline::http_request& q) -> std::optional<hotline::http_response> {
    if (q.path != "/") return std::nullopt;
    return hotline::http_response{.content_type = "text/html; charset=utf-8", .body = page};
  });

  // Handlers run inside io.poll(), between two frames: the world needs no lock.
  world the_world;
  manager.on_command<push>("push", [&](const hotline::request&, const push& p) { the_world.speed += p.by; });

  bool running = true;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { manager.stop([&] { running = false; }); });

  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen on port " << port << ": " << failed.message() << "; choose another with --port N\n";
    return 1;
  }
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;

  constexpr auto frame_time = 16ms;
  auto next_frame = std::chrono::steady_clock::now();
  while (running) {
    the_world.step(0.016);
    // However much is emitted in a frame, each client is sent it in one write, in the poll that follows.
    if (the_world.frame % 6 == 0 && !events.emit("world", moved{the_world.frame, the_world.x}))
      std::cerr << "the world has left the range of numbers\n";
    io.poll();
    next_frame += frame_time;
    std::this_thread::sleep_until(next_frame);
  }
}
