#include <hotline/transport/dialing/dial_desk.hpp>

#include <catch2_any.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using hotline::dial_failure;
using hotline::dial_id;
using hotline::dial_options;
using hotline::dial_stage;
using hotline::errc;
using hotline::steady_time;
using hotline::detail::alternate_families;
using hotline::detail::dial_attempt;
using hotline::detail::dial_desk;
using hotline::detail::is_numeric_host;

namespace {

/// A driver whose attempts do what the test says, under a clock that it moves.
class fake_driver final : public hotline::detail::dial_driver {
 public:
  struct attempt : dial_attempt {
    std::string address;
    steady_time begun;
    bool dropped = false;
    bool greeted = false;
  };

  fake_driver() {
    desk.start([this](const std::string& name, hotline::resolve_done) { asked.push_back(name); });
  }
  ~fake_driver() { desk.stop(); }

  /// Lets time pass, with each timer at its moment.
  void advance(std::chrono::milliseconds time) {
    const steady_time end = now + time;
    while (desk.next() <= end) {
      now = std::max(now, desk.next());
      desk.run_timers();
    }
    now = end;
  }

  dial_id dial(std::vector<std::string> addresses, dial_options options = {}) {
    options.host = "name";
    options.port = 80;
    const auto begun = desk.dial(options);
    REQUIRE(begun.has_value());
    advance(0ms);
    desk.resolved(*begun, {}, std::move(addresses));
    return *begun;
  }

  steady_time now{1h};
  std::deque<attempt> attempts{};
  std::vector<std::string> asked{};
  std::vector<dial_failure> failures{};
  std::error_code fails_to_begin{};
  std::size_t wakes = 0;
  bool has_memory = true;
  dial_desk desk{*this};

 private:
  [[nodiscard]] steady_time time() const override { return now; }
  void wake_at(steady_time when) noexcept override {
    ++wakes;
    if (when != desk.next()) std::abort();
  }
  [[nodiscard]] dial_attempt* begin(const dial_options&, const std::string& address, std::error_code& failed) override {
    if (!has_memory) throw std::bad_alloc();
    if ((failed = fails_to_begin)) return nullptr;
    attempt& made = attempts.emplace_back();
    made.address = address;
    made.begun = now;
    return &made;
  }
  void drop(dial_attempt& a) noexcept override { static_cast<attempt&>(a).dropped = true; }
  void greet(dial_attempt& a, const dial_options&) override { static_cast<attempt&>(a).greeted = true; }
  [[nodiscard]] hotline::resolve_done on_resolved(dial_id) override { return {}; }
  void dial_failed(const dial_failure& failure) override { failures.push_back(failure); }
};

const std::error_code refused = std::make_error_code(std::errc::connection_refused);

}  // namespace

