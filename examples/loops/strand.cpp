// An io_context that several threads run: hotline has a strand, so that one thread at a time is in it.
// Try it: open its address, say something, and press Ctrl-C.
#include "service.hpp"

#include <hotline/transport/asio_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/strand.hpp>

#include <csignal>
#include <vector>

int main(int argc, char** argv) {
  const auto port = loops::port_of(argc, argv);
  if (!port) return 2;

  asio::io_context io;
  const auto strand = asio::make_strand(io);
  using transport = hotline::basic_asio_transport<asio::strand<asio::io_context::executor_type>>;

  hotline::event_emitter events;
  hotline::ws_manager<transport> manager(transport(strand, hotline::listen_options{.port = *port}), events,
                                         loops::limits());
  const loops::service service(manager, events, [&](auto task) { asio::post(strand, std::move(task)); });

  // The manager's members are for its strand, so signals come there too.
  asio::signal_set signals(strand, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) {
    signals.clear();
    manager.stop();
  });
  if (!loops::started(manager)) return 1;

  // The io_context's other work runs on all of them at once.
  std::vector<std::jthread> threads;
  for (int n = 0; n < 4; ++n) threads.emplace_back([&] { io.run(); });
}
