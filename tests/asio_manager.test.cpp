#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/make_ws_manager.hpp>
#include <memory_client.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/execution/blocking.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/read_until.hpp>
#include <asio/require.hpp>
#include <asio/strand.hpp>
#include <asio/write.hpp>
#include <transport/socket_loop.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace hotline;
using namespace std::chrono_literals;

namespace {

struct real_host {
  real_host() {
    manager.reset(new manager_type(asio_transport(io, listen_options{.port = 0}), events));
    REQUIRE_FALSE(manager->start());
    port = manager->transport().port();
  }
  using manager_type = ws_manager<asio_transport>;

  asio::io_context io{1};
  event_emitter events;
  std::unique_ptr<manager_type> manager;
  std::uint16_t port = 0;
};

// A client on the same loop: it upgrades, sends one message, and reads until the end.
struct real_client {
  explicit real_client(real_host& h) : socket(h.io) {
    socket.connect({asio::ip::address_v4::loopback(), h.port});
    asio::write(socket,
                asio::buffer("GET /ws/p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" +
                             hotline_test::client_frame(0x81, R"({"command":"go"})")));
    read();
  }
  void read() {
    socket.async_read_some(asio::buffer(buffer), [this](std::error_code failed, std::size_t n) {
      received.append(buffer.data(), n);
      if (failed)
        ended = true;
      else
        read();
    });
  }
  asio::ip::tcp::socket socket;
  std::vector<char> buffer = std::vector<char>(4096);
  std::string received;
  bool ended = false;
};

}  // namespace

TEST_CASE("over sockets too, any hook may destroy the manager, and io_context::run returns", "[manager]") {
  real_host h;
  const auto end = [&] { h.manager.reset(); };
  SECTION("a handler") {
    h.manager->on_command("go", [&](const request&) { end(); });
  }
  SECTION("on_connect") {
    h.manager->on_connect([&](const connection_info&) { end(); }).release();
  }
  SECTION("on_disconnect") {
    h.manager->on_command("go", [&](const request& q) { REQUIRE_FALSE(h.manager->disconnect(q.connection_id())); });
    h.manager->on_disconnect([&](const connection_info&, const disconnection&) { end(); }).release();
  }
  SECTION("an authentication that was answered later") {
    h.manager->authenticate(
        [&](const http_request&, std::string_view, admission_responder r) { std::move(r).answer({"ada"}); });
    h.manager->on_command("go", [&](const request&) { end(); });
  }
  SECTION("the completion of stop") {
    h.manager->on_command("go", [&](const request&) { h.manager->stop(end); });
  }
  SECTION("a posted function") {
    h.manager->on_command("go", [&](const request&) { h.manager->post(end); });
  }
  real_client a(h), b(h);
  while (!a.ended || !b.ended) {
    h.io.run_one();
    // A client that was sent away goes.
    if (a.received.find("disconnected") != std::string::npos) a.socket.close();
    if (b.received.find("disconnected") != std::string::npos) b.socket.close();
  }
  h.io.run();
  CHECK(h.manager == nullptr);
}

// ------------------------------------------------------------------------------------- a stopped io_context

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
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
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

// -------------------------------------------------------------------------------------------- PROXY protocol

namespace {

struct proxied_host {
  explicit proxied_host(manager_options options = {}, listen_options where = {}) {
    where.proxy_protocol = true;
    manager.reset(
        new ws_manager<asio_transport>(asio_transport(loop.io, std::move(where)), events, std::move(options)));
    manager->on_connect([this](const connection_info& c) { connected.push_back(c.remote_address); }).release();
    manager->on_log([this](log_level, std::string_view text) { log.emplace_back(text); }).release();
    REQUIRE_FALSE(manager->start());
  }
  auto knock(std::string_view bytes) {
    auto peer = loop.peers.add(socket_peer::tcp(manager->transport().port()));
    peer->send(bytes);
    return peer;
  }
  auto come(std::string_view address) {
    return knock("PROXY TCP4 " + std::string(address) + " 198.51.100.1 40312 443\r\n" + std::string(upgrade));
  }

  socket_loop loop;
  event_emitter events;
  std::unique_ptr<ws_manager<asio_transport>> manager;
  std::vector<std::string> connected;
  std::vector<std::string> log;
};

}  // namespace

TEST_CASE("a client behind a proxy has the address that its PROXY header names", "[manager]") {
  proxied_host h;
  std::string asked;
  h.manager->authenticate([&](const http_request& q, std::string_view) {
    asked = q.remote_address;
    return admission{"ada"};
  });
  const auto peer = h.come("192.0.2.7");
  REQUIRE(h.loop.drive([&] { return peer->received().find("\"connected\"") != std::string::npos; }));
  CHECK(h.connected == std::vector<std::string>{"192.0.2.7:40312"});
  CHECK(asked == "192.0.2.7:40312");
  CHECK(h.manager->connections().at(0).remote_address == "192.0.2.7:40312");
}

