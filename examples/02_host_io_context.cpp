// A service that has an io_context already: its timer emits an event a second, its signals end everything in order.
// Try it: connect to /ws/clock and watch `tick`; press Ctrl-C: clients are told, and the program ends with 0.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace {

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

}  // namespace

int main(int argc, char** argv) {
  const int port = argc > 2 && std::string_view(argv[1]) == "--port" ? std::atoi(argv[2]) : 8080;

  asio::io_context io;
  hotline::event_emitter events;
  metronome ticks(io, events);

  auto manager = hotline::make_ws_manager(io, events, {.port = static_cast<std::uint16_t>(port)});
  manager.on_connect([](const hotline::connection_info& c) { std::cout << c.id << " has come" << std::endl; });
  manager.on_disconnect([](const hotline::connection_info& c, const hotline::disconnection& how) {
    std::cout << c.id << " has gone: " << to_string(how.code) << std::endl;
  });
  manager.on_error([](std::string_view where, std::exception_ptr) { std::cerr << where << " threw\n"; });

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) {
    signals.clear();  // a second Ctrl-C is the system's again
    ticks.stop();
    manager.stop([] { std::cout << "stopped" << std::endl; });
  });

  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen: " << failed.message() << '\n';
    return 1;
  }
  ticks.start();
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;
  io.run();  // returns when neither the host nor hotline has anything left to do
}
