#include <catch2_any.hpp>
#include <connection/lone_connection.hpp>
#include <hotline/connection/connection.hpp>
#include <hotline/connection/heartbeat.hpp>
#include <memory_client.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using detail::connection;
using hotline_test::client_frame;
using hotline_test::lone_connection;
using hotline_test::no_socket;
using inbound = connection::inbound;
using due = connection::due;
using phase = connection::phase;

namespace {

constexpr std::string_view whole_request = lone_connection::whole_request;

std::string close_frame(int code, std::string_view reason = {}) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 255)};
  return client_frame(0x88, payload.append(reason));
}

std::string text_frame(std::string_view text) { return client_frame(0x81, text); }

using list = std::vector<std::string>;

}  // namespace

// ---------------------------------------------------------------------------------------------------- the head

TEST_CASE("bytes become a request once, however they come", "[connection]") {
  lone_connection one;
  CHECK(one.c.at() == phase::head);
  for (const char c : whole_request.substr(0, whole_request.size() - 1)) CHECK(one.receive({&c, 1}).empty());
  CHECK(one.receive("\n") == list{"request /ws/p"});
  CHECK(one.c.at() == phase::asked);
}

TEST_CASE("bytes after the head in one read are the first message", "[connection]") {
  lone_connection one;
  std::string buffer = std::string(whole_request) + text_frame("early");
  std::span<char> rest(buffer);
  CHECK(one.c.receive(rest, one.now, one.decoders).what == inbound::request);
  one.upgrade("");
  const connection::received got = one.c.receive(rest, one.now, one.decoders);
  CHECK(got.what == inbound::message);
  CHECK(got.text == "early");
}

TEST_CASE("a head that breaks a rule is refused with its status, and answered once", "[connection]") {
  lone_connection one;
  CHECK(one.receive("GET / HTTP/9.9\r\n") == list{"refused 505"});
  one.c.respond("the answer", one.now);
  CHECK(one.c.at() == phase::responding);
  CHECK(one.c.may_end());
  CHECK(one.receive("more bytes that nobody reads").empty());
  CHECK(one.sent() == "the answer");
}

TEST_CASE("a head has the handshake's time and not a millisecond more, whatever trickles in", "[connection]") {
  lone_connection one({.handshake = {.timeout = 1000ms}});
  CHECK(one.tick_in(999ms) == due::nothing);
  CHECK(one.receive("GET").empty());
  CHECK(one.tick_in(1ms) == due::head_timeout);
  CHECK(one.tick_in(1ms) == due::head_timeout);
}

TEST_CASE("an HTTP answer is waited for as long as a close", "[connection]") {
  lone_connection one({.close_timeout = 1000ms});
  one.now += 5s;
  CHECK(one.receive(whole_request) == list{"request /ws/p"});
  one.c.respond("the answer", one.now);
  CHECK(one.tick_in(999ms) == due::nothing);
  CHECK(one.tick_in(1ms) == due::close_timeout);
}

// ----------------------------------------------------------------------------------------------------- messages

TEST_CASE("messages come one by one, and pings are answered in their place", "[connection]") {
  lone_connection one;
  one.open();
  CHECK(one.c.is_open());
  CHECK(one.receive(text_frame("a") + client_frame(0x89, "hi") + text_frame("") + client_frame(0x8a, "x") +
                    text_frame("b")) == list{"message a", "message ", "message b"});
  CHECK(one.sent() == "\x8a\x02hi");
}

TEST_CASE("a message in pieces is one message, and a ping may come between them", "[connection]") {
  lone_connection one;
  one.open();
  const std::string all =
      client_frame(0x01, "on") + client_frame(0x89, "p") + client_frame(0x00, "e m") + client_frame(0x80, "ess");
  for (std::size_t i = 0; i + 1 < all.size(); ++i) CHECK(one.receive(all.substr(i, 1)).empty());
  CHECK(one.receive(all.substr(all.size() - 1)) == list{"message one mess"});
  CHECK(one.sent() == "\x8a\x01p");
}