TEST_CASE("limits count by the address that a PROXY header names", "[manager]") {
  proxied_host h({.connections = {.per_address = 1}});
  const auto is_in = [](const auto& peer) { return peer->received().starts_with("HTTP/1.1 101 "); };
  const auto is_answered = [](const auto& peer) { return peer->received().find("\r\n\r\n") != std::string::npos; };
  const auto first = h.come("192.0.2.7");
  REQUIRE(h.loop.drive([&] { return is_answered(first); }));
  const auto second = h.come("192.0.2.7");
  const auto other = h.come("192.0.2.8");
  REQUIRE(h.loop.drive([&] { return is_answered(second) && is_answered(other); }));
  CHECK(is_in(first));
  CHECK(second->received().starts_with("HTTP/1.1 429 "));
  CHECK(is_in(other));
}

TEST_CASE("a socket without a PROXY header is counted and logged, and no client of the host's", "[manager]") {
  proxied_host h;
  const auto bad = h.knock(upgrade);
  REQUIRE(h.loop.drive([&] { return bad->closed_by_server(); }));
  CHECK(bad->received().empty());
  CHECK(h.connected.empty());
  CHECK(h.manager->metrics().refused_sockets == 1);
  CHECK(h.manager->metrics().accepted == 0);
  REQUIRE(h.log.size() == 1);
  CHECK(h.log[0].starts_with("127.0.0.1:"));
  CHECK(h.log[0].find(" was cut off: Protocol error") != std::string::npos);
  const auto good = h.come("192.0.2.7");
  CHECK(h.loop.drive([&] { return h.connected.size() == 1; }));
}

