// A manager over the sockets of any transport: hooks that destroy it, PROXY headers, and the permissions of Unix sockets.
#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>
#include <transport/scratch_directory.hpp>
#include <transport/socket_kinds.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using namespace hotline;

namespace {

constexpr std::string_view upgrade =
    "GET /ws/p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

template <class Kind>
using manager_over = ws_manager<typename Kind::transport_type>;

}  // namespace

TEMPLATE_TEST_CASE("over sockets too, any hook may destroy the manager, and nothing of it keeps the loop busy",
                   "[manager]", over_asio, over_epoll) {
  typename TestType::loop_type loop;
  event_emitter events;
  std::unique_ptr<manager_over<TestType>> manager(
      new manager_over<TestType>(TestType::make(loop, listen_options{}), events));
  loop.watch(manager->transport());
  REQUIRE_FALSE(manager->start());
  const auto end = [&] {
    manager.reset();
    loop.forget();
  };
  SECTION("a handler") {
    manager->on_command("go", [&](const request&) { end(); });
  }
  SECTION("on_connect") {
    manager->on_connect([&](const connection_info&) { end(); }).release();
  }
  SECTION("on_disconnect") {
    manager->on_command("go", [&](const request& q) { REQUIRE_FALSE(manager->disconnect(q.connection_id())); });
    manager->on_disconnect([&](const connection_info&, const disconnection&) { end(); }).release();
  }
  SECTION("an authentication that was answered later") {
    manager->authenticate(
        [&](const http_request&, std::string_view, admission_responder r) { std::move(r).answer({"ada"}); });
    manager->on_command("go", [&](const request&) { end(); });
  }
  SECTION("the completion of stop") {
    manager->on_command("go", [&](const request&) { manager->stop(end); });
  }
  SECTION("a posted function") {
    manager->on_command("go", [&](const request&) { manager->post(end); });
  }
  const auto client = [&] {
    auto peer = loop.peers.add(socket_peer::tcp(manager->transport().port()));
    peer->send(upgrade);
    peer->send(hotline_test::client_frame(0x81, R"({"command":"go"})"));
    return peer;
  };
  const auto a = client(), b = client();
  // A client that was sent away goes.
  const auto is_over = [](const auto& peer) {
    if (peer->received().find("disconnected") != std::string::npos) peer->close();
    return peer->closed_by_server();
  };
  REQUIRE(loop.drive([&] { return is_over(a) && is_over(b); }));
  REQUIRE(loop.drive([&] { return manager == nullptr; }));
  CHECK(loop.finish());
}

// -------------------------------------------------------------------------------------------- PROXY protocol