TEST_CASE("each broken rule has its close code, and nothing is read after it", "[connection]") {
  const std::vector<std::pair<std::string, std::string>> offences{
      {client_frame(0x82, "x"), "failed 1003 text messages only"},
      {text_frame("\xff"), "failed 1007 invalid payload"},
      {client_frame(0xc1, "x"), "failed 1002 protocol error"},
      {text_frame(std::string(101, 'x')), "failed 1009 message too big"},
      {close_frame(1005), "failed 1002 protocol error"},
      {close_frame(1000, "\xff"), "failed 1007 invalid payload"},
  };
  for (const auto& [bytes, outcome] : offences) {
    INFO(outcome);
    lone_connection one({.session = {.message_bytes = 100}});
    one.open();
    CHECK(one.receive(bytes + text_frame("behind it")) == list{outcome});
    CHECK(one.c.at() == phase::closing);
    CHECK(one.c.may_end());  // its answer says nothing to us
    CHECK(one.receive(text_frame("later") + close_frame(1000)).empty());
    CHECK(one.sent().substr(0, 1) == "\x88");
    CHECK(one.decoders.spare() <= 1);
  }
}

TEST_CASE("a client whose pings fill the outbox is too slow", "[connection]") {
  lone_connection one({.session = {.control_lane_bytes = 30}});
  one.open();
  const list told = one.receive(client_frame(0x89, "0123456789") + client_frame(0x89, "0123456789"));
  CHECK(told == list{"failed 4008 answers are not read"});
  // The pong that fitted, and the close frame all the same.
  CHECK(one.sent().substr(0, 14) == std::string_view("\x8a\x0a"
                                                     "0123456789"
                                                     "\x88\x16"));
}

TEST_CASE("a connection has a decoder only in the middle of something", "[connection]") {
  lone_connection one;
  one.open();
  CHECK(one.decoders.spare() == 0);
  CHECK(one.receive(text_frame("whole")) == list{"message whole"});
  CHECK(one.decoders.spare() == 1);
  const std::string frame = text_frame("in pieces");
  CHECK(one.receive(frame.substr(0, 1)).empty());
  CHECK(one.decoders.spare() == 0);
  CHECK(one.receive(frame.substr(1, 8)).empty());
  CHECK(one.decoders.spare() == 0);
  CHECK(one.receive(frame.substr(9)) == list{"message in pieces"});
  CHECK(one.decoders.spare() == 1);
  CHECK(one.receive(client_frame(0x01, "first")).empty());  // a fragment's end is in the middle of its message
  CHECK(one.decoders.spare() == 0);
  CHECK(one.receive(client_frame(0x80, "last")) == list{"message firstlast"});
  CHECK(one.decoders.spare() == 1);
  CHECK(one.receive("").empty());
  CHECK(one.decoders.spare() == 1);
}

TEST_CASE("a connection gives its decoder back once the peer's bytes no longer matter", "[connection]") {
  lone_connection peer_first, we_first;
  peer_first.open();
  CHECK(peer_first.receive(close_frame(1000)) == list{"closed 1000 "});
  CHECK(peer_first.decoders.spare() == 1);
  we_first.open();
  we_first.c.close(close_code::normal, "", "", we_first.now);
  CHECK(we_first.receive(close_frame(1000)) == list{"closed 1000 "});
  CHECK(we_first.decoders.spare() == 1);
  lone_connection broken;
  broken.open();
  CHECK(broken.receive(text_frame("half").substr(0, 3)).empty());
  broken.c.close(close_code::protocol_error, "", "", broken.now);
  CHECK(broken.receive("x").empty());
  CHECK(broken.decoders.spare() == 1);
}

TEST_CASE("messages over the rate are not to be run, and twice over it end the connection", "[connection]") {
  lone_connection one({.session = {.messages_per_second = 10, .message_burst = 2}});
  one.open();
  std::string flood;
  for (int i = 0; i < 5; ++i) flood += text_frame("m");
  std::span<char> rest(flood);
  std::vector<std::optional<limit>> over;
  connection::received got = one.c.receive(rest, one.now, one.decoders);
  for (; got.what == inbound::message; got = one.c.receive(rest, one.now, one.decoders)) over.push_back(got.over);
  CHECK(over == std::vector<std::optional<limit>>{{}, {}, limit::message_rate, limit::message_rate});
  CHECK(got.what == inbound::failed);
  CHECK(got.code == close_code::too_many_messages);
  CHECK(got.over == limit::message_rate);
}

TEST_CASE("pings and pongs are counted together and apart from messages", "[connection]") {
  lone_connection one({.session = {.message_burst = 1, .control_frames_per_second = 1, .control_frame_burst = 2}});
  one.open();
  CHECK(one.receive(client_frame(0x8a, "") + client_frame(0x89, "")).empty());
  CHECK(one.receive(text_frame("m")) == list{"message m"});
  CHECK(one.receive(client_frame(0x8a, "")) == list{"failed 4029 too many pings or pongs"});
}

