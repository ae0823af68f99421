// Who is silent for too long is dropped with 4000; what "too long" means is a policy: one of your own, or a shipped one.
// Try it: connect with a client that answers pings (all do) and with one that does not; then again with --jittered.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;

namespace {

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

  // Both are told to clients, so that a client can notice a dead server as well.
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

  // What a monitoring page would show: `is_healthy` measures with the policy's timeout.
  manager.on_command("who", [&](const hotline::request& q) {
    hotline::json_array all;
    const auto now = manager.transport().env().now();
    for (const auto& c : manager.connections(q.project())) all.append(to_json(c, now));
    return hotline::json_object{{"connections", all}};
  });

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { manager.stop(); });
  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen: " << failed.message() << '\n';
    return 1;
  }
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;
  io.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const auto given = std::find(arguments.begin(), arguments.end(), "--port");
  const bool jittered = std::find(arguments.begin(), arguments.end(), "--jittered") != arguments.end();
  const int number = given != arguments.end() && given + 1 != arguments.end() ? std::atoi((given + 1)->data()) : 8080;
  const auto port = static_cast<std::uint16_t>(number);

  // Seconds, so that there is something to see; for real clients tens of seconds are right.
  // The jittered one gives each connection an interval of its own between 1.5 s and 2 s: pings come spread.
  return jittered ? serve(port, hotline::jittered_heartbeat(2s, 6s)) : serve(port, prompt_heartbeat(1s, 1s));
}
