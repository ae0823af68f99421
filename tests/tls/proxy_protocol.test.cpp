// PROXY headers in front of TLS, and an io_context that had stopped: through managers, as hosts see it.
#include <hotline/tls.hpp>
#include <hotline/transport/tls_epoll_transport.hpp>

#include <asio/io_context.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../transport/proxy_headers.hpp"
#include "../transport/socket_kinds.hpp"
#include "certificate.hpp"
#include "tls_peer.hpp"

using namespace proxy_headers;
using namespace std::chrono_literals;

namespace {

hotline::tls_context context() {
  const certificate made = make_certificate("localhost");
  hotline::tls_context loaded;
  REQUIRE(loaded.load({.certificate_chain = made.chain, .private_key = made.key}) == std::error_code{});
  return loaded;
}

constexpr std::string_view upgrade =
    "GET /ws/p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

bool is_connected(const tls_peer& peer) { return peer.received().find("\"connected\"") != std::string::npos; }

struct refusal {
  std::string address;
  std::error_code why;
};

using tls_over_asio = over_asio_with<hotline::tls_transport>;
using tls_over_epoll = over_epoll_with<hotline::tls_epoll_transport>;

template <class Kind>
struct proxied_host {
  explicit proxied_host(hotline::listen_options where = {.proxy_protocol = true},
                        hotline::tls_handshake_limits limits = {.timeout = std::chrono::hours(1)})
      : manager(Kind::make(loop, context(), std::move(where), limits), events) {
    loop.watch(manager.transport());
    manager.on_connect([this](const hotline::connection_info& c) { connected.push_back(c.remote_address); }).release();
    manager.transport()
        .on_refused([this](std::string_view a, std::error_code why) {
          refused.push_back({std::string(a), why});
        })
        .release();
    REQUIRE_FALSE(manager.start());
  }
  auto come(std::string_view header) {
    auto peer = loop.peers.add(tls_peer::connect(
        manager.transport().port(), [](::SSL_CTX*) {}, header));
    peer->send(upgrade);
    return peer;
  }
  auto stranger() { return loop.peers.add(socket_peer::tcp(manager.transport().port())); }
  bool refuses(std::size_t n) {
    return loop.drive([&] { return refused.size() == n; });
  }

  typename Kind::loop_type loop;
  hotline::event_emitter events;
  hotline::ws_manager<typename Kind::transport_type> manager;
  std::vector<std::string> connected;
  std::vector<refusal> refused;
};

const std::string line = "PROXY TCP4 192.0.2.7 198.51.100.1 40312 443\r\n";

}  // namespace

TEMPLATE_TEST_CASE("a PROXY header comes before the TLS handshake", "[tls]", tls_over_asio, tls_over_epoll) {
  proxied_host<TestType> h;
  const auto connects = [&](const std::string& header) {
    const auto peer = h.come(header);
    REQUIRE(h.loop.drive([&] { return is_connected(*peer); }));
    return h.connected.back();
  };
  CHECK(connects(line) == "192.0.2.7:40312");
  CHECK(connects(binary(0x21, 0x21, v6_block)) == "[2001:db8::7]:40312");
  CHECK(connects(with_checksum(0x11, v4_block + value(0x01, "http/1.1"))) == "192.0.2.7:40312");
  CHECK(connects("PROXY UNKNOWN\r\n").starts_with("127.0.0.1:"));
  CHECK(connects(binary(0x20, 0x00, "")).starts_with("127.0.0.1:"));
  CHECK(h.manager.transport().handshakes().done == 5);
  CHECK(h.refused.empty());
}

