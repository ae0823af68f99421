#include <hotline/utf8.hpp>
#include <hotline/wire/decoder.hpp>

#include "client_frames.hpp"

#include <catch2_any.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace wire_tests;
using hotline::session_limits;
using hotline::detail::decode_result;

namespace {

using all_heard = std::vector<heard>;

session_limits limits(std::size_t bytes, std::size_t fragments = 1024) {
  session_limits l;
  l.message_bytes = bytes;
  l.message_fragments = fragments;
  return l;
}

}  // namespace

// ------------------------------------------------------------------------------------------ one message at a time

TEST_CASE("a masked text frame is a message", "[wire]") {
  // The example of RFC 6455 section 5.7.
  CHECK(hear("\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58") == all_heard{{decode_event::text, "Hello"}});
}

TEST_CASE("one consume answers one message and leaves the rest", "[wire]") {
  decoder d{session_limits{}};
  const std::string first = text("one");
  const std::string second = text("two");
  std::string bytes = first + second;
  const auto a = d.consume(bytes);
  CHECK(a.event == decode_event::text);
  CHECK(a.payload == "one");
  REQUIRE(a.consumed == first.size());
  const auto b = d.consume(std::span(bytes).subspan(a.consumed));
  CHECK(b.payload == "two");
  CHECK(b.consumed == second.size());
}

TEST_CASE("consuming no bytes needs more", "[wire]") {
  decoder d{session_limits{}};
  const auto result = d.consume({});
  CHECK(result.event == decode_event::need_more);
  CHECK(result.consumed == 0);
  CHECK(d.idle());
}

TEST_CASE("a message that lies in the bytes whole is not copied", "[wire]") {
  decoder d{session_limits{}};
  std::string bytes = text(std::string(1000, 'x'));
  const auto result = d.consume(bytes);
  REQUIRE(result.event == decode_event::text);
  CHECK(result.payload.data() == bytes.data() + 8);
  CHECK(d.held_bytes() == 0);
}

TEST_CASE("a control frame inside a fragmented message leaves the message whole", "[wire]") {
  const std::string bytes =
      part(opcode::text, "one ") + frame(opcode::ping, "beat") + more("two ") + frame(opcode::pong, "") + last("three");
  for (const std::size_t chop : {1U, 2U, 3U, 5U, 7U, 1000U}) {
    CHECK(hear(bytes, chop) ==
          all_heard{{decode_event::ping, "beat"}, {decode_event::pong, ""}, {decode_event::text, "one two three"}});
  }
}

TEST_CASE("each fragment has its own masking key", "[wire]") {
  std::string second = last("payload");
  for (std::size_t i = 0; i < 4; ++i) second[2 + i] = static_cast<char>(second[2 + i] ^ 0x55);
  for (std::size_t i = 6; i < second.size(); ++i) second[i] = static_cast<char>(second[i] ^ 0x55);
  CHECK(hear(part(opcode::text, "odd") + second) == all_heard{{decode_event::text, "oddpayload"}});
}

TEST_CASE("unmasking goes on from any offset and for any length", "[wire]") {
  std::mt19937 random(11);
  const std::array<unsigned char, 4> key{1, 0xFE, 0x80, 0x7F};
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t offset = 0; offset < 9; ++offset) {
      std::string bytes(size, '\0');
      for (char& c : bytes) c = static_cast<char>(random());
      std::string expected = bytes;
      for (std::size_t i = 0; i < size; ++i) {
        expected[i] = static_cast<char>(static_cast<unsigned char>(expected[i]) ^ key[(offset + i) % 4]);
      }
      hotline::detail::unmask(bytes, key, offset);
      CHECK(bytes == expected);
    }
  }
}

