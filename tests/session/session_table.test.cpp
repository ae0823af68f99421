#include <catch2_any.hpp>
#include <connection/lone_connection.hpp>
#include <hotline/session/session_table.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using detail::address_table;
using detail::connection;
using detail::crowded_out;
using detail::resume_token;
using detail::session;
using detail::session_table;
using state = session::state;

namespace {

/// A table, its addresses and its connections.
struct table_with_connections {
  explicit table_with_connections(resume_options o = {}) : resume(o) {}
  ~table_with_connections() {
    for (const auto& c : connections) addresses.let_go(c->address);
  }

  /// An open connection of that address.
  connection& connect(const std::string& address = "a") {
    connections.push_back(std::make_unique<connection>(options, hotline_test::no_socket(), 0, address, now));
    connection& c = *connections.back();
    c.address = addresses.use(address);
    c.upgrade("", now);
    return c;
  }

  /// A session that is attached to a connection of that address, and has given out a token.
  session& begin(std::uint64_t number, const std::string& address = "a") {
    session& s = table.add(number, project, {"", address});
    table.attach(s, connect(address), now, {});
    s.finish_resume(token_of(number).secret);
    return s;
  }

  [[nodiscard]] static resume_token token_of(std::uint64_t number) {
    return {number, detail::digest_of(std::to_string(number))};
  }

  /// Its socket has ended: returns the number of the session that has to end for that, 0 for none.
  std::uint64_t lose(session& s, std::optional<limit> over = {}) {
    const crowded_out other = table.detach(s, now);
    CHECK(other.over == over);
    CHECK((other.goes != nullptr) == other.over.has_value());
    return other.goes == nullptr ? 0 : other.goes->number();
  }

  [[nodiscard]] std::vector<std::uint64_t> waiting() const {
    std::vector<std::uint64_t> numbers;
    table.for_each_waiting([&](const session& s) { numbers.push_back(s.number()); });
    CHECK(numbers.size() == table.waiting());
    return numbers;
  }

  manager_options options;
  resume_options resume;
  std::shared_ptr<const std::string> project = hotline_test::project_name("p");
  steady_time now{1h};
  address_table addresses;
  std::vector<std::unique_ptr<connection>> connections;
  session_table table{resume, addresses};
};

using numbers = std::vector<std::uint64_t>;

/// A loop that has not run for as long as a test says.
struct pausing_clock final : detail::tick_source {
  std::chrono::nanoseconds late{};
  [[nodiscard]] std::chrono::nanoseconds lateness() const noexcept override { return late; }
};

}  // namespace

TEST_CASE("a session is found by its number, whatever its state", "[session]") {
  table_with_connections t;
  CHECK(t.table.find(7) == nullptr);
  session& s = t.begin(7);
  CHECK(t.table.contains(7));
  CHECK(t.table.find(7) == &s);
  (void)t.lose(s);
  CHECK(t.table.find(7) == &s);
  t.table.end(s);
  CHECK(t.table.find(7) == &s);
  t.table.remove(s);
  CHECK(t.table.find(7) == nullptr);
  CHECK_FALSE(t.table.contains(7));
}

TEST_CASE("a session is found by its connection id while that connection is open", "[session]") {
  constexpr std::uint64_t number = 0x0123456789abcdef;
  table_with_connections t;
  session& s = t.begin(number);
  CHECK(s.id() == "0123456789abcdef");
  CHECK(t.table.find_open("0123456789abcdef") == &s);
  SECTION("and by no other text") {
    for (const std::string_view text : {"", "0", "123456789abcdef", "0123456789abcdef0", "0123456789abcdeg",
                                        " 123456789abcdef", "0x23456789abcdef", "0123456789abcdee"}) {
      INFO(text);
      CHECK(t.table.find_open(text) == nullptr);
    }
  }
  SECTION("not while it closes") {
    s.connection()->close(close_code::normal, "", "", t.now);
    CHECK(t.table.find_open(s.id()) == nullptr);
  }
  SECTION("not while it waits") {
    (void)t.lose(s);
    CHECK(t.table.find_open(s.id()) == nullptr);
  }
}

