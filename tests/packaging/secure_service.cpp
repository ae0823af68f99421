// A host that speaks TLS, and links nothing but hotline::tls for it. It has no certificate, and gets an error for it.

#include <hotline/tls.hpp>

#include <asio/io_context.hpp>

int main() {
  hotline::event_emitter events;
  asio::io_context io;
  auto manager = hotline::make_wss_manager(io, events, hotline::tls_context());
  return manager.start().category() == hotline::tls_category() ? 0 : 1;
}
