// Sockets that somebody else has made to listen, and listeners that go on to somebody else.
#include <hotline/error.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "list_of_open.hpp"
#include "scratch_directory.hpp"
#include "socket_kinds.hpp"
#include "socket_peer.hpp"

namespace {

using options = hotline::listen_options;

}  // namespace

TEMPLATE_TEST_CASE("a listener goes from one transport to the next, and nobody is refused", "[transport]", over_asio,
                   over_epoll) {
  typename TestType::loop_type old_loop, new_loop;
  list_of_open<TestType> old_receiver, new_receiver;
  auto old_transport = TestType::make(old_loop);
  old_loop.watch(old_transport);
  REQUIRE(old_transport.start(old_receiver) == std::error_code{});
  const std::uint16_t port = old_transport.port();
  const auto first = old_loop.peers.add(socket_peer::tcp(port));
  REQUIRE(old_loop.drive([&] { return old_receiver.open.size() == 1; }));

  const std::vector<int> given = old_transport.release_listeners();
  REQUIRE(given.size() == 1);
  const auto between = new_loop.peers.add(socket_peer::tcp(port));
  CHECK(between->connected());
  old_loop.settle();
  CHECK(old_receiver.open.size() == 1);
  CHECK(old_transport.release_listeners().empty());

  auto new_transport = TestType::make(new_loop, options{.listen = false});
  new_loop.watch(new_transport);
  REQUIRE(new_transport.start(new_receiver) == std::error_code{});
  REQUIRE(new_transport.adopt_listener(given.front()) == std::error_code{});
  CHECK(new_transport.port() == port);
  REQUIRE(new_loop.drive([&] { return new_receiver.open.size() == 1; }));
  first->send("still served");
  REQUIRE(old_loop.drive([&] { return old_receiver.data == "still served"; }));
  old_transport.stop();
  CHECK(socket_peer::tcp(port)->connected());
  CHECK(old_loop.finish());
}

TEMPLATE_TEST_CASE("a descriptor goes round and round between two transports of one process", "[transport]", over_asio,
                   over_epoll) {
  typename TestType::loop_type loops[2];
  list_of_open<TestType> receivers[2];
  typename TestType::transport_type transports[2] = {TestType::make(loops[0], options{.listen = false}),
                                                     TestType::make(loops[1], options{.listen = false})};
  for (int i : {0, 1}) {
    loops[i].watch(transports[i]);
    REQUIRE(transports[i].start(receivers[i]) == std::error_code{});
  }
  own_listener made;
  const std::uint16_t port = made.port();
  std::vector<int> given{made.release()};
  for (std::size_t round = 0; round < 10; ++round) {
    const std::size_t turn = round % 2;
    const auto peer = loops[turn].peers.add(socket_peer::tcp(port));  // waits in the queue
    REQUIRE(transports[turn].adopt_listener(given.front()) == std::error_code{});
    REQUIRE(loops[turn].drive([&] { return receivers[turn].open.size() == round / 2 + 1; }));
    loops[1 - turn].settle();
    given = transports[turn].release_listeners();
    REQUIRE(given.size() == 1);
  }
  ::close(given.front());
}

