#include <hotline/transport/asio_epoll_transport.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/strand.hpp>

#include <catch2_any.hpp>

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "conformance.hpp"
#include "socket_loop.hpp"
#include "socket_peer.hpp"

namespace {

using plain_executor = asio::io_context::executor_type;

template <class Executor>
Executor executor_of(asio::io_context& io) {
  if constexpr (std::constructible_from<Executor, plain_executor>) {
    return Executor(io.get_executor());
  } else {
    return asio::make_strand(io.get_executor());
  }
}

template <class Executor>
class tcp_fixture : public socket_loop {
 public:
  using transport_type = hotline::basic_asio_epoll_transport<Executor>;

  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(socket_peer::tcp(transport_.port())); }

 private:
  transport_type transport_{executor_of<Executor>(io), hotline::listen_options{.socket_send_buffer = 64 * 1024}};
};

using connection = hotline::asio_epoll_transport::connection_type;

struct listener final : hotline::transport_receiver<connection> {
  int open = 0;
  std::string data;
  std::function<void()> when_data = [] {};

  void on_open(connection&) override { ++open; }
  void on_data(connection&, std::span<char> bytes) override {
    data.append(bytes.data(), bytes.size());
    when_data();
  }
  void on_writable(connection&) override {}
  void on_closed(connection&, std::error_code) override { --open; }
  void on_tick() override {}
};

}  // namespace

TEST_CASE("asio_epoll_transport is a transport", "[transport]") { conformance::run<tcp_fixture<plain_executor>>(); }

TEST_CASE("asio_epoll_transport over any_io_executor is a transport", "[transport]") {
  conformance::run<tcp_fixture<asio::any_io_executor>>();
}

TEST_CASE("asio_epoll_transport over a strand is a transport", "[transport]") {
  conformance::run<tcp_fixture<asio::strand<plain_executor>>>();
}

TEST_CASE("asio_epoll_transport adopts the sockets of any io_context", "[transport]") {
  socket_loop loop;
  asio::io_context elsewhere;
  listener receiver;
  hotline::asio_epoll_transport transport(loop.io, hotline::listen_options{.listen = false});
  asio::ip::tcp::acceptor acceptor(elsewhere, {asio::ip::address_v4::loopback(), 0});
  const auto early = loop.peers.add(socket_peer::tcp(acceptor.local_endpoint().port()));
  CHECK(transport.adopt(acceptor.accept()) == hotline::errc::not_running);
  CHECK(loop.drive([&] { return early->closed_by_server(); }));
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto peer = loop.peers.add(socket_peer::tcp(acceptor.local_endpoint().port()));
  REQUIRE(transport.adopt(acceptor.accept(), "read ") == std::error_code{});
  peer->send("by the host");
  REQUIRE(loop.drive([&] { return receiver.data.size() == 16; }));
  CHECK(receiver.data == "read by the host");
}

TEST_CASE("a stopped io_context runs again after asio_epoll_transport has started", "[transport]") {
  asio::io_context io;
  io.run();
  REQUIRE(io.stopped());
  listener receiver;
  hotline::asio_epoll_transport transport(io);
  REQUIRE(transport.start(receiver) == std::error_code{});
  bool ran = false;
  transport.post([&] {
    ran = true;
    transport.stop();
  });
  io.run();
  CHECK(ran);
}

TEST_CASE("an exception of a posted function leaves io_context::run, and the loop goes on", "[transport]") {
  asio::io_context io;
  listener receiver;
  hotline::asio_epoll_transport transport(io);
  REQUIRE(transport.start(receiver) == std::error_code{});
  bool ran = false;
  transport.post([] { throw std::runtime_error("of the host"); });
  transport.post([&] {
    ran = true;
    transport.stop();
  });
  CHECK_THROWS_AS(io.run(), std::runtime_error);
  io.run();
  CHECK(ran);
}

TEST_CASE("an asio_epoll_transport may be destroyed in a callback, and run returns", "[transport]") {
  socket_loop loop;
  listener receiver;
  auto transport = std::make_unique<hotline::asio_epoll_transport>(loop.io);
  REQUIRE(transport->start(receiver) == std::error_code{});
  const auto peer = loop.peers.add(socket_peer::tcp(transport->port()));
  receiver.when_data = [&] { transport.reset(); };
  peer->send("go");
  CHECK(loop.drive([&] { return transport == nullptr; }));
  CHECK(loop.finish());
  CHECK(loop.drive([&] { return peer->closed_by_server(); }));
}

TEST_CASE("an io_context may be destroyed before its asio_epoll_transport", "[transport]") {
  auto loop = std::make_unique<socket_loop>();
  listener receiver;
  hotline::asio_epoll_transport transport(loop->io);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto peer = loop->peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop->drive([&] { return receiver.open == 1; }));
  loop.reset();
  transport.post([&] { receiver.data = "called"; });
  transport.stop();
  CHECK(receiver.data.empty());
}

TEST_CASE("an io_context may end with a posted function that owns its asio_epoll_transport", "[transport]") {
  auto loop = std::make_unique<socket_loop>();
  listener receiver;
  auto transport = std::make_unique<hotline::asio_epoll_transport>(loop->io);
  hotline::asio_epoll_transport& its_own = *transport;
  REQUIRE(its_own.start(receiver) == std::error_code{});
  its_own.post([owned = std::move(transport)] {});
  loop.reset();
  CHECK(receiver.data.empty());
}

TEST_CASE("calls for a connection do nothing once the io_context has ended", "[transport]") {
  auto loop = std::make_unique<socket_loop>();
  struct keeper final : hotline::transport_receiver<connection> {
    connection* open = nullptr;
    void on_open(connection& c) override { open = &c; }
    void on_data(connection&, std::span<char>) override {}
    void on_writable(connection&) override {}
    void on_closed(connection&, std::error_code) override {}
    void on_tick() override {}
  } receiver;
  hotline::asio_epoll_transport transport(loop->io);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto peer = loop->peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop->drive([&] { return receiver.open != nullptr; }));
  loop.reset();
  CHECK(transport.write(*receiver.open, std::array{std::string_view("gone")}) == 0);
  transport.shutdown(*receiver.open);
  transport.abort(*receiver.open);
  CHECK_FALSE(transport.runs_elsewhere());
}

TEST_CASE("on a strand, several threads may run the io_context of an asio_epoll_transport", "[transport]") {
  using transport_type = hotline::basic_asio_epoll_transport<asio::strand<plain_executor>>;
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
