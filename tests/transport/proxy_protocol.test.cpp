// PROXY headers over real sockets: who is a connection, by what address, and who is none.
#include <hotline/transport/asio_transport.hpp>

#include <asio/error.hpp>
#include <asio/io_context.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "proxy_headers.hpp"
#include "scratch_directory.hpp"
#include "socket_kinds.hpp"
#include "socket_peer.hpp"

using namespace proxy_headers;
using namespace std::chrono_literals;

namespace {

struct refusal {
  std::string address;
  std::error_code why;
};

template <class Kind>
struct visitors final : hotline::transport_receiver<typename Kind::transport_type::connection_type> {
  using connection = typename Kind::transport_type::connection_type;
  struct visitor {
    std::string address;
    std::string data;
    bool closed = false;
  };
  std::vector<std::unique_ptr<visitor>> seen;
  std::vector<refusal> refused;
  std::function<void()> when_refused = [] {};
  std::function<void()> when_tick = [] {};

  void on_open(connection& c) override {
    seen.push_back(std::make_unique<visitor>(visitor{c.remote_address(), {}}));
    c.context() = seen.back().get();
  }
  void on_data(connection& c, std::span<char> bytes) override {
    static_cast<visitor*>(c.context())->data.append(bytes.data(), bytes.size());
  }
  void on_writable(connection&) override {}
  void on_closed(connection& c, std::error_code) override { static_cast<visitor*>(c.context())->closed = true; }
  void on_tick() override { when_tick(); }
  void on_refused(std::string_view address, std::error_code why) override {
    refused.push_back({std::string(address), why});
    when_refused();
  }
};

template <class Kind>
struct proxied {
  explicit proxied(hotline::listen_options options = {})
      : transport(Kind::make(loop, with_protocol(std::move(options)))) {
    loop.watch(transport);
    REQUIRE(transport.start(receiver) == std::error_code{});
  }
  static hotline::listen_options with_protocol(hotline::listen_options options) {
    options.proxy_protocol = true;
    return options;
  }
  auto knock() { return loop.peers.add(socket_peer::tcp(transport.port())); }
  bool sees(std::size_t visitors) {
    return loop.drive([&] { return receiver.seen.size() == visitors; });
  }

  typename Kind::loop_type loop;
  visitors<Kind> receiver;
  typename Kind::transport_type transport;
};

const std::string line = "PROXY TCP4 192.0.2.7 198.51.100.1 40312 443\r\n";
const std::string head = "GET /ws/p HTTP/1.1\r\nHost: t\r\n\r\n";

}  // namespace

TEMPLATE_TEST_CASE("a connection has the address that its PROXY header names", "[transport]", over_asio, over_epoll) {
  proxied<TestType> p;
  SECTION("version 1") {
    p.knock()->send(line + head);
    REQUIRE(p.sees(1));
    CHECK(p.receiver.seen[0]->address == "192.0.2.7:40312");
  }
  SECTION("version 1, IPv6") {
    p.knock()->send("PROXY TCP6 2001:db8::7 2001:db8::1 40312 443\r\n" + head);
    REQUIRE(p.sees(1));
    CHECK(p.receiver.seen[0]->address == "[2001:db8::7]:40312");
  }
  SECTION("version 2") {
    p.knock()->send(binary(0x21, 0x21, v6_block + value(0xea, "\x01vpce")) + head);
    REQUIRE(p.sees(1));
    CHECK(p.receiver.seen[0]->address == "[2001:db8::7]:40312");
  }
  SECTION("a client of the proxy's Unix socket") {
    p.knock()->send(binary(0x21, 0x31, std::string(216, '\0')) + head);
    REQUIRE(p.sees(1));
    CHECK(p.receiver.seen[0]->address == "unix");
  }
  SECTION("the socket's own where none is named") {
    for (const std::string& none : {std::string("PROXY UNKNOWN\r\n"), binary(0x20, 0x00, ""), binary(0x21, 0, "")})
      p.knock()->send(none + head);
    REQUIRE(p.sees(3));
    for (const auto& v : p.receiver.seen) CHECK(v->address.starts_with("127.0.0.1:"));
  }
  const auto all_heard = [&] {
    for (const auto& v : p.receiver.seen)
      if (v->data.size() < head.size()) return false;
    return true;
  };
  REQUIRE(p.loop.drive(all_heard));
  for (const auto& v : p.receiver.seen) CHECK(v->data == head);
  CHECK(p.receiver.refused.empty());
}

