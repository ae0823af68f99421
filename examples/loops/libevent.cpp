// libevent's loop: hotline is one event of it.
// Try it: open its address, say something, and press Ctrl-C.
#include "service.hpp"

#include <hotline/epoll.hpp>

#include <csignal>

#include <event2/event.h>

namespace {

using line = hotline::ws_manager<hotline::epoll_transport>;

void run_hotline(evutil_socket_t, short, void* manager) { static_cast<line*>(manager)->transport().run_ready(); }

struct ending {
  event_base* base;
  line& manager;
};

void end(evutil_socket_t, short, void* data) {
  const ending& ends = *static_cast<ending*>(data);
  ends.manager.stop([base = ends.base] { event_base_loopbreak(base); });
}

void run_task(evutil_socket_t, short, void* data) {
  auto* const task = static_cast<loops::service::task*>(data);
  (*task)();
  delete task;
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = loops::port_of(argc, argv);
  if (!port) return 2;

  event_base* const base = event_base_new();
  hotline::event_emitter events;
  auto manager = hotline::make_epoll_ws_manager(events, {.port = *port}, loops::limits());
  const loops::service service(manager, events, [base](auto task) {
    const timeval at_once{0, 0};
    event_base_once(base, -1, EV_TIMEOUT, run_task, new loops::service::task(std::move(task)), &at_once);
  });

  event* const readable = event_new(base, manager.transport().fd(), EV_READ | EV_PERSIST, run_hotline, &manager);
  ending signals{base, manager};
  event* const interrupt = evsignal_new(base, SIGINT, end, &signals);
  event* const terminate = evsignal_new(base, SIGTERM, end, &signals);
  for (event* const each : {readable, interrupt, terminate}) event_add(each, nullptr);
  if (!loops::started(manager)) return 1;
  event_base_dispatch(base);

  for (event* const each : {readable, interrupt, terminate}) event_free(each);  // before the descriptor is closed
  event_base_free(base);
}
