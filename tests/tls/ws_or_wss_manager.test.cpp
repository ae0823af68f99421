// One program that is plain or TLS as its configuration says, over real sockets.

#include <hotline/event_emitter.hpp>
#include <hotline/fwd.hpp>
#include <hotline/manager.hpp>
#include <hotline/tls.hpp>
#include <hotline/tls_epoll.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <catch2_any.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../transport/socket_loop.hpp"
#include "certificate.hpp"
#include "tls_peer.hpp"

using namespace hotline;

namespace {

constexpr std::string_view upgrade =
    "GET /ws/p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

std::optional<tls_context> configured(bool with_certificate) {
  std::optional<tls_context> tls;
  if (!with_certificate) return tls;
  const certificate made = make_certificate("localhost");
  REQUIRE(tls.emplace().load({.certificate_chain = made.chain, .private_key = made.key}) == std::error_code{});
  return tls;
}

/// A service that knows no transport.
void add_commands(manager& m) {
  m.on_http([](const http_request& q) { return std::optional(http_response{.body = "by " + std::string(q.scheme)}); });
}

struct service {
  explicit service(bool with_certificate, listen_options listen = {.port = 0})
      : manager(make_ws_or_wss_manager(loop.io, events, configured(with_certificate), std::move(listen))) {
    add_commands(manager);
    refusals = manager.with_transport(
        [&](auto& t) { return t.on_refused([&](std::string_view, std::error_code) { ++refused; }); });
    REQUIRE_FALSE(manager.start());
  }

  auto plain_client() { return loop.peers.add(socket_peer::tcp(manager.port())); }
  auto tls_client() { return loop.peers.add(tls_peer::connect(manager.port())); }

  bool receives(const auto& peer, std::string_view text) {
    return loop.drive([&] { return peer->received().find(text) != std::string::npos; });
  }

  socket_loop loop;
  event_emitter events;
  ws_or_wss_manager manager;
  subscription refusals;
  int refused = 0;
};

static_assert(std::is_base_of_v<manager, ws_or_wss_manager>);
static_assert(!std::is_move_constructible_v<ws_or_wss_manager>);

}  // namespace

TEST_CASE("a manager without a certificate speaks ws", "[tls]") {
  service s(false);
  CHECK_FALSE(s.manager.is_encrypted());
  CHECK(s.manager.port() != 0);
  const auto client = s.plain_client();
  client->send(upgrade);
  CHECK(s.receives(client, "\"connected\""));
  REQUIRE(s.events.emit("p", "said"));
  CHECK(s.receives(client, "\"said\""));
  const auto page = s.plain_client();
  page->send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(s.receives(page, "\r\n\r\nby "));
  CHECK(page->received().find("https") == std::string::npos);
}

TEST_CASE("a manager with a certificate speaks wss, and refuses clients that do not", "[tls]") {
  service s(true);
  CHECK(s.manager.is_encrypted());
  const auto client = s.tls_client();
  client->send(upgrade);
  CHECK(s.receives(client, "\"connected\""));
  REQUIRE(s.events.emit("p", "said"));
  CHECK(s.receives(client, "\"said\""));
  const auto page = s.tls_client();
  page->send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(s.receives(page, "\r\n\r\nby https"));
  const auto wrong = s.plain_client();
  wrong->send(upgrade);
  REQUIRE(s.loop.drive([&] { return s.refused == 1 && wrong->closed_by_server(); }));
  CHECK(wrong->received().starts_with("HTTP/1.1 400 "));
}

TEST_CASE("sockets that the host accepted go to the transport that there is", "[tls]") {
  for (const bool with_certificate : {false, true}) {
    CAPTURE(with_certificate);
    service s(with_certificate, {.listen = false});
    asio::ip::tcp::acceptor acceptor(s.loop.io, {asio::ip::address_v4::loopback(), 0});
    acceptor.async_accept([&](std::error_code failed, asio::ip::tcp::socket socket) {
      REQUIRE_FALSE(failed);
      CHECK_FALSE(s.manager.with_transport([&](auto& t) { return t.adopt(std::move(socket)); }));
    });
    const std::uint16_t port = acceptor.local_endpoint().port();
    CHECK(s.manager.port() == 0);
    if (with_certificate) {
      const auto client = s.loop.peers.add(tls_peer::connect(port));
      client->send(upgrade);
      CHECK(s.receives(client, "\"connected\""));
    } else {
      const auto client = s.loop.peers.add(socket_peer::tcp(port));
      client->send(upgrade);
      CHECK(s.receives(client, "\"connected\""));
    }
  }
}

TEST_CASE("a certificate that was never loaded is noticed at the start", "[tls]") {
  asio::io_context io;
  event_emitter events;
  auto manager = make_ws_or_wss_manager(io, events, tls_context(), {.port = 0});
  CHECK(manager.is_encrypted());
  CHECK(manager.start());
  CHECK_THROWS_AS(make_ws_or_wss_manager(io, events, std::nullopt, {}, {.route_prefix = ""}), std::invalid_argument);
}

TEST_CASE("in any loop a manager is plain or TLS as its configuration says", "[tls]") {
  for (const bool with_certificate : {false, true}) {
    CAPTURE(with_certificate);
    event_emitter events;
    auto manager = make_epoll_ws_or_wss_manager(events, configured(with_certificate), {.port = 0});
    CHECK(manager.is_encrypted() == with_certificate);
    REQUIRE_FALSE(manager.start());
    socket_peers peers;
    const auto serve = [&](const auto& client) {
      client->send(upgrade);
      const int descriptor = manager.with_transport([](auto& t) { return t.fd(); });
      CHECK(descriptor >= 0);
      while (client->received().find("\"connected\"") == std::string::npos) {
        manager.with_transport([](auto& t) { return t.run_ready(256); });
        peers.pump();
      }
    };
    if (with_certificate)
      serve(peers.add(tls_peer::connect(manager.port())));
    else
      serve(peers.add(socket_peer::tcp(manager.port())));
  }
}

TEST_CASE("a TLS manager is made for any loop", "[tls]") {
  event_emitter events;
  auto manager = make_epoll_wss_manager(events, *configured(true), {.port = 0});
  REQUIRE_FALSE(manager.start());
  CHECK(manager.transport().port() != 0);
  CHECK(manager.transport().scheme() == "https");
}

TEST_CASE("a transport of the host's own making goes into either kind", "[tls]") {
  socket_loop loop;
  event_emitter events;
  ws_or_wss_manager plain(asio_transport(loop.io, listen_options{.port = 0}), events);
  ws_or_wss_manager encrypted(tls_transport(loop.io, *configured(true), listen_options{.port = 0}), events);
  CHECK_FALSE(plain.start());
  CHECK_FALSE(encrypted.start());
  CHECK_FALSE(plain.is_encrypted());
  CHECK(encrypted.is_encrypted());
  CHECK(plain.port() != encrypted.port());
}
