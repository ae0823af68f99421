// As asio_transport.test.cpp, with what only Windows has, and what it has not.
#include <hotline/transport/asio_transport.hpp>

#include <asio/any_io_executor.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

#include "asio_fixtures.hpp"

TEST_CASE("Unix sockets and descriptors are not supported on Windows", "[transport]") {
  socket_loop loop;
  listener receiver;
  SECTION("a path") {
    hotline::asio_transport transport(loop.io, hotline::listen_options{.unix_path = "socket"});
    CHECK(transport.start(receiver) == std::errc::not_supported);
  }
  SECTION("a descriptor") {
    hotline::asio_transport transport(loop.io, hotline::listen_options{.descriptor = 3});
    CHECK(transport.start(receiver) == std::errc::not_supported);
  }
  SECTION("a descriptor that is adopted") {
    hotline::asio_transport transport(loop.io);
    CHECK(transport.adopt_listener(3) == std::errc::not_supported);
    REQUIRE(transport.start(receiver) == std::error_code{});
    CHECK(transport.adopt_listener(3) == std::errc::not_supported);
  }
}

TEST_CASE("the release of listeners on Windows closes them, and returns none", "[transport]") {
  socket_loop loop;
  listener receiver;
  hotline::asio_transport transport(loop.io);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const std::uint16_t port = transport.port();
  CHECK(transport.release_listeners().empty());
  CHECK_FALSE(socket_peer::tcp(port)->connected());
}

TEST_CASE("all addresses of IPv6 are those of IPv4 as well, as on other systems", "[transport]") {
  socket_loop loop;
  listener receiver;
  hotline::asio_transport transport(loop.io, hotline::listen_options{.address = "::"});
  if (transport.start(receiver)) return;  // the machine has no IPv6
  const auto peer = loop.peers.add(socket_peer::tcp(transport.port()));
  CHECK(loop.drive([&] { return receiver.open.size() == 1; }));
}

TEST_CASE("a port that is exclusive is in use for everybody else", "[transport]") {
  socket_loop loop;
  listener one, two;
  hotline::asio_transport first(loop.io, hotline::listen_options{.reuse_address = false});
  REQUIRE(first.start(one) == std::error_code{});
  hotline::asio_transport second(loop.io, hotline::listen_options{.port = first.port()});
  CHECK(second.start(two) == std::errc::address_in_use);
}

TEST_CASE("a wait on Windows fits into the room that it has", "[transport]") {
  struct handler {
    void* connection;
    void operator()(std::error_code) const {}
    void operator()(std::error_code, std::size_t) const {}
  };
  CHECK(sizeof(asio::detail::win_iocp_null_buffers_op<handler, plain_executor>) <=
        hotline::detail::wait_bytes<plain_executor>(sizeof(void*)));
  CHECK(sizeof(asio::detail::win_iocp_wait_op<handler, asio::any_io_executor>) <=
        hotline::detail::wait_bytes<asio::any_io_executor>(sizeof(void*)));
}
