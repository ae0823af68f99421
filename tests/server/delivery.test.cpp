#include <catch2_any.hpp>
#include <hotline/server/delivery.hpp>
#include <server/parts_of_a_hub.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using detail::connection;
using detail::session;
using detail::turn_list;
using hotline_test::fake_socket;
using hotline_test::parts_of_a_hub;

namespace {

using list = std::vector<std::string>;

constexpr std::size_t smallest_outbox = 256;

// Whether the text is a `disconnected` message with that code.
bool says_goodbye(const std::string& text, int code) {
  return text.find(R"("type":"disconnected")") != std::string::npos &&
         text.find(R"("code":)" + std::to_string(code)) != std::string::npos;
}

}  // namespace

TEST_CASE("messages go out together when the turn ends", "[server]") {
  parts_of_a_hub h;
  connection& c = h.open();
  {
    const turn_list::turn scope(h.outbound.turns());
    h.outbound.send(*c.of(), "one");
    h.outbound.send(*c.of(), "two");
    CHECK(h.socket_of(c).writes == 0);
  }
  CHECK(h.socket_of(c).writes == 1);
  CHECK(h.sent(c) == list{"one", "two"});
  CHECK(h.counted.writes.value() == 1);
}

TEST_CASE("a message to a detached session is kept, within a bound", "[server]") {
  parts_of_a_hub h({.session = {.control_lane_bytes = smallest_outbox}});
  connection& c = h.open();
  session& s = *c.of();
  h.end(c);
  h.outbound.send(s, std::string(200, 'x'));
  CHECK(hotline_test::frames_in(s.kept_answers()) == list{std::string(200, 'x')});
  CHECK_FALSE(s.has_overflowed());
  h.outbound.send(s, std::string(200, 'y'));
  CHECK(s.has_overflowed());
  CHECK(h.over(limit::control_lane_bytes) == 1);
  h.outbound.send(s, "z");
  CHECK(hotline_test::frames_in(s.kept_answers()).size() == 1);
  CHECK(h.over(limit::control_lane_bytes) == 1);
}

TEST_CASE("a client that does not read its messages is closed as too slow", "[server]") {
  parts_of_a_hub h({.session = {.control_lane_bytes = smallest_outbox}});
  connection& c = h.open();
  h.socket_of(c).takes = 0;
  h.outbound.send(*c.of(), std::string(200, 'x'));
  CHECK(c.is_open());
  h.outbound.send(*c.of(), std::string(200, 'y'));
  CHECK_FALSE(c.is_open());
  CHECK(c.of()->ended().code == close_code::too_slow);
  CHECK(h.over(limit::control_lane_bytes) == 1);
  h.outbound.send(*c.of(), "z");
  h.writable(c);
  const list frames = h.sent(c);
  REQUIRE(frames.size() == 3);
  CHECK(frames[0] == std::string(200, 'x'));
  CHECK(says_goodbye(frames[1], 4008));
  CHECK(frames[2] == "close 4008 answers are not read");
}

TEST_CASE("a client that reads may be sent more in a turn than its outbox has room for", "[server]") {
  parts_of_a_hub h({.session = {.control_lane_bytes = smallest_outbox}});
  connection& c = h.open();
  {
    const turn_list::turn scope(h.outbound.turns());
    for (int i = 0; i < 5; ++i) h.outbound.send(*c.of(), std::string(200, 'x'));
  }
  CHECK(c.is_open());
  CHECK(h.sent(c).size() == 5);
}

