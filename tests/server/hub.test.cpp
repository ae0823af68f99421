#include <catch2_any.hpp>
#include <hotline/connection/heartbeat.hpp>
#include <hotline/server/hub.hpp>
#include <memory_client.hpp>
#include <server/fake_carrier.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using detail::connection;
using detail::hub;
using hotline_test::client_frame;
using hotline_test::fake_carrier;
using hotline_test::fake_socket;

namespace {

using list = std::vector<std::string>;

constexpr std::string_view upgrade_request =
    "GET /ws/p HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A hub over a fake carrier.
struct hub_over_strings {
  explicit hub_over_strings(manager_options options = {}) {
    auto carried = std::make_unique<fake_carrier>();
    line = carried.get();
    log = std::make_shared<memory_event_log>(line->shared_clock());
    h = new hub(std::move(carried), log, std::move(options), detail::any_heartbeat(interval_heartbeat(1s, 3s)));
    notes.push_back(h->calls().on_connect.add([this](const connection_info&) { told.emplace_back("connected"); }));
    notes.push_back(h->calls().on_disconnect.add([this](const connection_info&, const disconnection& how) {
      told.push_back("disconnected " + std::to_string(static_cast<int>(how.code)) +
                     (how.may_resume ? " may resume" : ""));
    }));
    notes.push_back(h->calls().on_error.add(
        [this](std::string_view where, const std::exception_ptr&) { told.push_back("error " + std::string(where)); }));
  }
  hub_over_strings(const hub_over_strings&) = delete;
  hub_over_strings& operator=(const hub_over_strings&) = delete;
  ~hub_over_strings() {
    if (h != nullptr) hub::end(h);
  }

  void* arrive(fake_socket& s) const {
    void* context = nullptr;
    line->receiver->on_open(s.handle(), context);
    return context;
  }
  void receive(void* context, std::string_view text) const {
    std::string bytes(text);
    line->receiver->on_data(*static_cast<connection*>(context), bytes);
  }
  void end(void* context, std::error_code why = {}) const {
    line->receiver->on_closed(*static_cast<connection*>(context), why);
  }
  /// A client that was let in, and has read `connected`.
  void* connect(fake_socket& s) const {
    void* const context = arrive(s);
    receive(context, upgrade_request);
    CHECK(s.take().starts_with("HTTP/1.1 101 "));
    return context;
  }
  void tick(std::chrono::milliseconds after = tick_interval) const {
    line->clock().advance(after);
    line->receiver->on_tick();
  }

  fake_carrier* line = nullptr;
  std::shared_ptr<memory_event_log> log;
  list told;
  std::vector<subscription> notes;
  hub* h = nullptr;
};

}  // namespace

TEST_CASE("a hub starts once, on its own thread", "[server]") {
  hub_over_strings one;
  CHECK_FALSE(one.h->is_running());
  SECTION("not on another") {
    one.line->elsewhere = true;
    CHECK(one.h->start() == errc::wrong_thread);
    CHECK_FALSE(one.h->is_running());
  }
  SECTION("not where its carrier cannot") {
    one.line->start_fails = std::make_error_code(std::errc::address_in_use);
    CHECK(one.h->start() == std::errc::address_in_use);
    CHECK_FALSE(one.h->is_running());
    one.line->start_fails = {};
  }
  one.line->elsewhere = false;
  CHECK_FALSE(one.h->start());
  CHECK(one.h->is_running());
  CHECK(one.h->start() == errc::already_running);
}

TEST_CASE("a call from another thread is refused, and reported on the loop", "[server]") {
  hub_over_strings one;
  REQUIRE_FALSE(one.h->start());
  CHECK_FALSE(one.h->refuses_here("status"));
  one.line->elsewhere = true;
  CHECK(one.h->refuses_here("status"));
  CHECK(one.told.empty());
  SECTION("there") {
    one.line->run();
    CHECK(one.told == list{"error status"});
  }
  SECTION("or at a tick, where the loop could not be woken for it") {
    one.line->run();
    one.told.clear();
    one.line->out_of_memory = true;
    CHECK(one.h->refuses_here("status"));
    one.line->out_of_memory = false;
    one.tick();
    CHECK(one.told == list{"error status"});
  }
}

TEST_CASE("a socket for which there is no memory is aborted, and others are served", "[server]") {
  hub_over_strings one;
  REQUIRE_FALSE(one.h->start());
  fake_socket unlucky, lucky;
  one.line->out_of_memory = true;
  CHECK(one.arrive(unlucky) == nullptr);
  CHECK(unlucky.is_aborted);
  CHECK(one.told == list{"error on_open"});
  one.line->out_of_memory = false;
  void* const c = one.connect(lucky);
  CHECK(one.h->metrics().connections == 1);
  one.end(c);
}

TEST_CASE("a client comes in, is answered, receives events, and its session waits for it", "[server]") {
  hub_over_strings one;
  REQUIRE_FALSE(one.h->start());
  fake_socket s;
  void* const c = one.connect(s);
  CHECK(one.told == list{"connected"});
  one.receive(c, client_frame(0x81, R"({"command":"ping"})"));
  CHECK(s.take().find("pong") != std::string::npos);
  const std::string head = "{\"type\":\"a\",\"seq\":";
  REQUIRE(one.log->open("p")->append({head, "}", std::string_view(head).substr(9, 1)}));
  one.line->run();
  CHECK(s.take().find(head) != std::string::npos);
  one.end(c, std::make_error_code(std::errc::connection_reset));
  CHECK(one.told == list{"connected", "disconnected 1006 may resume"});
  const manager_metrics m = one.h->metrics();
  CHECK(m.connections == 0);
  CHECK(m.waiting_sessions == 1);
  CHECK(m.received_bytes > upgrade_request.size());
  CHECK(m.log_appended == 1);
}