TEST_CASE("a proxy's health checks are answered", "[manager]") {
  proxied_host h;
  h.manager->on_http([](const http_request& q) { return http_response{.body = q.remote_address}; });
  const auto peer = h.knock("PROXY UNKNOWN\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  REQUIRE(h.loop.drive([&] { return peer->closed_by_server(); }));
  CHECK(peer->received().find("\r\n\r\n127.0.0.1:") != std::string::npos);
}

TEST_CASE("a hook that receives a bad PROXY header may destroy the manager", "[manager]") {
  proxied_host h;
  h.manager->on_log([&](log_level, std::string_view) { h.manager.reset(); }).release();
  const auto bad = h.knock("GET / HTTP/1.1\r\n\r\n");
  CHECK(h.loop.drive([&] { return h.manager == nullptr; }));
  CHECK(h.loop.finish());
}

TEST_CASE("a manager counts an adopted client by the address that the host gives", "[manager]") {
  proxied_host h({.connections = {.per_address = 1}});
  asio::ip::tcp::acceptor acceptor(h.loop.io, {asio::ip::address_v4::loopback(), 0});
  std::vector<std::shared_ptr<socket_peer>> peers;
  for (const char* const address : {"192.0.2.7", "192.0.2.7", "192.0.2.8"}) {
    peers.push_back(h.loop.peers.add(socket_peer::tcp(acceptor.local_endpoint().port())));
    const asio::ip::tcp::endpoint named(asio::ip::make_address(address), 40312);
    REQUIRE_FALSE(h.manager->transport().adopt(acceptor.accept(), upgrade, named));
    REQUIRE(h.loop.drive([&] { return peers.back()->received().find("\r\n\r\n") != std::string::npos; }));
  }
  CHECK(peers[1]->received().starts_with("HTTP/1.1 429 "));
  CHECK(h.connected == std::vector<std::string>{"192.0.2.7:40312", "192.0.2.8:40312"});
}

// ------------------------------------------------------------------------------- a Unix socket's permissions

namespace {

struct stat status_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

// A group of this process by its number, and its name, where it has one: another than the file would get by itself if
// there is any.
gid_t other_group() {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  groups.resize(static_cast<std::size_t>(std::max(0, ::getgroups(static_cast<int>(groups.size()), groups.data()))));
  if (::geteuid() == 0) groups.insert(groups.begin(), 1);  // root may give its files to any
  for (const gid_t g : groups)
    if (g != ::getegid()) return g;
  return ::getegid();
}

// As somebody who is not root, where the process is.
struct nobody {
  nobody() {
    if (::geteuid() == 0 && ::seteuid(65534) != 0) FAIL("no other user");
  }
  nobody(const nobody&) = delete;
  nobody& operator=(const nobody&) = delete;
  ~nobody() { (void)!::seteuid(::getuid()); }
};

struct unix_host {
  std::error_code start(listen_options options) {
    options.unix_path = path;
    manager.reset(new ws_manager<asio_transport>(asio_transport(loop.io, std::move(options)), events));
    return manager->start();
  }
  bool answers() {
    const auto peer = loop.peers.add(socket_peer::local(path));
    peer->send(upgrade);
    return peer->connected() && loop.drive([&] { return peer->received().find("\"connected\"") != std::string::npos; });
  }

  scratch_directory directory;
  std::string path = directory.file("socket");
  socket_loop loop;
  event_emitter events;
  std::unique_ptr<ws_manager<asio_transport>> manager;
};

}  // namespace

TEST_CASE("a Unix socket has the mode and the group that its options name", "[manager]") {
  unix_host h;
  const mode_t umask_before = ::umask(0027);
  SECTION("neither: what the process's umask says") {
    REQUIRE_FALSE(h.start({}));
    CHECK((status_of(h.path).st_mode & 07777U) == 0750);
  }
  SECTION("a mode, whatever the umask is") {
    for (const unsigned mode : {0660U, 0777U, 0600U, 0U}) {
      REQUIRE_FALSE(h.start({.unix_mode = mode}));
      CHECK((status_of(h.path).st_mode & 07777U) == mode);
    }
    REQUIRE_FALSE(h.start({.unix_mode = 0666}));
    CHECK(h.answers());
  }
  SECTION("a group by its number") {
    REQUIRE_FALSE(h.start({.unix_mode = 0660, .unix_group = std::to_string(other_group())}));
    CHECK(status_of(h.path).st_gid == other_group());
    CHECK((status_of(h.path).st_mode & 07777U) == 0660);
    CHECK(h.answers());
  }
  SECTION("a group by its name") {
    if (const struct group* const named = ::getgrgid(other_group())) {
      REQUIRE_FALSE(h.start({.unix_group = named->gr_name}));
      CHECK(status_of(h.path).st_gid == other_group());
      CHECK((status_of(h.path).st_mode & 07777U) == 0750);
    }
  }
  CHECK(::umask(umask_before) == 0027);
  h.manager.reset();
  CHECK_FALSE(std::filesystem::exists(h.path));
}

TEST_CASE("only those whom a Unix socket's mode lets in get in", "[manager]") {
  if (::geteuid() != 0) return;  // it takes two users
  unix_host h;
  std::filesystem::permissions(std::filesystem::path(h.path).parent_path(), std::filesystem::perms(0755));
  const auto lets_in = [&] {
    const nobody other;
    return socket_peer::local(h.path)->connected();
  };
  const auto lets_group_in = [&] {
    REQUIRE(::setegid(1) == 0);
    const bool does = lets_in();
    REQUIRE(::setegid(::getgid()) == 0);
    return does;
  };
  REQUIRE_FALSE(h.start({.unix_mode = 0660, .unix_group = "1"}));
  CHECK_FALSE(lets_in());
  CHECK(lets_group_in());
  REQUIRE_FALSE(h.start({.unix_mode = 0600, .unix_group = "1"}));
  CHECK_FALSE(lets_group_in());
  REQUIRE_FALSE(h.start({.unix_mode = 0666}));
  CHECK(lets_in());
}

TEST_CASE("a mode or a group that cannot be is an error of start and leaves no file", "[manager]") {
  unix_host h;
  SECTION("bits beyond permissions") {
    for (const unsigned mode : {01777U, 02660U, 04755U, 0100660U, 0170000U, ~0U})
      CHECK(h.start({.unix_mode = mode}) == std::errc::invalid_argument);
  }
  SECTION("no such group") {
    for (const char* const group :
         {"no-such-group-anywhere", "-1", "4294967295", "99999999999", "12x", " 1", "0x10", "1.5"}) {
      INFO(group);
      CHECK(h.start({.unix_group = group}) == std::errc::invalid_argument);
    }
  }
  SECTION("a group that the process may not give files to") {
    std::filesystem::permissions(std::filesystem::path(h.path).parent_path(), std::filesystem::perms(0777));
    const std::string group = ::geteuid() == 0 ? "1" : "0";
    const nobody other;
    CHECK(h.start({.unix_mode = 0660, .unix_group = group}) == std::errc::operation_not_permitted);
  }
  SECTION("a TCP port has neither") {
    asio::io_context io{1};
    auto with_mode = make_ws_manager(io, h.events, {.unix_mode = 0660});
    auto with_group = make_ws_manager(io, h.events, {.unix_group = "0"});
    CHECK(with_mode.start() == std::errc::invalid_argument);
    CHECK(with_group.start() == std::errc::invalid_argument);
  }
  CHECK_FALSE(std::filesystem::exists(h.path));
  REQUIRE_FALSE(h.start({}));
  CHECK(h.answers());
}

TEST_CASE("options that cannot be do not touch the socket that a dead server left", "[manager]") {
  unix_host h;
  { asio::local::stream_protocol::acceptor dead(h.loop.io, asio::local::stream_protocol::endpoint(h.path)); }
  const ino_t before = status_of(h.path).st_ino;
  CHECK(h.start({.unix_mode = 01777}) == std::errc::invalid_argument);
  CHECK(h.start({.unix_group = "no-such-group-anywhere"}) == std::errc::invalid_argument);
  CHECK(status_of(h.path).st_ino == before);
}
