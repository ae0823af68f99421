// A program with a loop of its own, a game or a simulation: hotline gets its turn once a frame, by io.poll().
// Try it: connect to /ws/world and watch `moved`; send {"command":"push","payload":{"by":-3}}.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <thread>

namespace {

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

}  // namespace

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  const int port = argc > 2 && std::string_view(argv[1]) == "--port" ? std::atoi(argv[2]) : 8080;

  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = static_cast<std::uint16_t>(port)});

  // Handlers run inside io.poll(), between two frames: the world needs no lock.
  world the_world;
  manager.on_command<push>("push", [&](const hotline::request&, const push& p) { the_world.speed += p.by; });

  bool running = true;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { manager.stop([&] { running = false; }); });

  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen: " << failed.message() << '\n';
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
