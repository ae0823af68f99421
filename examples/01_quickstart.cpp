// A whole server: clients of a project say something, and everybody there hears it as an event.
// Try it: run it, open its address (no page there, but a console), and paste the browser half from README.md into that.
#include <hotline/hotline.hpp>

#include <cstdlib>
#include <iostream>
#include <string_view>

int main(int argc, char** argv) {
  const int port = argc > 2 && std::string_view(argv[1]) == "--port" ? std::atoi(argv[2]) : 8080;

  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = static_cast<std::uint16_t>(port)});

  manager.on_command("say", [&](const hotline::request& q) -> hotline::command_result {
    const auto seq = events.emit(q.project(), "said", {{"text", q.payload()["text"]}});
    if (!seq) return hotline::command_error{"not_said", seq.error().message};
    return hotline::json_object{{"seq", *seq}};
  });

  if (const auto failed = manager.start()) {
    std::cerr << failed.message() << '\n';
    return 1;
  }
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;
  io.run();
}