TEST_CASE("addresses begin one after the other, each after its delay", "[dialer]") {
  fake_driver d;
  d.dial({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  CHECK(d.asked == std::vector<std::string>{"name"});
  REQUIRE(d.attempts.size() == 1);
  d.advance(249ms);
  CHECK(d.attempts.size() == 1);
  d.advance(1ms);
  REQUIRE(d.attempts.size() == 2);
  CHECK(d.attempts[1].address == "10.0.0.2");
  d.advance(1h);
  CHECK(d.attempts.size() == 3);
  CHECK(d.failures.size() == 1);
  CHECK(d.failures[0].why == std::errc::timed_out);
  for (const auto& a : d.attempts) CHECK(a.dropped);
}

TEST_CASE("a failure begins the next address at once, and the delay counts from there", "[dialer]") {
  fake_driver d;
  d.dial({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  d.advance(100ms);
  d.desk.attempt_failed(d.attempts[0], refused);
  REQUIRE(d.attempts.size() == 2);
  d.advance(249ms);
  CHECK(d.attempts.size() == 2);
  d.advance(1ms);
  CHECK(d.attempts.size() == 3);
  d.desk.attempt_failed(d.attempts[2], refused);
  CHECK(d.failures.empty());
  d.desk.attempt_failed(d.attempts[1], std::make_error_code(std::errc::network_unreachable));
  REQUIRE(d.failures.size() == 1);
  CHECK(d.failures[0].why == std::errc::network_unreachable);
  CHECK(d.failures[0].stage == dial_stage::connecting);
}

TEST_CASE("the first that connects wins, and the others are dropped", "[dialer]") {
  fake_driver d;
  dial_options options;
  int mark = 0;
  options.context = &mark;
  const dial_id id = d.dial({"10.0.0.1", "10.0.0.2", "10.0.0.3"}, options);
  d.advance(250ms);
  d.desk.connected(d.attempts[1]);
  CHECK(d.attempts[1].greeted);
  CHECK(d.attempts[0].dropped);
  CHECK_FALSE(d.attempts[1].dropped);
  d.advance(1s);
  CHECK(d.attempts.size() == 2);
  SECTION("it opens") {
    CHECK(d.desk.opened(d.attempts[1]) == &mark);
    CHECK_FALSE(d.desk.cancel(id));
    d.desk.attempt_failed(d.attempts[1], refused);  // it is a connection now
    d.advance(1h);
    CHECK(d.failures.empty());
    CHECK(d.desk.next() == steady_time::max());
  }
  SECTION("its handshake fails, and no other address is tried") {
    d.desk.attempt_failed(d.attempts[1], refused, "the detail");
    REQUIRE(d.failures.size() == 1);
    CHECK(d.failures[0].stage == dial_stage::handshaking);
    CHECK(d.failures[0].context == &mark);
    CHECK(d.failures[0].detail == "the detail");
    CHECK(d.attempts.size() == 2);
  }
  SECTION("its handshake stalls") {
    d.advance(1h);
    REQUIRE(d.failures.size() == 1);
    CHECK(d.failures[0].why == std::errc::timed_out);
    CHECK(d.failures[0].stage == dial_stage::handshaking);
    CHECK(d.attempts[1].dropped);
  }
}

TEST_CASE("an address that cannot be begun counts as failed", "[dialer]") {
  fake_driver d;
  SECTION("by the system") {
    d.fails_to_begin = std::make_error_code(std::errc::too_many_files_open);
    d.dial({"10.0.0.1", "10.0.0.2"});
    REQUIRE(d.failures.size() == 1);
    CHECK(d.failures[0].why == std::errc::too_many_files_open);
  }
  SECTION("for lack of memory") {
    d.has_memory = false;
    d.dial({"10.0.0.1", "10.0.0.2"});
    REQUIRE(d.failures.size() == 1);
    CHECK(d.failures[0].why == std::errc::not_enough_memory);
  }
}

TEST_CASE("a Unix socket whose queue is full is tried again", "[dialer]") {
  fake_driver d;
  dial_options options;
  options.unix_path = "/run/socket";
  d.fails_to_begin = std::make_error_code(std::errc::resource_unavailable_try_again);
  REQUIRE(d.desk.dial(options));
  d.advance(100ms);
  CHECK(d.failures.empty());
  d.fails_to_begin = {};
  d.advance(20ms);
  REQUIRE(d.attempts.size() == 1);
  CHECK(d.attempts[0].address == "/run/socket");
  d.fails_to_begin = std::make_error_code(std::errc::resource_unavailable_try_again);
  REQUIRE(d.desk.dial(options));
  d.advance(1h);
  CHECK(d.failures.size() == 2);
}

TEST_CASE("a dial that is cancelled lets go of its attempts at once, and is over later", "[dialer]") {
  fake_driver d;
  const dial_id id = d.dial({"10.0.0.1", "10.0.0.2"});
  d.advance(250ms);
  CHECK(d.desk.cancel(id));
  CHECK(d.attempts[0].dropped);
  CHECK(d.attempts[1].dropped);
  CHECK(d.failures.empty());
  CHECK_FALSE(d.desk.cancel(id));
  d.advance(0ms);
  REQUIRE(d.failures.size() == 1);
  CHECK(d.failures[0].id == id);
  CHECK(d.failures[0].why == std::errc::operation_canceled);
}

TEST_CASE("a loop is woken for the earliest time alone", "[dialer]") {
  fake_driver d;
  d.desk.after(2s, [] {});
  CHECK(d.wakes == 1);
  d.desk.after(3s, [] {});
  CHECK(d.wakes == 1);
  d.desk.after(1s, [] {});
  CHECK(d.wakes == 2);
}

TEST_CASE("addresses of both families take turns", "[dialer]") {
  std::vector<std::string> addresses{"::1", "::2", "::3", "1.1.1.1", "2.2.2.2"};
  alternate_families(addresses);
  CHECK(addresses == std::vector<std::string>{"::1", "1.1.1.1", "::2", "2.2.2.2", "::3"});
  addresses = {"1.1.1.1", "2.2.2.2", "::1"};
  alternate_families(addresses);
  CHECK(addresses == std::vector<std::string>{"1.1.1.1", "::1", "2.2.2.2"});
  addresses = {"1.1.1.1", "2.2.2.2"};
  alternate_families(addresses);
  CHECK(addresses == std::vector<std::string>{"1.1.1.1", "2.2.2.2"});
  addresses.clear();
  alternate_families(addresses);
  CHECK(addresses.empty());
}

TEST_CASE("an address differs from a name by its form", "[dialer]") {
  for (const char* const numeric : {"127.0.0.1", "::1", "fe80::1%eth0", "1.2.3", "10.0.0.1.2", "300.1.1.1"})
    CHECK(is_numeric_host(numeric));
  for (const char* const name : {"localhost", "db.internal", "a1", "1a", "example.org.", "10.in-addr.arpa", ""})
    CHECK_FALSE(is_numeric_host(name));
}

TEST_CASE("a desk that has not started dials nothing", "[dialer]") {
  struct unused final : hotline::detail::dial_driver {
    [[nodiscard]] steady_time time() const override { return {}; }
    void wake_at(steady_time) noexcept override {}
    [[nodiscard]] dial_attempt* begin(const dial_options&, const std::string&, std::error_code&) override {
      return nullptr;
    }
    void drop(dial_attempt&) noexcept override {}
    void greet(dial_attempt&, const dial_options&) override {}
    [[nodiscard]] hotline::resolve_done on_resolved(dial_id) override { return {}; }
    void dial_failed(const dial_failure&) override {}
  } driver;
  dial_desk desk(driver);
  CHECK(desk.dial({}).error().code == errc::not_running);
  CHECK(desk.after(0ns, [] {}) == hotline::timer_id{});
  CHECK_FALSE(desk.cancel(dial_id{1}));
}

TEST_CASE("a resolver may stop the desk that asks it", "[dialer]") {
  fake_driver driver;
  std::string asked;
  driver.desk.start([&](const std::string& name, const hotline::resolve_done& done) {
    driver.desk.stop();
    asked = name;
    done(errc::host_not_found, {});
  });
  dial_options options;
  options.host = "a-name-that-is-longer-than-a-string-keeps-in-itself.example";
  options.port = 80;
  REQUIRE(driver.desk.dial(options));
  driver.advance(0ms);
  CHECK(asked == options.host);
  CHECK(driver.failures.empty());
}
