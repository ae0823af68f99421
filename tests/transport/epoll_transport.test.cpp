#include <hotline/transport/epoll_transport.hpp>

#include <catch2_any.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conformance.hpp"
#include "epoll_loop.hpp"
#include "scratch_directory.hpp"
#include "socket_peer.hpp"

namespace {

using hotline::epoll_transport;
using options = hotline::listen_options;
using connection = epoll_transport::connection_type;
using loop_type = epoll_loop<epoll_transport>;

/// Small buffers in the kernel, so that slow readers are noticed soon.
options small_buffers() { return {.socket_send_buffer = 64 * 1024}; }

/// One event a turn for `Most` 1: whatever a turn leaves must wake the host again.
template <std::size_t Most>
class tcp_fixture : public loop_type {
 public:
  using transport_type = epoll_transport;

  tcp_fixture() : loop_type(Most) { watch(transport_); }
  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(socket_peer::tcp(transport_.port())); }

 private:
  transport_type transport_{small_buffers()};
};

class unix_fixture : public loop_type {
 public:
  using transport_type = epoll_transport;

  unix_fixture() { watch(transport_); }
  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(socket_peer::local(path_)); }

 private:
  scratch_directory directory_;
  std::string path_ = directory_.file("socket");
  transport_type transport_{options{.unix_path = path_, .socket_send_buffer = 64 * 1024}};
};

/// A socket of the host's that listens on the loopback address.
int listening(int backlog = 128) {
  const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(made, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  REQUIRE(::listen(made, backlog) == 0);
  return made;
}

std::uint16_t port_of(int socket) {
  sockaddr_in at{};
  socklen_t size = sizeof at;
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  return ntohs(at.sin_port);
}

/// Connections that the host accepted itself.
class adopting_fixture : public loop_type {
 public:
  using transport_type = epoll_transport;

  adopting_fixture() { watch(transport_); }
  ~adopting_fixture() { close_listener(); }
  transport_type& transport() { return transport_; }
  auto connect() {
    auto peer = peers.add(socket_peer::tcp(listener_ < 0 ? 1 : port_of(listener_)));
    if (listener_ >= 0) (void)transport_.adopt(::accept(listener_, nullptr, nullptr));
    return peer;
  }
  bool finish() {
    close_listener();
    return loop_type::finish();
  }

 private:
  void close_listener() {
    if (listener_ >= 0) ::close(std::exchange(listener_, -1));
  }

  transport_type transport_{options{.listen = false}};
  int listener_ = listening();
};

/// A socket that somebody else has made to listen.
class given_listener_fixture : public loop_type {
 public:
  using transport_type = epoll_transport;

  given_listener_fixture() { watch(transport_); }
  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(socket_peer::tcp(transport_.port())); }

 private:
  transport_type transport_{options{.descriptor = listening(), .socket_send_buffer = 64 * 1024}};
};

struct listener final : hotline::transport_receiver<connection> {
  std::vector<connection*> open;
  std::string data;
  int closed = 0;
  int ticks = 0;
  std::error_code reason;
  std::function<void(connection&)> when_open = [](connection&) {};
  std::function<void()> when_data = [] {};

  void on_open(connection& c) override {
    open.push_back(&c);
    when_open(c);
  }
  void on_data(connection&, std::span<char> bytes) override {
    data.append(bytes.data(), bytes.size());
    when_data();
  }
  void on_writable(connection&) override {}
  void on_closed(connection& c, std::error_code why) override {
    std::erase(open, &c);
    ++closed;
    reason = why;
  }
  void on_tick() override { ++ticks; }
};

