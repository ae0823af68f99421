#include <catch2_any.hpp>
#include <hotline/session/heartbeat.hpp>
#include <hotline/session/session.hpp>
#include <memory_client.hpp>

#include <chrono>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using detail::session;
using hotline_test::client_frame;
using inbound = detail::session::inbound;
using due = detail::session::due;
using phase = detail::session::phase;

namespace {

constexpr std::string_view whole_request = "GET /ws/p HTTP/1.1\r\nHost: x\r\n\r\n";

std::string close_frame(int code, std::string_view reason = {}) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 255)};
  return client_frame(0x88, payload.append(reason));
}

std::string text_frame(std::string_view text) { return client_frame(0x81, text); }

/// One client without a transport: what its bytes and the clock come to.
struct stage {
  explicit stage(manager_options o = {}) : options(std::move(o)), decoders(options.session), s(options, now, 0) {}

  /// What the bytes come to, as words: one for each time that something is to be told.
  std::vector<std::string> hear(std::string_view bytes) {
    std::string buffer(bytes);
    std::span<char> rest(buffer);
    std::vector<std::string> told;
    for (;;) {
      const session::received got = s.receive(rest, now, decoders);
      switch (got.what) {
        case inbound::need_more: CHECK(rest.empty()); return told;
        case inbound::request: told.push_back("request " + s.take_request().path); return told;
        case inbound::refused: told.push_back("refused " + std::to_string(got.status)); return told;
        case inbound::message: told.push_back("message " + std::string(got.text)); break;
        case inbound::peer_closed:
          told.push_back("closed " + std::to_string(static_cast<int>(got.code)) + " " + std::string(got.reason));
          break;
        case inbound::failed:
          told.push_back("failed " + std::to_string(static_cast<int>(got.code)) + " " + std::string(got.reason));
          s.close(got.code, got.reason, {}, now);
          break;
      }
    }
  }

  /// To the open state, its lane sent.
  stage& open() {
    CHECK(hear(whole_request) == std::vector<std::string>{"request /ws/p"});
    s.upgrade("HTTP/1.1 101 \r\n\r\n", now);
    CHECK(sent() == "HTTP/1.1 101 \r\n\r\n");
    return *this;
  }

  /// The socket takes all that waits.
  std::string sent() {
    std::string all(s.lane.pending());
    s.lane.consume(all.size());
    return all;
  }

  due tick() { return s.tick(now, heartbeat); }
  due tick_in(std::chrono::milliseconds time) {
    now += time;
    return tick();
  }

  manager_options options;
  interval_heartbeat heartbeat{};
  steady_time now{1h};
  detail::decoder_pool decoders;
  session s;
};

using list = std::vector<std::string>;

}  // namespace

// ---------------------------------------------------------------------------------------------------- the head

TEST_CASE("bytes become a request once, however they come", "[session]") {
  stage s;
  CHECK(s.s.at() == phase::head);
  for (const char c : whole_request.substr(0, whole_request.size() - 1)) CHECK(s.hear({&c, 1}).empty());
  CHECK(s.hear("\n") == list{"request /ws/p"});
  CHECK(s.s.at() == phase::asked);
}

TEST_CASE("what comes behind the head in one read is the first message", "[session]") {
  stage s;
  std::string buffer = std::string(whole_request) + text_frame("early");
  std::span<char> rest(buffer);
  CHECK(s.s.receive(rest, s.now, s.decoders).what == inbound::request);
  s.s.upgrade("", s.now);
  const session::received got = s.s.receive(rest, s.now, s.decoders);
  CHECK(got.what == inbound::message);
  CHECK(got.text == "early");
}

TEST_CASE("a head that breaks a rule is refused with its status, and answered once", "[session]") {
  stage s;
  CHECK(s.hear("GET / HTTP/9.9\r\n") == list{"refused 505"});
  s.s.respond("the answer", s.now);
  CHECK(s.s.at() == phase::responding);
  CHECK(s.s.may_end());
  CHECK(s.hear("more bytes that nobody reads").empty());
  CHECK(s.sent() == "the answer");
}

TEST_CASE("a head has the handshake's time and not a millisecond more, whatever trickles in", "[session]") {
  stage s({.handshake = {.timeout = 1000ms}});
  CHECK(s.tick_in(999ms) == due::nothing);
  CHECK(s.hear("GET").empty());
  CHECK(s.tick_in(1ms) == due::head_timeout);
  CHECK(s.tick_in(1ms) == due::head_timeout);
}

