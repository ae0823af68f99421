#include <hotline/transport/memory_dialer.hpp>

#include <catch2_any.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "dialer_conformance.hpp"
#include "late_peer.hpp"

using namespace std::chrono_literals;

namespace {

using dialer_conformance::place;

class memory_fixture {
 public:
  using dialer_type = hotline::memory_dialer;

  memory_fixture() {
    using manner = hotline::memory_place::manner;
    network_->place(address(place::accepts),
                    port()) = {.on_accept = [this](auto theirs) { expected_.arrive(std::move(theirs)); }};
    network_->place(address(place::silent), port()) = {.how = manner::silent};
    network_->place(address(place::refuses), port()) = {.how = manner::refuses, .delay = 5ms};
  }

  hotline::name_resolver resolve;

  dialer_type& dialer() { return dialer_; }
  [[nodiscard]] static std::string address(place which) { return "10.0.0." + std::to_string(static_cast<int>(which)); }
  [[nodiscard]] static std::uint16_t port() { return 6379; }
  [[nodiscard]] static hotline::dial_options accepting() {
    hotline::dial_options made;
    made.host = address(place::accepts);
    made.port = port();
    return made;
  }
  [[nodiscard]] auto accept() { return expected_.expect(); }

  bool step() {
    if (!dialer_.run_one()) dialer_.advance(1ms);
    return --patience_ > 0;
  }
  void settle() { dialer_.run(); }
  bool finish() {
    dialer_.run();
    return true;
  }

 private:
  late_peers<hotline::memory_peer> expected_;
  std::shared_ptr<hotline::memory_network> network_ = std::make_shared<hotline::memory_network>();
  dialer_type dialer_{
      network_,
      std::make_shared<hotline::manual_environment>(),
      {.resolve = [this](const std::string& name, hotline::resolve_done done) { resolve(name, std::move(done)); }}};
  int patience_ = 1'000'000;
};

}  // namespace

TEST_CASE("memory_dialer is a dialer", "[dialer]") { dialer_conformance::run<memory_fixture>(); }

// ---------------------------------------------------------------------------------------------- its network

namespace {

using hotline::memory_connection;
using manner = hotline::memory_place::manner;

struct client final : hotline::dialer_receiver<memory_connection> {
  explicit client(std::shared_ptr<hotline::memory_network> n) : network(std::move(n)) {
    REQUIRE(dialer.start(*this) == std::error_code{});
  }
  void dial(std::string host, std::uint16_t port = 6379) {
    hotline::dial_options options;
    options.host = std::move(host);
    options.port = port;
    REQUIRE(dialer.dial(options));
  }
  void on_open(memory_connection& c) override { open = &c; }
  void on_data(memory_connection&, std::span<char> bytes) override { data.append(bytes.data(), bytes.size()); }
  void on_writable(memory_connection&) override {}
  void on_closed(memory_connection&, std::error_code why) override {
    open = nullptr;
    ++closed;
    reason = why;
  }
  void on_tick() override { ++ticks; }
  void on_dial_failed(const hotline::dial_failure& f) override { failures.push_back(f); }

  std::shared_ptr<hotline::memory_network> network;
  hotline::memory_dialer dialer{network};
  memory_connection* open = nullptr;
  std::string data{};
  int closed = 0;
  int ticks = 0;
  std::error_code reason{};
  std::vector<hotline::dial_failure> failures{};
};

}  // namespace

TEST_CASE("a place accepts when its time has come, and its far ends wait to be taken", "[dialer]") {
  client c(std::make_shared<hotline::memory_network>());
  c.network->place("10.0.0.1", 6379) = {.delay = 30ms};
  c.dial("10.0.0.1");
  c.dialer.advance(29ms);
  CHECK(c.open == nullptr);
  CHECK(c.network->accept("10.0.0.1", 6379) == nullptr);
  c.dialer.advance(1ms);
  CHECK(c.open != nullptr);
  const auto theirs = c.network->accept("10.0.0.1", 6379);
  REQUIRE(theirs != nullptr);
  CHECK(c.network->accept("10.0.0.1", 6379) == nullptr);
  theirs->send("+PONG\r\n");
  c.dialer.run();
  CHECK(c.data == "+PONG\r\n");
  theirs->reset();
  c.dialer.run();
  CHECK(c.closed == 1);
  CHECK(c.reason == std::errc::connection_reset);
}