TEST_CASE("any byte is a sign of life", "[connection]") {
  lone_connection one;
  one.open();
  one.now += 1s;
  CHECK(one.receive("").empty());
  CHECK(one.of.last_heard() == one.now - 1s);
  CHECK(one.receive(text_frame("x").substr(0, 1)).empty());
  CHECK(one.of.last_heard() == one.now);
  CHECK(one.of.connected_at == one.now - 1s);
}

// ------------------------------------------------------------------------------------------------------- closing

TEST_CASE("the peer's close is answered with its code, and then it is the socket's turn", "[connection]") {
  lone_connection one;
  one.open();
  CHECK(one.c.queue("waiting"));
  CHECK(one.receive(text_frame("last") + close_frame(1001, "bye") + text_frame("after")) ==
        list{"message last", "closed 1001 bye"});
  CHECK(one.c.at() == phase::closing);
  CHECK(one.c.may_end());
  CHECK(one.sent() == std::string_view("\x81\x07"
                                       "waiting"
                                       "\x88\x02\x03\xe9",
                                       13));
  CHECK(one.receive(client_frame(0x89, "")).empty());
  CHECK(one.c.out.empty());
  one.c.close(close_code::going_away, "again", "", one.now);  // too late: nothing comes after a close frame
  CHECK(one.c.out.empty());
}

TEST_CASE("a close frame without a code is answered without one", "[connection]") {
  lone_connection one;
  one.open();
  CHECK(one.receive(client_frame(0x88, "")) == list{"closed 1005 "});
  CHECK(one.sent() == std::string_view("\x88\x00", 2));
}

TEST_CASE("our close says farewell, waits for the answer, and reads nothing else meanwhile", "[connection]") {
  lone_connection one;
  one.open();
  one.c.close(close_code::forbidden, "not yours", R"({"bye":1})", one.now);
  CHECK(one.c.at() == phase::closing);
  CHECK_FALSE(one.c.is_open());
  CHECK_FALSE(one.c.may_end());
  CHECK(one.sent() == std::string("\x81\x09{\"bye\":1}\x88\x0b\x0f\xa3not yours"));
  CHECK(one.receive(text_frame("unheard") + client_frame(0x89, "x") + client_frame(0x82, "binary")).empty());
  CHECK(one.c.out.empty());
  CHECK_FALSE(one.c.may_end());
  CHECK(one.receive(close_frame(4003, "ok")) == list{"closed 4003 ok"});
  CHECK(one.c.may_end());
  CHECK(one.c.out.empty());  // our frame was the answer to theirs
}

TEST_CASE("a peer that breaks the rules while we close is not waited for", "[connection]") {
  lone_connection one;
  one.open();
  one.c.close(close_code::going_away, "", "", one.now);
  (void)one.sent();
  CHECK(one.receive(client_frame(0xf1, "")) == list{"closed 1002 "});
  CHECK(one.c.may_end());
  CHECK(one.c.out.empty());
}

TEST_CASE("a full outbox does not keep the farewell from being said", "[connection]") {
  lone_connection one({.session = {.control_lane_bytes = 20}});
  one.open();
  CHECK(one.c.queue("0123456789"));
  CHECK_FALSE(one.c.queue("more"));
  one.c.close(close_code::too_slow, "", "bye", one.now);
  CHECK(one.sent() == std::string("\x81\x0a"
                                  "0123456789"
                                  "\x81\x03"
                                  "bye"
                                  "\x88\x02\x0f\xa8"));
}

TEST_CASE("the answer to a close is waited for where the bytes of the peer can be trusted", "[connection]") {
  const auto waits = [](close_code code) {
    lone_connection one;
    one.open();
    one.c.close(code, "", "", one.now);
    return !one.c.may_end();
  };
  CHECK(waits(close_code::normal));
  CHECK(waits(close_code::going_away));
  CHECK(waits(close_code::heartbeat_timeout));
  CHECK(waits(close_code::too_slow));
  CHECK_FALSE(waits(close_code::protocol_error));
  CHECK_FALSE(waits(close_code::unsupported_data));
  CHECK_FALSE(waits(close_code::invalid_payload));
  CHECK_FALSE(waits(close_code::message_too_big));
}

