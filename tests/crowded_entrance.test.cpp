// An address that takes all places before the upgrade keeps no client of another address out. Real sockets, for those have
// addresses; the clock stands still.
#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/ws_manager.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/socket_kinds.hpp"

using namespace hotline;

namespace {

constexpr std::uint8_t bad = 2;    // 127.0.0.2, where the attack comes from
constexpr std::uint8_t first = 3;  // the first of the others
constexpr int clients = 40;

std::string head(std::string_view target) {
  return "GET " + std::string(target) +
         " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

template <class Kind>
struct host {
  explicit host(manager_options options, std::size_t page_bytes = 0)
      : events({}, env), manager(Kind::make(loop, listen_options{}, env), events, std::move(options)) {
    loop.watch(manager.transport());
    manager.on_http([=](const http_request&) { return http_response{.body = std::string(page_bytes, 'x')}; });
    REQUIRE_FALSE(manager.start());
  }

  std::shared_ptr<socket_peer> knock(std::uint8_t from, std::string_view says = {}) {
    auto peer = loop.peers.add(socket_peer::tcp_from(from, manager.transport().port()));
    REQUIRE(peer->connected());
    if (!says.empty()) peer->send(says);
    return peer;
  }
  void attack(int sockets, std::string_view says = {}) {
    for (int i = 0; i < sockets; ++i) attackers.push_back(knock(bad, says));
    loop.settle();
  }

  // `authenticate` answers later, when the test says so.
  void look_up_tokens() {
    manager.authenticate([this](const http_request& q, std::string_view, admission_responder r) {
      asked.emplace_back(q.token() == "good", std::move(r));
    });
  }
  void answer_all() {
    for (auto& [is_good, r] : std::exchange(asked, {}))
      std::move(r).answer(is_good ? admission{"ada"} : admission::refuse(401));
    loop.settle();
  }

  typename Kind::loop_type loop;
  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  event_emitter events;
  ws_manager<typename Kind::transport_type> manager;
  std::vector<std::shared_ptr<socket_peer>> attackers;
  std::vector<std::pair<bool, admission_responder>> asked;
};

int count(const std::vector<std::shared_ptr<socket_peer>>& peers, std::string_view status) {
  int found = 0;
  for (const auto& peer : peers) found += peer->received().starts_with("HTTP/1.1 " + std::string(status));
  return found;
}

}  // namespace

TEMPLATE_TEST_CASE("bad tokens of one address do not keep others from being looked up", "[manager]", over_asio,
                   over_epoll) {
  host<TestType> h({.connections = {.handshakes = 100}});
  h.look_up_tokens();
  h.attack(300, head("/ws/p?token=bad"));
  CHECK(h.manager.metrics().handshakes <= 101);
  std::vector<std::shared_ptr<socket_peer>> good;
  for (int i = 0; i < clients; ++i) {
    good.push_back(h.knock(static_cast<std::uint8_t>(first + i), head("/ws/p?token=good")));
    h.loop.settle();
    h.attack(10, head("/ws/p?token=bad"));
  }
  CHECK(h.manager.metrics().handshakes <= 101);
  h.answer_all();
  CHECK(count(good, "101") == clients);
  CHECK(count(h.attackers, "101") == 0);
  CHECK(count(h.attackers, "503") > 0);
  // The host's answers for the connections that had to go went to no other.
  CHECK(h.manager.metrics().connections == clients);
  CHECK(h.manager.metrics().limits[limit::handshakes] >= 600);
}

TEMPLATE_TEST_CASE("behind one address, who is nearly in stays", "[manager]", over_asio, over_epoll) {
  host<TestType> h({.connections = {.handshakes = 5}});
  h.look_up_tokens();
  std::vector<std::shared_ptr<socket_peer>> all;
  for (int i = 0; i < 30; ++i) {
    all.push_back(h.knock(bad, head("/ws/p?token=good")));
    h.loop.settle();
  }
  h.answer_all();
  CHECK(count(all, "101") == 5);
  for (int i = 0; i < 5; ++i) CHECK(all[static_cast<std::size_t>(i)]->received().starts_with("HTTP/1.1 101"));
}

TEMPLATE_TEST_CASE("silent sockets of one address do not cut off others whose head comes late", "[manager]", over_asio,
                   over_epoll) {
  host<TestType> h({.connections = {.handshakes = 100}});
  h.attack(200);
  const std::string whole = head("/ws/p");
  std::vector<std::shared_ptr<socket_peer>> good;
  for (int i = 0; i < clients; ++i) {
    good.push_back(h.knock(static_cast<std::uint8_t>(first + i), whole.substr(0, 40)));
    h.loop.settle();
    h.attack(20);
  }
  for (const auto& peer : good) peer->send(whole.substr(40));
  h.loop.settle();
  CHECK(count(good, "101") == clients);
  CHECK(h.manager.metrics().handshakes <= 100);
}

TEMPLATE_TEST_CASE("pages that one address does not read on keep others from none", "[manager]", over_asio,
                   over_epoll) {
  constexpr std::size_t page = 4 * 1024 * 1024;
  host<TestType> h({.connections = {.handshakes = 12}}, page);
  const std::string ask = "GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const auto open = [&](std::uint8_t from) {
    auto peer = h.knock(from);
    peer->stall(true);
    peer->send(ask);
    h.loop.settle();
    return peer;
  };
  for (int i = 0; i < 15; ++i) h.attackers.push_back(open(bad));
  std::vector<std::shared_ptr<socket_peer>> good;
  for (std::uint8_t i = 0; i < 5; ++i) {
    good.push_back(open(static_cast<std::uint8_t>(first + i)));
    for (int more = 0; more < 5; ++more) h.attackers.push_back(open(bad));
  }
  for (const auto& peer : good) {
    peer->stall(false);
    REQUIRE(h.loop.drive([&] { return peer->closed_by_server(); }));
    CHECK(peer->received().size() > page);
  }
}

TEMPLATE_TEST_CASE("sockets that the host adopts count for the address that it names", "[manager]", over_asio,
                   over_epoll) {
  host<TestType> h({.connections = {.handshakes = 20}});
  const std::string whole = head("/ws/p");
  const own_listener host_listens;
  std::vector<std::shared_ptr<socket_peer>> ends;
  const auto adopt = [&](const char* from) {
    ends.push_back(h.loop.peers.add(socket_peer::tcp(host_listens.port())));
    REQUIRE_FALSE(TestType::adopt(h.loop, h.manager.transport(), host_listens.accept(), whole.substr(0, 40),
                                  named_peer(from, 1)));
    h.loop.settle();
  };
  for (int i = 0; i < 40; ++i) adopt("2001:db8::1");
  adopt("2001:db8:1::1");
  const std::size_t good = ends.size() - 1;
  for (int i = 0; i < 40; ++i) adopt(i % 2 == 0 ? "2001:db8::2" : "2001:db8::3");
  ends[good]->send(whole.substr(40));
  h.loop.settle();
  CHECK(h.manager.metrics().connections == 1);
}
