#include <catch2_any.hpp>
#include <hotline/server/session_keeper.hpp>
#include <server/parts_of_a_hub.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using detail::announcement;
using detail::connection;

using detail::resume_request;
using detail::session;
using detail::takeover;
using hotline_test::parts_of_a_hub;
using state = session::state;

namespace {

using list = std::vector<std::string>;

constexpr std::string_view epoch = "e";

/// Sessions that come back.
struct returning : parts_of_a_hub {
  using parts_of_a_hub::parts_of_a_hub;

  [[nodiscard]] static resume_request wish(const session& s, sequence after = 0) {
    return {.token = token_of(s), .epoch = std::string(epoch), .after = after};
  }
  [[nodiscard]] takeover take_over(connection& c, const resume_request& asked,
                                   log_bounds bounds = {.oldest = 1, .end = 0}, std::string_view project = "p",
                                   std::string_view principal = "") {
    const detail::turn_list::turn scope(outbound.turns());
    return keeper.take_over(c, epoch, bounds, project, principal, asked);
  }
  /// A session that waits.
  session& wait(const std::string& project = "p", const std::string& address = "192.0.2.1:50123") {
    connection& c = open(project, address);
    session& s = *c.of();
    end(c);
    told.clear();
    return s;
  }
};

/// Returns a command of the session that is under way.
std::shared_ptr<detail::pending_command> add_command(session& s) {
  auto pending = std::make_shared<detail::pending_command>();
  pending->serial = 1;
  s.commands().add(pending);
  return pending;
}

}  // namespace

TEST_CASE("a new session has its connection's number, or one that no other has, and its connection's address",
          "[server]") {
  parts_of_a_hub h;
  connection& first = h.arrive("192.0.2.1:1");
  connection& second = h.arrive("192.0.2.2:2");
  session& a = h.keeper.begin(first, h.log->open("p"), "ada");
  session& b = h.keeper.begin(second, h.log->open("p"), "bob");
  CHECK(b.number() == a.number() + 1);
  CHECK(a.id() != b.id());
  CHECK(a.principal() == "ada");
  CHECK(a.connection() == &first);
  CHECK(a.info({}).remote_address == "192.0.2.1:1");
  CHECK(b.info({}).remote_address == "192.0.2.2:2");
}

TEST_CASE("a session whose socket has ended waits, and its host learns so", "[server]") {
  returning h;
  connection& c = h.open();
  session& s = *c.of();
  const auto command = add_command(s);
  h.end(c);
  CHECK(s.at() == state::detached);
  CHECK(s.announced() == announcement::disconnected);
  CHECK_FALSE(command->stop.stop_requested());
  CHECK(h.told == list{"disconnected p 1006 may resume"});
  CHECK(h.counted.waiting_sessions.value() == 1);
  CHECK(h.counted.disconnections[close_code::abnormal].value() == 1);
  CHECK(h.all.empty());
}

TEST_CASE("a session that may not be resumed ends with its socket, and its commands receive a request to stop",
          "[server]") {
  returning h;
  connection& c = h.open();
  const std::uint64_t number = c.of()->number();
  const auto command = add_command(*c.of());
  c.of()->end_connection(close_code::normal, false);
  h.end(c);
  CHECK(command->stop.stop_requested());
  CHECK(h.told == list{"disconnected p 1000"});
  CHECK_FALSE(h.sessions.contains(number));
  CHECK(h.counted.waiting_sessions.value() == 0);
}

TEST_CASE("a connection that its host does not know of ends without a word", "[server]") {
  returning h;
  connection& c = h.open();
  c.of()->announce(announcement::nothing);
  h.end(c, false);
  CHECK(h.told.empty());
}

TEST_CASE("a session that has waited for the window expires", "[server]") {
  constexpr auto window = 10s;
  returning h({.resume = {.window = window}});
  session& s = h.wait();
  const std::uint64_t number = s.number();
  const auto asked = h.wish(s);
  const auto command = add_command(s);
  h.line.clock().advance(window - 1ns);
  h.keeper.expire_late(h.now(), h.gaps);
  CHECK(h.told.empty());
  h.line.clock().advance(1ns);
  h.keeper.expire_late(h.now(), h.gaps);
  CHECK(h.told == list{"expired p"});
  CHECK(command->stop.stop_requested());
  CHECK_FALSE(h.sessions.contains(number));
  CHECK(h.counted.expired_sessions.value() == 1);
  CHECK(h.counted.waiting_sessions.value() == 0);
  CHECK(h.take_over(h.arrive(), asked).what == resume_outcome::expired);
}

TEST_CASE("where too many sessions wait the oldest expires, and the limit is counted", "[server]") {
  SECTION("in all") {
    returning h({.resume = {.sessions = 1}});
    (void)h.wait("first");
    connection& c = h.open("second", "192.0.2.2:1");
    h.end(c);
    CHECK(h.told == list{"disconnected second 1006 may resume", "expired first"});
    CHECK(h.over(limit::waiting_sessions) == 1);
    CHECK(h.counted.waiting_sessions.value() == 1);
  }
  SECTION("at an address") {
    returning h({.resume = {.sessions = 10, .per_address = 1}});
    (void)h.wait("first", "192.0.2.1:1");
    (void)h.wait("other", "192.0.2.2:1");
    connection& c = h.open("second", "192.0.2.1:2");
    h.end(c);
    CHECK(h.told == list{"disconnected second 1006 may resume", "expired first"});
    CHECK(h.over(limit::address_waiting_sessions) == 1);
    CHECK(h.counted.waiting_sessions.value() == 2);
  }
}

