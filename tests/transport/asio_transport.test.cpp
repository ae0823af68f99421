#include <hotline/transport/asio_transport.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/strand.hpp>

#include <catch2_any.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "asio_fixtures.hpp"

namespace {

/// Connections that the host accepted itself.
class adopting_fixture : public socket_loop {
 public:
  using transport_type = hotline::asio_transport;

  adopting_fixture() { accept(); }

  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(socket_peer::tcp(acceptor_.is_open() ? acceptor_.local_endpoint().port() : 1)); }
  bool finish() {
    acceptor_.close();
    return socket_loop::finish();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](std::error_code failed, auto socket) {
      if (failed) return;
      (void)transport_.adopt(std::move(socket));
      accept();
    });
  }

  transport_type transport_{io, hotline::listen_options{.listen = false}};
  // It has the transport's own executor, for not every system lets a socket go to another.
  asio::basic_socket_acceptor<asio::ip::tcp, plain_executor> acceptor_{io.get_executor(),
                                                                       {asio::ip::address_v4::loopback(), 0}};
};

}  // namespace

TEST_CASE("asio_transport over TCP is a transport", "[transport]") { conformance::run<plain_fixture>(); }

TEST_CASE("asio_transport over any_io_executor is a transport", "[transport]") {
  conformance::run<tcp_fixture<asio::any_io_executor>>();
}

TEST_CASE("asio_transport over a strand is a transport", "[transport]") {
  conformance::run<tcp_fixture<asio::strand<plain_executor>>>();
}

// ------------------------------------------------------------------------------------------------- listening

TEST_CASE("an address in use is reported, and start works once it is free", "[transport]") {
  socket_loop loop;
  listener first_receiver;
  listener second_receiver;
  std::optional<hotline::asio_transport> first(std::in_place, loop.io);
  REQUIRE(first->start(first_receiver) == std::error_code{});
  const std::uint16_t port = first->port();
  REQUIRE(port != 0);
  hotline::asio_transport second(loop.io, hotline::listen_options{.port = port});
  CHECK(second.start(second_receiver) == std::errc::address_in_use);
  CHECK(second.start(second_receiver) == std::errc::address_in_use);
  loop.settle();
  CHECK(second_receiver.ticks == 0);
  first.reset();
  REQUIRE(second.start(second_receiver) == std::error_code{});
  CHECK(second.port() == port);
  const auto peer = loop.peers.add(socket_peer::tcp(port));
  CHECK(loop.drive([&] { return second_receiver.open.size() == 1; }));
  CHECK(second_receiver.open.front()->remote_address().starts_with("127.0.0.1:"));
}

TEST_CASE("IPv6 works where the machine has it", "[transport]") {
  socket_loop loop;
  listener receiver;
  hotline::asio_transport transport(loop.io, hotline::listen_options{.address = "::1"});
  if (transport.start(receiver)) return;
  asio::ip::tcp::socket client(loop.io);
  client.connect({asio::ip::address_v6::loopback(), transport.port()});
  REQUIRE(loop.drive([&] { return receiver.open.size() == 1; }));
  CHECK(receiver.open.front()->remote_address() == "[::1]:" + std::to_string(client.local_endpoint().port()));
}

// --------------------------------------------------------------------------------------------------- adopting

TEST_CASE("connections that the host accepted are connections", "[transport]") {
  const auto fresh = [] { return std::make_unique<conformance::subject_of<adopting_fixture>>(); };
  {
    auto owner = fresh();
    auto& s = *owner;
    auto& r = s.open();
    const auto& peer = r.peer;
    CHECK(static_cast<connection*>(r.connection)->remote_address().starts_with("127.0.0.1:"));
    peer->send("ping");
    REQUIRE(s.drive([&] { return r.data == "ping"; }));
    CHECK(s.write(r, "pong") == 4);
    peer->close();
    REQUIRE(s.drive([&] { return peer->closed_by_server(); }));
    CHECK(peer->received() == "pong");
  }
  conformance::abort_works_from_every_callback(fresh);
  conformance::stop_works_from_every_callback(fresh);
  conformance::a_paused_connection_hears_nothing_until_resumed(fresh);
  conformance::a_connection_closes_once_whoever_ends_it(fresh);
}

namespace {

/// A socket of the transport's own executor, for not every system lets a socket go to another.
using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, plain_executor>;

/// A client, and the server's end as a host would have accepted it.
template <class Socket>
struct accepted {
  std::shared_ptr<socket_peer> peer;
  Socket socket;
};

template <class Socket>
accepted<Socket> accept_one(socket_loop& loop, asio::io_context& host) {
  asio::ip::tcp::acceptor acceptor(host, {asio::ip::address_v4::loopback(), 0});
  auto peer = loop.peers.add(socket_peer::tcp(acceptor.local_endpoint().port()));
  Socket socket(host);
  acceptor.accept(socket);
  return {std::move(peer), std::move(socket)};
}

}  // namespace

