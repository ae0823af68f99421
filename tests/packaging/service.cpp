// The least that a host writes: it listens, emits and stops in good order. Ends with 0 when all of that went well.
#include <hotline/hotline.hpp>

#include <asio/io_context.hpp>

int main() {
  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = 0});
  if (manager.start()) return 1;

  const auto seq = events.emit("demo", "greeting", {{"hello", "world"}});
  if (!seq || *seq != 1) return 2;
  if (const auto refused = events.emit("demo", "no event type", {});
      refused || refused.error().code != hotline::errc::invalid_event_type)
    return 3;

  bool stopped = false;
  manager.stop([&] { stopped = true; });
  io.run();
  return stopped ? 0 : 4;
}