TEMPLATE_TEST_CASE("without the option a PROXY header is what the client sent", "[transport]", over_asio, over_epoll) {
  typename TestType::loop_type loop;
  visitors<TestType> receiver;
  auto transport = TestType::make(loop);
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto peer = loop.peers.add(socket_peer::tcp(transport.port()));
  peer->send(line);
  REQUIRE(loop.drive([&] { return receiver.seen.size() == 1 && receiver.seen[0]->data == line; }));
  CHECK(receiver.seen[0]->address.starts_with("127.0.0.1:"));
}

TEMPLATE_TEST_CASE("a PROXY header may be cut anywhere, and more may follow at once", "[transport]", over_asio,
                   over_epoll) {
  for (const std::string& header : {line, with_checksum(0x21, v6_block)}) {
    proxied<TestType> p;
    const std::string all = header + head + "more";
    const std::string address = header == line ? "192.0.2.7:40312" : "[2001:db8::7]:40312";
    for (std::size_t cut = 1; cut < all.size(); ++cut) {
      const auto peer = p.knock();
      peer->send(all.substr(0, cut));
      p.loop.settle();
      CHECK(p.receiver.seen.size() == (cut < header.size() ? cut - 1 : cut));
      peer->send(all.substr(cut));
      REQUIRE(p.sees(cut));
      auto& v = *p.receiver.seen.back();
      REQUIRE(p.loop.drive([&] { return v.data.size() == all.size() - header.size(); }));
      CHECK(v.data == head + "more");
      CHECK(v.address == address);
    }
    const auto peer = p.knock();
    for (const char c : all) {
      peer->send({&c, 1});
      p.loop.settle();
    }
    CHECK(p.receiver.seen.back()->data == head + "more");
  }
}

TEMPLATE_TEST_CASE("a megabyte behind a PROXY header keeps its order in small buffers", "[transport]", over_asio,
                   over_epoll) {
  proxied<TestType> p({.read_buffer_bytes = 100});
  std::string bytes;
  for (std::uint32_t i = 0; i < 250'000; ++i) bytes.append(std::to_string(i % 10'000));
  const auto peer = p.knock();
  peer->send(line + bytes);
  REQUIRE(p.loop.drive([&] { return !p.receiver.seen.empty() && p.receiver.seen[0]->data.size() == bytes.size(); }));
  CHECK((p.receiver.seen[0]->data == bytes));
}

TEMPLATE_TEST_CASE("a second PROXY header is what the client sent", "[transport]", over_asio, over_epoll) {
  proxied<TestType> p;
  p.knock()->send(line + "PROXY TCP4 192.0.2.8 198.51.100.1 1 443\r\n");
  REQUIRE(p.sees(1));
  REQUIRE(p.loop.drive([&] { return p.receiver.seen[0]->data.ends_with("\r\n"); }));
  CHECK(p.receiver.seen[0]->address == "192.0.2.7:40312");
}

TEMPLATE_TEST_CASE("PROXY headers come over Unix sockets too", "[transport]", over_asio, over_epoll) {
  scratch_directory directory;
  const std::string path = directory.file("socket");
  proxied<TestType> p({.unix_path = path});
  const auto one = p.loop.peers.add(socket_peer::local(path));
  one->send(line + head);
  REQUIRE(p.sees(1));
  const auto two = p.loop.peers.add(socket_peer::local(path));
  two->send("PROXY UNKNOWN\r\n" + head);
  REQUIRE(p.sees(2));
  CHECK(p.receiver.seen[0]->address == "192.0.2.7:40312");
  CHECK(p.receiver.seen[1]->address == "unix");
}

TEMPLATE_TEST_CASE("each listener has its own word on PROXY headers", "[transport]", over_asio, over_epoll) {
  typename TestType::loop_type loop;
  scratch_directory directory;
  visitors<TestType> receiver;
  using options = hotline::listen_options;
  const std::string path = directory.file("socket");
  auto transport = TestType::make(
      loop, std::vector{options{.listen = false}, options{}, options{.unix_path = path, .proxy_protocol = true}});
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto plain = loop.peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop.drive([&] { return receiver.seen.size() == 1; }));
  CHECK(receiver.seen[0]->address.starts_with("127.0.0.1:"));
  const auto headed = loop.peers.add(socket_peer::local(path));
  headed->send(line);
  REQUIRE(loop.drive([&] { return receiver.seen.size() == 2; }));
  CHECK(receiver.seen[1]->address == "192.0.2.7:40312");
}

// --------------------------------------------------------------------------------------------------- refusals

