// Which names a server answers to, and that a name which a stranger has rebound to it is none of them.
#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/scratch_directory.hpp"
#include "transport/socket_kinds.hpp"

using namespace hotline;

namespace {

std::string upgrade_of(std::string_view name, std::string_view target = "/ws/p") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(name) + "\r\nOrigin: http://" +
         std::string(name) +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

std::string page_of(std::string_view name, std::string_view target, std::string_view method = "GET") {
  return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(name) + "\r\n\r\n";
}

template <class Kind>
struct host {
  explicit host(manager_options options = {}, listen_options where = {})
      : manager(Kind::make(loop, std::move(where)), events, std::move(options)) {
    loop.watch(manager.transport());
    manager.on_http([this](const http_request&) {
      ++pages;
      return http_response{.body = "a page\n"};
    });
    manager.on_log([this](log_level, std::string_view line) { lines.emplace_back(line); }).release();
    REQUIRE_FALSE(manager.start());
  }

  std::string answer(std::string_view request, std::string_view begins = {}) {
    const auto peer =
        loop.peers.add(path.empty() ? socket_peer::tcp(manager.transport().port()) : socket_peer::local(path));
    if (!begins.empty()) peer->send(begins);
    peer->send(request);
    REQUIRE(loop.drive([&] { return peer->closed_by_server() || peer->received().starts_with("HTTP/1.1 101"); }));
    return peer->received();
  }
  int status(std::string_view request, std::string_view begins = {}) {
    return std::stoi(answer(request, begins).substr(9, 3));
  }
  int upgrade(std::string_view name) { return status(upgrade_of(name)); }

  typename Kind::loop_type loop;
  event_emitter events;
  ws_manager<typename Kind::transport_type> manager;
  std::string path;
  std::vector<std::string> lines;
  int pages = 0;
};

}  // namespace

TEMPLATE_TEST_CASE("a name that a stranger has rebound to a loopback address is not served", "[manager]", over_asio,
                   over_epoll) {
  host<TestType> h;
  const std::string evil = "evil.example:9803";
  CHECK(h.upgrade(evil) == 421);
  CHECK(h.lines.back().find(" was answered 421: hosts, which does not list evil.example:9803") != std::string::npos);
  CHECK(h.status(page_of(evil, "/hotline.js")) == 421);
  CHECK(h.status(page_of(evil, "/")) == 421);
  CHECK(h.status(page_of(evil, "/", "HEAD")) == 421);
  CHECK(h.status(page_of(evil, "/", "OPTIONS")) == 421);
  CHECK(h.status(page_of(evil, "/", "DELETE")) == 421);
  CHECK(h.status(page_of("localhost", "http://evil.example/")) == 421);
  CHECK(h.pages == 0);
  CHECK(h.manager.metrics().http_answers[http_status{421}] == 7);
  CHECK(h.manager.metrics().connections == 0);
  CHECK(metric_name(http_status{421}) == "421");
  const std::string told = h.answer(page_of(evil, "/"));
  CHECK(told.find("evil") == std::string::npos);
  CHECK(told.find("manager_options::hosts") != std::string::npos);
  CHECK(told.find("Content-Type: text/plain") != std::string::npos);
}

TEMPLATE_TEST_CASE("a loopback address is served by its names, however they are written", "[manager]", over_asio,
                   over_epoll) {
  host<TestType> h;
  for (const std::string_view name :
       {"localhost", "LOCALHOST", "LocalHost:9803", "localhost:", "localhost.", "localhost.:80", "app.localhost",
        "a.b.LOCALHOST.:1", "127.0.0.1", "127.0.0.1:65535", "127.255.3.4", "[::1]", "[::1]:80", "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]", "[::FFFF:7f00:1]:8080", "[::0001]"}) {
    INFO(name);
    CHECK(h.upgrade(name) == 101);
    CHECK(h.status(page_of(name, "/")) == 200);
    CHECK(h.status(page_of(name, "/hotline.js")) == 200);
  }
  for (const std::string_view name : {"evil.example",
                                      "localhost.evil.example",
                                      "evillocalhost",
                                      ".localhost",
                                      "localhost..",
                                      "127.0.0.1.evil.example",
                                      "128.0.0.1",
                                      "0.0.0.0",
                                      "192.168.0.7",
                                      "127.1",
                                      "2130706433",
                                      "0x7f.0.0.1",
                                      "0177.0.0.1",
                                      "127.0.0.01",
                                      "local%68ost",
                                      "[::2]",
                                      "[::]",
                                      "[2001:db8::1]",
                                      "[::ffff:192.0.2.1]",
                                      "[::127.0.0.1]",
                                      "[v1.a]",
                                      "app.local"}) {
    INFO(name);
    CHECK(h.upgrade(name) == 421);
    CHECK(h.status(page_of(name, "/")) == 421);
  }
  CHECK(h.status(page_of("", "/")) == 421);
  CHECK(h.status(page_of("local host", "/")) == 400);
  CHECK(h.status(page_of("[::1", "/")) == 400);
  // No browser, and no upgrade: HTTP/1.0 without a name.
  CHECK(h.status("GET / HTTP/1.0\r\n\r\n") == 200);
  CHECK(h.status("GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n") == 421);
}