TEST_CASE("a socket that took less than it was given is given the rest when it is writable", "[server]") {
  hub_over_strings one;
  REQUIRE_FALSE(one.h->start());
  fake_socket s;
  s.takes = 10;
  void* const c = one.arrive(s);
  one.receive(c, upgrade_request);
  CHECK(s.take() == "HTTP/1.1 1");
  s.takes = fake_socket::everything;
  one.line->receiver->on_writable(*static_cast<connection*>(c));
  CHECK(s.take().starts_with("01 "));
  one.end(c);
}

TEST_CASE("at its ticks a hub notices which peers are silent", "[server]") {
  hub_over_strings one({.handshake = {.timeout = 2000ms}, .close_timeout = 1000ms});
  REQUIRE_FALSE(one.h->start());
  fake_socket late, silent;
  void* const head = one.arrive(late);
  one.receive(head, "GET /");
  void* const c = one.connect(silent);
  one.tick(1s);
  CHECK(silent.take() == std::string_view("\x89\x00", 2));
  one.tick(1s);
  CHECK(late.take().starts_with("HTTP/1.1 408 "));
  one.tick(1s);
  CHECK(silent.take().find("nothing was heard") != std::string::npos);
  CHECK_FALSE(silent.is_aborted);
  one.tick(1s);
  CHECK(silent.is_aborted);
  CHECK(one.h->metrics().limits[limit::close_time] >= 1);
  one.end(c);
  one.end(head);
}

TEST_CASE("a hub that was stopped and ends before its loop runs again tells its clients", "[server]") {
  hub_over_strings one;
  REQUIRE_FALSE(one.h->start());
  fake_socket s;
  (void)one.connect(s);
  one.h->stop({});
  hub::end(std::exchange(one.h, nullptr));
  CHECK(s.take().find("the server is shutting down") != std::string::npos);
  CHECK(one.told == list{"connected"});
}

TEST_CASE("a hub that stops tells its clients, waits for them, and then says that it has", "[server]") {
  hub_over_strings one;
  REQUIRE_FALSE(one.h->start());
  fake_socket s, half;
  void* const c = one.connect(s);
  void* const head = one.arrive(half);
  int done = 0;
  one.h->stop([&] { ++done; });
  CHECK_FALSE(one.h->is_running());
  CHECK_FALSE(one.line->accepts);
  CHECK(half.is_aborted);
  CHECK(s.take().empty());  // the mail goes out first
  one.h->stop([&] { ++done; });
  one.end(head);
  one.line->run();
  CHECK(s.take().find("the server is shutting down") != std::string::npos);
  CHECK(done == 0);
  SECTION("when the last has gone") {
    one.end(c);
    CHECK(one.line->stops == 0);  // not from inside its call
    one.line->run();
  }
  SECTION("or when it has waited long enough") {
    one.tick(1h);
    CHECK(s.is_aborted);
    one.end(c);
    one.line->run();
  }
  CHECK(done == 2);
  CHECK(one.line->stops == 1);
  CHECK(one.told.back().starts_with("disconnected 1001"));
  CHECK(one.h->metrics().waiting_sessions == 0);
  // Afterwards it has stopped at once.
  one.h->stop([&] { ++done; });
  CHECK(done == 3);
}

TEST_CASE("a hub that has not started stops at once", "[server]") {
  hub_over_strings one;
  bool done = false;
  one.h->stop([&] { done = true; });
  CHECK(done);
  CHECK_FALSE(one.h->is_running());
}

TEST_CASE("tasks run on the loop until the hub has stopped", "[server]") {
  hub_over_strings one;
  REQUIRE_FALSE(one.h->start());
  list ran;
  one.h->post([&] { ran.emplace_back("first"); });
  one.h->post([] { throw 1; });
  one.h->post([&] { ran.emplace_back("third"); });
  CHECK(ran.empty());
  one.line->run();
  CHECK(ran == list{"first", "third"});
  CHECK(one.told == list{"error post"});
  one.h->stop({});
  one.line->run();
  one.h->post([&] { ran.emplace_back("late"); });
  one.line->run();
  CHECK(ran.size() == 2);
}

TEST_CASE("a hub that its host ends from inside a call goes when that has returned", "[server]") {
  hub_over_strings one;
  REQUIRE_FALSE(one.h->start());
  fake_socket s;
  const auto kept = std::make_shared<int>(0);
  one.h->calls().client_address = [&one, kept](const http_request&) {
    hub::end(std::exchange(one.h, nullptr));
    CHECK(kept.use_count() >= 2);  // the hook that runs is still there
    return std::string();
  };
  const std::shared_ptr<manual_environment> clock = one.line->shared_clock();
  const long with_hub = clock.use_count();
  void* const c = one.arrive(s);
  one.receive(c, upgrade_request);
  CHECK(one.h == nullptr);
  CHECK(s.take().find("101") == std::string::npos);
  CHECK(one.told.empty());
  CHECK(kept.use_count() == 1);
  CHECK(clock.use_count() < with_hub);  // and with the hub its carrier
}
