// A host that compresses, and links nothing but hotline::deflate for it.

#include <hotline/deflate.hpp>
#include <hotline/hotline.hpp>

#include <memory>
#include <string>

int main() {
  hotline::event_emitter events;
  asio::io_context io;
  auto manager = hotline::make_ws_manager(io, events);
  manager.compress(std::make_unique<hotline::permessage_deflate>());
  std::string out;
  return hotline::permessage_deflate().deflate(std::string(1000, 'x'), out) ? 0 : 1;
}