TEMPLATE_TEST_CASE("a socket without a proper PROXY header ends unseen", "[transport]", over_asio, over_epoll) {
  proxied<TestType> p;
  std::vector<refusal> told;
  p.transport.on_refused([&](std::string_view a, std::error_code why) {
               told.push_back({std::string(a), why});
             })
      .release();
  using transport_type = typename TestType::transport_type;
  constexpr bool is_asio = std::is_same_v<transport_type, hotline::asio_transport>;
  const std::error_code ended =
      is_asio ? std::error_code(asio::error::eof) : std::make_error_code(std::errc::broken_pipe);
  std::error_code why = std::make_error_code(std::errc::protocol_error);
  const auto peer = p.knock();
  SECTION("HTTP") { peer->send(head); }
  SECTION("a line that is wrong") { peer->send("PROXY TCP4 192.0.2.7 198.51.100.1 40312 65536\r\n" + head); }
  SECTION("a line without an end") { peer->send("PROXY UNKNOWN " + std::string(100, 'x')); }
  SECTION("a family that there is not") { peer->send(binary(0x21, 0x41, v4_block)); }
  SECTION("a length that is too large") { peer->send(binary(0x21, 0x11, std::string(65'535, '\0'))); }
  SECTION("an end before there is a header") {
    peer->close();
    why = ended;
  }
  SECTION("an end in a header") {
    peer->send(line.substr(0, 20));
    p.loop.settle();
    peer->close();
    why = ended;
  }
  SECTION("a reset in a header") {
    peer->send(line.substr(0, 20));
    p.loop.settle();
    peer->reset();
    why = std::make_error_code(std::errc::connection_reset);
  }
  REQUIRE(p.loop.drive([&] { return p.receiver.refused.size() == 1; }));
  REQUIRE(p.loop.drive([&] { return peer->closed_by_server(); }));
  CHECK(peer->received().empty());
  CHECK(p.receiver.refused[0].why.value() == why.value());
  CHECK(p.receiver.refused[0].address.starts_with("127.0.0.1:"));
  REQUIRE(told.size() == 1);
  CHECK(told[0].address == p.receiver.refused[0].address);
  CHECK(p.receiver.seen.empty());
  p.knock()->send(line);
  CHECK(p.sees(1));
}

TEMPLATE_TEST_CASE("a PROXY header that is not there in time is not awaited any longer, however it drips",
                   "[transport]", over_asio, over_epoll) {
  // The time is counted in ticks, of which a turn of the loop has one at most.
  proxied<TestType> p({.proxy_header_timeout = 4s});
  const auto silent = p.knock();
  const auto drips = p.knock();
  std::string_view rest = "PROXY UNKNOWN of which there is more than there are ticks";
  p.receiver.when_tick = [&] {
    drips->send(rest.substr(0, 1));
    rest.remove_prefix(1);
  };
  const auto good = p.knock();
  good->send(line);
  REQUIRE(p.sees(1));
  REQUIRE(p.loop.drive([&] { return p.receiver.refused.size() == 2; }));
  for (const refusal& r : p.receiver.refused) CHECK(r.why == std::errc::timed_out);
  REQUIRE(p.loop.drive([&] { return silent->closed_by_server() && drips->closed_by_server(); }));
  good->send("still here");
  REQUIRE(p.loop.drive([&] { return p.receiver.seen[0]->data == "still here"; }));
  CHECK(p.receiver.seen.size() == 1);
}

TEMPLATE_TEST_CASE("strangers who send no PROXY header keep nobody out", "[transport]", over_asio, over_epoll) {
  proxied<TestType> p({.proxy_header_timeout = std::chrono::milliseconds::max(), .proxy_headers_at_once = 3});
  std::vector<std::shared_ptr<socket_peer>> strangers;
  for (int i = 0; i < 3; ++i) {
    strangers.push_back(p.knock());
    p.loop.settle();
  }
  CHECK(p.receiver.refused.empty());
  const auto good = p.knock();
  good->send(line);
  REQUIRE(p.sees(1));
  // The one that had waited longest has made room.
  REQUIRE(p.loop.drive([&] { return strangers[0]->closed_by_server(); }));
  REQUIRE(p.receiver.refused.size() == 1);
  CHECK(p.receiver.refused[0].why == std::errc::connection_refused);
  strangers[1]->send(line);
  strangers[2]->send(line);
  REQUIRE(p.sees(3));
  CHECK(p.receiver.refused.size() == 1);
}

TEMPLATE_TEST_CASE("an address that owes many PROXY headers cuts off no other whose header comes late", "[transport]",
                   over_asio, over_epoll) {
  proxied<TestType> p({.proxy_header_timeout = std::chrono::milliseconds::max(), .proxy_headers_at_once = 10});
  std::vector<std::shared_ptr<socket_peer>> strangers;
  const auto attack = [&] {
    for (int i = 0; i < 20; ++i) strangers.push_back(p.loop.peers.add(socket_peer::tcp_from(2, p.transport.port())));
    p.loop.settle();
  };
  attack();
  const auto good = p.loop.peers.add(socket_peer::tcp_from(3, p.transport.port()));
  good->send(line.substr(0, 10));
  p.loop.settle();
  attack();
  good->send(line.substr(10));
  REQUIRE(p.sees(1));
  CHECK(p.receiver.refused.size() == 31);
  for (const refusal& r : p.receiver.refused) CHECK(r.why == std::errc::connection_refused);
}

TEMPLATE_TEST_CASE("with no PROXY header allowed at once there is no connection", "[transport]", over_asio,
                   over_epoll) {
  proxied<TestType> p({.proxy_headers_at_once = 0});
  const auto peer = p.knock();
  peer->send(line);
  REQUIRE(p.loop.drive([&] { return peer->closed_by_server(); }));
  CHECK(p.receiver.seen.empty());
  CHECK(p.receiver.refused.size() == 1);
}

TEMPLATE_TEST_CASE("a PROXY header that is awaited when nobody is let in any more is none", "[transport]", over_asio,
                   over_epoll) {
  proxied<TestType> p;
  const auto good = p.knock();
  good->send(line);
  const auto late = p.knock();
  late->send(line.substr(0, 10));
  REQUIRE(p.sees(1));
  p.loop.settle();
  SECTION("stop_accepting") {
    p.transport.stop_accepting();
    REQUIRE(p.loop.drive([&] { return late->closed_by_server(); }));
    good->send("still here");
    CHECK(p.loop.drive([&] { return p.receiver.seen[0]->data == "still here"; }));
  }
  SECTION("stop") {
    p.transport.stop();
    CHECK(p.loop.finish());
    CHECK(late->connected());
  }
  CHECK(p.receiver.refused.empty());
  CHECK(p.receiver.seen.size() == 1);
}

TEMPLATE_TEST_CASE("a receiver that is notified of a bad PROXY header may stop the transport", "[transport]", over_asio,
                   over_epoll) {
  proxied<TestType> p({.proxy_header_timeout = 0s, .proxy_headers_at_once = 2});
  SECTION("malformed") {
    p.transport.on_refused([&](std::string_view, std::error_code) { p.transport.stop(); }).release();
    p.knock()->send(head);
  }
  SECTION("malformed, and the receiver is notified") {
    p.receiver.when_refused = [&] { p.transport.stop(); };
    p.knock()->send(head);
  }
  SECTION("late, with others") {
    p.transport.on_refused([&](std::string_view, std::error_code) { p.transport.stop(); }).release();
    (void)p.knock(), (void)p.knock();
  }
  SECTION("too many") {
    p.transport.on_refused([&](std::string_view, std::error_code) { p.transport.stop(); }).release();
    (void)p.knock(), (void)p.knock(), (void)p.knock();
  }
  CHECK(p.loop.drive([&] { return p.loop.finish(); }));
  CHECK(p.receiver.seen.empty());
}

TEST_CASE("an io_context may go while a PROXY header is awaited", "[transport]") {
  visitors<over_asio> receiver;
  std::shared_ptr<socket_peer> peer;
  auto io = std::make_unique<asio::io_context>(1);
  hotline::asio_transport transport(*io, hotline::listen_options{.proxy_protocol = true});
  REQUIRE(transport.start(receiver) == std::error_code{});
  peer = socket_peer::tcp(transport.port());
  peer->send(line.substr(0, 10));
  for (int i = 0; i < 10; ++i) io->poll();
  io.reset();
  CHECK(receiver.seen.empty());
}

// ---------------------------------------------------------------------------------------------------- adopted

TEMPLATE_TEST_CASE("a host that adopts a socket says whose it is", "[transport]", over_asio, over_epoll) {
  proxied<TestType> p;
  const own_listener host;
  const auto peer = p.loop.peers.add(socket_peer::tcp(host.port()));
  const auto adopt = [&](const std::optional<asio::ip::tcp::endpoint>& named) {
    REQUIRE_FALSE(TestType::adopt(p.loop, p.transport, host.accept(), "read", named));
    REQUIRE(p.sees(1));
    return p.receiver.seen[0]->address;
  };
  SECTION("an IPv4 address") { CHECK(adopt(named_peer("192.0.2.7", 40312)) == "192.0.2.7:40312"); }
  SECTION("an IPv6 address") { CHECK(adopt(named_peer("2001:db8::7", 40312)) == "[2001:db8::7]:40312"); }
  SECTION("without an address the socket's own counts, and no header is expected") {
    CHECK(adopt({}).starts_with("127.0.0.1:"));
  }
  peer->send(" and sent");
  CHECK(p.loop.drive([&] { return p.receiver.seen[0]->data == "read and sent"; }));
}
