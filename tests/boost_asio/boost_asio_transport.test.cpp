#include <hotline/boost_asio.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <catch2_any.hpp>
#include <patience.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "boost_side.hpp"
#include "transport/conformance.hpp"
#include "transport/socket_peer.hpp"

namespace {

using plain_executor = boost::asio::io_context::executor_type;

/// An io_context of Boost's, and real sockets as clients, driven together by one thread.
class boost_loop {
 public:
  boost::asio::io_context io{1};
  socket_peers peers;

  bool step() {
    io.restart();
    const bool moved = io.poll() > 0;
    if (!peers.pump() && !moved) io.run_one_for(std::chrono::milliseconds(5));
    return std::chrono::steady_clock::now() < end_of_patience_;
  }
  bool drive(const std::function<bool()>& done) {
    while (!done())
      if (!step()) return false;
    return true;
  }
  void settle() {
    for (int quiet = 0; quiet < 5;) {
      io.restart();
      const bool moved = io.poll() > 0;
      quiet = peers.pump() || moved ? 0 : quiet + 1;
    }
  }
  bool finish() {
    io.restart();
    while (io.poll() > 0) {
    }
    return io.stopped();
  }

 private:
  std::chrono::steady_clock::time_point end_of_patience_ = std::chrono::steady_clock::now() + patience;
};

template <class Executor>
Executor executor_of(boost::asio::io_context& io) {
  if constexpr (std::constructible_from<Executor, plain_executor>) {
    return Executor(io.get_executor());
  } else {
    return boost::asio::make_strand(io.get_executor());
  }
}

template <class Executor>
class tcp_fixture : public boost_loop {
 public:
  using transport_type = hotline::basic_boost_asio_transport<Executor>;

  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(socket_peer::tcp(transport_.port())); }

 private:
  transport_type transport_{executor_of<Executor>(io), hotline::listen_options{.socket_send_buffer = 64 * 1024}};
};

const std::string upgrade =
    "GET /ws/p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

class boost_manager final : public boost_side {
 public:
  explicit boost_manager(hotline::event_emitter& events) : manager_(hotline::make_ws_manager(io_, events)) {
    REQUIRE_FALSE(manager_.start());
  }
  void poll() override { io_.poll(); }
  std::uint16_t port() override { return manager_.transport().port(); }

 private:
  boost::asio::io_context io_{1};
  hotline::ws_manager<hotline::boost_asio_transport> manager_;
};

}  // namespace

std::unique_ptr<boost_side> make_boost_side(hotline::event_emitter& events) {
  return std::make_unique<boost_manager>(events);
}

TEST_CASE("boost_asio_transport is a transport") { conformance::run<tcp_fixture<plain_executor>>(); }

TEST_CASE("boost_asio_transport over any_io_executor is a transport") {
  conformance::run<tcp_fixture<boost::asio::any_io_executor>>();
}

TEST_CASE("boost_asio_transport over a strand is a transport") {
  conformance::run<tcp_fixture<boost::asio::strand<plain_executor>>>();
}

TEST_CASE("one io_context of Boost's runs the host's timers and a manager") {
  boost_loop loop;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(loop.io, events);
  REQUIRE_FALSE(manager.start());
  const auto peer = loop.peers.add(socket_peer::tcp(manager.transport().port()));
  peer->send(upgrade);
  REQUIRE(loop.drive([&] { return peer->received().find("\"connected\"") != std::string::npos; }));
  boost::asio::steady_timer timer(loop.io, std::chrono::milliseconds(1));
  bool is_over = false;
  timer.async_wait([&](const boost::system::error_code&) { is_over = true; });
  CHECK(loop.drive([&] { return is_over; }));
  bool stopped = false;
  manager.stop([&] { stopped = true; });
  peer->close();
  CHECK(loop.drive([&] { return stopped; }));
  CHECK(loop.finish());
}

TEST_CASE("boost_asio_transport adopts a socket of Boost's") {
  boost_loop loop;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(loop.io, events, {.listen = false});
  REQUIRE_FALSE(manager.start());
  boost::asio::ip::tcp::acceptor acceptor(loop.io, {boost::asio::ip::address_v4::loopback(), 0});
  const auto peer = loop.peers.add(socket_peer::tcp(acceptor.local_endpoint().port()));
  REQUIRE_FALSE(manager.transport().adopt(acceptor.accept(), upgrade));
  CHECK(loop.drive([&] { return peer->received().find("\"connected\"") != std::string::npos; }));
}

TEST_CASE("a call beside the thread of Boost's loop is refused") {
  boost_loop loop;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(loop.io, events);
  REQUIRE_FALSE(manager.start());
  bool ran = false;
  manager.post([&] { ran = true; });
  REQUIRE(loop.drive([&] { return ran; }));
  CHECK_FALSE(manager.transport().runs_elsewhere());
  bool elsewhere = false;
  std::thread([&] { elsewhere = manager.transport().runs_elsewhere(); }).join();
  CHECK(elsewhere);
  loop.io.stop();
  std::thread([&] { elsewhere = manager.transport().runs_elsewhere(); }).join();
  CHECK_FALSE(elsewhere);
}

TEST_CASE("an io_context of Boost's may be destroyed before its transport") {
  auto loop = std::make_unique<boost_loop>();
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(loop->io, events);
  REQUIRE_FALSE(manager.start());
  loop->settle();
  loop.reset();
  manager.transport().stop();
}