TEST_CASE("a session is found by a token that it gave out, until it has ended", "[session]") {
  table_with_connections t;
  session& s = t.begin(7);
  const resume_token right = t.token_of(7), wrong{7, t.token_of(8).secret}, others{8, right.secret};
  CHECK(t.table.find_by(right) == &s);
  CHECK(t.table.find_by(wrong) == nullptr);
  CHECK(t.table.find_by(others) == nullptr);
  (void)t.lose(s);
  CHECK(t.table.find_by(right) == &s);
  t.table.end(s);
  CHECK(t.table.find_by(right) == nullptr);
}

TEST_CASE("a session goes from one connection to the next", "[session]") {
  table_with_connections t;
  session& s = t.begin(7);
  connection& first = *s.connection();
  SECTION("after it has waited") {
    (void)t.lose(s);
    CHECK(t.waiting() == numbers{7});
    CHECK(first.of() == nullptr);
    connection& second = t.connect();
    t.table.attach(s, second, t.now, {});
    CHECK(second.of() == &s);
    CHECK(t.waiting().empty());
  }
  SECTION("at once") {
    connection& second = t.connect();
    t.table.attach(s, second, t.now, {});
    CHECK(first.of() == nullptr);
    CHECK(second.of() == &s);
    CHECK(s.connection() == &second);
    CHECK(t.waiting().empty());
  }
  CHECK(s.at() == state::attached);
}

TEST_CASE("a session uses the record of its address, also when its connection is gone", "[session]") {
  table_with_connections t;
  session& s = t.begin(7, "192.0.2.1");
  connection& first = *s.connection();
  CHECK(s.address() == first.address);
  CHECK(s.address()->users == 2);
  (void)t.lose(s);
  t.addresses.let_go(first.address);
  REQUIRE(t.addresses.find("192.0.2.1") != nullptr);
  CHECK(t.addresses.find("192.0.2.1")->users == 1);
  SECTION("until it has another") {
    t.table.attach(s, t.connect("192.0.2.2"), t.now, {});
    CHECK(t.addresses.find("192.0.2.1") == nullptr);
    CHECK(s.address() == t.addresses.find("192.0.2.2"));
  }
  SECTION("until it ends") {
    t.table.end(s);
    CHECK(t.addresses.find("192.0.2.1") == nullptr);
  }
}

TEST_CASE("sessions wait in the order in which they were detached, the longest first", "[session]") {
  table_with_connections t;
  for (const std::uint64_t number : numbers{1, 2, 3}) (void)t.begin(number);
  for (const std::uint64_t number : numbers{2, 3, 1}) CHECK(t.lose(*t.table.find(number)) == 0);
  CHECK(t.waiting() == numbers{2, 3, 1});
  CHECK(t.table.oldest() == t.table.find(2));
  t.table.attach(*t.table.find(3), t.connect(), t.now, {});
  CHECK(t.waiting() == numbers{2, 1});
  t.table.end(*t.table.find(2));
  CHECK(t.waiting() == numbers{1});
}

TEST_CASE("one session too many that waits crowds out the one that has waited longest", "[session]") {
  table_with_connections t({.sessions = 2});
  for (const std::uint64_t number : numbers{1, 2, 3}) (void)t.begin(number);
  CHECK(t.lose(*t.table.find(1)) == 0);
  CHECK(t.lose(*t.table.find(2)) == 0);
  CHECK(t.lose(*t.table.find(3), limit::waiting_sessions) == 1);
}

