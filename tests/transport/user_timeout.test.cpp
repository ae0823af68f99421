// TCP_USER_TIMEOUT of the sockets of each transport.
#include <catch2_any.hpp>

#include <chrono>
#include <limits>
#include <string>
#include <system_error>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "list_of_open.hpp"
#include "scratch_directory.hpp"
#include "socket_kinds.hpp"
#include "socket_peer.hpp"

#if defined(TCP_USER_TIMEOUT)
using namespace std::chrono_literals;

namespace {

/// TCP_USER_TIMEOUT of the server's end: of the socket in this process whose peer is `remote_address`.
template <class Connection>
int user_timeout_of(const Connection& c) {
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sin_family != AF_INET)
      continue;
    if (c.remote_address() != "127.0.0.1:" + std::to_string(ntohs(peer.sin_port))) continue;
    int value = -1;
    size = sizeof value;
    ::getsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size);
    return value;
  }
  return -1;
}

}  // namespace

TEMPLATE_TEST_CASE("a TCP socket has its user timeout, accepted or adopted", "[transport]", over_asio, over_epoll) {
  struct row {
    hotline::listen_options options;
    int told;
  };
  const auto with = [](std::chrono::milliseconds timeout) { return hotline::listen_options{.user_timeout = timeout}; };
  for (const row& r : {row{{}, 0}, row{with(1'500ms), 1'500}, row{with(0ms), 0}, row{with(-1ms), 0},
                       row{with(std::chrono::milliseconds::max()), std::numeric_limits<int>::max()}}) {
    CAPTURE(r.told);
    typename TestType::loop_type loop;
    list_of_open<TestType> receiver;
    auto transport = TestType::make(loop, r.options);
    loop.watch(transport);
    REQUIRE(transport.start(receiver) == std::error_code{});
    const auto accepted = loop.peers.add(socket_peer::tcp(transport.port()));
    REQUIRE(loop.drive([&] { return receiver.open.size() == 1; }));
    const own_listener host;
    const auto adopted = loop.peers.add(socket_peer::tcp(host.port()));
    REQUIRE(TestType::adopt(loop, transport, host.accept()) == std::error_code{});
    REQUIRE(loop.drive([&] { return receiver.open.size() == 2; }));
    for (const auto* const c : receiver.open) CHECK(user_timeout_of(*c) == r.told);
  }
}

TEMPLATE_TEST_CASE("each listener's connections have its own user timeout", "[transport]", over_asio, over_epoll) {
  typename TestType::loop_type loop;
  scratch_directory directory;
  list_of_open<TestType> receiver;
  using options = hotline::listen_options;
  const std::string path = directory.file("socket");
  // A Unix socket has none, and lives without.
  auto transport = TestType::make(
      loop, std::vector{options{.unix_path = path, .user_timeout = 1ms}, options{.user_timeout = 7'000ms}});
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto remote = loop.peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop.drive([&] { return receiver.open.size() == 1; }));
  CHECK(user_timeout_of(*receiver.open.front()) == 7'000);
  const auto local = loop.peers.add(socket_peer::local(path));
  REQUIRE(loop.drive([&] { return receiver.open.size() == 2; }));
}
#endif