TEST_CASE("idle is true exactly between messages", "[wire]") {
  const std::string first = part(opcode::text, "ab");
  const std::string beat = frame(opcode::ping, "p");
  const std::string second = last("cd");
  const std::string whole = frame(opcode::binary, "");
  const std::string bytes = whole + first + beat + second + beat;
  const std::size_t message_begins = whole.size();
  const std::size_t message_ends = whole.size() + first.size() + beat.size() + second.size();
  decoder d{session_limits{}};
  CHECK(d.idle());
  std::vector<heard> all;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    feed(d, bytes.substr(i, 1), all);
    const std::size_t taken = i + 1;
    CAPTURE(taken);
    CHECK(d.idle() == (taken == message_begins || taken == message_ends || taken == bytes.size()));
  }
  CHECK(all.size() == 4);
}

TEST_CASE("a decoder that has failed or received a close frame is not idle", "[wire]") {
  decoder d{session_limits{}};
  std::vector<heard> all;
  feed(d, frame(opcode::close, ""), all);
  CHECK_FALSE(d.idle());
  d.reset();
  CHECK(d.idle());
  feed(d, "\xFF\xFF", all);
  CHECK_FALSE(d.idle());
  CHECK(all == all_heard{{decode_event::close, ""}, failed(close_code::protocol_error)});
}

TEST_CASE("bytes after a close frame are swallowed", "[wire]") {
  const std::string bytes = frame(opcode::close, "\x03\xE8") + text("late") + "\xFF\xFF garbage";
  for (const std::size_t chop : {1U, 3U, 1000U})
    CHECK(hear(bytes, chop) == all_heard{{decode_event::close, "\x03\xE8"}});
}

TEST_CASE("a reset decoder is as new, wherever it stopped", "[wire]") {
  const std::string bytes = part(opcode::text, "some text") + frame(opcode::ping, "p") + last(std::string(300, 'x'));
  const std::string wrong = "\x83\x80";
  for (std::size_t stop = 0; stop <= bytes.size(); ++stop) {
    for (const bool break_it : {false, true}) {
      decoder d{session_limits{}};
      std::vector<heard> all;
      feed(d, bytes.substr(0, stop), all);
      if (break_it) feed(d, wrong, all);
      d.reset();
      REQUIRE(d.idle());
      all.clear();
      feed(d, text("fresh"), all);
      REQUIRE(all == all_heard{{decode_event::text, "fresh"}});
    }
  }
}

// --------------------------------------------------------------------------------------------- websocketpp's defects

TEST_CASE("websocketpp defect: a continuation whose length wraps the sum around is refused", "[wire]") {
  const std::string hello = part(opcode::binary, "hello");
  for (std::uint64_t less = 1; less <= 16; ++less) {
    // The top bit of a length must be 0, so this breaks RFC 6455 section 5.2 before it breaks the limit.
    CHECK(hear(hello + frame_head(0x80, 0 - less)) == all_heard{failed(close_code::protocol_error)});
    CHECK(hear(frame_head(0x82, 0 - less)) == all_heard{failed(close_code::protocol_error)});
  }
  for (const std::uint64_t size : {0x7FFFFFFFFFFFFFFFULL, 0x7FFFFFFFFFFFFFFBULL, 0x100000000ULL, 0xFFFFFFFFULL}) {
    CHECK(hear(hello + frame_head(0x80, size)) == all_heard{failed(close_code::message_too_big)});
    CHECK(hear(frame_head(0x82, size)) == all_heard{failed(close_code::message_too_big)});
  }
}

TEST_CASE("websocketpp defect: no limit at all still does not let a sum wrap around", "[wire]") {
  const auto none = limits(SIZE_MAX);
  const std::string hello = part(opcode::binary, "hello");
  CHECK(hear(hello + frame_head(0x80, 0 - std::uint64_t{5}), 4096, none) ==
        all_heard{failed(close_code::protocol_error)});
}

TEST_CASE("websocketpp defect: a text message that ends inside a character is refused", "[wire]") {
  const all_heard bad{failed(close_code::invalid_payload)};
  CHECK(hear(text("\xCE")) == bad);
  CHECK(hear(part(opcode::text, "\xCE") + last("")) == bad);
  CHECK(hear(part(opcode::text, "ok \xF0\x9F") + last("\x98")) == bad);
  CHECK(hear(part(opcode::text, "\xE2") + more("\x82") + frame(opcode::ping, "") + last("")) ==
        all_heard{{decode_event::ping, ""}, failed(close_code::invalid_payload)});
}

