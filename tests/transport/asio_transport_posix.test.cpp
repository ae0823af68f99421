// As asio_transport.test.cpp, with what only POSIX systems have: Unix sockets, their files, and a limit of descriptors.
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>

#include <catch2_any.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "asio_fixtures.hpp"
#include "scratch_directory.hpp"

namespace {

class unix_fixture : public socket_loop {
 public:
  using transport_type = hotline::asio_transport;

  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(socket_peer::local(path_)); }

 private:
  scratch_directory directory_;
  std::string path_ = directory_.file("socket");
  transport_type transport_{io, hotline::listen_options{.unix_path = path_, .socket_send_buffer = 64 * 1024}};
};

}  // namespace

TEST_CASE("asio_transport over Unix sockets is a transport", "[transport]") { conformance::run<unix_fixture>(); }

// ------------------------------------------------------------------------------------------------- listening

TEST_CASE("a transport that cannot have all its addresses takes none", "[transport]") {
  socket_loop loop;
  scratch_directory directory;
  listener receiver;
  using options = hotline::listen_options;
  const std::string path = directory.file("socket");
  hotline::asio_transport transport(loop.io, std::vector{options{.unix_path = path}, options{.address = "no address"}});
  CHECK(transport.start(receiver) == std::errc::invalid_argument);
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(loop.finish());
}

TEST_CASE("several addresses lead to one receiver", "[transport]") {
  socket_loop loop;
  scratch_directory directory;
  listener receiver;
  using options = hotline::listen_options;
  const std::string path = directory.file("socket");
  hotline::asio_transport transport(loop.io, std::vector{options{.unix_path = path}, options{}, options{}});
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto one = loop.peers.add(socket_peer::tcp(transport.port()));
  const auto two = loop.peers.add(socket_peer::local(path));
  REQUIRE(loop.drive([&] { return receiver.open.size() == 2; }));
  CHECK((receiver.open[0]->remote_address() == "unix") != (receiver.open[1]->remote_address() == "unix"));
  transport.stop_accepting();
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a Unix socket's file is replaced only when nobody listens on it", "[transport]") {
  socket_loop loop;
  scratch_directory directory;
  listener receiver;
  const std::string path = directory.file("socket");
  const hotline::listen_options options{.unix_path = path};

  SECTION("a socket that a dead server left") {
    { asio::local::stream_protocol::acceptor dead(loop.io, asio::local::stream_protocol::endpoint(path)); }
    REQUIRE(std::filesystem::is_socket(path));
    hotline::asio_transport transport(loop.io, options);
    CHECK(transport.start(receiver) == std::error_code{});
    CHECK(socket_peer::local(path)->connected());
    transport.stop();
    CHECK_FALSE(std::filesystem::exists(path));
  }
  SECTION("a server that is alive") {
    asio::local::stream_protocol::acceptor alive(loop.io, asio::local::stream_protocol::endpoint(path));
    hotline::asio_transport transport(loop.io, options);
    CHECK(transport.start(receiver) == std::errc::address_in_use);
    CHECK(socket_peer::local(path)->connected());
  }
  SECTION("a server that is alive and too busy to answer") {
    asio::local::stream_protocol::acceptor busy(loop.io);
    busy.open();
    busy.bind(path);
    busy.listen(0);
    std::vector<asio::local::stream_protocol::socket> queue;
    const asio::local::stream_protocol::endpoint endpoint(path);
    for (bool room = true; room;) {
      queue.emplace_back(loop.io, asio::local::stream_protocol()).native_non_blocking(true);
      room = ::connect(queue.back().native_handle(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
    }
    hotline::asio_transport transport(loop.io, options);
    CHECK(transport.start(receiver) == std::errc::address_in_use);
    CHECK(std::filesystem::is_socket(path));
  }
  SECTION("a file that is no socket") {
    std::ofstream(path) << "precious";
    hotline::asio_transport transport(loop.io, options);
    CHECK(transport.start(receiver) == std::errc::address_in_use);
    CHECK(std::filesystem::file_size(path) == 8);
  }
  SECTION("a file that somebody put in our socket's place stays") {
    hotline::asio_transport transport(loop.io, options);
    REQUIRE(transport.start(receiver) == std::error_code{});
    std::filesystem::remove(path);
    std::ofstream(path) << "precious";
    transport.stop();
    CHECK(std::filesystem::file_size(path) == 8);
  }
  SECTION("a path that is too long is reported") {
    hotline::asio_transport transport(loop.io, hotline::listen_options{.unix_path = path + std::string(200, 'x')});
    CHECK(transport.start(receiver) == std::errc::filename_too_long);
  }
}

// --------------------------------------------------------------------------------------------------- adopting

TEST_CASE("a Unix socket of another loop is adopted", "[transport]") {
  socket_loop loop;
  asio::io_context elsewhere;
  listener receiver;
  hotline::asio_transport transport(loop.io, hotline::listen_options{.listen = false});
  REQUIRE(transport.start(receiver) == std::error_code{});
  scratch_directory directory;
  const std::string path = directory.file("socket");
  asio::local::stream_protocol::acceptor acceptor(elsewhere, asio::local::stream_protocol::endpoint(path));
  const auto peer = loop.peers.add(socket_peer::local(path));
  CHECK(transport.adopt(acceptor.accept()) == std::error_code{});
  peer->send("hello");
  CHECK(loop.drive([&] { return receiver.data == "hello"; }));
}

// --------------------------------------------------------------------------------------- out of descriptors

TEST_CASE("accepting survives a process without descriptors", "[transport]") {
  struct descriptor_limit {
    descriptor_limit() {
      ::getrlimit(RLIMIT_NOFILE, &before);
      // Descriptors are given out lowest first: the next one would be the first beyond the limit.
      const int next = ::dup(STDOUT_FILENO);
      ::close(next);
      rlimit lowered = before;
      lowered.rlim_cur = static_cast<rlim_t>(next);
      ::setrlimit(RLIMIT_NOFILE, &lowered);
    }
    descriptor_limit(const descriptor_limit&) = delete;
    descriptor_limit& operator=(const descriptor_limit&) = delete;
    ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before); }
    rlimit before{};
  };

  subject s;
  auto& r = s.open();
  const auto& open_before = r.peer;
  std::vector<std::shared_ptr<conformance::client_end>> knocking;
  for (int i = 0; i < 100; ++i) knocking.push_back(s.connect());
  // Nothing is asserted meanwhile: Catch2, and what sanitizers look into for it, may want descriptors themselves.
  bool none_was_left = false;
  bool turned_away = false;
  bool served = false;
  std::size_t opened = 0;
  {
    const descriptor_limit none_left;
    none_was_left = ::dup(STDOUT_FILENO) < 0;
    const auto all_turned_away = [&] {
      return std::ranges::all_of(knocking, [](const auto& p) { return p->closed_by_server(); });
    };
    turned_away = s.drive(all_turned_away);
    opened = s.seen.size();
    open_before->send("still served");
    served = s.drive([&] { return r.data == "still served"; });
  }
  REQUIRE(none_was_left);
  CHECK(turned_away);
  CHECK(opened == 1);
  CHECK(served);
  CHECK(s.fixture.transport().turned_away() == knocking.size());
  auto& r2 = s.open();
  const auto& open_after = r2.peer;
  open_after->send("welcome");
  CHECK(s.drive([&] { return r2.data == "welcome"; }));
}