namespace {

template <class Kind>
struct proxied_host {
  explicit proxied_host(manager_options options = {}) {
    manager.reset(
        new manager_over<Kind>(Kind::make(loop, listen_options{.proxy_protocol = true}), events, std::move(options)));
    loop.watch(manager->transport());
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

  typename Kind::loop_type loop;
  event_emitter events;
  std::unique_ptr<manager_over<Kind>> manager;
  std::vector<std::string> connected;
  std::vector<std::string> log;
};

}  // namespace

TEMPLATE_TEST_CASE("a client behind a proxy has the address that its PROXY header names", "[manager]", over_asio,
                   over_epoll) {
  proxied_host<TestType> h;
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

TEMPLATE_TEST_CASE("limits count by the address that a PROXY header names", "[manager]", over_asio, over_epoll) {
  proxied_host<TestType> h({.connections = {.per_address = 1}});
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

TEMPLATE_TEST_CASE("a socket without a PROXY header is counted and logged, and no client of the host's", "[manager]",
                   over_asio, over_epoll) {
  proxied_host<TestType> h;
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

TEMPLATE_TEST_CASE("a proxy's health checks are answered", "[manager]", over_asio, over_epoll) {
  proxied_host<TestType> h;
  h.manager->on_http([](const http_request& q) { return http_response{.body = q.remote_address}; });
  const auto peer = h.knock("PROXY UNKNOWN\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  REQUIRE(h.loop.drive([&] { return peer->closed_by_server(); }));
  CHECK(peer->received().find("\r\n\r\n127.0.0.1:") != std::string::npos);
}

TEMPLATE_TEST_CASE("a hook that receives a bad PROXY header may destroy the manager", "[manager]", over_asio,
                   over_epoll) {
  proxied_host<TestType> h;
  h.manager
      ->on_log([&](log_level, std::string_view) {
        h.manager.reset();
        h.loop.forget();
      })
      .release();
  const auto bad = h.knock("GET / HTTP/1.1\r\n\r\n");
  CHECK(h.loop.drive([&] { return h.manager == nullptr; }));
  CHECK(h.loop.finish());
}

TEMPLATE_TEST_CASE("a manager counts an adopted client by the address that the host gives", "[manager]", over_asio,
                   over_epoll) {
  proxied_host<TestType> h({.connections = {.per_address = 1}});
  const own_listener host;
  std::vector<std::shared_ptr<socket_peer>> peers;
  for (const char* const address : {"192.0.2.7", "192.0.2.7", "192.0.2.8"}) {
    peers.push_back(h.loop.peers.add(socket_peer::tcp(host.port())));
    REQUIRE_FALSE(TestType::adopt(h.loop, h.manager->transport(), host.accept(), upgrade, named_peer(address, 40312)));
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

// The file of a Unix socket whose server has died.
void leave_socket(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(dead, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  REQUIRE(::listen(dead, 1) == 0);
  ::close(dead);
}

template <class Kind>
struct unix_host {
  std::error_code start(listen_options options) {
    options.unix_path = path;
    manager.reset(new manager_over<Kind>(Kind::make(loop, std::move(options)), events));
    loop.watch(manager->transport());
    return manager->start();
  }
  bool answers() {
    const auto peer = loop.peers.add(socket_peer::local(path));
    peer->send(upgrade);
    return peer->connected() && loop.drive([&] { return peer->received().find("\"connected\"") != std::string::npos; });
  }

  scratch_directory directory;
  std::string path = directory.file("socket");
  typename Kind::loop_type loop;
  event_emitter events;
  std::unique_ptr<manager_over<Kind>> manager;
};

}  // namespace

TEMPLATE_TEST_CASE("a Unix socket has the mode and the group that its options name", "[manager]", over_asio,
                   over_epoll) {
  unix_host<TestType> h;
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

TEMPLATE_TEST_CASE("only those whom a Unix socket's mode lets in get in", "[manager]", over_asio, over_epoll) {
  if (::geteuid() != 0) return;  // it takes two users
  unix_host<TestType> h;
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

TEMPLATE_TEST_CASE("a mode or a group that cannot be is an error of start and leaves no file", "[manager]", over_asio,
                   over_epoll) {
  unix_host<TestType> h;
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
    manager_over<TestType> with_mode(TestType::make(h.loop, listen_options{.unix_mode = 0660}), h.events);
    manager_over<TestType> with_group(TestType::make(h.loop, listen_options{.unix_group = "0"}), h.events);
    CHECK(with_mode.start() == std::errc::invalid_argument);
    CHECK(with_group.start() == std::errc::invalid_argument);
  }
  CHECK_FALSE(std::filesystem::exists(h.path));
  REQUIRE_FALSE(h.start({}));
  CHECK(h.answers());
}

TEMPLATE_TEST_CASE("options that cannot be do not touch the socket that a dead server left", "[manager]", over_asio,
                   over_epoll) {
  unix_host<TestType> h;
  leave_socket(h.path);
  const ino_t before = status_of(h.path).st_ino;
  CHECK(h.start({.unix_mode = 01777}) == std::errc::invalid_argument);
  CHECK(h.start({.unix_group = "no-such-group-anywhere"}) == std::errc::invalid_argument);
  CHECK(status_of(h.path).st_ino == before);
}
