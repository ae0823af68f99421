// A fan-out server of the library's public face alone: `publish {"data": string}` is emitted as an event of type
// `bench` to the sender's project.

#include <hotline/hotline.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

struct publish {
  std::string data;
  static constexpr auto fields = hotline::fields(hotline::field{"data", &publish::data});
};

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  for (int i = 1; i + 1 < argc; i += 2)
    if (std::string_view(argv[i]) == "--port") port = static_cast<std::uint16_t>(std::atoi(argv[i + 1]));

  asio::io_context io(1);
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = port});
  manager.on_command<publish>("publish", [&](const hotline::request& q, const publish& p) {
    events.emit(q.project(), "bench", {{"data", p.data}});
  });
  if (const auto failed = manager.start()) {
    std::fprintf(stderr, "fanout_server: %s\n", failed.message().c_str());
    return 1;
  }
  std::printf("listening on http://127.0.0.1:%d\n", manager.transport().port());
  std::fflush(stdout);
  io.run();
}
