#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/make_ws_manager.hpp>
#include <memory_client.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;

namespace {

struct real_host {
  real_host() {
    manager.reset(new manager_type(asio_transport(io, listen_options{.port = 0}), events));
    REQUIRE_FALSE(manager->start());
    port = manager->transport().port();
  }
  using manager_type = ws_manager<asio_transport>;

  asio::io_context io{1};
  event_emitter events;
  std::unique_ptr<manager_type> manager;
  std::uint16_t port = 0;
};

// A client on the same loop: it upgrades, sends one message, and reads until the end.
struct real_client {
  explicit real_client(real_host& h) : socket(h.io) {
    socket.connect({asio::ip::address_v4::loopback(), h.port});
    asio::write(socket,
                asio::buffer("GET /ws/p HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" +
                             hotline_test::client_frame(0x81, R"({"command":"go"})")));
    read();
  }
  void read() {
    socket.async_read_some(asio::buffer(buffer), [this](std::error_code failed, std::size_t n) {
      received.append(buffer.data(), n);
      if (failed)
        ended = true;
      else
        read();
    });
  }
  asio::ip::tcp::socket socket;
  std::vector<char> buffer = std::vector<char>(4096);
  std::string received;
  bool ended = false;
};

}  // namespace

TEST_CASE("over sockets too, whoever is called may destroy the manager, and io_context::run returns", "[manager]") {
  real_host h;
  const auto end = [&] { h.manager.reset(); };
  SECTION("a handler") {
    h.manager->on_command("go", [&](const request&) { end(); });
  }
  SECTION("on_connect") {
    h.manager->on_connect([&](const connection_info&) { end(); });
  }
  SECTION("on_disconnect") {
    h.manager->on_command("go", [&](const request& q) { h.manager->disconnect(q.connection_id()); });
    h.manager->on_disconnect([&](const connection_info&, const disconnection&) { end(); });
  }
  SECTION("an authentication that was answered later") {
    h.manager->authenticate(
        [&](const http_request&, std::string_view, admission_responder r) { std::move(r).answer({"ada"}); });
    h.manager->on_command("go", [&](const request&) { end(); });
  }
  SECTION("the completion of stop") {
    h.manager->on_command("go", [&](const request&) { h.manager->stop(end); });
  }
  SECTION("a posted function") {
    h.manager->on_command("go", [&](const request&) { h.manager->post(end); });
  }
  real_client a(h), b(h);
  while (!a.ended || !b.ended) {
    h.io.run_one();
    // Who was told to go goes.
    if (a.received.find("disconnected") != std::string::npos) a.socket.close();
    if (b.received.find("disconnected") != std::string::npos) b.socket.close();
  }
  h.io.run();
  CHECK(h.manager == nullptr);
}