TEST_CASE("a close says why, takes the connection out of its room and waits for the answer", "[server]") {
  parts_of_a_hub h;
  connection& c = h.open();
  h.outbound.close(c, close_code::policy_violation, "enough");
  CHECK(c.room == nullptr);
  CHECK(h.outbound.rooms().find("p") == nullptr);
  CHECK(c.of()->ended().code == close_code::policy_violation);
  CHECK(c.of()->end_reason() == "enough");
  const list frames = h.sent(c);
  REQUIRE(frames.size() == 2);
  CHECK(says_goodbye(frames[0], 1008));
  CHECK(frames[1] == "close 1008 enough");
  CHECK_FALSE(h.socket_of(c).is_shut_down);
  SECTION("and happens once") {
    h.outbound.close(c, close_code::normal, "again");
    CHECK(c.of()->ended().code == close_code::policy_violation);
    CHECK(h.sent(c).empty());
  }
  SECTION("and messages afterwards are dropped") {
    h.outbound.send(*c.of(), "late");
    CHECK(h.sent(c).empty());
  }
}

TEST_CASE("a close that expects no answer shuts the socket down once all is sent", "[server]") {
  parts_of_a_hub h;
  connection& c = h.open();
  h.socket_of(c).takes = 10;
  h.outbound.close(c, close_code::protocol_error, "");
  CHECK_FALSE(h.socket_of(c).is_shut_down);
  h.writable(c);
  CHECK(h.socket_of(c).is_shut_down);
  CHECK(c.at() == connection::phase::finished);
}

TEST_CASE("a client whose admission has ended may come back", "[server]") {
  parts_of_a_hub h;
  connection& c = h.open();
  h.outbound.expire(c);
  CHECK(c.of()->ended().code == close_code::unauthorized);
  CHECK(c.of()->ended().may_resume);
}

TEST_CASE("a connection that is given up is aborted when the turn ends, and its session goes on", "[server]") {
  parts_of_a_hub h;
  connection& c = h.open();
  detail::subscriber& seen_by_room = c;
  {
    const turn_list::turn scope(h.outbound.turns());
    h.outbound.send(*c.of(), "never sent");
    SECTION("by its room") { h.outbound.give_up(seen_by_room); }
    SECTION("by its commands") { static_cast<detail::command_output&>(h.outbound).give_up(*c.of()); }
    SECTION("for its socket, which throws") {
      h.socket_of(c).is_broken = true;
      h.outbound.settle(c);
    }
    h.outbound.give_up(seen_by_room);  // once is enough
    CHECK_FALSE(h.socket_of(c).is_aborted);
  }
  CHECK(h.socket_of(c).is_aborted);
  CHECK(h.socket_of(c).take().empty());
  CHECK(c.out.empty());
  CHECK(c.at() == connection::phase::finished);
  CHECK(c.room == nullptr);
  CHECK(c.of()->ended().code == close_code::internal_error);
  CHECK(c.of()->ended().may_resume);
  CHECK(h.counted.out_of_memory.value() == 1);
}

TEST_CASE("a connection that ends anyway keeps its reason when it is given up", "[server]") {
  parts_of_a_hub h;
  connection& c = h.open();
  h.outbound.close(c, close_code::forbidden, "not yours");
  {
    const turn_list::turn scope(h.outbound.turns());
    h.outbound.give_up(static_cast<detail::subscriber&>(c));
  }
  CHECK(c.of()->ended().code == close_code::forbidden);
}

TEST_CASE("events follow what a connection is owed, as far as its socket takes it", "[server]") {
  parts_of_a_hub h;
  connection& c = h.open();
  h.append();
  h.line.run();
  const list first = h.sent(c);
  REQUIRE(first.size() == 1);
  CHECK(first[0].find(R"("seq":1)") != std::string::npos);

  h.socket_of(c).takes = 5;
  h.append();
  h.append();
  h.line.run();
  CHECK(c.blocked);
  h.outbound.send(*c.of(), "answer");
  h.writable(c);
  CHECK_FALSE(c.blocked);
  const list rest = h.sent(c);
  REQUIRE(rest.size() == 3);
  CHECK(rest[0].find(R"("seq":2)") != std::string::npos);
  CHECK(rest[1] == "answer");
  CHECK(rest[2].find(R"("seq":3)") != std::string::npos);
}