TEST_CASE("bytes that the host had read come first, later, in buffers of the loop's size", "[transport]") {
  socket_loop loop;
  listener receiver;
  hotline::asio_transport transport(loop.io, hotline::listen_options{.listen = false, .read_buffer_bytes = 1000});
  REQUIRE(transport.start(receiver) == std::error_code{});
  CHECK(transport.port() == 0);
  auto one = accept_one<tcp_socket>(loop, loop.io);
  const std::string early = conformance::pattern(2500);

  SECTION("all of it") {
    one.peer->send("and more");
    CHECK(transport.adopt(std::move(one.socket), early) == std::error_code{});
    CHECK(receiver.open.empty());
    REQUIRE(loop.drive([&] { return receiver.data.size() == early.size() + 8; }));
    CHECK((receiver.data == early + "and more"));
    CHECK(receiver.reads.at(0) == 1000);
    CHECK(receiver.reads.at(2) == 500);
  }
  SECTION("as far as it is not paused") {
    receiver.when_data = [&] { transport.pause_reading(*receiver.open.front()); };
    CHECK(transport.adopt(std::move(one.socket), early) == std::error_code{});
    loop.settle();
    CHECK(receiver.data.size() == 1000);
    transport.resume_reading(*receiver.open.front());
    loop.settle();
    CHECK(receiver.data.size() == 2000);
    receiver.when_data = [] {};
    transport.resume_reading(*receiver.open.front());
    one.peer->send("and more");
    REQUIRE(loop.drive([&] { return receiver.data.size() == early.size() + 8; }));
    CHECK((receiver.data == early + "and more"));
  }
  SECTION("none of it after a shutdown") {
    receiver.when_open = [&](connection& c) { transport.shutdown(c); };
    CHECK(transport.adopt(std::move(one.socket), early) == std::error_code{});
    one.peer->close();
    REQUIRE(loop.drive([&] { return receiver.closed == 1; }));
    CHECK(receiver.data.empty());
    CHECK_FALSE(receiver.reason);
  }
  SECTION("nothing when it is stopped before") {
    CHECK(transport.adopt(std::move(one.socket), early) == std::error_code{});
    transport.stop();
    CHECK(loop.finish());
    CHECK(receiver.open.empty());
    CHECK(loop.drive([&] { return one.peer->closed_by_server(); }));
  }
}

TEST_CASE("sockets of other kinds and other loops are adopted", "[transport]") {
  socket_loop loop;
  asio::io_context elsewhere;
  listener receiver;
  hotline::asio_transport transport(loop.io, hotline::listen_options{.listen = false});
  REQUIRE(transport.start(receiver) == std::error_code{});
  std::shared_ptr<socket_peer> peer;
  std::error_code failed;
  const auto adopt = [&](auto one) {
    peer = one.peer;
    failed = transport.adopt(std::move(one.socket));
  };

  SECTION("our executor") { adopt(accept_one<tcp_socket>(loop, loop.io)); }
  SECTION("the same executor, another loop") { adopt(accept_one<tcp_socket>(loop, elsewhere)); }
  SECTION("another executor, another loop") { adopt(accept_one<asio::ip::tcp::socket>(loop, elsewhere)); }
#if defined(_WIN32)
  if (failed == std::errc::operation_not_supported) {
    WARN("this Windows does not let a socket go to another loop");
    CHECK(loop.drive([&] { return peer->closed_by_server(); }));
    return;
  }
#endif
  CHECK_FALSE(failed);
  peer->send("hello");
  CHECK(loop.drive([&] { return receiver.data == "hello"; }));
}

TEST_CASE("a socket that cannot be adopted is closed", "[transport]") {
  socket_loop loop;
  listener receiver;
  hotline::asio_transport transport(loop.io);
  auto one = accept_one<tcp_socket>(loop, loop.io);
  CHECK(transport.adopt(std::move(one.socket)) == hotline::errc::not_running);
  CHECK(loop.drive([&] { return one.peer->closed_by_server(); }));
  REQUIRE(transport.start(receiver) == std::error_code{});
  CHECK(transport.adopt(tcp_socket(loop.io)));
}

// --------------------------------------------------------------------------------------------- who lives longer

TEST_CASE("a transport may be destroyed with open connections", "[transport]") {
  socket_loop loop;
  listener receiver;
  auto transport = std::make_unique<hotline::asio_transport>(loop.io, small_buffers());
  REQUIRE(transport->start(receiver) == std::error_code{});
  const auto idle = loop.peers.add(socket_peer::tcp(transport->port()));
  const auto full = loop.peers.add(socket_peer::tcp(transport->port()));
  full->stall(true);
  REQUIRE(loop.drive([&] { return receiver.open.size() == 2; }));
  const std::string block = conformance::pattern(1024 * 1024);
  for (connection* const c : receiver.open)
    while (transport->write(*c, std::array{std::string_view(block)}) == block.size()) {
    }

  SECTION("and its loop runs on") {
    transport.reset();
    CHECK(loop.finish());
  }
  SECTION("from a callback") {
    receiver.when_data = [&] { transport.reset(); };
    idle->send("go");
    CHECK(loop.drive([&] { return transport == nullptr; }));
    CHECK(loop.finish());
  }
  SECTION("from the callback that brings a connection") {
    receiver.when_open = [&](connection&) { transport.reset(); };
    const auto third = loop.peers.add(socket_peer::tcp(transport->port()));
    CHECK(loop.drive([&] { return transport == nullptr; }));
    CHECK(loop.finish());
  }
  SECTION("from a posted function") {
    transport->post([&] { transport.reset(); });
    CHECK(loop.finish());
    CHECK(transport == nullptr);
  }
  CHECK(receiver.closed == 0);
}