TEST_CASE("a place that is not there refuses, and one that is silent costs the whole time", "[dialer]") {
  client c(std::make_shared<hotline::memory_network>());
  c.network->place("10.0.0.2", 6379) = {.how = manner::silent};
  c.dial("10.0.0.1");
  c.dial("10.0.0.2");
  c.dialer.run();
  REQUIRE(c.failures.size() == 1);
  CHECK(c.failures[0].why == std::errc::connection_refused);
  c.dialer.advance(9'999ms);
  CHECK(c.failures.size() == 1);
  c.dialer.advance(1ms);
  REQUIRE(c.failures.size() == 2);
  CHECK(c.failures[1].why == std::errc::timed_out);
  CHECK(c.ticks == 20);
}

TEST_CASE("names have addresses, late or never", "[dialer]") {
  client c(std::make_shared<hotline::memory_network>());
  c.network->name("redis") = {.addresses = {"10.0.0.1", "10.0.0.2"}, .delay = 100ms};
  c.network->name("lost") = {.is_silent = true};
  c.network->place("10.0.0.1", 6379) = {.how = manner::silent};
  c.network->place("10.0.0.2", 6379) = {};
  c.dial("redis");
  c.dial("lost");
  c.dial("unknown");
  c.dialer.run();
  REQUIRE(c.failures.size() == 1);
  CHECK(c.failures[0].why == hotline::errc::host_not_found);
  c.dialer.advance(349ms);  // and 250 ms for the second address
  CHECK(c.open == nullptr);
  c.dialer.advance(1ms);
  CHECK(c.open != nullptr);
  c.dialer.advance(10s);
  REQUIRE(c.failures.size() == 2);
  CHECK(c.failures[1].stage == hotline::dial_stage::resolving);
}

TEST_CASE("a place may change while a test runs", "[dialer]") {
  client c(std::make_shared<hotline::memory_network>());
  c.dial("10.0.0.1");
  c.dialer.run();
  CHECK(c.failures.size() == 1);
  c.network->place("10.0.0.1", 6379) = {};
  c.dial("10.0.0.1");
  c.dialer.run();
  CHECK(c.open != nullptr);
}

TEST_CASE("a memory_transport is reached through the network", "[dialer]") {
  const auto clock = std::make_shared<hotline::manual_environment>();
  struct echo final : hotline::transport_receiver<memory_connection> {
    hotline::memory_transport* transport = nullptr;
    memory_connection* open = nullptr;
    int closed = 0;
    std::error_code reason{};
    void on_open(memory_connection& c) override { open = &c; }
    void on_data(memory_connection& c, std::span<char> bytes) override {
      transport->write(c, std::array{std::string_view(bytes.data(), bytes.size())});
    }
    void on_writable(memory_connection&) override {}
    void on_closed(memory_connection&, std::error_code why) override {
      ++closed;
      reason = why;
    }
    void on_tick() override {}
  } server;
  client c(std::make_shared<hotline::memory_network>());
  hotline::memory_transport transport(clock);
  server.transport = &transport;
  REQUIRE(transport.start(server) == std::error_code{});
  c.network->join("10.0.0.1", 80, transport);
  c.dial("10.0.0.1", 80);
  c.dialer.run();
  REQUIRE(c.open != nullptr);
  REQUIRE(server.open != nullptr);
  CHECK(c.dialer.write(*c.open, std::array<std::string_view, 2>{"there ", "and back"}) == 14);
  c.dialer.run();
  CHECK(c.data == "there and back");
  SECTION("the client ends") {
    c.dialer.shutdown(*c.open);
    c.dialer.run();
    CHECK(server.closed == 1);
    CHECK_FALSE(server.reason);
  }
  SECTION("the client aborts") {
    c.dialer.abort(*c.open);
    c.dialer.run();
    CHECK(server.closed == 1);
    CHECK(server.reason == std::errc::connection_reset);
    CHECK(c.closed == 1);
  }
  SECTION("the server aborts") {
    transport.abort(*server.open);
    c.dialer.run();
    CHECK(c.closed == 1);
    CHECK(c.reason == std::errc::connection_reset);
  }
  SECTION("the server stops") {
    transport.stop();
    c.dialer.run();
    CHECK(c.closed == 1);
  }
}

TEST_CASE("the same requests make the same run", "[dialer]") {
  const auto story = [] {
    std::string told;
    client c(std::make_shared<hotline::memory_network>());
    c.network->place("10.0.0.1", 1) = {.delay = 7ms};
    for (int i = 0; i < 20; ++i)
      (void)c.dialer.after(std::chrono::milliseconds(i * 13 % 20), [&, i] {
        told += std::to_string(i) + " ";
        if (i % 3 == 0) c.dial(i % 2 == 0 ? "10.0.0.1" : "10.0.0.2", 1);
      });
    c.dialer.advance(100ms);
    for (const auto& f : c.failures) told += std::to_string(static_cast<std::uint64_t>(f.id)) + ",";
    return told;
  };
  CHECK(story() == story());
}

TEST_CASE("after a callback that throws, and inside one, the clock of a memory_dialer goes on", "[dialer]") {
  memory_fixture f;
  struct receiver final : hotline::dialer_receiver<hotline::memory_connection> {
    void on_open(hotline::memory_connection&) override {}
    void on_data(hotline::memory_connection&, std::span<char>) override {}
    void on_writable(hotline::memory_connection&) override {}
    void on_closed(hotline::memory_connection&, std::error_code) override {}
    void on_tick() override {}
    void on_dial_failed(const hotline::dial_failure&) override {}
  } r;
  hotline::memory_dialer& dialer = f.dialer();
  REQUIRE_FALSE(dialer.start(r));
  int calls = 0;
  (void)dialer.after(1ms, [] { throw std::runtime_error("a test's"); });
  (void)dialer.after(2ms, [&] {
    ++calls;
    dialer.advance(10ms);  // past the next one
  });
  (void)dialer.after(3ms, [&] { ++calls; });
  CHECK_THROWS_AS(dialer.advance(5ms), std::runtime_error);
  dialer.advance(5ms);
  CHECK(calls == 2);
}