TEST_CASE("a client whose outbox is full is not read from until it has read", "[server]") {
  parts_of_a_hub h({.session = {.control_lane_bytes = smallest_outbox}});
  connection& c = h.open();
  h.socket_of(c).takes = 0;
  h.outbound.send(*c.of(), std::string(200, 'x'));
  CHECK(h.socket_of(c).is_paused);
  SECTION("then its socket is read again") {
    h.writable(c);
    CHECK_FALSE(h.socket_of(c).is_paused);
  }
  SECTION("and first what was read before, in a turn of its own") {
    c.set_aside("rest");
    h.writable(c);
    CHECK(h.socket_of(c).is_paused);
    CHECK(h.input.read.empty());
    h.line.run();
    CHECK(h.input.read == list{"rest"});
    CHECK_FALSE(h.socket_of(c).is_paused);
  }
  SECTION("and is ended where there is no memory to read on") {
    c.set_aside("rest");
    h.socket_of(c).reads_on = false;
    h.writable(c);
    h.line.run();
    CHECK(h.input.read == list{"rest"});
    CHECK(h.socket_of(c).is_aborted);
  }
  SECTION("but not when its session has gone on over another connection meanwhile") {
    c.set_aside("rest");
    h.writable(c);
    h.end(c);
    h.line.run();
    CHECK(h.input.read.empty());
  }
}

TEST_CASE("a client that is left behind is closed, or receives a gap, as the options say", "[server]") {
  constexpr std::size_t kept = 3, appended = 10, part_of_a_frame = 5;
  const auto policy = GENERATE(laggard_policy::close, laggard_policy::gap);
  const bool agreed = GENERATE(false, true);  // it came back for the rest of what it missed
  parts_of_a_hub h({.laggards = policy}, {.events = kept});
  connection& c = h.open();
  c.agreed_to_gap = agreed;
  CHECK(h.outbound.closes_laggards() == (policy == laggard_policy::close));
  h.socket_of(c).takes = part_of_a_frame;
  h.append();
  h.line.run();
  CHECK(c.blocked);
  for (std::size_t i = 0; i < appended; ++i) h.append();
  h.line.run();
  h.writable(c);
  const list frames = h.sent(c);
  REQUIRE_FALSE(frames.empty());
  if (policy == laggard_policy::close && !agreed) {
    CHECK(frames.back() == "close 4008 the log went by");
    CHECK(c.of()->ended().code == close_code::too_slow);
    CHECK(h.counted.gaps.value() == 0);
  } else {
    constexpr std::size_t gap_frame = 1, torn_frame = 1;
    CHECK(c.is_open());
    CHECK(frames.size() == torn_frame + gap_frame + kept);
    CHECK(h.counted.gaps.value() == 1);
    CHECK(h.counted.missed_events.value() == appended - kept);
    // One gap is what it agreed to.
    CHECK(c.agreed_to_gap == (agreed && policy == laggard_policy::gap));
  }
}

TEST_CASE("a client that reads nothing at all is noticed at a tick, where laggards are closed", "[server]") {
  constexpr std::size_t kept = 3;
  parts_of_a_hub h({.laggards = laggard_policy::close}, {.events = kept});
  connection& c = h.open();
  h.socket_of(c).takes = 0;
  h.append();
  h.line.run();
  const auto tick = [&] {
    const turn_list::turn scope(h.outbound.turns());
    h.outbound.notice_lag(c);
  };
  tick();
  CHECK(c.is_open());
  for (std::size_t i = 0; i < 2 * kept; ++i) h.append();
  h.line.run();
  tick();
  CHECK_FALSE(c.is_open());
  CHECK(c.of()->ended().code == close_code::too_slow);
}

