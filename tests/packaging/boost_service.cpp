// A host on Boost.Asio that links nothing but hotline::boost_asio for it.

#include <hotline/boost_asio.hpp>

int main() {
  boost::asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events);
  return manager.start() ? 1 : 0;
}