TEST_CASE("when a hub stops, all that wait expire", "[server]") {
  returning h;
  (void)h.wait("a");
  (void)h.wait("b");
  connection& attached = h.open("c");
  h.keeper.expire_all();
  CHECK(h.told == list{"expired a", "expired b"});
  CHECK(attached.of() != nullptr);
}

TEST_CASE("when a hub goes, the commands of all sessions receive a request to stop", "[server]") {
  returning h;
  const auto waiting = add_command(h.wait());
  const auto attached = add_command(*h.open().of());
  h.keeper.part_all();
  CHECK(waiting->stop.stop_requested());
  CHECK(attached->stop.stop_requested());
  CHECK_FALSE(waiting->claim());
}

// ------------------------------------------------------------------------------------------------------ takeovers

TEST_CASE("a session that waits goes on over the connection that has its token", "[server]") {
  returning h;
  session& s = h.wait();
  connection& c = h.arrive("192.0.2.9:1");
  const takeover outcome = h.take_over(c, h.wish(s));
  CHECK(outcome.what == resume_outcome::resumed);
  CHECK(outcome.resumed == &s);
  CHECK_FALSE(outcome.replaced);
  CHECK(s.connection() == &c);
  CHECK(s.info({}).remote_address == "192.0.2.9:1");
  CHECK(h.counted.waiting_sessions.value() == 0);
  SECTION("and its token is good until the client has the next") {
    h.end(c);
    CHECK(h.take_over(h.arrive(), h.wish(s)).what == resume_outcome::resumed);
  }
}

TEST_CASE("a session that is attached leaves its connection for the newer one", "[server]") {
  returning h;
  connection& old = h.open();
  session& s = *old.of();
  CHECK(h.keeper.connection_of(h.wish(s)) == &old);
  CHECK(h.keeper.connection_of(h.wish(s), "p", "") == &old);
  CHECK(h.keeper.connection_of(h.wish(s), "p", "eve") == nullptr);
  connection& c = h.arrive("192.0.2.9:1");
  const takeover outcome = h.take_over(c, h.wish(s));
  CHECK(outcome.resumed == &s);
  CHECK(s.connection() == &c);
  CHECK(old.of() == nullptr);
  CHECK(old.at() == connection::phase::closing);
  CHECK(h.sent(old).back().starts_with("close 4009 "));
  CHECK(h.counted.disconnections[close_code::taken_over].value() == 1);
  REQUIRE(outcome.replaced);
  CHECK(outcome.replaced->how.code == close_code::taken_over);
  CHECK(outcome.replaced->info.remote_address == "192.0.2.1:50123");
  SECTION("the host learns of the old one's end at once") {
    h.keeper.tell_replaced(*outcome.replaced);
    CHECK(h.told == list{"disconnected p 4009 may resume"});
  }
  SECTION("the old one ends without a session") {
    h.end(old);
    CHECK(h.told.empty());
    CHECK(s.connection() == &c);
    CHECK(h.counted.waiting_sessions.value() == 0);
  }
}

TEST_CASE("a wish to go on that names no session of the client's changes nothing", "[server]") {
  returning h;
  connection& attached = h.open();
  session& s = *attached.of();
  connection& c = h.arrive();
  resume_request asked = h.wish(s);
  takeover outcome;
  SECTION("with a token that is none") {
    asked.token = "x";
    outcome = h.take_over(c, asked);
  }
  SECTION("with a token that nobody was given") {
    asked.token.back() = 'b';
    outcome = h.take_over(c, asked);
  }
  SECTION("for another project") { outcome = h.take_over(c, asked, {.oldest = 1, .end = 0}, "q"); }
  SECTION("as somebody else") { outcome = h.take_over(c, asked, {.oldest = 1, .end = 0}, "p", "eve"); }
  SECTION("after an end that is final") {
    h.outbound.close(attached, close_code::forbidden, "");
    outcome = h.take_over(c, asked);
  }
  CHECK(outcome.what == resume_outcome::unknown_token);
  CHECK(outcome.resumed == nullptr);
  CHECK_FALSE(outcome.replaced);
  CHECK(s.connection() == &attached);
  CHECK(c.of() == nullptr);
}

TEST_CASE("a client that knows another epoch learns that first, whatever its token is", "[server]") {
  returning h;
  resume_request asked = h.wish(h.wait());
  asked.epoch = "another";
  SECTION("with the right token") {}
  SECTION("with another") { asked.token = "x"; }
  CHECK(h.take_over(h.arrive(), asked).what == resume_outcome::epoch_changed);
}