TEMPLATE_TEST_CASE("where the host says who comes in, any name is served by default", "[manager]", over_asio,
                   over_epoll) {
  SECTION("authenticate") {
    host<TestType> h;
    h.manager.authenticate([](const http_request&, std::string_view) { return admission{"ada"}; });
    CHECK(h.upgrade("app.example") == 101);
    CHECK(h.status(page_of("app.example", "/")) == 200);
  }
  SECTION("client_address") {
    host<TestType> h;
    h.manager.client_address([](const http_request& q) { return q.forwarded_for(1); });
    CHECK(h.upgrade("app.example") == 101);
    h.manager.client_address(nullptr);
    CHECK(h.upgrade("app.example") == 421);
  }
  SECTION("the PROXY protocol") {
    host<TestType> h({}, {.proxy_protocol = true});
    CHECK(h.status(upgrade_of("app.example"), "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n") == 101);
    CHECK(h.status(upgrade_of("app.example"), "PROXY UNKNOWN\r\n") == 101);
  }
  SECTION("a listener for other machines") {
    host<TestType> h({}, {.address = "0.0.0.0"});
    CHECK(h.upgrade("app.example") == 101);
  }
  SECTION("a Unix socket") {
    const scratch_directory directory;
    host<TestType> h({}, {.unix_path = directory.file("s")});
    h.path = directory.file("s");
    CHECK(h.upgrade("app.example") == 101);
  }
  SECTION("the rule is said to be none") {
    host<TestType> h({.hosts = {"*"}});
    CHECK(h.upgrade("app.example") == 101);
  }
}

TEMPLATE_TEST_CASE("each address of the loopback network is one", "[manager]", over_asio, over_epoll) {
  host<TestType> four({}, {.address = "127.0.0.1"});
  CHECK(four.upgrade("app.example") == 421);
  for (const char* const address : {"::1", "::ffff:127.0.0.1"}) {
    typename TestType::loop_type loop;
    event_emitter events;
    ws_manager<typename TestType::transport_type> manager(TestType::make(loop, listen_options{.address = address}),
                                                          events);
    loop.watch(manager.transport());
    if (manager.start()) continue;  // no IPv6 here
    const auto peer = loop.peers.add(socket_peer::to(named_peer(address, manager.transport().port())));
    peer->send(upgrade_of("app.example"));
    REQUIRE(loop.drive([&] { return peer->closed_by_server(); }));
    CHECK(peer->received().starts_with("HTTP/1.1 421"));
  }
}

TEMPLATE_TEST_CASE("the names that the host lists are served, and no others, wherever it listens", "[manager]",
                   over_asio, over_epoll) {
  for (const char* const address : {"127.0.0.1", "0.0.0.0"}) {
    host<TestType> h({.hosts = {"app.example", "Other.Example.", "[2001:db8::1]", "192.0.2.1", "api.example:8443",
                                "old.example:80"}},
                     {.address = address});
    h.manager.authenticate([](const http_request&, std::string_view) { return admission{"ada"}; });
    for (const std::string_view name :
         {"app.example", "APP.example:9803", "app.example.", "other.example", "other.example.:80", "[2001:DB8:0::1]:1",
          "192.0.2.1:7", "api.example:8443", "API.example:08443", "old.example", "old.example:80"}) {
      INFO(name);
      CHECK(h.upgrade(name) == 101);
      CHECK(h.status(page_of(name, "/")) == 200);
    }
    for (const std::string_view name :
         {"localhost", "127.0.0.1", "[::1]", "evil.example", "x.app.example", "app.example.evil", "192.0.2.2",
          "[2001:db8::2]", "api.example", "api.example:8444", "old.example:443"}) {
      INFO(name);
      CHECK(h.upgrade(name) == 421);
      CHECK(h.status(page_of(name, "/hotline.js")) == 421);
    }
  }
}

TEST_CASE("the list holds over any transport, the default where there are listeners", "[manager]") {
  for (const bool is_listed : {false, true}) {
    event_emitter events;
    manager_options options;
    if (is_listed) options.hosts = {"app.example"};
    ws_manager<memory_transport> manager(memory_transport(), events, options);
    REQUIRE_FALSE(manager.start());
    const auto peer = manager.transport().connect();
    peer->send(upgrade_of("evil.example"));
    manager.transport().run();
    CHECK(peer->received().starts_with(is_listed ? "HTTP/1.1 421" : "HTTP/1.1 101"));
  }
}

TEST_CASE("an entry of hosts that no Host can equal is refused", "[manager]") {
  event_emitter events;
  const auto make = [&](std::string entry) {
    ws_manager<memory_transport> manager(memory_transport(), events, {.hosts = {"localhost", std::move(entry)}});
  };
  for (const char* const entry : {"",
                                  "https://app.example",
                                  "app.example/",
                                  "app.example/ws",
                                  " app.example",
                                  "app.example ",
                                  "app .example",
                                  "::1",
                                  "[::1",
                                  "[::1]x",
                                  "*.example",
                                  "app.*",
                                  "a,b",
                                  "user@app.example",
                                  "app.example:port",
                                  "app.example:65536",
                                  "127.1",
                                  "0x7f000001",
                                  "127.0.0.01",
                                  "caf\xc3\xa9.example",
                                  "app%2eexample",
                                  "[v1.a]",
                                  ":80",
                                  "."}) {
    INFO(entry);
    CHECK_THROWS_AS(make(entry), std::invalid_argument);
  }
  for (const char* const entry : {"*", "localhost", "app.example.", "APP_1.example", "app.example:8443", "[::1]",
                                  "[::1]:80", "127.0.0.1", "xn--caf-dma.example"}) {
    INFO(entry);
    CHECK_NOTHROW(make(entry));
  }
}