bool is_readable(int descriptor) {
  ::pollfd waiting{descriptor, POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

}  // namespace

TEST_CASE("epoll_transport over TCP is a transport", "[transport]") { conformance::run<tcp_fixture<256>>(); }

TEST_CASE("epoll_transport that handles one event a turn is a transport", "[transport]") {
  conformance::run<tcp_fixture<1>>();
}

TEST_CASE("epoll_transport over Unix sockets is a transport", "[transport]") { conformance::run<unix_fixture>(); }

TEST_CASE("epoll_transport with a listener of somebody else's is a transport", "[transport]") {
  conformance::run<given_listener_fixture>();
}

TEST_CASE("epoll_transport: connections that the host accepted are connections", "[transport]") {
  const auto fresh = [] { return std::make_unique<conformance::subject_of<adopting_fixture>>(); };
  conformance::bytes_go_both_ways_unchanged(fresh);
  conformance::abort_works_from_every_callback(fresh);
  conformance::stop_works_from_every_callback(fresh);
  conformance::a_paused_connection_hears_nothing_until_resumed(fresh);
  conformance::a_connection_closes_once_whoever_ends_it(fresh);
}

// ------------------------------------------------------------------------------------------------ one descriptor

TEST_CASE("an idle epoll_transport keeps its descriptor silent between ticks", "[transport]") {
  loop_type loop;
  listener receiver;
  epoll_transport transport;
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto peer = loop.peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop.drive([&] { return receiver.open.size() == 1; }));
  peer->send("hello");
  REQUIRE(loop.drive([&] { return receiver.data == "hello"; }));
  loop.settle();
  int turns = 0;
  const int ticks = receiver.ticks;
  while (receiver.ticks < ticks + 3) {
    ::pollfd waiting{transport.fd(), POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, -1) == 1);
    transport.run_ready();
    ++turns;
  }
  CHECK(turns == 3);
}

