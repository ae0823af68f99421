// A loop that did not run for a while, over real sockets, with and without TLS: no peer whose bytes wait is taken for silent.

#include <hotline/event_emitter.hpp>
#include <hotline/tls.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/transport/tls_epoll_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../transport/socket_kinds.hpp"
#include "certificate.hpp"
#include "tls_peer.hpp"

using namespace hotline;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view upgrade =
    "GET /ws/p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
constexpr std::string_view ping{"\x89\x00", 2};          // the server's
constexpr std::string_view pong{"\x8a\x80\0\0\0\0", 6};  // ours, masked

/// Runs until the clock of the machine has moved on; what is tested does not depend on by how much.
void block(std::chrono::milliseconds time) {
  for (const auto until = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < until;) {
  }
}

template <class Kind>
struct plain : Kind {
  static auto make(typename Kind::loop_type& loop, const std::shared_ptr<environment>& env) {
    return Kind::make(loop, listen_options{.port = 0}, env);
  }
  static auto connect(std::uint16_t port) { return socket_peer::tcp(port); }
};

template <class Kind>
struct encrypted : Kind {
  static auto make(typename Kind::loop_type& loop, const std::shared_ptr<environment>& env) {
    const certificate made = make_certificate("localhost");
    tls_context loaded;
    REQUIRE(loaded.load({.certificate_chain = made.chain, .private_key = made.key}) == std::error_code{});
    return Kind::make(loop, std::move(loaded), listen_options{.port = 0}, tls_handshake_limits{.timeout = 1h}, env);
  }
  static auto connect(std::uint16_t port) { return tls_peer::connect(port); }
};

using plain_asio = plain<over_asio>;
using plain_epoll = plain<over_epoll>;
using encrypted_asio = encrypted<over_asio_with<tls_transport>>;
using encrypted_epoll = encrypted<over_epoll_with<tls_epoll_transport>>;

template <class Kind>
struct host {
  host(const std::shared_ptr<environment>& env, interval_heartbeat heartbeat)
      : manager(Kind::make(loop, env), events, {}, heartbeat) {
    loop.watch(manager.transport());
    REQUIRE_FALSE(manager.start());
  }
  auto client() {
    auto peer = loop.peers.add(Kind::connect(manager.transport().port()));
    peer->send(upgrade);
    REQUIRE(loop.drive([&] { return peer->received().find("\"connected\"") != std::string::npos; }));
    return peer;
  }

  typename Kind::loop_type loop;
  event_emitter events;
  ws_manager<typename Kind::transport_type> manager;
};

bool is_given_up(const auto& peer) { return peer.received().find("\"code\":4000") != std::string::npos; }

/// The frame of a command, masked with zeros.
std::string frame_of(std::string_view name) {
  const std::string text = R"({"command":")" + std::string(name) + R"("})";
  return std::string("\x81") + static_cast<char>(0x80 | text.size()) + std::string(4, '\0') + text;
}

template <class Kind>
void bytes_that_wait_are_no_silence() {
  const auto env = std::make_shared<manual_environment>();
  host<Kind> h(env, interval_heartbeat(1s, 4s));
  const auto talks = h.client(), silent = h.client(), left = h.client(), asks = h.client();
  // The loop finds the command and the tick ready at once, and the command comes first: so the bytes wait when the tick
  // judges.
  h.manager.on_command("pass_time", [&](const request&) {
    talks->send(pong);
    asks->send(pong);
    left->close();
    env->advance(10s);
    return json_object{};
  });
  h.manager.post([&] {
    asks->send(frame_of("pass_time"));
    block(600ms);
  });
  REQUIRE(h.loop.drive([&] { return is_given_up(*silent); }));
  CHECK_FALSE(is_given_up(*talks));
  CHECK(h.manager.metrics().disconnections[close_code::heartbeat_timeout] == 0);  // its socket has not ended yet
  silent->close();
  REQUIRE(h.loop.drive([&] { return h.manager.status().connections == 2; }));
  CHECK(h.manager.metrics().disconnections[close_code::heartbeat_timeout] == 1);
}

template <class Kind>
void nobody_is_given_up_for_a_handler_that_blocks() {
  host<Kind> h(std::make_shared<system_environment>(), interval_heartbeat(300ms, 900ms));
  int blocked = 0;
  h.manager.on_command("block", [&](const request&) {
    block(1500ms);
    ++blocked;
    return json_object{};
  });
  const auto idle = h.client(), asks = h.client();
  std::size_t answered = 0;
  const auto answer = [&](const auto& peer, std::size_t& from) {
    const std::size_t at = peer.received().find(ping, from);
    if (at == std::string::npos) return false;
    from = at + ping.size();
    return true;
  };
  std::size_t seen[2] = {0, 0};
  for (int round = 0; round < 2; ++round) {
    const std::size_t before = answered;
    asks->send(frame_of("block"));
    REQUIRE(h.loop.drive([&] {
      if (answer(*idle, seen[0])) ++answered, idle->send(pong);
      if (answer(*asks, seen[1])) asks->send(pong);
      return (blocked > round && answered >= before + 2) || is_given_up(*idle) || is_given_up(*asks);
    }));
  }
  CHECK_FALSE(is_given_up(*idle));
  CHECK_FALSE(is_given_up(*asks));
  CHECK(h.manager.status().connections == 2);
}

}  // namespace

TEMPLATE_TEST_CASE("over sockets bytes that wait to be read are no silence", "[tls]", plain_asio, plain_epoll,
                   encrypted_asio, encrypted_epoll) {
  bytes_that_wait_are_no_silence<TestType>();
}

TEMPLATE_TEST_CASE("over sockets a handler that blocks does not count as silence", "[tls]", plain_asio, plain_epoll,
                   encrypted_asio, encrypted_epoll) {
  nobody_is_given_up_for_a_handler_that_blocks<TestType>();
}