TEST_CASE("one session too many of an address crowds out that address's oldest", "[session]") {
  table_with_connections t({.sessions = 10, .per_address = 2});
  (void)t.begin(1, "good");
  for (const std::uint64_t number : numbers{2, 3, 4}) (void)t.begin(number, "bad");
  for (const std::uint64_t number : numbers{1, 2, 3}) CHECK(t.lose(*t.table.find(number)) == 0);
  CHECK(t.lose(*t.table.find(4), limit::address_waiting_sessions) == 2);
  SECTION("sessions of no address have no such bound") {
    for (const std::uint64_t number : numbers{5, 6, 7}) CHECK(t.lose(t.begin(number, "")) == 0);
  }
}

TEST_CASE("where no session may wait, the one that is detached has to end", "[session]") {
  table_with_connections t({.sessions = 0});
  CHECK(t.lose(t.begin(1), limit::waiting_sessions) == 1);
}

TEST_CASE("a session is overdue when it has waited for the window", "[session]") {
  constexpr auto window = 10s;
  table_with_connections t({.window = window});
  pausing_clock clock;
  detail::pauses gaps(clock);
  gaps.begin(t.now);
  CHECK(t.table.overdue(t.now + 1h, gaps) == nullptr);
  session& s = t.begin(1);
  (void)t.begin(2);
  (void)t.lose(s);
  CHECK(t.table.overdue(t.now + window - 1ns, gaps) == nullptr);
  SECTION("and not before") { CHECK(t.table.overdue(t.now + window, gaps) == &s); }
  SECTION("the time in which the loop did not run left out") {
    constexpr auto pause = 4s;
    const steady_time after = t.now + pause + tick_interval;
    clock.late = pause;
    CHECK(gaps.tick(after));
    CHECK(t.table.overdue(t.now + window + pause - 1ns, gaps) == nullptr);
    CHECK(t.table.overdue(t.now + window + pause, gaps) == &s);
  }
}

TEST_CASE("the token of a session that has waited and ended is remembered as expired", "[session]") {
  table_with_connections t;
  session& waited = t.begin(1);
  session& attached = t.begin(2);
  CHECK_FALSE(t.table.has_expired(t.token_of(1)));
  (void)t.lose(waited);
  for (session* const s : {&waited, &attached}) {
    t.table.end(*s);
    CHECK(s->at() == state::ended);
    CHECK(s->connection() == nullptr);
    t.table.remove(*s);
  }
  CHECK(t.table.has_expired(t.token_of(1)));
  CHECK_FALSE(t.table.has_expired(resume_token{1, t.token_of(2).secret}));
  CHECK_FALSE(t.table.has_expired(t.token_of(2)));
  SECTION("for the latest thousand or so") {
    constexpr std::uint64_t many = 1024;
    for (std::uint64_t number = 3; number < 3 + many; ++number) {
      session& next = t.begin(number);
      (void)t.table.detach(next, t.now);
      t.table.end(next);
      t.table.remove(next);
    }
    CHECK_FALSE(t.table.has_expired(t.token_of(1)));
    CHECK(t.table.has_expired(t.token_of(3)));
  }
}

TEST_CASE("other threads read the sessions that are attached", "[session]") {
  table_with_connections t;
  for (const std::uint64_t number : numbers{1, 2, 3}) (void)t.begin(number);
  (void)t.lose(*t.table.find(2));
  numbers read, all;
  t.table.read([&](const session& s) { read.push_back(s.number()); });
  std::sort(read.begin(), read.end());
  CHECK(read == numbers{1, 3});
  t.table.for_each([&](const session& s) { all.push_back(s.number()); });
  CHECK(all.size() == 3);
}

TEST_CASE("a session's belongings are freed without the table's lock", "[session]") {
  table_with_connections t;
  bool freed = false;
  t.project = std::shared_ptr<const std::string>(new std::string("p"), [&](const std::string* name) {
    t.table.change([&] { freed = true; });  // would never return under the lock
    delete name;
  });
  session& s = t.begin(1);
  t.project.reset();
  t.table.end(s);
  CHECK_FALSE(freed);
  t.table.remove(s);
  CHECK(freed);
}