TEST_CASE("only an open connection is closed, and only once", "[connection]") {
  lone_connection one;
  one.c.close(close_code::normal, "", "bye", one.now);
  CHECK(one.c.at() == phase::head);
  CHECK(one.c.out.empty());
  one.open();
  one.c.close(close_code::normal, "", "bye", one.now);
  const std::size_t size = one.c.out.size();
  one.c.close(close_code::normal, "", "bye", one.now);
  CHECK(one.c.out.size() == size);
}

TEST_CASE("the close handshake has close_timeout from when either side began it", "[connection]") {
  for (const bool ours : {true, false}) {
    lone_connection one({.close_timeout = 1000ms});
    one.open();
    one.now += 10s;
    if (ours)
      one.c.close(close_code::normal, "", "", one.now);
    else
      CHECK(one.receive(close_frame(1000)) == list{"closed 1000 "});
    CHECK(one.tick_in(500ms) == due::nothing);
    if (ours) CHECK(one.receive(text_frame("still alive")).empty());  // that buys no time
    CHECK(one.tick_in(499ms) == due::nothing);
    CHECK(one.tick_in(1ms) == due::close_timeout);
  }
}

// ----------------------------------------------------------------------------------------------------- heartbeat

TEST_CASE("a silent client is pinged at the interval, and given up at the timeout", "[connection]") {
  lone_connection one;
  one.heartbeat = detail::any_heartbeat(interval_heartbeat(100ms, 250ms));
  one.open();
  CHECK(one.tick_in(99ms) == due::nothing);
  CHECK(one.tick_in(1ms) == due::ping_queued);
  CHECK(one.sent() == std::string_view("\x89\x00", 2));
  CHECK(one.tick_in(99ms) == due::nothing);
  CHECK(one.tick_in(1ms) == due::ping_queued);
  CHECK(one.tick_in(49ms) == due::nothing);
  CHECK(one.tick_in(1ms) == due::heartbeat_lost);
}

TEST_CASE("a client that answers its pings lives on", "[connection]") {
  lone_connection one;
  one.heartbeat = detail::any_heartbeat(interval_heartbeat(100ms, 250ms));
  one.open();
  for (int i = 0; i < 10; ++i) {
    CHECK(one.tick_in(100ms) == due::ping_queued);
    CHECK(one.receive(client_frame(0x8a, "")).empty());
  }
}

TEST_CASE("the heartbeat counts from the upgrade, not from when the socket opened", "[connection]") {
  lone_connection one;
  one.heartbeat = detail::any_heartbeat(interval_heartbeat(100ms, 250ms));
  one.now += 90ms;
  one.open();
  CHECK(one.tick_in(99ms) == due::nothing);
  CHECK(one.tick_in(1ms) == due::ping_queued);
}

TEST_CASE("a full outbox gets no ping on top, and the next is tried an interval later", "[connection]") {
  lone_connection one({.session = {.control_lane_bytes = 20}});
  one.heartbeat = detail::any_heartbeat(interval_heartbeat(100ms, 1000ms));
  one.open();
  CHECK(one.c.queue("0123456789"));
  CHECK(one.tick_in(100ms) == due::nothing);
  CHECK(one.c.out.size() == 12);
  (void)one.sent();
  CHECK(one.tick_in(99ms) == due::nothing);
  CHECK(one.tick_in(1ms) == due::ping_queued);
}

TEST_CASE("the policy receives when bytes last came, the last ping and the connection's own salt", "[connection]") {
  struct recording {
    std::vector<heartbeat_query>* asked;
    heartbeat_action operator()(const heartbeat_query& q) const {
      asked->push_back(q);
      return heartbeat_action::ping;
    }
    std::chrono::milliseconds interval() const { return 1ms; }
    std::chrono::milliseconds timeout() const { return 2ms; }
  };
  std::vector<heartbeat_query> asked;
  const detail::any_heartbeat policy(recording{&asked});
  manager_options options;
  detail::decoder_pool decoders(options.session);
  connection c(options, no_socket(), 0, "", steady_time(1h));
  detail::session of(77, hotline_test::project_name("p"), {});
  CHECK(c.tick(steady_time(1h), policy) == due::nothing);
  CHECK(asked.empty());
  of.attach(c, steady_time(1h), {});
  c.upgrade("", steady_time(2h));
  CHECK(c.tick(steady_time(3h), policy) == due::ping_queued);
  CHECK(c.tick(steady_time(4h), policy) == due::ping_queued);
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].now == steady_time(3h));
  // No bytes could come before, and a ping that was not sent is not waited for.
  CHECK(asked[0].last_heard == steady_time(2h));
  CHECK(asked[0].last_ping == steady_time(2h));
  CHECK(asked[0].salt == 77);
  CHECK(asked[1].last_ping == steady_time(3h));
  c.close(close_code::normal, "", "", steady_time(4h));
  CHECK(c.tick(steady_time(4h), policy) == due::nothing);
  CHECK(asked.size() == 2);
}