TEST_CASE("a client that receives few events gets its position", "[server]") {
  parts_of_a_hub h;
  connection& c = h.open();
  static_cast<detail::command_output&>(h.outbound).subscribe(*c.of(), filter());
  h.append();
  h.append();
  h.line.run();
  const auto tick = [&] {
    const turn_list::turn scope(h.outbound.turns());
    h.outbound.tell_position(c);
  };
  tick();
  const list frames = h.sent(c);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].find(R"("type":"position")") != std::string::npos);
  CHECK(frames[0].find(R"("seq":2)") != std::string::npos);
  tick();
  CHECK(h.sent(c).empty());
}

TEST_CASE("a filter holds for events after the session's position, and is the session's", "[server]") {
  parts_of_a_hub h;
  detail::command_output& output = h.outbound;
  connection& c = h.open();
  session& s = *c.of();
  h.append();
  h.line.run();
  CHECK(h.sent(c).size() == 1);
  CHECK(output.position(s) == 1);
  output.subscribe(s, filter());
  CHECK(s.has_subscribed());
  CHECK(s.wanted().hears_nothing());
  h.append();
  h.line.run();
  CHECK(h.sent(c).empty());
  CHECK(output.log_end(s) == 2);
  SECTION("not while it is detached") {
    h.end(c);
    output.subscribe(s, filter::everything());
    CHECK(s.wanted().hears_nothing());
    CHECK(output.position(s) == 0);
    CHECK(output.log_end(s) == 0);
  }
}

TEST_CASE("an admission is for ever, or becomes a span of time when it comes", "[server]") {
  parts_of_a_hub h;
  detail::command_output& output = h.outbound;
  session& s = *h.open().of();
  output.renew(s, h.outbound.wall() + 5s);
  CHECK(s.expires_at() == h.now() + 5s);
  output.renew(s, std::nullopt);
  CHECK(s.expires_at() == steady_time::max());
}

TEST_CASE("a drain closes those that have received everything, and the others once they have", "[server]") {
  constexpr auto spread = 1000ms;
  parts_of_a_hub h({.restart_spread = spread});
  connection& up_to_date = h.open();
  connection& slow = h.open();
  h.socket_of(slow).takes = 5;
  h.append();
  h.line.run();
  CHECK(h.sent(up_to_date).size() == 1);
  {
    const turn_list::turn scope(h.outbound.turns());
    h.outbound.drain();
  }
  const list last = h.sent(up_to_date);
  REQUIRE(last.size() == 2);
  CHECK(says_goodbye(last[0], 1001));
  CHECK(last[0].find(R"("retry_after":)") != std::string::npos);
  CHECK(last[1] == "close 1001 the server is shutting down");
  CHECK(slow.is_open());
  h.writable(slow);
  CHECK_FALSE(slow.is_open());
  const list all = h.sent(slow);
  REQUIRE(all.size() == 3);
  CHECK(all[0].find(R"("seq":1)") != std::string::npos);
  CHECK(says_goodbye(all[1], 1001));
}

TEST_CASE("the producer of a project learns that subscribers lag, and that they do not any more", "[server]") {
  parts_of_a_hub h;
  std::vector<pace> paces;
  connection& c = h.open();
  h.outbound.paces().watch("p", {.behind = 2000, .caught_up = 500}, [&](pace p) { paces.push_back(p); });
  h.append();
  h.line.run();
  CHECK(paces.empty());
  h.socket_of(c).takes = 0;
  for (int i = 0; i < 10; ++i) h.append("p", std::string(1000, 'x'));
  h.line.run();
  REQUIRE(paces == std::vector{pace::behind});
  SECTION("because one has caught up") {
    h.writable(c);
    h.line.run();
  }
  SECTION("because one has left, and the room with it") {
    h.outbound.leave(c);
    CHECK(h.outbound.rooms().find("p") == nullptr);
    h.line.run();
  }
  SECTION("because one has left, and others are there") {
    (void)h.open();
    h.outbound.leave(c);
    h.line.run();
  }
  CHECK(paces == std::vector{pace::behind, pace::caught_up});
}