TEST_CASE("an HTTP answer is waited for as long as a close", "[session]") {
  stage s({.close_timeout = 1000ms});
  s.now += 5s;
  CHECK(s.hear(whole_request) == list{"request /ws/p"});
  s.s.respond("the answer", s.now);
  CHECK(s.tick_in(999ms) == due::nothing);
  CHECK(s.tick_in(1ms) == due::close_timeout);
}

// ----------------------------------------------------------------------------------------------------- messages

TEST_CASE("messages come one by one, and pings are answered in their place", "[session]") {
  stage s;
  s.open();
  CHECK(s.s.is_open());
  CHECK(s.hear(text_frame("a") + client_frame(0x89, "hi") + text_frame("") + client_frame(0x8a, "x") +
               text_frame("b")) == list{"message a", "message ", "message b"});
  CHECK(s.sent() == "\x8a\x02hi");
}

TEST_CASE("a message in pieces is one message, and a ping may come between them", "[session]") {
  stage s;
  s.open();
  const std::string all =
      client_frame(0x01, "on") + client_frame(0x89, "p") + client_frame(0x00, "e m") + client_frame(0x80, "ess");
  for (std::size_t i = 0; i + 1 < all.size(); ++i) CHECK(s.hear(all.substr(i, 1)).empty());
  CHECK(s.hear(all.substr(all.size() - 1)) == list{"message one mess"});
  CHECK(s.sent() == "\x8a\x01p");
}

TEST_CASE("each broken rule has its close code, and nothing is heard after it", "[session]") {
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
    stage s({.session = {.message_bytes = 100}});
    s.open();
    CHECK(s.hear(bytes + text_frame("behind it")) == list{outcome});
    CHECK(s.s.at() == phase::closing);
    CHECK(s.s.may_end());  // its answer says nothing to us
    CHECK(s.hear(text_frame("later") + close_frame(1000)).empty());
    CHECK(s.sent().substr(0, 1) == "\x88");
    CHECK(s.decoders.spare() <= 1);
  }
}

TEST_CASE("a client whose pings fill the lane is too slow", "[session]") {
  stage s({.session = {.control_lane_bytes = 30}});
  s.open();
  const list told = s.hear(client_frame(0x89, "0123456789") + client_frame(0x89, "0123456789"));
  CHECK(told == list{"failed 4008 answers are not read"});
  // The pong that fitted, and the close frame all the same.
  CHECK(s.sent().substr(0, 14) == std::string_view("\x8a\x0a"
                                                   "0123456789"
                                                   "\x88\x16"));
}

TEST_CASE("a decoder is held only in the middle of something", "[session]") {
  stage s;
  s.open();
  CHECK(s.decoders.spare() == 0);
  CHECK(s.hear(text_frame("whole")) == list{"message whole"});
  CHECK(s.decoders.spare() == 1);
  const std::string frame = text_frame("in pieces");
  CHECK(s.hear(frame.substr(0, 1)).empty());
  CHECK(s.decoders.spare() == 0);
  CHECK(s.hear(frame.substr(1, 8)).empty());
  CHECK(s.decoders.spare() == 0);
  CHECK(s.hear(frame.substr(9)) == list{"message in pieces"});
  CHECK(s.decoders.spare() == 1);
  CHECK(s.hear(client_frame(0x01, "first")).empty());  // a fragment's end is in the middle of its message
  CHECK(s.decoders.spare() == 0);
  CHECK(s.hear(client_frame(0x80, "last")) == list{"message firstlast"});
  CHECK(s.decoders.spare() == 1);
  CHECK(s.hear("").empty());
  CHECK(s.decoders.spare() == 1);
}

TEST_CASE("nobody holds a decoder once the peer's bytes no longer matter", "[session]") {
  stage peer_first, we_first;
  peer_first.open();
  CHECK(peer_first.hear(close_frame(1000)) == list{"closed 1000 "});
  CHECK(peer_first.decoders.spare() == 1);
  we_first.open();
  we_first.s.close(close_code::normal, "", "", we_first.now);
  CHECK(we_first.hear(close_frame(1000)) == list{"closed 1000 "});
  CHECK(we_first.decoders.spare() == 1);
  stage broken;
  broken.open();
  CHECK(broken.hear(text_frame("half").substr(0, 3)).empty());
  broken.s.close(close_code::protocol_error, "", "", broken.now);
  CHECK(broken.hear("x").empty());
  CHECK(broken.decoders.spare() == 1);
}

