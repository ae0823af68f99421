// A game's loop: 60 frames a second by its own pacing, and once a frame a bounded turn for hotline.
// Try it: open its address, say something, and press Ctrl-C.
#include "service.hpp"

#include <hotline/epoll.hpp>

#include <csignal>
#include <ratio>
#include <thread>
#include <vector>

namespace {

volatile std::sig_atomic_t asked_to_end = 0;

// However many clients there are, a frame handles about as many of their sockets; the others have their turn in the next.
constexpr std::size_t most_in_a_frame = 256;

}  // namespace

int main(int argc, char** argv) {
  const auto port = loops::port_of(argc, argv);
  if (!port) return 2;
  std::signal(SIGINT, [](int) { asked_to_end = 1; });
  std::signal(SIGTERM, [](int) { asked_to_end = 1; });

  hotline::event_emitter events;
  auto manager = hotline::make_epoll_ws_manager(events, {.port = *port}, loops::limits());
  std::vector<loops::service::task> next_frame;
  const loops::service service(manager, events, [&](auto task) { next_frame.push_back(std::move(task)); });
  if (!loops::started(manager)) return 1;

  using frames = std::chrono::duration<std::int64_t, std::ratio<1, 60>>;
  using clock = std::chrono::steady_clock;
  auto due = clock::now();
  for (bool running = true, stopping = false; running;) {
    // The world moves here. Its state needs no lock: hotline's handlers run in the line below, between two frames.
    for (const auto& task : std::exchange(next_frame, {})) task();
    manager.transport().run_ready(most_in_a_frame);
    if (asked_to_end != 0 && !std::exchange(stopping, true)) manager.stop([&] { running = false; });
    due = std::max(due + std::chrono::duration_cast<clock::duration>(frames(1)), clock::now());
    std::this_thread::sleep_until(due);
  }
}
