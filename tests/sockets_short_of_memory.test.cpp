// A transport over sockets while memory is short: for any allocation that fails, connections may end and adopted sockets may be
// refused, and nothing else. With memory again, those that are left are served, and new ones are.

#include <catch2_any.hpp>
#include <failing_allocator.hpp>
#include <transport/proxy_headers.hpp>
#include <transport/socket_kinds.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using hotline_test::fail_each_allocation;

namespace {

using options = hotline::listen_options;

/// Echoes, and takes no memory for it.
template <class Kind>
struct echo final : hotline::transport_receiver<typename Kind::transport_type::connection_type> {
  using connection = typename Kind::transport_type::connection_type;

  typename Kind::transport_type* transport = nullptr;
  std::array<connection*, 16> open{};
  std::size_t opened = 0;
  std::size_t closed = 0;
  std::size_t refused = 0;
  std::size_t ticks = 0;

  void on_open(connection& c) override { open[opened++] = &c; }
  void on_data(connection& c, std::span<char> bytes) override {
    transport->write(c, std::array{std::string_view(bytes.data(), bytes.size())});
  }
  void on_writable(connection&) override {}
  void on_closed(connection& c, std::error_code) override {
    for (connection*& each : open)
      if (each == &c) each = nullptr;
    ++closed;
  }
  void on_refused(std::string_view, std::error_code) override { ++refused; }
  void on_tick() override { ++ticks; }
};

const std::string header = "PROXY TCP4 192.0.2.7 198.51.100.1 40312 443\r\n";

template <class Kind>
struct world {
  world()
      : transport(Kind::make(
            loop, std::vector{options{}, options{.descriptor = proxied.descriptor(), .proxy_protocol = true}})) {
    receiver.transport = &transport;
    loop.watch(transport);
    REQUIRE(transport.start(receiver) == std::error_code{});
    proxied_port = proxied.port();
    (void)proxied.release();
  }

  auto plain() { return loop.peers.add(socket_peer::tcp(transport.port())); }
  auto behind_proxy() { return loop.peers.add(socket_peer::tcp(proxied_port)); }

  /// It is served, or has been closed.
  bool is_settled(socket_peer& peer, std::string_view said) {
    return peer.received() == said || peer.closed_by_server();
  }
  bool serves_a_new_client() {
    const auto peer = plain();
    peer->send("new");
    return loop.drive([&] { return is_settled(*peer, "new"); }) && peer->received() == "new";
  }

  own_listener proxied;
  std::uint16_t proxied_port = 0;
  typename Kind::loop_type loop;
  echo<Kind> receiver;
  typename Kind::transport_type transport;
};

}  // namespace

TEMPLATE_TEST_CASE("memory that is short while sockets are accepted affects none that comes later", "[memory]",
                   over_asio, over_epoll) {
  const std::size_t points = fail_each_allocation([](const auto& short_of_memory) {
    world<TestType> w;
    const auto there = w.plain();
    there->send("there");
    REQUIRE(w.loop.drive([&] { return there->received() == "there"; }));
    const auto plain = w.plain();
    plain->send("plain");
    const auto proxied = w.behind_proxy();
    proxied->send(header + "proxied");
    const auto slow = w.behind_proxy();
    slow->send(header.substr(0, 10));
    short_of_memory([&] {
      for (int i = 0; i < 5; ++i) w.loop.run_ready();
    });
    slow->send(header.substr(10) + "slow");
    CHECK(w.loop.drive([&] {
      return w.is_settled(*plain, "plain") && w.is_settled(*proxied, "proxied") && w.is_settled(*slow, "slow");
    }));
    there->send(" still");
    CHECK(w.loop.drive([&] { return there->received() == "there still"; }));
    CHECK(w.serves_a_new_client());
    w.transport.stop();
    CHECK(w.loop.finish());
  });
  CHECK(points >= 3);
}

// Asio's own socket, which its transport adopts, takes memory of the host.
TEMPLATE_TEST_CASE("a socket for which there is no memory is not adopted, and closed", "[memory]", over_epoll) {
  const std::size_t points = fail_each_allocation([](const auto& short_of_memory) {
    world<TestType> w;
    const own_listener host;
    const auto peer = w.loop.peers.add(socket_peer::tcp(host.port()));
    const int accepted = host.accept();
    std::error_code failed;
    const bool returned = short_of_memory([&] {
      return hotline_test::had_memory(
          [&] { failed = TestType::adopt(w.loop, w.transport, accepted, "read by the host"); });
    });
    REQUIRE(returned);
    CHECK((!failed || failed == std::errc::not_enough_memory));
    CHECK(w.loop.drive([&] { return w.is_settled(*peer, "read by the host"); }));
    CHECK(peer->closed_by_server() == static_cast<bool>(failed));
    CHECK(w.serves_a_new_client());
  });
  CHECK(points >= 1);
}

TEMPLATE_TEST_CASE("memory that is short keeps no transport over sockets from ending connections, or itself",
                   "[memory]", over_asio, over_epoll) {
  fail_each_allocation([](const auto& short_of_memory) {
    world<TestType> w;
    const auto aborted = w.plain(), ended = w.plain(), left = w.plain();
    REQUIRE(w.loop.drive([&] { return w.receiver.opened == 3; }));
    const auto open = w.receiver.open;
    short_of_memory([&] {
      w.transport.abort(*open[0]);
      w.transport.shutdown(*open[1]);
      for (int i = 0; i < 3; ++i) w.loop.run_ready();
    });
    // An end that could not be reported is reported at the next tick.
    REQUIRE(w.loop.drive([&] { return w.receiver.closed == 1; }));
    CHECK(w.loop.drive([&] { return ended->closed_by_server() || aborted->closed_by_server(); }));
    CHECK(w.serves_a_new_client());
    w.transport.post([] {});
    short_of_memory([&] { w.transport.stop(); });
    CHECK(w.loop.finish());
  });
}