TEST_CASE("a finished connection reads nothing and says nothing", "[connection]") {
  lone_connection one;
  one.open();
  one.c.finish();
  CHECK(one.c.at() == phase::finished);
  CHECK(one.receive(text_frame("x")).empty());
  one.c.close(close_code::normal, "", "bye", one.now);
  CHECK(one.c.out.empty());
}

TEST_CASE("a connection needs what is of its arrival until it is upgraded", "[connection]") {
  lone_connection one;
  REQUIRE(one.c.arriving() != nullptr);
  CHECK(&one.c.arriving()->of == &one.c);
  CHECK(one.c.arriving()->remote_address == "192.0.2.1:50123");
  CHECK_FALSE(one.c.arriving()->is_local);
  SECTION("its head reader until the request is there and its answer takes time") {
    CHECK(one.receive(whole_request) == list{"request /ws/p"});
    one.c.wait();
    CHECK(one.c.at() == phase::waiting);
    CHECK_FALSE(one.c.arriving()->reader);
    CHECK(one.receive("bytes that wait").empty());
  }
  SECTION("an HTTP answer leaves the rest, for the log") {
    one.c.respond("the answer", one.now);
    CHECK_FALSE(one.c.arriving()->reader);
    CHECK(one.c.arriving()->remote_address == "192.0.2.1:50123");
  }
  SECTION("an upgrade frees it") {
    one.open();
    CHECK(one.c.arriving() == nullptr);
  }
}

TEST_CASE("an outbox is full at half of what it may have, and then takes no more than all of it", "[connection]") {
  constexpr std::size_t most = 256, half = most / 2, frame_header = 4;
  lone_connection one({.session = {.control_lane_bytes = most}});
  one.open();
  CHECK(one.c.queue(std::string(half - frame_header, 'x')));
  CHECK_FALSE(one.c.outbox_is_full());
  SECTION("one message of any size is taken while it is not full") {
    CHECK(one.c.queue(std::string(10 * most, 'y')));
    CHECK(one.c.outbox_is_full());
    CHECK_FALSE(one.c.queue("z"));
  }
  SECTION("a full one takes what fits") {
    CHECK(one.c.queue("y"));
    CHECK(one.c.outbox_is_full());
    CHECK(one.c.queue("z"));
    CHECK_FALSE(one.c.queue(std::string(half, 'z')));
    (void)one.sent();
    CHECK_FALSE(one.c.outbox_is_full());
  }
}

TEST_CASE("a position is due once in its interval, while the connection is open", "[connection]") {
  lone_connection one({.position_interval = 1000ms});
  CHECK_FALSE(one.c.position_is_due(one.now + 1h));
  one.open();
  CHECK_FALSE(one.c.position_is_due(one.now + 999ms));
  CHECK(one.c.position_is_due(one.now + 1000ms));
  CHECK_FALSE(one.c.position_is_due(one.now + 1999ms));
  CHECK(one.c.position_is_due(one.now + 2000ms));
  lone_connection never({.position_interval = 0ms});
  never.open();
  CHECK_FALSE(never.c.position_is_due(never.now + 1h));
}

TEST_CASE("bytes that are set aside are taken once", "[connection]") {
  lone_connection one;
  CHECK_FALSE(one.c.has_unread());
  one.c.set_aside("rest");
  CHECK(one.c.has_unread());
  CHECK(one.c.take_unread() == "rest");
  CHECK_FALSE(one.c.has_unread());
  CHECK(one.c.take_unread().empty());
  one.c.set_aside("");
  CHECK_FALSE(one.c.has_unread());
}