TEST_CASE("messages over the rate are not to be run, and twice over it end the session", "[session]") {
  stage s({.session = {.messages_per_second = 10, .message_burst = 2}});
  s.open();
  std::string flood;
  for (int i = 0; i < 5; ++i) flood += text_frame("m");
  std::span<char> rest(flood);
  std::vector<std::optional<limit>> over;
  session::received got = s.s.receive(rest, s.now, s.decoders);
  for (; got.what == inbound::message; got = s.s.receive(rest, s.now, s.decoders)) over.push_back(got.over);
  CHECK(over == std::vector<std::optional<limit>>{{}, {}, limit::message_rate, limit::message_rate});
  CHECK(got.what == inbound::failed);
  CHECK(got.code == close_code::too_many_messages);
  CHECK(got.over == limit::message_rate);
}

TEST_CASE("pings and pongs are counted together and apart from messages", "[session]") {
  stage s({.session = {.message_burst = 1, .control_frames_per_second = 1, .control_frame_burst = 2}});
  s.open();
  CHECK(s.hear(client_frame(0x8a, "") + client_frame(0x89, "")).empty());
  CHECK(s.hear(text_frame("m")) == list{"message m"});
  CHECK(s.hear(client_frame(0x8a, "")) == list{"failed 4029 too many pings or pongs"});
}

TEST_CASE("any byte is a sign of life", "[session]") {
  stage s;
  s.open();
  s.now += 1s;
  CHECK(s.hear("").empty());
  CHECK(s.s.last_heard() == s.now - 1s);
  CHECK(s.hear(text_frame("x").substr(0, 1)).empty());
  CHECK(s.s.last_heard() == s.now);
  CHECK(s.s.connected_at() == s.now - 1s);
}

// ------------------------------------------------------------------------------------------------------- closing

TEST_CASE("the peer's close is answered with its code, and then it is the socket's turn", "[session]") {
  stage s;
  s.open();
  CHECK(s.s.queue("waiting"));
  CHECK(s.hear(text_frame("last") + close_frame(1001, "bye") + text_frame("after")) ==
        list{"message last", "closed 1001 bye"});
  CHECK(s.s.at() == phase::closing);
  CHECK(s.s.may_end());
  CHECK(s.sent() == std::string_view("\x81\x07"
                                     "waiting"
                                     "\x88\x02\x03\xe9",
                                     13));
  CHECK(s.hear(client_frame(0x89, "")).empty());
  CHECK(s.s.lane.empty());
  s.s.close(close_code::going_away, "again", "", s.now);  // too late: nothing comes behind a close frame
  CHECK(s.s.lane.empty());
}

TEST_CASE("a close frame without a code is answered without one", "[session]") {
  stage s;
  s.open();
  CHECK(s.hear(client_frame(0x88, "")) == list{"closed 1005 "});
  CHECK(s.sent() == std::string_view("\x88\x00", 2));
}

TEST_CASE("our close says farewell, waits for the answer, and hears nothing else meanwhile", "[session]") {
  stage s;
  s.open();
  s.s.close(close_code::forbidden, "not yours", R"({"bye":1})", s.now);
  CHECK(s.s.at() == phase::closing);
  CHECK_FALSE(s.s.is_open());
  CHECK_FALSE(s.s.may_end());
  CHECK(s.sent() == std::string("\x81\x09{\"bye\":1}\x88\x0b\x0f\xa3not yours"));
  CHECK(s.hear(text_frame("unheard") + client_frame(0x89, "x") + client_frame(0x82, "binary")).empty());
  CHECK(s.s.lane.empty());
  CHECK_FALSE(s.s.may_end());
  CHECK(s.hear(close_frame(4003, "ok")) == list{"closed 4003 ok"});
  CHECK(s.s.may_end());
  CHECK(s.s.lane.empty());  // our frame was the answer to theirs
}

TEST_CASE("a peer that breaks the rules while we close is not waited for", "[session]") {
  stage s;
  s.open();
  s.s.close(close_code::going_away, "", "", s.now);
  (void)s.sent();
  CHECK(s.hear(client_frame(0xf1, "")) == list{"closed 1002 "});
  CHECK(s.s.may_end());
  CHECK(s.s.lane.empty());
}

TEST_CASE("a full lane does not keep the farewell from being said", "[session]") {
  stage s({.session = {.control_lane_bytes = 20}});
  s.open();
  CHECK(s.s.queue("0123456789"));
  CHECK_FALSE(s.s.queue("more"));
  s.s.close(close_code::too_slow, "", "bye", s.now);
  CHECK(s.sent() == std::string("\x81\x0a"
                                "0123456789"
                                "\x81\x03"
                                "bye"
                                "\x88\x02\x0f\xa8"));
}

