// The server behind the proxies of docs/proxies.md: hotline as a host sets it up there.
//
//   e2e_proxies [--port N] [--unix PATH] [--unix-mode OCTAL] [--unix-group NAME] [--proxy-protocol 1] [--ping-ms N]
//               [--forwarded PROXIES]
//
// Prints `listening` when it does, with ` on http://127.0.0.1:PORT` where there is a port; later `opened ADDRESS` and
// `closed CODE REASON` of its clients, and at the level `info` and above what the manager logs. SIGTERM ends it.
//
//   --ping-ms    pings after so much silence (30 s)
//   --forwarded  a client's address is what so many proxies in front name in X-Forwarded-For, its scheme what they name
//                in X-Forwarded-Proto

#include <hotline/hotline.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace {

struct settings {
  hotline::listen_options listen{};
  std::chrono::milliseconds ping{30'000};
  std::size_t forwarded = 0;
};

settings read_arguments(int argc, char** argv) {
  settings s;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--port")
      s.listen.port = static_cast<std::uint16_t>(std::stoi(value));
    else if (name == "--unix")
      s.listen.unix_path = value;
    else if (name == "--unix-mode")
      s.listen.unix_mode = static_cast<unsigned>(std::stoi(value, nullptr, 8));
    else if (name == "--unix-group")
      s.listen.unix_group = value;
    else if (name == "--proxy-protocol")
      s.listen.proxy_protocol = value != "0";
    else if (name == "--ping-ms")
      s.ping = std::chrono::milliseconds(std::stoi(value));
    else if (name == "--forwarded")
      s.forwarded = static_cast<std::size_t>(std::stoi(value));
    else
      throw std::invalid_argument("e2e_proxies: no option " + std::string(name));
  }
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  const settings s = read_arguments(argc, argv);
  asio::io_context io(1);
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, s.listen, {}, hotline::interval_heartbeat(s.ping, 10 * s.ping));
  if (s.forwarded > 0) {
    manager.client_address([&](const hotline::http_request& q) { return q.forwarded_for(s.forwarded); });
    manager.client_scheme([](const hotline::http_request& q) { return std::string(q.header("X-Forwarded-Proto")); });
  }

  const auto opened = manager.on_connect(
      [](const hotline::connection_info& c) { std::cout << "opened " << c.remote_address << std::endl; });
  const auto closed = manager.on_disconnect([](const hotline::connection_info&, const hotline::disconnection& how) {
    std::cout << "closed " << static_cast<int>(how.code) << ' ' << how.reason << std::endl;
  });
  const auto log = manager.on_log([](hotline::log_level level, std::string_view line) {
    if (level != hotline::log_level::debug) std::cout << "log " << line << std::endl;
  });
  manager.on_http([](const hotline::http_request& q) -> std::optional<hotline::http_response> {
    if (q.path == "/health") return hotline::http_response{.body = "ok\n"};
    if (q.path == "/big") return hotline::http_response{.body = std::string(1'000'000, 'x')};
    return std::nullopt;
  });
  manager.on_command("echo", [](const hotline::request& q) { return q.payload(); });
  manager.on_command("say", [&](const hotline::request& q) -> hotline::command_result {
    const auto seq = events.emit(q.project(), "said", {{"text", q.payload()["text"]}});
    if (!seq) return hotline::command_error{"refused", seq.error().message};
    return hotline::json_object{{"seq", *seq}};
  });

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code cancelled, int) {
    if (!cancelled) manager.stop([&] { signals.cancel(); });
  });
  if (const auto failed = manager.start()) {
    std::cerr << "e2e_proxies: " << failed.message() << '\n';
    return 1;
  }
  std::cout << "listening";
  if (s.listen.unix_path.empty()) std::cout << " on http://127.0.0.1:" << manager.transport().port();
  std::cout << std::endl;
  io.run();
}
