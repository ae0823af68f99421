// libuv's loop: hotline is one poll handle of it.
// Try it: open its address, say something, and press Ctrl-C.
#include "service.hpp"

#include <hotline/epoll.hpp>

#include <csignal>
#include <vector>

#include <uv.h>

namespace {

using line = hotline::ws_manager<hotline::epoll_transport>;

// Each handle of the program has it as its data.
struct host {
  uv_loop_t loop{};
  uv_poll_t readable{};
  uv_async_t next_turn{};
  uv_signal_t interrupt{};
  uv_signal_t terminate{};
  line* manager = nullptr;
  std::vector<loops::service::task> tasks{};
};

host& host_of(const void* data) { return *static_cast<host*>(const_cast<void*>(data)); }

void run_hotline(uv_poll_t* handle, int, int) { host_of(handle->data).manager->transport().run_ready(); }

void run_tasks(uv_async_t* handle) {
  for (const auto& task : std::exchange(host_of(handle->data).tasks, {})) task();
}

void end(uv_signal_t* handle, int) {
  host& h = host_of(handle->data);
  // The loop ends when it has no handles left.
  h.manager->stop([&h] {
    uv_walk(
        &h.loop, [](uv_handle_t* each, void*) { uv_close(each, nullptr); }, nullptr);
  });
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = loops::port_of(argc, argv);
  if (!port) return 2;

  host h;
  hotline::event_emitter events;
  auto manager = hotline::make_epoll_ws_manager(events, {.port = *port}, loops::limits());
  const loops::service service(manager, events, [&](auto task) {
    h.tasks.push_back(std::move(task));
    uv_async_send(&h.next_turn);
  });

  h.manager = &manager;
  h.readable.data = h.next_turn.data = h.interrupt.data = h.terminate.data = &h;
  uv_loop_init(&h.loop);
  uv_async_init(&h.loop, &h.next_turn, run_tasks);
  uv_signal_init(&h.loop, &h.interrupt);
  uv_signal_init(&h.loop, &h.terminate);
  uv_signal_start_oneshot(&h.interrupt, end, SIGINT);
  uv_signal_start_oneshot(&h.terminate, end, SIGTERM);
  uv_poll_init(&h.loop, &h.readable, manager.transport().fd());
  uv_poll_start(&h.readable, UV_READABLE, run_hotline);
  if (!loops::started(manager)) return 1;
  uv_run(&h.loop, UV_RUN_DEFAULT);
  return uv_loop_close(&h.loop) == 0 ? 0 : 1;
}
