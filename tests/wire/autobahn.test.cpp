// The cases of the Autobahn test suite that are about frames, on the decoder alone: sections 1 to 7, 9 and 10, by their
// numbers there. The server's answers (echo, pong, close) are the session's.

#include "client_frames.hpp"

#include <hotline/wire/close.hpp>
#include <hotline/wire/decoder.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace wire_tests;
using hotline::session_limits;

namespace {

using all_heard = std::vector<heard>;

/// One case: the client's frames and what is to come of them, whatever the size of the reads.
struct wire_case {
  std::string name;
  std::string bytes;
  all_heard expected;
};

heard text_message(std::string_view payload) { return {decode_event::text, std::string(payload)}; }
heard binary_message(std::string_view payload) { return {decode_event::binary, std::string(payload)}; }
heard ping(std::string_view payload) { return {decode_event::ping, std::string(payload)}; }
heard pong(std::string_view payload) { return {decode_event::pong, std::string(payload)}; }

const heard broken = failed(close_code::protocol_error);
const heard not_utf8 = failed(close_code::invalid_payload);

void run(const std::vector<wire_case>& cases,
         std::initializer_list<std::size_t> chops = {std::string::npos, 1, 3, 10}) {
  for (const wire_case& c : cases) {
    for (const std::size_t chop : chops) {
      CAPTURE(c.name, chop);
      CHECK(hear(c.bytes, chop) == c.expected);
    }
  }
}

}  // namespace

TEST_CASE("Autobahn 1: text and binary messages of every length's form", "[wire]") {
  std::vector<wire_case> cases;
  int number = 0;
  for (const std::size_t size : {0U, 125U, 126U, 127U, 128U, 65'535U, 65'536U}) {
    ++number;
    const std::string payload(size, '*');
    cases.push_back({"1.1." + std::to_string(number), text(payload), {text_message(payload)}});
    const std::string bytes(size, '\xFE');
    cases.push_back({"1.2." + std::to_string(number), frame(opcode::binary, bytes), {binary_message(bytes)}});
  }
  run(cases, {std::string::npos, 997, 1});  // 1.1.8 and 1.2.8 are the biggest in chops of 997
}

TEST_CASE("Autobahn 2: pings and pongs", "[wire]") {
  const std::string blob("\x00\xFF\xFE\xFD\xFC\xFB\x00\xFF", 8);
  const std::string long_blob(125, '\xFE');
  std::string ten;
  all_heard ten_heard;
  for (int i = 0; i < 10; ++i) {
    ten += frame(opcode::ping, "payload-" + std::to_string(i));
    ten_heard.push_back(ping("payload-" + std::to_string(i)));
  }
  run({
      {"2.1", frame(opcode::ping, ""), {ping("")}},
      {"2.2", frame(opcode::ping, "Hello, world!"), {ping("Hello, world!")}},
      {"2.3", frame(opcode::ping, blob), {ping(blob)}},
      {"2.4 and 2.6", frame(opcode::ping, long_blob), {ping(long_blob)}},
      {"2.5", frame(opcode::ping, std::string(126, '\xFE')), {broken}},
      {"2.7", frame(opcode::pong, ""), {pong("")}},
      {"2.8", frame(opcode::pong, "unsolicited pong payload"), {pong("unsolicited pong payload")}},
      {"2.9", frame(opcode::pong, "unsolicited") + frame(opcode::ping, "ping"), {pong("unsolicited"), ping("ping")}},
      {"2.10 and 2.11", ten, ten_heard},
  });
}

TEST_CASE("Autobahn 3: reserved bits", "[wire]") {
  const std::string hello = text("Hello");
  std::vector<wire_case> cases;
  for (unsigned rsv = 1; rsv <= 7; ++rsv) {
    for (const opcode op : {opcode::text, opcode::binary, opcode::close, opcode::ping, opcode::pong}) {
      const std::string wrong = raw_frame(0x80U | rsv << 4U | unsigned(op), "payload");
      cases.push_back({"3 with RSV " + std::to_string(rsv), wrong, {broken}});
      cases.push_back({"3 behind a message", hello + wrong + hello, {text_message("Hello"), broken}});
    }
  }
  run(cases);
}

TEST_CASE("Autobahn 4: reserved opcodes", "[wire]") {
  std::vector<wire_case> cases;
  for (const unsigned op : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    for (const std::string_view payload : {"", "reserved opcode payload"}) {
      const std::string wrong = raw_frame(0x80U | op, payload);
      const std::string name = "4 with opcode " + std::to_string(op);
      cases.push_back({name, wrong, {broken}});
      cases.push_back({name, text("Hello") + wrong + frame(opcode::ping, ""), {text_message("Hello"), broken}});
    }
  }
  run(cases);
}