namespace {

template <class Executor>
void context_goes_first() {
  auto loop = std::make_unique<socket_loop>();
  using connection_type = typename hotline::basic_asio_transport<Executor>::connection_type;
  struct receiver_type final : hotline::transport_receiver<connection_type> {
    connection_type* open = nullptr;
    int other_calls = 0;
    void on_open(connection_type& c) override { open = &c; }
    void on_data(connection_type&, std::span<char>) override { ++other_calls; }
    void on_writable(connection_type&) override { ++other_calls; }
    void on_closed(connection_type&, std::error_code) override { ++other_calls; }
    void on_tick() override {}
  } receiver;
  hotline::basic_asio_transport<Executor> transport(executor_of<Executor>(loop->io), small_buffers());
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto peer = loop->peers.add(socket_peer::tcp(transport.port()));
  peer->stall(true);
  REQUIRE(loop->drive([&] { return receiver.open != nullptr; }));
  const std::string block = conformance::pattern(1024 * 1024);
  while (transport.write(*receiver.open, std::array{std::string_view(block)}) == block.size()) {
  }
  transport.post([&] { ++receiver.other_calls; });
  transport.abort(*receiver.open);
  loop.reset();
  transport.post([&] { ++receiver.other_calls; });
  CHECK(transport.start(receiver) == hotline::errc::not_running);
  transport.stop_accepting();
  transport.stop();
  CHECK(receiver.other_calls == 0);
}

}  // namespace

TEST_CASE("an io_context may be destroyed before its transport", "[transport]") {
  SECTION("plain") { context_goes_first<plain_executor>(); }
  SECTION("any executor") { context_goes_first<asio::any_io_executor>(); }
  SECTION("strand") { context_goes_first<asio::strand<plain_executor>>(); }
}

TEST_CASE("a moved asio_transport goes on", "[transport]") {
  socket_loop loop;
  listener receiver;
  hotline::asio_transport first(loop.io);
  hotline::asio_transport second(std::move(first));
  REQUIRE(second.start(receiver) == std::error_code{});
  const auto peer = loop.peers.add(socket_peer::tcp(second.port()));
  CHECK(loop.drive([&] { return receiver.open.size() == 1; }));
}

// --------------------------------------------------------------------------------------------------- threads

TEST_CASE("on a strand, several threads may run the io_context", "[transport]") {
  using strand = asio::strand<plain_executor>;
  using transport_type = hotline::basic_asio_transport<strand>;
  struct echo final : hotline::transport_receiver<transport_type::connection_type> {
    using connection_type = transport_type::connection_type;
    transport_type* transport = nullptr;
    std::size_t bytes = 0;  // no atomic, no lock: the strand is to be enough
    int closed = 0;
    std::atomic<bool> all_closed = false;
    void on_open(connection_type&) override {}
    void on_data(connection_type& c, std::span<char> data) override {
      bytes += data.size();
      transport->write(c, std::array{std::string_view(data.data(), data.size())});
    }
    void on_writable(connection_type&) override {}
    void on_closed(connection_type&, std::error_code) override { all_closed = ++closed == 20; }
    void on_tick() override {}
  } receiver;
  asio::io_context io;
  transport_type transport(asio::make_strand(io.get_executor()), hotline::listen_options{});
  receiver.transport = &transport;
  REQUIRE(transport.start(receiver) == std::error_code{});
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { io.run(); });
  socket_peers peers;
  std::vector<std::shared_ptr<socket_peer>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(peers.add(socket_peer::tcp(transport.port())));
  for (std::size_t round = 1; round <= 50; ++round) {
    for (const auto& c : clients) c->send("0123456789");
    for (const auto& c : clients)
      while (c->received().size() < round * 10 && !c->closed_by_server()) c->pump();
  }
  for (const auto& c : clients) c->close();
  while (!receiver.all_closed) peers.pump();
  transport.post([&] { transport.stop(); });
  for (std::thread& t : threads) t.join();
  CHECK(receiver.bytes == 20 * 50 * 10);
}

// ------------------------------------------------------------------------------------------------------- cost

TEST_CASE("a connection is small", "[transport]") {
#if defined(_WIN32)
  constexpr std::size_t most = 456;  // Asio's socket keeps its peer's address and more there
#else
  constexpr std::size_t most = 256;
#endif
  CHECK(sizeof(connection) <= most);
}