TEST_CASE("an edge-triggered loop of the host's misses nothing of epoll_transport", "[transport]") {
  socket_peers peers;
  listener receiver;
  epoll_transport transport(options{.read_buffer_bytes = 1'000});
  REQUIRE(transport.start(receiver) == std::error_code{});
  const int host = ::epoll_create1(EPOLL_CLOEXEC);
  ::epoll_event event{EPOLLIN | EPOLLET, {}};
  REQUIRE(::epoll_ctl(host, EPOLL_CTL_ADD, transport.fd(), &event) == 0);
  const std::string bytes = conformance::pattern(300'000);
  const auto one = peers.add(socket_peer::tcp(transport.port()));
  const auto two = peers.add(socket_peer::tcp(transport.port()));
  one->send(bytes);
  two->send(bytes);
  one->close();
  const auto until = std::chrono::steady_clock::now() + patience;
  while ((receiver.data.size() < 2 * bytes.size() || receiver.closed == 0) &&
         std::chrono::steady_clock::now() < until) {
    peers.pump();
    if (::epoll_wait(host, &event, 1, 5) == 1) transport.run_ready(1);
  }
  ::close(host);
  CHECK(receiver.data.size() == 2 * bytes.size());
  CHECK(receiver.closed == 1);
}

TEST_CASE("an edge-triggered loop of the host's goes on after a turn that was full", "[transport]") {
  socket_peers peers;
  listener receiver;
  epoll_transport transport;
  REQUIRE(transport.start(receiver) == std::error_code{});
  std::vector<std::shared_ptr<socket_peer>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(peers.add(socket_peer::tcp(transport.port())));
  while (receiver.open.size() < clients.size()) transport.run_ready();
  while (transport.run_ready()) {
  }
  const int host = ::epoll_create1(EPOLL_CLOEXEC);
  ::epoll_event event{EPOLLIN | EPOLLET, {}};
  REQUIRE(::epoll_ctl(host, EPOLL_CTL_ADD, transport.fd(), &event) == 0);
  for (const auto& c : clients) c->send("x");  // and nothing after it
  while (receiver.data.size() < clients.size()) {
    REQUIRE(::epoll_wait(host, &event, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) == 1);
    transport.run_ready(4);
  }
  ::close(host);
}

TEST_CASE("bytes behind urgent data, and behind a passed descriptor, are read", "[transport]") {
  loop_type loop;
  listener receiver;
  SECTION("urgent data") {
    epoll_transport transport;
    loop.watch(transport);
    REQUIRE(transport.start(receiver) == std::error_code{});
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(transport.port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    REQUIRE(loop.drive([&] { return receiver.open.size() == 1; }));
    REQUIRE(::send(client, "AAAA", 4, 0) == 4);
    REQUIRE(::send(client, "!", 1, MSG_OOB) == 1);
    REQUIRE(::send(client, "CCCC", 4, 0) == 4);
    CHECK(loop.drive([&] { return receiver.data == "AAAACCCC"; }));
    loop.settle();
    CHECK_FALSE(transport.has_input(*receiver.open.front()));
    ::close(client);
  }
  SECTION("a passed descriptor") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    epoll_transport transport(options{.listen = false});
    loop.watch(transport);
    REQUIRE(transport.start(receiver) == std::error_code{});
    REQUIRE(transport.adopt(ends[0]) == std::error_code{});
    REQUIRE(loop.drive([&] { return receiver.open.size() == 1; }));
    char text[] = "AAAA";
    ::iovec part{text, 4};
    alignas(::cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
    ::msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    ::cmsghdr* const passed = CMSG_FIRSTHDR(&message);
    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(sizeof(int));
    const int standard_input = 0;
    std::memcpy(CMSG_DATA(passed), &standard_input, sizeof standard_input);
    REQUIRE(::sendmsg(ends[1], &message, 0) == 4);
    REQUIRE(::send(ends[1], "BBBB", 4, 0) == 4);
    CHECK(loop.drive([&] { return receiver.data == "AAAABBBB"; }));
    ::close(ends[1]);
  }
}

TEST_CASE("an end comes before a function that was posted after it", "[transport]") {
  loop_type loop;
  listener receiver;
  epoll_transport transport;
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  int closed_before = -1;
  receiver.when_open = [&](connection& c) {
    transport.abort(c);
    transport.post([&] { closed_before = receiver.closed; });
  };
  const auto peer = loop.peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop.drive([&] { return closed_before >= 0; }));
  CHECK(closed_before == 1);
}

TEST_CASE("run_ready says whether more is left, and a call inside a callback does nothing", "[transport]") {
  loop_type loop;
  listener receiver;
  epoll_transport transport(options{.read_buffer_bytes = 100});
  loop.watch(transport);
  CHECK_FALSE(transport.run_ready());
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto peer = loop.peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop.drive([&] { return receiver.open.size() == 1; }));
  loop.settle();
  bool inside = true;
  receiver.when_data = [&] { inside = transport.run_ready(); };
  peer->send(std::string(250, 'x'));
  while (!is_readable(transport.fd())) {
  }
  CHECK(transport.run_ready());
  CHECK(receiver.data.size() == 100);
  CHECK_FALSE(inside);
  CHECK(is_readable(transport.fd()));
  while (transport.run_ready()) {
  }
  CHECK(receiver.data.size() == 250);
}

TEST_CASE("a call from outside of a turn wakes the host of epoll_transport", "[transport]") {
  loop_type loop;
  listener receiver;
  epoll_transport transport;
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto peer = loop.peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop.drive([&] { return receiver.open.size() == 1; }));
  loop.settle();

  SECTION("abort") {
    transport.abort(*receiver.open.front());
    REQUIRE(is_readable(transport.fd()));
    transport.run_ready();
    CHECK(receiver.closed == 1);
    CHECK(receiver.reason == std::errc::operation_canceled);
  }
  SECTION("resume_reading of what had come") {
    transport.pause_reading(*receiver.open.front());
    peer->send("kept");
    loop.settle();
    CHECK(receiver.data.empty());
    transport.resume_reading(*receiver.open.front());
    REQUIRE(is_readable(transport.fd()));
    transport.run_ready();
    CHECK(receiver.data == "kept");
  }
  SECTION("post") {
    bool ran = false;
    transport.post([&] { ran = true; });
    REQUIRE(is_readable(transport.fd()));
    transport.run_ready();
    CHECK(ran);
  }
}

TEST_CASE("a posted function that throws loses none of the others", "[transport]") {
  listener receiver;
  epoll_transport transport;
  REQUIRE(transport.start(receiver) == std::error_code{});
  bool ran = false;
  transport.post([] { throw std::runtime_error("of the host"); });
  transport.post([&] { ran = true; });
  CHECK_THROWS_AS(transport.run_ready(), std::runtime_error);
  CHECK(is_readable(transport.fd()));
  transport.run_ready();
  CHECK(ran);
}

TEST_CASE("wait_ready is a loop of its own", "[transport]") {
  listener receiver;
  epoll_transport transport;
  REQUIRE(transport.start(receiver) == std::error_code{});
  bool ran = false;
  std::thread other([&] {
    transport.post([&] {
      ran = true;
      transport.stop();
    });
  });
  while (!ran) transport.wait_ready(std::chrono::hours(1));
  other.join();
  CHECK_FALSE(transport.wait_ready(std::chrono::hours(1)));
}

TEST_CASE("epoll_transport::runs_elsewhere tells who is beside the loop", "[transport]") {
  listener receiver;
  epoll_transport transport;
  const auto asked_elsewhere = [&] {
    bool answer = false;
    std::thread([&] { answer = transport.runs_elsewhere(); }).join();
    return answer;
  };
  CHECK_FALSE(transport.runs_elsewhere());
  CHECK_FALSE(asked_elsewhere());
  REQUIRE(transport.start(receiver) == std::error_code{});
  transport.run_ready();
  CHECK_FALSE(transport.runs_elsewhere());
  CHECK(asked_elsewhere());
  std::thread([&] { transport.run_ready(); }).join();  // and has ended
  CHECK_FALSE(transport.runs_elsewhere());
}

// ------------------------------------------------------------------------------------------------------ listening

TEST_CASE("epoll_transport: an address in use is reported, and start works once it is free", "[transport]") {
  loop_type loop;
  listener first_receiver;
  listener second_receiver;
  std::optional<epoll_transport> first(std::in_place);
  REQUIRE(first->start(first_receiver) == std::error_code{});
  const std::uint16_t port = first->port();
  epoll_transport second(options{.port = port});
  loop.watch(second);
  CHECK(second.start(second_receiver) == std::errc::address_in_use);
  CHECK(second.start(second_receiver) == std::errc::address_in_use);
  first.reset();
  REQUIRE(second.start(second_receiver) == std::error_code{});
  CHECK(second.port() == port);
  const auto peer = loop.peers.add(socket_peer::tcp(port));
  REQUIRE(loop.drive([&] { return second_receiver.open.size() == 1; }));
  CHECK(second_receiver.open.front()->remote_address().starts_with("127.0.0.1:"));
}

TEST_CASE("several addresses lead to one receiver of epoll_transport, or to none", "[transport]") {
  loop_type loop;
  scratch_directory directory;
  listener receiver;
  const std::string path = directory.file("socket");
  SECTION("all") {
    epoll_transport transport(std::vector{options{.unix_path = path}, options{}, options{.address = "::1"}});
    loop.watch(transport);
    if (transport.start(receiver)) return;  // a machine without IPv6
    const auto one = loop.peers.add(socket_peer::tcp(transport.port()));
    const auto two = loop.peers.add(socket_peer::local(path));
    REQUIRE(loop.drive([&] { return receiver.open.size() == 2; }));
    CHECK((receiver.open[0]->remote_address() == "unix") != (receiver.open[1]->remote_address() == "unix"));
    transport.stop_accepting();
    CHECK_FALSE(std::filesystem::exists(path));
  }
  SECTION("one of them is no address") {
    const int given = listening();
    epoll_transport transport(
        std::vector{options{.unix_path = path}, options{.descriptor = given}, options{.address = "no address"}});
    loop.watch(transport);
    CHECK(transport.start(receiver) == std::errc::invalid_argument);
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK(socket_peer::tcp(port_of(given))->connected());  // it is the caller's still
    ::close(given);
    CHECK(loop.finish());
  }
}

TEST_CASE("an accepted socket has its options from the listener", "[transport]") {
  loop_type loop;
  listener receiver;
  epoll_transport transport(options{.socket_send_buffer = 30'000, .user_timeout = std::chrono::milliseconds(1'500)});
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const auto peer = loop.peers.add(socket_peer::tcp(transport.port()));
  REQUIRE(loop.drive([&] { return receiver.open.size() == 1; }));
  // The socket in this process whose peer is the connection's.
  int accepted = 1024;
  while (--accepted >= 0) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    if (::getpeername(accepted, reinterpret_cast<sockaddr*>(&at), &size) != 0 || at.sin_family != AF_INET) continue;
    if (receiver.open.front()->remote_address() == "127.0.0.1:" + std::to_string(ntohs(at.sin_port))) break;
  }
  const auto value_of = [&](int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    REQUIRE(::getsockopt(accepted, level, name, &value, &size) == 0);
    return value;
  };
  CHECK(value_of(IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(value_of(IPPROTO_TCP, TCP_USER_TIMEOUT) == 1'500);
  CHECK(value_of(SOL_SOCKET, SO_SNDBUF) == 60'000);  // Linux doubles it
}

TEST_CASE("epoll_transport accepts again after the process was without descriptors", "[transport]") {
  struct descriptor_limit {
    descriptor_limit() {
      ::getrlimit(RLIMIT_NOFILE, &before);
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
  loop_type loop;
  listener receiver;
  epoll_transport transport;
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  std::vector<std::shared_ptr<socket_peer>> knocking;
  for (int i = 0; i < 100; ++i) knocking.push_back(loop.peers.add(socket_peer::tcp(transport.port())));
  bool turned_away = false;
  {
    const descriptor_limit none_left;
    turned_away =
        loop.drive([&] { return std::ranges::all_of(knocking, [](const auto& p) { return p->closed_by_server(); }); });
  }
  CHECK(turned_away);
  CHECK(receiver.open.empty());
  CHECK(transport.turned_away() == knocking.size());
  const auto welcome = loop.peers.add(socket_peer::tcp(transport.port()));
  CHECK(loop.drive([&] { return receiver.open.size() == 1; }));
}

// --------------------------------------------------------------------------------------------------- adopting

TEST_CASE("epoll_transport: bytes that the host had read come first, and the host may name the peer", "[transport]") {
  loop_type loop;
  listener receiver;
  epoll_transport transport(options{.listen = false, .read_buffer_bytes = 1'000});
  loop.watch(transport);
  REQUIRE(transport.start(receiver) == std::error_code{});
  const int own = listening();
  const auto peer = loop.peers.add(socket_peer::tcp(port_of(own)));
  sockaddr_in named{};
  named.sin_family = AF_INET;
  named.sin_port = htons(40312);
  named.sin_addr.s_addr = htonl(0xC0000207);
  const std::string early = conformance::pattern(2'500);
  CHECK(transport.adopt(::accept(own, nullptr, nullptr), early, reinterpret_cast<const sockaddr*>(&named),
                        sizeof named) == std::error_code{});
  ::close(own);
  CHECK(receiver.open.empty());
  peer->send("and more");
  REQUIRE(loop.drive([&] { return receiver.data.size() == early.size() + 8; }));
  CHECK((receiver.data == early + "and more"));
  CHECK(receiver.open.front()->remote_address() == "192.0.2.7:40312");
}

TEST_CASE("a socket that epoll_transport cannot adopt is closed", "[transport]") {
  loop_type loop;
  epoll_transport transport;
  loop.watch(transport);
  const int own = listening();
  const auto peer = loop.peers.add(socket_peer::tcp(port_of(own)));
  CHECK(transport.adopt(::accept(own, nullptr, nullptr)) == hotline::errc::not_running);
  ::close(own);
  CHECK(loop.drive([&] { return peer->closed_by_server(); }));
  CHECK(transport.adopt(-1));
}

// --------------------------------------------------------------------------------------------- who lives longer

TEST_CASE("an epoll_transport may be destroyed with open connections, and in its callbacks", "[transport]") {
  socket_peers peers;
  listener receiver;
  auto transport = std::make_unique<epoll_transport>(small_buffers());
  REQUIRE(transport->start(receiver) == std::error_code{});
  const auto turns_until = [&](const std::function<bool()>& done) {
    while (!done()) {
      peers.pump();
      transport->run_ready();
    }
  };
  const auto idle = peers.add(socket_peer::tcp(transport->port()));
  const auto full = peers.add(socket_peer::tcp(transport->port()));
  full->stall(true);
  turns_until([&] { return receiver.open.size() == 2; });
  const std::string block = conformance::pattern(1024 * 1024);
  for (connection* const c : receiver.open)
    while (transport->write(*c, std::array{std::string_view(block)}) == block.size()) {
    }
  SECTION("outside") { transport.reset(); }
  SECTION("from a callback") {
    receiver.when_data = [&] { transport.reset(); };
    idle->send("go");
    turns_until([&] { return transport == nullptr; });
  }
  SECTION("from the callback that brings a connection") {
    receiver.when_open = [&](connection&) { transport.reset(); };
    const auto third = peers.add(socket_peer::tcp(transport->port()));
    turns_until([&] { return transport == nullptr; });
  }
  SECTION("from a posted function") {
    transport->post([&] { transport.reset(); });
    turns_until([&] { return transport == nullptr; });
  }
  CHECK(receiver.closed == 0);
}

TEST_CASE("a moved epoll_transport goes on", "[transport]") {
  loop_type loop;
  listener receiver;
  epoll_transport first;
  epoll_transport second(std::move(first));
  loop.watch(second);
  REQUIRE(second.start(receiver) == std::error_code{});
  const auto peer = loop.peers.add(socket_peer::tcp(second.port()));
  CHECK(loop.drive([&] { return receiver.open.size() == 1; }));
}

TEST_CASE("a connection of epoll_transport is small", "[transport]") { CHECK(sizeof(connection) <= 104); }