TEST_CASE("Autobahn 5: fragmentation", "[wire]") {
  const std::string one = part(opcode::text, "fragment1");
  const std::string beat = frame(opcode::ping, "ping payload");
  const heard beaten = ping("ping payload");
  const heard both = text_message("fragment1fragment2");
  const std::string five = part(opcode::text, "fragment1") + more("fragment2") + beat + more("fragment3") +
                           more("fragment4") + beat + last("fragment5");
  run({
      {"5.1", part(opcode::ping, "fragment1") + last("fragment2"), {broken}},
      {"5.2", part(opcode::pong, "fragment1") + last("fragment2"), {broken}},
      {"5.1 for close", part(opcode::close, "") + last(""), {broken}},
      {"5.3 to 5.5", one + last("fragment2"), {both}},
      {"5.6 to 5.8", one + beat + last("fragment2"), {beaten, both}},
      {"5.9 to 5.11", last("non-continuation payload") + text("Hello"), {broken}},
      {"5.12 to 5.14", more("non-continuation payload") + text("Hello"), {broken}},
      {"5.15", one + last("fragment2") + more("fragment3") + text("fragment4"), {both, broken}},
      {"5.16", more("fragment1") + one + last("fragment2"), {broken}},
      {"5.17", last("fragment1") + one + last("fragment2"), {broken}},
      {"5.18", one + text("fragment2"), {broken}},
      {"5.18 for binary", one + frame(opcode::binary, "fragment2"), {broken}},
      {"5.19 and 5.20",
       five + text("after"),
       {beaten, beaten, text_message("fragment1fragment2fragment3fragment4fragment5"), text_message("after")}},
  });
}

namespace {

/// Sent whole, in fragments of one byte (6.x of the suite do both in places), and as a fragment with an empty end.
void check_text(const std::string& name, const std::string& payload, bool valid) {
  const all_heard expected{valid ? text_message(payload) : not_utf8};
  run({{name, text(payload), expected},
       {name + ", one byte a fragment", fragmented(opcode::text, payload, 1), expected},
       {name + ", an empty last fragment", part(opcode::text, payload) + last(""), expected}},
      {std::string::npos, 1, 5});
}

}  // namespace

TEST_CASE("Autobahn 6.1 to 6.4: empty, sound and broken texts in fragments", "[wire]") {
  const std::string greeting = "Hello-\xC2\xB5@\xC3\x9F\xC3\xB6\xC3\xA4\xC3\xBC\xC3\xA0\xC3\xA1-UTF-8!!";
  const std::string kosme = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5";
  run({
      {"6.1.1", text(""), {text_message("")}},
      {"6.1.2", part(opcode::text, "") + more("") + last(""), {text_message("")}},
      {"6.1.3",
       part(opcode::text, "") + more("middle frame payload") + last(""),
       {text_message("middle frame payload")}},
      {"6.2.1", text(greeting), {text_message(greeting)}},
      {"6.2.2", part(opcode::text, greeting.substr(0, 12)) + last(greeting.substr(12)), {text_message(greeting)}},
      {"6.2.3", fragmented(opcode::text, greeting, 1), {text_message(greeting)}},
      {"6.2.4", fragmented(opcode::text, kosme, 1), {text_message(kosme)}},
      {"6.3.1",
       text(kosme + "\xED\xA0\x80"
                    "edited"),
       {not_utf8}},
      {"6.3.2",
       fragmented(opcode::text,
                  kosme + "\xED\xA0\x80"
                          "edited",
                  1),
       {not_utf8}},
      {"6.4.1", part(opcode::text, kosme) + more("\xF4\x90\x80\x80") + last("edited"), {not_utf8}},
      {"6.4.2",
       part(opcode::text, kosme + "\xF4") + more("\x90") +
           last("\x80\x80"
                "edited"),
       {not_utf8}},
      {"6.4.3 and 6.4.4",
       text(kosme + "\xF4\x90\x80\x80"
                    "edited"),
       {not_utf8}},
  });
}