TEST_CASE("whose answer is waited for depends on whether his bytes can be trusted", "[session]") {
  const auto waits = [](close_code code) {
    stage s;
    s.open();
    s.s.close(code, "", "", s.now);
    return !s.s.may_end();
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

TEST_CASE("only an open session is closed, and only once", "[session]") {
  stage s;
  s.s.close(close_code::normal, "", "bye", s.now);
  CHECK(s.s.at() == phase::head);
  CHECK(s.s.lane.empty());
  s.open();
  s.s.close(close_code::normal, "", "bye", s.now);
  const std::size_t size = s.s.lane.size();
  s.s.close(close_code::normal, "", "bye", s.now);
  CHECK(s.s.lane.size() == size);
}

TEST_CASE("the close handshake has close_timeout from when it began, whoever began it", "[session]") {
  for (const bool ours : {true, false}) {
    stage s({.close_timeout = 1000ms});
    s.open();
    s.now += 10s;
    if (ours)
      s.s.close(close_code::normal, "", "", s.now);
    else
      CHECK(s.hear(close_frame(1000)) == list{"closed 1000 "});
    CHECK(s.tick_in(500ms) == due::nothing);
    if (ours) CHECK(s.hear(text_frame("still alive")).empty());  // that buys no time
    CHECK(s.tick_in(499ms) == due::nothing);
    CHECK(s.tick_in(1ms) == due::close_timeout);
  }
}

// ----------------------------------------------------------------------------------------------------- heartbeat

TEST_CASE("a silent client is pinged at the interval, and given up at the timeout", "[session]") {
  stage s;
  s.heartbeat = interval_heartbeat(100ms, 250ms);
  s.open();
  CHECK(s.tick_in(99ms) == due::nothing);
  CHECK(s.tick_in(1ms) == due::ping_queued);
  CHECK(s.sent() == std::string_view("\x89\x00", 2));
  CHECK(s.tick_in(99ms) == due::nothing);
  CHECK(s.tick_in(1ms) == due::ping_queued);
  CHECK(s.tick_in(49ms) == due::nothing);
  CHECK(s.tick_in(1ms) == due::heartbeat_lost);
}

TEST_CASE("a client that answers its pings lives on", "[session]") {
  stage s;
  s.heartbeat = interval_heartbeat(100ms, 250ms);
  s.open();
  for (int i = 0; i < 10; ++i) {
    CHECK(s.tick_in(100ms) == due::ping_queued);
    CHECK(s.hear(client_frame(0x8a, "")).empty());
  }
}

TEST_CASE("the heartbeat counts from the upgrade, not from when the socket opened", "[session]") {
  stage s;
  s.heartbeat = interval_heartbeat(100ms, 250ms);
  s.now += 90ms;
  s.open();
  CHECK(s.tick_in(99ms) == due::nothing);
  CHECK(s.tick_in(1ms) == due::ping_queued);
}

TEST_CASE("a full lane gets no ping on top, and the next is tried an interval later", "[session]") {
  stage s({.session = {.control_lane_bytes = 20}});
  s.heartbeat = interval_heartbeat(100ms, 1000ms);
  s.open();
  CHECK(s.s.queue("0123456789"));
  CHECK(s.tick_in(100ms) == due::nothing);
  CHECK(s.s.lane.size() == 12);
  (void)s.sent();
  CHECK(s.tick_in(99ms) == due::nothing);
  CHECK(s.tick_in(1ms) == due::ping_queued);
}

TEST_CASE("the policy is told when it was heard and pinged, and the connection's own salt", "[session]") {
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
  const recording policy{&asked};
  manager_options options;
  detail::decoder_pool decoders(options.session);
  session s(options, steady_time(1h), 77);
  CHECK(s.tick(steady_time(1h), policy) == due::nothing);
  CHECK(asked.empty());
  s.upgrade("", steady_time(2h));
  CHECK(s.tick(steady_time(3h), policy) == due::ping_queued);
  CHECK(s.tick(steady_time(4h), policy) == due::ping_queued);
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].now == steady_time(3h));
  // Nothing could be heard before, and what was not sent is not waited for.
  CHECK(asked[0].last_heard == steady_time(2h));
  CHECK(asked[0].last_ping == steady_time(2h));
  CHECK(asked[0].salt == 77);
  CHECK(asked[1].last_ping == steady_time(3h));
  s.close(close_code::normal, "", "", steady_time(4h));
  CHECK(s.tick(steady_time(4h), policy) == due::nothing);
  CHECK(asked.size() == 2);
}

TEST_CASE("a finished session hears nothing and says nothing", "[session]") {
  stage s;
  s.open();
  s.s.finish();
  CHECK(s.s.at() == phase::finished);
  CHECK(s.hear(text_frame("x")).empty());
  s.s.close(close_code::normal, "", "bye", s.now);
  CHECK(s.s.lane.empty());
}