TEMPLATE_TEST_CASE("TLS without the PROXY header that must come first is refused before any handshake", "[tls]",
                   tls_over_asio, tls_over_epoll) {
  proxied_host<TestType> h;
  const auto bare = h.come("");
  REQUIRE(h.refuses(1));
  CHECK(h.refused[0].why == std::errc::protocol_error);
  CHECK(h.refused[0].address.starts_with("127.0.0.1:"));
  REQUIRE(h.loop.drive([&] { return bare->closed_by_server(); }));
  const auto& counts = h.manager.transport().handshakes();
  CHECK(counts.begun == 0);
  CHECK(counts.failed == 0);
  CHECK(counts.under_way() == 0);
  CHECK(h.manager.metrics().refused_sockets == 1);
  CHECK(h.connected.empty());
  const auto good = h.come(line);
  CHECK(h.loop.drive([&] { return is_connected(*good); }));
}

TEMPLATE_TEST_CASE("a bad TLS handshake after a PROXY header is reported with the client's address", "[tls]",
                   tls_over_asio, tls_over_epoll) {
  proxied_host<TestType> h;
  h.stranger()->send(line + "GET / HTTP/1.1\r\n\r\n");
  REQUIRE(h.refuses(1));
  CHECK(h.refused[0].address == "192.0.2.7:40312");
  CHECK(h.refused[0].why.category() == hotline::tls_category());
  CHECK(h.manager.transport().handshakes().failed == 1);
}

TEMPLATE_TEST_CASE("a PROXY header has its own time, and TLS has its own after it", "[tls]", tls_over_asio,
                   tls_over_epoll) {
  SECTION("the header's") {
    proxied_host<TestType> h({.proxy_protocol = true, .proxy_header_timeout = 0s});
    const auto silent = h.stranger();
    REQUIRE(h.refuses(1));
    CHECK(h.refused[0].why == std::errc::timed_out);
    CHECK(h.refused[0].address.starts_with("127.0.0.1:"));
    CHECK(h.manager.transport().handshakes().timed_out == 0);
    CHECK(h.manager.transport().handshakes().under_way() == 0);
  }
  SECTION("the handshake's") {
    proxied_host<TestType> h({.proxy_protocol = true, .proxy_header_timeout = std::chrono::hours(1)}, {.timeout = 0s});
    h.stranger()->send(line + "\x16\x03\x01\x02");
    REQUIRE(h.refuses(1));
    CHECK(h.refused[0].why == std::errc::timed_out);
    CHECK(h.refused[0].address == "192.0.2.7:40312");
    CHECK(h.manager.transport().handshakes().timed_out == 1);
    CHECK(h.manager.transport().handshakes().under_way() == 0);
  }
}

TEST_CASE("a TLS manager serves on an io_context that had stopped before it started", "[tls]") {
  asio::io_context io{1};
  SECTION("polled without work") { io.poll(); }
  SECTION("run without work") { io.run(); }
  SECTION("stopped") { io.stop(); }
  hotline::event_emitter events;
  auto manager = hotline::make_wss_manager(io, events, context());
  REQUIRE_FALSE(manager.start());
  const auto peer = tls_peer::connect(manager.transport().port());
  peer->send(upgrade);
  while (!is_connected(*peer)) {
    REQUIRE_FALSE(io.stopped());
    io.poll();
    peer->pump();
  }
}

TEMPLATE_TEST_CASE("over TLS too, a name that a stranger has rebound to a loopback address is not served", "[tls]",
                   tls_over_asio, tls_over_epoll) {
  typename TestType::loop_type loop;
  hotline::event_emitter events;
  hotline::ws_manager<typename TestType::transport_type> manager(
      TestType::make(loop, context(), hotline::listen_options{.port = 0}), events);
  loop.watch(manager.transport());
  REQUIRE_FALSE(manager.start());
  for (const std::string name : {"localhost", "evil.example"}) {
    const auto peer = loop.peers.add(tls_peer::connect(manager.transport().port()));
    std::string ask(upgrade);
    ask.replace(ask.find("localhost"), 9, name);
    peer->send(ask);
    REQUIRE(loop.drive([&] { return peer->received().size() > 12; }));
    CHECK(peer->received().substr(0, 12) == (name == "localhost" ? "HTTP/1.1 101" : "HTTP/1.1 421"));
  }
}