TEST_CASE("an HTTP answer that its peer reads may take its time", "[connection]") {
  lone_connection one({.close_timeout = 1000ms});
  CHECK(one.receive(whole_request) == list{"request /ws/p"});
  one.c.respond("the answer", one.now);
  one.now += 900ms;
  one.c.was_read(one.now);
  CHECK(one.tick_in(999ms) == due::nothing);
  CHECK(one.tick_in(1ms) == due::close_timeout);
}

TEST_CASE("the rest of a message that is too big may come before our direction ends", "[connection]") {
  constexpr std::size_t most = 100;
  const std::string frame = text_frame(std::string(10 * most, 'x'));
  const std::size_t seen = 2 * most;
  lone_connection one({.session = {.message_bytes = most}});
  one.open();
  CHECK(one.receive(frame.substr(0, seen)) == list{"failed 1009 message too big"});
  CHECK_FALSE(one.c.may_end());
  SECTION("until it is there") {
    CHECK(one.receive(frame.substr(seen)).empty());
    CHECK(one.c.may_end());
  }
  SECTION("for four ticks at most") {
    for (int i = 0; i < 3; ++i) CHECK(one.tick_in(tick_interval) == due::nothing);
    CHECK(one.tick_in(tick_interval) == due::linger_over);
    CHECK(one.c.may_end());
  }
}

namespace {

/// A loop that does not run while a test says so.
struct pausing_clock final : detail::tick_source {
  std::chrono::nanoseconds late{};
  [[nodiscard]] std::chrono::nanoseconds lateness() const noexcept override { return late; }
};

}  // namespace

TEST_CASE("a verdict that ends something is looked at once more", "[connection]") {
  pausing_clock clock;
  detail::pauses gaps(clock);
  lone_connection one({.handshake = {.timeout = 1000ms}, .close_timeout = 1000ms});
  one.heartbeat = detail::any_heartbeat(interval_heartbeat(1000ms, 3000ms));
  bool waits = false;
  const auto confirm = [&](due found) {
    return one.c.confirm(found, one.now, one.heartbeat, gaps, [&] { return waits; });
  };
  // The loop does not run for `time`, and then ticks.
  const auto pause = [&](std::chrono::milliseconds time) {
    one.now += time + tick_interval;
    clock.late = time;
    (void)gaps.tick(one.now);
    clock.late = {};
  };
  gaps.begin(one.now);

  SECTION("a pause is not a head's time, and a head that waits in its socket has one more tick") {
    pause(5s);
    CHECK(one.tick() == due::head_timeout);
    CHECK(confirm(due::head_timeout) == due::nothing);
    one.now += 1000ms;
    waits = true;
    CHECK(confirm(due::head_timeout) == due::nothing);
    CHECK(confirm(due::head_timeout) == due::head_timeout);
  }
  SECTION("a host that takes too long gets no tick for what waits") {
    CHECK(one.receive(whole_request) == list{"request /ws/p"});
    one.c.wait();
    one.now += 1000ms;
    waits = true;
    CHECK(one.tick() == due::admission_timeout);
    CHECK(confirm(due::admission_timeout) == due::admission_timeout);
  }
  SECTION("a pause is not a peer's silence: it is pinged") {
    one.open();
    pause(5s);
    CHECK(one.tick() == due::heartbeat_lost);
    CHECK(confirm(due::heartbeat_lost) == due::nothing);
    one.now += 1000ms;
    CHECK(confirm(due::heartbeat_lost) == due::ping_queued);
  }
  SECTION("bytes that wait prove that a peer lives") {
    one.open();
    one.now += 3000ms;
    waits = true;
    CHECK(one.tick() == due::heartbeat_lost);
    CHECK(confirm(due::heartbeat_lost) == due::nothing);
    waits = false;
    CHECK(confirm(due::heartbeat_lost) == due::heartbeat_lost);
  }
  SECTION("a close has one more tick too") {
    one.open();
    one.c.close(close_code::normal, "", "", one.now);
    one.now += 1000ms;
    waits = true;
    CHECK(one.tick() == due::close_timeout);
    CHECK(confirm(due::close_timeout) == due::nothing);
    CHECK(confirm(due::close_timeout) == due::close_timeout);
  }
}

TEST_CASE("a connection carries a session until that is put down", "[connection]") {
  lone_connection one;
  CHECK(one.c.of() == nullptr);
  one.open();
  CHECK(one.c.of() == &one.of);
  one.of.detach(one.now);
  CHECK(one.c.of() == nullptr);
}
