// A manager and the io_context that it lives in: one that had stopped, and executors of all kinds.
#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/make_ws_manager.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/execution/blocking.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/require.hpp>
#include <asio/strand.hpp>
#include <transport/socket_loop.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;

namespace {

constexpr std::string_view upgrade =
    "GET /ws/p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

// Whether a client of the manager is answered by an io_context that is not restarted. When it is stopped it runs nothing.
template <class Manager>
bool answers(asio::io_context& io, Manager& manager) {
  socket_peers peers;
  const auto peer = peers.add(socket_peer::tcp(manager.transport().port()));
  peer->send(upgrade);
  while (peer->received().find("\"connected\"") == std::string::npos) {
    if (io.stopped()) return false;
    io.poll();
    peers.pump();
  }
  return true;
}

// How a host may have left its io_context before the manager starts.
const std::vector<std::pair<std::string, std::function<void(asio::io_context&)>>>& ways_to_stop() {
  static const std::vector<std::pair<std::string, std::function<void(asio::io_context&)>>> ways = {
      {"polled without work", [](asio::io_context& io) { io.poll(); }},
      {"run until its work was done",
       [](asio::io_context& io) {
         asio::post(io, [] {});
         io.run();
       }},
      {"stopped", [](asio::io_context& io) { io.stop(); }},
      {"not touched", [](asio::io_context&) {}},
  };
  return ways;
}

template <class Executor, class Make>
void serves_on_a_stopped_context(const Make& make) {
  using transport_type = basic_asio_transport<Executor>;
  for (const auto& [way, leave] : ways_to_stop()) {
    INFO(way);
    asio::io_context io{1};
    leave(io);
    event_emitter events;
    ws_manager<transport_type> manager(transport_type(make(io), listen_options{}), events);
    REQUIRE_FALSE(manager.start());
    CHECK(answers(io, manager));
  }
}

}  // namespace

TEST_CASE("a manager serves on an io_context that had stopped before it started", "[manager]") {
  using plain = asio::io_context::executor_type;
  using asio::execution::blocking;
  using asio::execution::outstanding_work;
  SECTION("its executor") {
    serves_on_a_stopped_context<plain>([](asio::io_context& io) { return io.get_executor(); });
  }
  SECTION("a strand") {
    serves_on_a_stopped_context<asio::strand<plain>>([](asio::io_context& io) { return asio::make_strand(io); });
  }
  SECTION("any executor, which holds its") {
    serves_on_a_stopped_context<asio::any_io_executor>([](asio::io_context& io) { return io.get_executor(); });
  }
  SECTION("any executor, which holds one that may not block") {
    serves_on_a_stopped_context<asio::any_io_executor>(
        [](asio::io_context& io) { return asio::require(io.get_executor(), blocking.never); });
  }
  SECTION("any executor, which holds a strand") {
    serves_on_a_stopped_context<asio::any_io_executor>([](asio::io_context& io) { return asio::make_strand(io); });
  }
  SECTION("any executor, which holds a strand over any executor") {
    serves_on_a_stopped_context<asio::any_io_executor>(
        [](asio::io_context& io) { return asio::make_strand(asio::any_io_executor(io.get_executor())); });
  }
  SECTION("a strand over any executor") {
    serves_on_a_stopped_context<asio::strand<asio::any_io_executor>>(
        [](asio::io_context& io) { return asio::make_strand(asio::any_io_executor(io.get_executor())); });
  }
}

TEST_CASE("an executor that counts as work is found to be stopped too", "[manager]") {
  asio::io_context io{1};
  io.stop();
  event_emitter events;
  using transport_type = basic_asio_transport<asio::any_io_executor>;
  const asio::any_io_executor tracked = asio::prefer(io.get_executor(), asio::execution::outstanding_work.tracked);
  {
    ws_manager<transport_type> manager(transport_type(tracked, listen_options{}), events);
    REQUIRE_FALSE(manager.start());
    CHECK(answers(io, manager));
  }
}

TEST_CASE("a task that was posted before a manager starts on a stopped io_context runs", "[manager]") {
  asio::io_context io{1};
  io.poll();
  event_emitter events;
  auto manager = make_ws_manager(io, events, {});
  bool ran = false;
  manager.post([&] { ran = true; });
  REQUIRE_FALSE(manager.start());
  io.poll();
  CHECK(ran);
  CHECK(answers(io, manager));
}

TEST_CASE("a manager that adopts serves on an io_context that had stopped", "[manager]") {
  asio::io_context io{1};
  // It has the manager's executor: some Windows let no socket go to another one.
  using executor = asio::io_context::executor_type;
  asio::basic_socket_acceptor<asio::ip::tcp, executor> acceptor(io, {asio::ip::address_v4::loopback(), 0});
  io.poll();
  event_emitter events;
  auto manager = make_ws_manager(io, events, {.listen = false});
  REQUIRE_FALSE(manager.start());
  const auto peer = socket_peer::tcp(acceptor.local_endpoint().port());
  peer->send(upgrade);
  REQUIRE_FALSE(manager.transport().adopt(acceptor.accept()));
  while (peer->received().find("\"connected\"") == std::string::npos) {
    REQUIRE_FALSE(io.stopped());
    io.poll();
    peer->pump();
  }
}

// A host's own executor, which hides its io_context: its first member is no pointer to one.
struct own_executor {
  [[nodiscard]] own_executor require(asio::execution::blocking_t::never_t) const { return *this; }
  [[nodiscard]] static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  [[nodiscard]] asio::execution_context& query(asio::execution::context_t) const noexcept { return io->context(); }
  template <class F>
  void execute(F f) const {
    asio::post(*io, std::move(f));
  }
  friend bool operator==(const own_executor&, const own_executor&) = default;

  std::uintptr_t number = 1;
  const asio::io_context::executor_type* io = nullptr;
};

TEST_CASE("a manager serves on a host's own executor, whose io_context cannot be known", "[manager]") {
  asio::io_context io;
  const asio::io_context::executor_type inner = io.get_executor();
  event_emitter events;
  basic_asio_transport<asio::any_io_executor> transport(asio::any_io_executor(own_executor{1, &inner}),
                                                        listen_options{});
  ws_manager<basic_asio_transport<asio::any_io_executor>> manager(std::move(transport), events);
  REQUIRE_FALSE(manager.start());
  CHECK(answers(io, manager));
  io.poll();
  io.stop();
}

TEST_CASE("a second manager serves when the first one has let its io_context run out of work", "[manager]") {
  asio::io_context io{1};
  event_emitter events;
  for (int round = 0; round < 3; ++round) {
    auto manager = make_ws_manager(io, events, {});
    REQUIRE_FALSE(manager.start());
    REQUIRE(answers(io, manager));
    manager.stop();
    while (!io.stopped()) io.run_one();
    CHECK(io.stopped());
  }
}

TEST_CASE("a start that fails, and one inside of a stopped run, restart nothing", "[manager]") {
  asio::io_context io{1};
  event_emitter events;
  SECTION("a failure") {
    io.poll();
    auto manager = make_ws_manager(io, events, {.address = "no address"});
    CHECK(manager.start() == std::errc::invalid_argument);
    CHECK(io.stopped());
  }
  SECTION("a host that stops its loop and starts a manager in one handler has stopped its loop") {
    auto manager = make_ws_manager(io, events, {});
    asio::post(io, [&] {
      io.stop();
      CHECK_FALSE(manager.start());
    });
    io.run();
    CHECK(io.stopped());
  }
}