TEMPLATE_TEST_CASE("a descriptor that listens is served from the start, and made not to block or to survive an exec",
                   "[transport]", over_asio, over_epoll) {
  typename TestType::loop_type loop;
  list_of_open<TestType> receiver;
  own_listener made;
  REQUIRE(::fcntl(made.descriptor(), F_SETFD, 0) == 0);
  SECTION("as an option") {
    auto transport = TestType::make(loop, options{.descriptor = made.descriptor()});
    loop.watch(transport);
    REQUIRE(transport.start(receiver) == std::error_code{});
    CHECK(transport.port() == made.port());
    CHECK((::fcntl(made.descriptor(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(made.descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
    (void)made.release();  // it is the transport's
    const auto peer = loop.peers.add(socket_peer::tcp(transport.port()));
    peer->send("hello");
    CHECK(loop.drive([&] { return receiver.data == "hello"; }));
  }
  SECTION("adopted before the start") {
    auto transport = TestType::make(loop, options{.listen = false});
    loop.watch(transport);
    REQUIRE(transport.adopt_listener(made.descriptor()) == std::error_code{});
    const auto early = loop.peers.add(socket_peer::tcp(made.port()));
    REQUIRE(transport.start(receiver) == std::error_code{});
    CHECK(transport.port() == made.port());
    (void)made.release();
    CHECK(loop.drive([&] { return receiver.open.size() == 1; }));
  }
}

TEMPLATE_TEST_CASE("an adopted listener has the rules of its options", "[transport]", over_asio, over_epoll) {
  typename TestType::loop_type loop;
  list_of_open<TestType> receiver;
  auto transport = TestType::make(loop);
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  own_listener made;
  REQUIRE(transport.adopt_listener(made.descriptor(), options{.proxy_protocol = true}) == std::error_code{});
  const std::uint16_t port = made.port();
  (void)made.release();
  CHECK(transport.port() != port);  // that of the first
  const auto proxied = loop.peers.add(socket_peer::tcp(port));
  proxied->send("PROXY TCP4 192.0.2.7 198.51.100.1 40312 443\r\n");
  REQUIRE(loop.drive([&] { return receiver.open.size() == 1; }));
  CHECK(receiver.open[0]->remote_address() == "192.0.2.7:40312");
  const auto plain = loop.peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop.drive([&] { return receiver.open.size() == 2; }));
  const std::vector<int> given = transport.release_listeners();
  REQUIRE(given.size() == 2);
  for (const int descriptor : given) ::close(descriptor);
}

TEMPLATE_TEST_CASE("a descriptor that does not listen is refused and stays the caller's", "[transport]", over_asio,
                   over_epoll) {
  typename TestType::loop_type loop;
  list_of_open<TestType> receiver;
  auto transport = TestType::make(loop, options{.listen = false});
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const int unbound = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(transport.adopt_listener(unbound) == std::errc::invalid_argument);
  CHECK(::close(unbound) == 0);
  CHECK(transport.adopt_listener(-1) == std::errc::bad_file_descriptor);
  transport.stop();
  const own_listener made;
  CHECK(transport.adopt_listener(made.descriptor()) == hotline::errc::not_running);
  CHECK(socket_peer::tcp(made.port())->connected());
}

TEMPLATE_TEST_CASE("a start that fails leaves the descriptor that was given to its caller", "[transport]", over_asio,
                   over_epoll) {
  typename TestType::loop_type loop;
  scratch_directory directory;
  list_of_open<TestType> receiver;
  const std::string path = directory.file("socket");
  own_listener made;
  auto transport =
      TestType::make(loop, std::vector{options{.unix_path = path}, options{.descriptor = made.descriptor()},
                                       options{.address = "no address"}});
  loop.watch(transport);
  CHECK(transport.start(receiver) == std::errc::invalid_argument);
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(socket_peer::tcp(made.port())->connected());
  CHECK(loop.finish());
}

TEMPLATE_TEST_CASE("a transport owns a listener that it adopted before its start", "[transport]", over_asio,
                   over_epoll) {
  typename TestType::loop_type loop;
  list_of_open<TestType> receiver;
  const own_listener made;
  const int given = ::fcntl(made.descriptor(), F_DUPFD_CLOEXEC, 0);
  SECTION("until its end") {
    {
      auto transport = TestType::make(loop, options{.listen = false});
      loop.watch(transport);
      REQUIRE(transport.adopt_listener(given) == std::error_code{});
    }
    CHECK(::fcntl(given, F_GETFD) == -1);
  }
  SECTION("until it is released") {
    auto transport = TestType::make(loop, options{.listen = false});
    loop.watch(transport);
    REQUIRE(transport.adopt_listener(given) == std::error_code{});
    CHECK(transport.release_listeners() == std::vector{given});
    transport.stop();
    CHECK(::close(given) == 0);
  }
  SECTION("after a start that failed") {
    auto transport = TestType::make(loop, options{.address = "no address"});
    loop.watch(transport);
    REQUIRE(transport.adopt_listener(given) == std::error_code{});
    CHECK(transport.start(receiver) == std::errc::invalid_argument);
    CHECK(::fcntl(given, F_GETFD) != -1);
    transport.stop();
    CHECK(::fcntl(given, F_GETFD) == -1);
  }
}

TEMPLATE_TEST_CASE("the file of a Unix listener stays when the listener is released", "[transport]", over_asio,
                   over_epoll) {
  typename TestType::loop_type loop;
  scratch_directory directory;
  list_of_open<TestType> receiver;
  const std::string path = directory.file("socket");
  auto transport = TestType::make(loop, options{.unix_path = path});
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const std::vector<int> given = transport.release_listeners();
  transport.stop();
  CHECK(std::filesystem::exists(path));
  CHECK(socket_peer::local(path)->connected());
  for (const int descriptor : given) ::close(descriptor);
}
