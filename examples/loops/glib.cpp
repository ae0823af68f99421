// GLib's main loop, which is also that of GTK and GStreamer: hotline is one source of it.
// Try it: open its address, say something, and press Ctrl-C.
#include "service.hpp"

#include <hotline/epoll.hpp>

#include <csignal>

#include <glib-unix.h>
#include <glib.h>

namespace {

using line = hotline::ws_manager<hotline::epoll_transport>;

gboolean run_hotline(gint, GIOCondition, gpointer manager) {
  static_cast<line*>(manager)->transport().run_ready();
  return G_SOURCE_CONTINUE;
}

struct ending {
  GMainLoop* loop;
  line& manager;
};

gboolean end(gpointer data) {
  const ending& ends = *static_cast<ending*>(data);
  ends.manager.stop([loop = ends.loop] { g_main_loop_quit(loop); });
  return G_SOURCE_CONTINUE;
}

gboolean run_task(gpointer task) {
  (*static_cast<loops::service::task*>(task))();
  return G_SOURCE_REMOVE;
}

void free_task(gpointer task) { delete static_cast<loops::service::task*>(task); }

}  // namespace

int main(int argc, char** argv) {
  const auto port = loops::port_of(argc, argv);
  if (!port) return 2;

  GMainLoop* const loop = g_main_loop_new(nullptr, FALSE);
  hotline::event_emitter events;
  auto manager = hotline::make_epoll_ws_manager(events, {.port = *port}, loops::limits());
  const loops::service service(manager, events, [](auto task) {
    g_idle_add_full(G_PRIORITY_DEFAULT, run_task, new loops::service::task(std::move(task)), free_task);
  });

  const guint source = g_unix_fd_add(manager.transport().fd(), G_IO_IN, run_hotline, &manager);
  ending signals{loop, manager};
  g_unix_signal_add(SIGINT, end, &signals);
  g_unix_signal_add(SIGTERM, end, &signals);
  if (!loops::started(manager)) return 1;
  g_main_loop_run(loop);

  g_source_remove(source);  // before the descriptor is closed
  g_main_loop_unref(loop);
}