TEST_CASE("a text message may be cut anywhere between its fragments", "[wire]") {
  const std::string_view message = "\xCE\xBA \xE2\x82\xAC \xF0\x9F\x98\x80";
  for (std::size_t size = 1; size <= message.size(); ++size) {
    CHECK(hear(fragmented(opcode::text, message, size)) == all_heard{{decode_event::text, std::string(message)}});
  }
}

TEST_CASE("a binary message and a control frame may hold any bytes", "[wire]") {
  CHECK(hear(frame(opcode::binary, "\xFF\xCE")) == all_heard{{decode_event::binary, "\xFF\xCE"}});
  CHECK(hear(part(opcode::binary, "\xFF") + last("\xCE")) == all_heard{{decode_event::binary, "\xFF\xCE"}});
  CHECK(hear(frame(opcode::ping, "\xFF\xCE")) == all_heard{{decode_event::ping, "\xFF\xCE"}});
}

TEST_CASE("websocketpp defect: a decoder that failed stays failed", "[wire]") {
  for (const std::string& wrong :
       {std::string("\x83\x80"), part(opcode::text, "a") + text("b"), text("\xFF"), frame_head(0x81, 65'537)}) {
    decoder d{session_limits{}};
    std::vector<heard> all;
    CHECK_FALSE(feed(d, wrong, all));
    REQUIRE(all.size() == 1);
    const close_code why = all.front().why;
    for (std::string later : {text("valid"), std::string("x"), std::string(100'000, '\0'), std::string()}) {
      const decode_result result = d.consume(later);
      CHECK(result.event == decode_event::failed);
      CHECK(result.why == why);
      CHECK(result.consumed == later.size());
    }
    CHECK(d.held_bytes() <= decoder::idle_bytes);
  }
}

TEST_CASE("a decoder that fails gives its buffer up at once", "[wire]") {
  decoder d{session_limits{}};
  std::vector<heard> all;
  feed(d, part(opcode::text, std::string(60'000, 'x')), all);
  CHECK(d.held_bytes() >= 60'000);
  feed(d, text("not a continuation"), all);
  CHECK(all == all_heard{failed(close_code::protocol_error)});
  CHECK(d.held_bytes() <= decoder::idle_bytes);
}

TEST_CASE("websocketpp defect: RSV1 is refused on every frame, continuations too", "[wire]") {
  const all_heard bad{failed(close_code::protocol_error)};
  CHECK(hear(raw_frame(0xC1, "")) == bad);
  CHECK(hear(raw_frame(0xC2, "x")) == bad);
  CHECK(hear(raw_frame(0xC9, "")) == bad);
  CHECK(hear(part(opcode::text, "a") + raw_frame(0xC0, "b")) == bad);
  CHECK(hear(part(opcode::text, "a") + raw_frame(0x40, "b")) == bad);
}

TEST_CASE("websocketpp defect: with no deflate agreed on nothing is ever inflated", "[wire]") {
  // A stored block that would swallow its trailer, a final block, and the beginning of a bomb.
  for (const std::string_view block : {std::string_view("\x00\x04\x00\xFB\xFF", 5), std::string_view("\x03\x00", 2),
                                       std::string_view("\xEC\xC1\x01\x01\x00\x00\x00\x80", 8)}) {
    CHECK(hear(raw_frame(0xC1, block)) == all_heard{failed(close_code::protocol_error)});
    CHECK(hear(frame(opcode::binary, block)) == all_heard{{decode_event::binary, std::string(block)}});
  }
}

TEST_CASE("websocketpp defect: a message of a million empty fragments is refused at the limit", "[wire]") {
  const auto in_fragments = [](std::size_t count, std::string_view each, std::size_t limit) {
    std::string bytes = count == 1 ? frame(opcode::text, each) : part(opcode::text, each);
    for (std::size_t i = 1; i < count; ++i) bytes += i + 1 == count ? last(each) : more(each);
    return hear(bytes, 997, limits(4096, limit));
  };
  for (const std::size_t limit : {1U, 2U, 5U, 1024U}) {
    CAPTURE(limit);
    if (limit > 1) CHECK(in_fragments(limit - 1, "", limit) == all_heard{{decode_event::text, ""}});
    CHECK(in_fragments(limit, "", limit) == all_heard{{decode_event::text, ""}});
    CHECK(in_fragments(limit, "x", limit) == all_heard{{decode_event::text, std::string(limit, 'x')}});
    CHECK(in_fragments(limit + 1, "", limit) == all_heard{failed(close_code::message_too_big)});
    CHECK(in_fragments(limit + 2, "", limit) == all_heard{failed(close_code::message_too_big)});
  }
}

TEST_CASE("the limit of fragments counts a message's own frames only", "[wire]") {
  std::string bytes;
  all_heard expected;
  for (int i = 0; i < 5; ++i) {
    bytes += part(opcode::text, "a") + frame(opcode::ping, "") + frame(opcode::pong, "") + last("b");
    expected.insert(expected.end(), {{decode_event::ping, ""}, {decode_event::pong, ""}, {decode_event::text, "ab"}});
  }
  CHECK(hear(bytes, 5, limits(4096, 2)) == expected);
}

TEST_CASE("websocketpp defect: nothing is reserved for what is only announced", "[wire]") {
  decoder d{session_limits{}};
  std::vector<heard> all;
  REQUIRE(feed(d, frame_head(0x81, 65'536), all));
  CHECK(d.held_bytes() == 0);
  REQUIRE(feed(d, "x", all));
  CHECK(d.held_bytes() < 64);
  REQUIRE(feed(d, std::string(1000, 'x'), all));
  CHECK(d.held_bytes() < 2100);

  decoder later{session_limits{}};
  REQUIRE(feed(later, part(opcode::text, "abc") + frame_head(0x80, 65'000), all));
  CHECK(later.held_bytes() < 64);
}

// ----------------------------------------------------------------------------------------------------------- limits

TEST_CASE("a message is taken up to the limit and refused over it, when announced", "[wire]") {
  for (const std::size_t limit : {0U, 1U, 125U, 126U, 1000U, 65'535U, 65'536U, 100'000U}) {
    for (const opcode op : {opcode::text, opcode::binary}) {
      const decode_event event = op == opcode::text ? decode_event::text : decode_event::binary;
      for (const std::size_t size : {limit - 1, limit, limit + 1, limit + 2}) {
        if (size > limit + 2) continue;  // one less than none
        CAPTURE(limit, size);
        const std::string payload(size, 'x');
        const all_heard taken{{event, payload}};
        const all_heard refused{failed(close_code::message_too_big)};
        CHECK(hear(frame(op, payload), std::string::npos, limits(limit)) == (size <= limit ? taken : refused));
        CHECK(hear(frame(op, payload), 777, limits(limit)) == (size <= limit ? taken : refused));
        if (size > limit) CHECK(hear(frame_head(0x80U | unsigned(op), size), 1, limits(limit)) == refused);
      }
    }
  }
}

TEST_CASE("a fragmented message is taken up to the limit and refused over it, when announced", "[wire]") {
  for (const std::size_t limit : {2U, 10U, 126U, 1000U, 65'536U}) {
    for (const std::size_t first : {std::size_t{0}, std::size_t{1}, limit / 2, limit - 1, limit}) {
      for (const std::size_t size : {limit - 1, limit, limit + 1, limit + 2}) {
        if (first > size) continue;
        CAPTURE(limit, first, size);
        const std::string payload(size, 'x');
        const std::string begin = part(opcode::text, payload.substr(0, first)) + frame(opcode::ping, "p");
        const std::size_t rest = size - first;
        const heard beat{decode_event::ping, "p"};
        const all_heard taken{beat, {decode_event::text, payload}};
        const all_heard refused{beat, failed(close_code::message_too_big)};
        CHECK(hear(begin + last(payload.substr(first)), 1000, limits(limit)) == (size <= limit ? taken : refused));
        if (size > limit) CHECK(hear(begin + frame_head(0x80, rest), 1, limits(limit)) == refused);
      }
    }
  }
}

TEST_CASE("each message has the whole limit for itself", "[wire]") {
  const std::string payload(100, 'x');
  std::string bytes;
  all_heard expected;
  for (int i = 0; i < 5; ++i) {
    bytes += text(payload) + fragmented(opcode::text, payload, 30);
    expected.insert(expected.end(), 2, {decode_event::text, payload});
  }
  CHECK(hear(bytes, 64, limits(100)) == expected);
}

TEST_CASE("a message limit does not bind control frames", "[wire]") {
  CHECK(hear(frame(opcode::ping, "beat"), 1, limits(0)) == all_heard{{decode_event::ping, "beat"}});
}

TEST_CASE("a control frame carries at most 125 bytes", "[wire]") {
  for (const opcode op : {opcode::close, opcode::ping, opcode::pong}) {
    for (const std::size_t size : {124U, 125U, 126U, 127U, 65'536U}) {
      const all_heard all = hear(frame(op, std::string(size, 'c')), 100);
      REQUIRE(all.size() == 1);
      if (size <= 125) CHECK(all[0].payload == std::string(size, 'c'));
      if (size > 125) CHECK(all[0] == failed(close_code::protocol_error));
    }
  }
}

TEST_CASE("a length that is not in its shortest form is refused", "[wire]") {
  const all_heard bad{failed(close_code::protocol_error)};
  CHECK(hear(frame_head(0x81, 125, 2)) == bad);
  CHECK(hear(frame_head(0x81, 0, 2)) == bad);
  CHECK(hear(frame_head(0x81, 126, 8)) == bad);
  CHECK(hear(frame_head(0x81, 65'535, 8)) == bad);
  CHECK(hear(frame_head(0x81, 126, 2)).empty());
  CHECK(hear(frame_head(0x81, 65'536, 8)).empty());
}

TEST_CASE("an unmasked frame is refused", "[wire]") {
  CHECK(hear(std::string("\x81\x05Hello")) == all_heard{failed(close_code::protocol_error)});
  CHECK(hear(std::string("\x89\x00", 2)) == all_heard{failed(close_code::protocol_error)});
}

// ----------------------------------------------------------------------------------------------------------- memory

TEST_CASE("the buffer never grows over the limit", "[wire]") {
  for (const std::size_t limit : {100U, 65'536U}) {
    for (const std::size_t chop : {1U, 3U, 100U, 4096U, 65'535U}) {
      decoder d(limits(limit));
      std::vector<heard> all;
      const std::string bytes = text(std::string(limit, 'x')) + fragmented(opcode::text, std::string(limit, 'y'), 100);
      for (std::size_t i = 0; i < bytes.size(); i += chop) {
        feed(d, bytes.substr(i, chop), all);
        REQUIRE(d.held_bytes() <= limit);
      }
      CHECK(all.size() == 2);
    }
  }
}

TEST_CASE("a big buffer goes with the next use or a reset", "[wire]") {
  for (const bool by_reset : {false, true}) {
    decoder d{session_limits{}};
    std::vector<heard> all;
    const std::string bytes = text(std::string(60'000, 'x'));
    feed(d, bytes.substr(0, 100), all);
    feed(d, bytes.substr(100), all);
    REQUIRE(all.size() == 1);
    CHECK(d.idle());
    CHECK(d.held_bytes() >= 60'000);
    if (by_reset) d.reset();
    if (!by_reset) CHECK(d.consume({}).event == decode_event::need_more);
    CHECK(d.held_bytes() <= decoder::idle_bytes);
  }
}

TEST_CASE("a fragmented message is not lost to a control frame inside it", "[wire]") {
  // The buffer is given up after a message, so not after what merely came during one.
  std::string bytes = part(opcode::text, std::string(50'000, 'x'));
  for (int i = 0; i < 10; ++i) bytes += frame(opcode::ping, "");
  const all_heard all = hear(bytes + last("y"), 8192);
  REQUIRE(all.size() == 11);
  CHECK(all.back() == heard{decode_event::text, std::string(50'000, 'x') + "y"});
}

// ------------------------------------------------------------------------------------------------- any way of cutting

namespace {

std::string random_text(std::mt19937& random, std::size_t characters) {
  constexpr std::array<std::string_view, 6> alphabet{"a", "z", "\xC2\xA2", "\xE2\x82\xAC", "\xF0\xA4\xAD\xA2", " "};
  std::string t;
  for (std::size_t i = 0; i < characters; ++i) t += alphabet.at(random() % (random() % 8 == 0 ? alphabet.size() : 2));
  return t;
}

/// A client's bytes, and what is to come of them.
struct conversation {
  std::string bytes;
  all_heard expected;

  explicit conversation(std::mt19937& random) {
    const std::size_t messages = 1 + random() % 6;
    for (std::size_t i = 0; i < messages; ++i) {
      const bool is_text = random() % 2 == 0;
      const std::string payload = random_text(random, random() % (random() % 5 == 0 ? 2000 : 40));
      const std::size_t fragments = random() % 3 == 0 ? 2 + random() % 5 : 1;
      std::string_view rest = payload;
      opcode op = is_text ? opcode::text : opcode::binary;
      for (std::size_t f = 1; f < fragments; ++f) {
        const std::string_view piece = rest.substr(0, random() % (rest.size() + 1));
        rest.remove_prefix(piece.size());
        bytes += part(std::exchange(op, opcode::continuation), piece);
        if (random() % 3 == 0) control(random);
      }
      bytes += frame(op, rest);
      expected.push_back({is_text ? decode_event::text : decode_event::binary, payload});
      if (random() % 4 == 0) control(random);
    }
  }

  void control(std::mt19937& random) {
    const bool ping = random() % 2 == 0;
    const std::string payload(random() % 126, static_cast<char>(random()));
    bytes += frame(ping ? opcode::ping : opcode::pong, payload);
    expected.push_back({ping ? decode_event::ping : decode_event::pong, payload});
  }
};

}  // namespace

TEST_CASE("the decoder's results are the same, however the bytes are cut", "[wire]") {
  std::mt19937 random(20);
  for (int round = 0; round < 300; ++round) {
    const conversation c(random);
    CAPTURE(round);
    REQUIRE(hear(c.bytes) == c.expected);
    REQUIRE(hear(c.bytes, 1) == c.expected);
    REQUIRE(hear_split(c.bytes, random) == c.expected);
  }
}

TEST_CASE("the decoder's results are the same, within the limits, however damaged bytes are cut", "[wire]") {
  std::mt19937 random(21);
  const session_limits small = limits(500, 4);
  int failures = 0;
  for (int round = 0; round < 3000; ++round) {
    conversation c(random);
    for (std::size_t i = 0; i < 1 + random() % 3; ++i) c.bytes[random() % c.bytes.size()] = static_cast<char>(random());
    const all_heard whole = hear(c.bytes, std::string::npos, small);
    CAPTURE(round);
    REQUIRE(hear(c.bytes, 1, small) == whole);
    REQUIRE(hear_split(c.bytes, random, small) == whole);
    for (const heard& h : whole) {
      REQUIRE(h.payload.size() <= 500);
      if (h.event == decode_event::text) REQUIRE(hotline::detail::is_utf8(h.payload));
    }
    if (!whole.empty() && whole.back().event == decode_event::failed) ++failures;
  }
  CHECK(failures > 500);  // else the damage does nothing
}