TEST_CASE("a session that cannot go on where its client stood ends, and its token is used up", "[server]") {
  returning h;
  session& s = h.wait();
  const std::uint64_t number = s.number();
  resume_request asked = h.wish(s, 1);
  log_bounds bounds{.oldest = 5, .end = 9};
  resume_outcome expected = resume_outcome::evicted;
  SECTION("for events that are gone") {}
  SECTION("for a position that is not the log's yet") {
    asked.after = 10;
    expected = resume_outcome::epoch_changed;
  }
  SECTION("for answers that are gone") {
    asked.after = 9;
    s.overflow();
    expected = resume_outcome::expired;
  }
  const takeover outcome = h.take_over(h.arrive(), asked, bounds);
  CHECK(outcome.what == expected);
  CHECK(outcome.resumed == nullptr);
  CHECK(h.told == list{"expired p"});
  CHECK_FALSE(h.sessions.contains(number));
  asked.after = 9;
  CHECK(h.take_over(h.arrive(), asked, bounds).what == resume_outcome::unknown_token);
}

TEST_CASE("a client that would rather miss events goes on behind a gap", "[server]") {
  returning h;
  session& s = h.wait();
  resume_request asked = h.wish(s, 1);
  asked.continue_on_gap = true;
  CHECK(h.take_over(h.arrive(), asked, {.oldest = 5, .end = 9}).resumed == &s);
}

TEST_CASE("an attached session that cannot go on ends with its connection", "[server]") {
  returning h;
  connection& old = h.open();
  session& s = *old.of();
  const takeover outcome = h.take_over(h.arrive(), h.wish(s, 1), {.oldest = 5, .end = 9});
  CHECK(outcome.what == resume_outcome::evicted);
  CHECK(s.connection() == &old);
  CHECK(s.ended().code == close_code::taken_over);
  CHECK(h.told.empty());
  h.end(old);
  CHECK(h.told.size() == 1);
}

// ------------------------------------------------------------------------------------------- without memory

TEST_CASE("a takeover that throws changes nothing", "[server]") {
  returning h;
  const bool attached = GENERATE(true, false);
  connection& old = h.open();
  session& s = *old.of();
  if (!attached) h.end(old);
  CHECK(h.keeper.connection_of(h.wish(s)) == (attached ? &old : nullptr));
  h.told.clear();
  connection& c = h.arrive();
  *h.out_of_memory = true;
  CHECK_THROWS_AS(h.take_over(c, h.wish(s)), std::bad_alloc);
  *h.out_of_memory = false;
  CHECK(c.of() == nullptr);
  CHECK(s.connection() == (attached ? &old : nullptr));
  CHECK(s.is_open() == attached);
  CHECK(s.ended().code == close_code::abnormal);
  CHECK(h.told.empty());
  // So it can be tried again, with the same token.
  const takeover outcome = h.take_over(c, h.wish(s));
  CHECK(outcome.resumed == &s);
  CHECK(outcome.replaced.has_value() == attached);
}

TEST_CASE("a host without memory for an end learns of it later", "[server]") {
  returning h;
  connection& c = h.open();
  session& s = *c.of();
  const std::uint64_t number = s.number();
  *h.out_of_memory = true;
  SECTION("a session that is over") {
    h.end(c, false);
    CHECK(h.sessions.contains(number));
    h.keeper.tell_late();
    CHECK(h.sessions.contains(number));
    CHECK(h.told.empty());
    *h.out_of_memory = false;
    h.keeper.tell_late();
    CHECK(h.told == list{"disconnected p 1006"});
    CHECK_FALSE(h.sessions.contains(number));
  }
  SECTION("a session that waits") {
    h.end(c);
    *h.out_of_memory = false;
    h.keeper.tell_late();
    CHECK(h.told == list{"disconnected p 1006 may resume"});
    CHECK(h.sessions.find(number)->at() == state::detached);
  }
  SECTION("a session whose client is back before: as a connection that was replaced") {
    h.end(c);
    *h.out_of_memory = false;
    const takeover outcome = h.take_over(h.arrive(), h.wish(s));
    REQUIRE(outcome.replaced);
    CHECK(outcome.replaced->how.code == close_code::abnormal);
    s.announce(announcement::disconnected);
    h.keeper.tell_late();
    CHECK(h.told.empty());
  }
  SECTION("many sessions, each once") {
    connection& other = h.open("q");
    h.end(c, false);
    h.end(other, false);
    *h.out_of_memory = false;
    h.keeper.tell_late();
    h.keeper.tell_late();
    CHECK(h.told.size() == 2);
    std::size_t left = 0;
    h.sessions.for_each([&](const session&) { ++left; });
    CHECK(left == 0);
  }
}

TEST_CASE("a host without memory for a session that expires learns of it later", "[server]") {
  returning h;
  session& s = h.wait();
  const std::uint64_t number = s.number();
  *h.out_of_memory = true;
  h.keeper.expire_all();
  CHECK(s.at() == state::ended);
  CHECK(h.sessions.contains(number));
  *h.out_of_memory = false;
  h.keeper.tell_late();
  CHECK(h.told == list{"expired p"});
  CHECK_FALSE(h.sessions.contains(number));
}