TEST_CASE("Autobahn 6.5 to 6.22: Markus Kuhn's sequences", "[wire]") {
  for (const char* sound : {"hello$world", "hello\xC2\xA2world", "hello\xE2\x82\xACworld", "hello\xF0\xA4\xAD\xA2world",
                            "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5"}) {
    check_text("6.5", sound, true);
  }

  const std::string kosme = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5";
  for (std::size_t cut = 1; cut <= kosme.size(); ++cut) {
    const bool whole = cut == 2 || cut == 5 || cut == 7 || cut == 9 || cut == 11;
    check_text("6.6." + std::to_string(cut), kosme.substr(0, cut), whole);
  }

  using namespace std::string_literals;
  struct row {
    const char* name;
    bool valid;
    std::vector<std::string> texts;
  };
  const std::vector<row> rows{
      {"6.7 first of a length", true, {"\0"s, "\xC2\x80", "\xE0\xA0\x80", "\xF0\x90\x80\x80"}},
      {"6.8 first of 5 and 6 bytes", false, {"\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80"}},
      {"6.9 last of a length", true, {"\x7F", "\xDF\xBF", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF"}},
      {"6.10 last of 4, 5 and 6 bytes",
       false,
       {"\xF7\xBF\xBF\xBF", "\xFB\xBF\xBF\xBF\xBF", "\xFD\xBF\xBF\xBF\xBF\xBF"}},
      {"6.11 other bounds", true, {"\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBD", "\xF4\x8F\xBF\xBF"}},
      {"6.11.5", false, {"\xF4\x90\x80\x80"}},
      {"6.12 continuation bytes alone",
       false,
       {"\x80", "\xBF", "\x80\xBF", "\x80\xBF\x80", "\x80\xBF\x80\xBF", "\x80\xBF\x80\xBF\x80",
        "\x80\xBF\x80\xBF\x80\xBF"}},
      {"6.14 the last byte missing",
       false,
       {"\xC0", "\xE0\x80", "\xF0\x80\x80", "\xF8\x80\x80\x80", "\xFC\x80\x80\x80\x80", "\xDF", "\xEF\xBF",
        "\xF7\xBF\xBF", "\xFB\xBF\xBF\xBF", "\xFD\xBF\xBF\xBF\xBF"}},
      {"6.15 these together",
       false,
       {"\xC0\xE0\x80\xF0\x80\x80\xF8\x80\x80\x80\xFC\x80\x80\x80\x80\xDF\xEF\xBF\xF7\xBF\xBF\xFB\xBF\xBF\xBF\xFD\xBF"
        "\xBF\xBF"
        "\xBF"}},
      {"6.16 impossible bytes", false, {"\xFE", "\xFF", "\xFE\xFE\xFF\xFF"}},
      {"6.17 overlong slash",
       false,
       {"\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF", "\xF8\x80\x80\x80\xAF", "\xFC\x80\x80\x80\x80\xAF"}},
      {"6.18 longest overlong",
       false,
       {"\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xF8\x87\xBF\xBF\xBF", "\xFC\x83\xBF\xBF\xBF\xBF"}},
      {"6.19 overlong NUL",
       false,
       {"\xC0\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80", "\xF8\x80\x80\x80\x80", "\xFC\x80\x80\x80\x80\x80"}},
      {"6.20 surrogates alone",
       false,
       {"\xED\xA0\x80", "\xED\xAD\xBF", "\xED\xAE\x80", "\xED\xAF\xBF", "\xED\xB0\x80", "\xED\xBE\x80",
        "\xED\xBF\xBF"}},
      {"6.21 surrogates in pairs",
       false,
       {"\xED\xA0\x80\xED\xB0\x80", "\xED\xA0\x80\xED\xBF\xBF", "\xED\xAD\xBF\xED\xB0\x80", "\xED\xAD\xBF\xED\xBF\xBF",
        "\xED\xAE\x80\xED\xB0\x80", "\xED\xAE\x80\xED\xBF\xBF", "\xED\xAF\xBF\xED\xB0\x80",
        "\xED\xAF\xBF\xED\xBF\xBF"}},
      {"6.22 no characters, and sound", true, {"\xEF\xBF\xBE", "\xEF\xBF\xBF", "\xEF\xB7\x90", "\xEF\xB7\xAF"}},
      {"6.23 specials", true, {"\xEF\xBF\xB9", "\xEF\xBF\xBA", "\xEF\xBF\xBB", "\xEF\xBF\xBC", "\xEF\xBF\xBD"}},
  };
  for (const row& r : rows) {
    for (std::size_t i = 0; i < r.texts.size(); ++i) {
      check_text(std::string(r.name) + " " + std::to_string(i + 1), r.texts[i], r.valid);
    }
  }

  // 6.22: the last two of every plane beyond the first.
  for (unsigned plane = 1; plane <= 16; ++plane) {
    const std::string begin{static_cast<char>(0xF0U | plane >> 2U), static_cast<char>(0x8FU | (plane & 3U) << 4U),
                            '\xBF'};
    check_text("6.22", begin + '\xBE', true);
    check_text("6.22", begin + '\xBF', true);
  }

  // 6.13: each first byte of a sequence alone, before a space.
  for (unsigned first = 0xC0; first <= 0xFD; ++first) check_text("6.13", {static_cast<char>(first), ' '}, false);
}

TEST_CASE("Autobahn 7.1: frames after a close frame are dropped", "[wire]") {
  const std::string normal = "\x03\xE8";
  const std::string close = frame(opcode::close, normal);
  const heard closed{decode_event::close, normal};
  const std::string big(200 * 1024, '*');
  run({
      {"7.1.1", text("Hello World!") + close, {text_message("Hello World!"), closed}},
      {"7.1.2", close + close, {closed}},
      {"7.1.3", close + frame(opcode::ping, ""), {closed}},
      {"7.1.4", close + text("Hello World!"), {closed}},
      {"7.1.5", part(opcode::text, "fragment1") + close + last("fragment2"), {closed}},
  });
  session_limits wide;
  wide.message_bytes = 256 * 1024;
  CHECK(hear(text(big) + close + frame(opcode::ping, ""), 4096, wide) ==
        all_heard{text_message(big), closed});  // 7.1.6
}

TEST_CASE("Autobahn 7.3 to 7.13: close payloads and codes", "[wire]") {
  // The server's answer to the close payload that the client sent: its code, or the objection to it.
  const auto answer = [](std::string_view payload) {
    const all_heard all = hear(frame(opcode::close, payload), 2);
    REQUIRE(all.size() == 1);
    if (all[0].event == decode_event::failed) return static_cast<int>(all[0].why);
    CHECK(all[0].event == decode_event::close);
    const auto parsed = hotline::detail::parse_close(all[0].payload);
    return static_cast<int>(parsed ? parsed->code : parsed.error());
  };
  const auto coded = [](int code, std::string_view reason) {
    return std::string{static_cast<char>(code / 256), static_cast<char>(code % 256)}.append(reason);
  };
  CHECK(answer("") == 1005);                                  // 7.3.1
  CHECK(answer("a") == 1002);                                 // 7.3.2
  CHECK(answer(coded(1000, "")) == 1000);                     // 7.3.3
  CHECK(answer(coded(1000, "Hello World!")) == 1000);         // 7.3.4
  CHECK(answer(coded(1000, std::string(123, '*'))) == 1000);  // 7.3.5
  CHECK(answer(coded(1000, std::string(124, '*'))) == 1002);  // 7.3.6
  CHECK(answer(coded(1000,
                     "\xCE\xBA\xED\xA0\x80"
                     "x")) == 1007);  // 7.5.1
  for (const int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    CHECK(answer(coded(code, "")) == code);  // 7.7
  }
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65'535}) {
    CHECK(answer(coded(code, "")) == 1002);  // 7.9 and 7.13
  }
}

TEST_CASE("Autobahn 9: big messages, in fragments and reads of any size", "[wire]") {
  session_limits wide;
  for (const std::size_t size : {64U * 1024, 256U * 1024, 1024U * 1024}) {
    wide.message_bytes = size;
    wide.message_fragments = size / 64;
    std::string payload(size, '\0');
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 7 % 128);
    CAPTURE(size);
    // 9.1 and 9.2
    CHECK((hear(text(payload), 65'536, wide) == all_heard{text_message(payload)}));
    CHECK((hear(frame(opcode::binary, payload), 65'536, wide) == all_heard{binary_message(payload)}));
    // 9.3 and 9.4
    for (const std::size_t fragment : {64U, 256U, 1024U, 4096U, 16'384U, 65'536U}) {
      CHECK((hear(fragmented(opcode::text, payload, fragment), 65'536, wide) == all_heard{text_message(payload)}));
      CHECK((hear(fragmented(opcode::binary, payload, fragment), 999, wide) == all_heard{binary_message(payload)}));
    }
    // 9.5 and 9.6
    for (const std::size_t chop : {64U, 128U, 997U, 1024U, 2048U}) {
      CHECK((hear(text(payload), chop, wide) == all_heard{text_message(payload)}));
      CHECK((hear(frame(opcode::binary, payload), chop, wide) == all_heard{binary_message(payload)}));
    }
    CHECK(hear(text(payload + "x"), 2048, wide) == all_heard{failed(close_code::message_too_big)});
  }
}

TEST_CASE("Autobahn 9.7 and 9.8: a thousand messages of each size", "[wire]") {
  for (const std::size_t size : {0U, 16U, 64U, 256U, 1024U, 4096U}) {
    const std::string payload(size, '*');
    std::string bytes;
    for (int i = 0; i < 1000; ++i) bytes += i % 2 == 0 ? text(payload) : frame(opcode::binary, payload);
    const all_heard all = hear(bytes, 16'384);
    REQUIRE(all.size() == 1000);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i] != (i % 2 == 0 ? text_message(payload) : binary_message(payload))) FAIL("message " << i);
    }
  }
}

TEST_CASE("Autobahn 10: a message of 65,536 bytes in fragments of 1,300", "[wire]") {
  const std::string payload(65'536, '*');
  for (const std::size_t chop : {std::string::npos, std::size_t{1300}, std::size_t{17}}) {
    CHECK((hear(fragmented(opcode::text, payload, 1300), chop) == all_heard{text_message(payload)}));
  }
}
