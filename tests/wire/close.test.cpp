#include <hotline/wire/close.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <string>
#include <string_view>

using hotline::close_code;
using namespace hotline::detail;

namespace {

std::string bytes_of(unsigned code, std::string_view reason) {
  return std::string{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)}.append(reason);
}

/// The code that answers the peer's close payload; 0 if the payload is fine.
int objection(std::string_view payload) {
  const auto parsed = parse_close(payload);
  return parsed ? 0 : static_cast<int>(parsed.error());
}

}  // namespace

TEST_CASE("a close payload is the code and the reason", "[wire]") {
  CHECK(close_payload(close_code::normal, "") == "\x03\xE8");
  CHECK(close_payload(close_code::going_away, "bye") ==
        "\x03\xE9"
        "bye");
  CHECK(close_payload(close_code::taken_over, "\xE2\x82\xAC") == "\x0F\xA9\xE2\x82\xAC");
}

TEST_CASE("websocketpp defect: a close reason over 123 bytes still sends a close frame, cut to fit", "[wire]") {
  for (const std::size_t size : {122U, 123U, 124U, 125U, 4096U}) {
    const std::string reason(size, 'r');
    const std::string payload = close_payload(close_code::policy_violation, reason);
    CHECK(payload.size() == 2 + (size < 123 ? size : 123));
    CHECK(objection(payload) == 0);
  }
}

TEST_CASE("a close reason is cut between characters", "[wire]") {
  for (const std::string_view character : {"\xC2\xA2", "\xE2\x82\xAC", "\xF0\xA4\xAD\xA2"}) {
    for (std::size_t before = 115; before < 124; ++before) {
      const std::string reason = std::string(before, 'r').append(character).append(character).append(character);
      const std::string kept = close_payload(close_code::normal, reason).substr(2);
      CAPTURE(before, character.size());
      CHECK(kept.size() <= 123);
      CHECK((kept == reason || kept.size() + character.size() > 123));
      CHECK(is_utf8(kept));
      CHECK(reason.starts_with(kept));
    }
  }
}

TEST_CASE("a close reason that is not UTF-8 is left out", "[wire]") {
  CHECK(close_payload(close_code::internal_error, "\xFF\xFE") == "\x03\xF3");
  // Not UTF-8 behind the cut only, and still not what the host meant to say.
  CHECK(close_payload(close_code::internal_error, std::string(200, 'r') + "\xFF") == "\x03\xF3");
}

TEST_CASE("codes that may not be sent make an empty close payload", "[wire]") {
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2999U, 5000U, 65535U}) {
    CAPTURE(code);
    CHECK(close_payload(static_cast<close_code>(code), "reason").empty());
  }
}

TEST_CASE("a close frame without a code says so", "[wire]") {
  const auto parsed = parse_close("");
  REQUIRE(parsed);
  CHECK(parsed->code == close_code::no_status);
  CHECK(parsed->reason.empty());
}

TEST_CASE("a close frame's code and reason are read", "[wire]") {
  const std::string payload = bytes_of(4321, "so \xE2\x82\xAC");
  const auto parsed = parse_close(payload);
  REQUIRE(parsed);
  CHECK(static_cast<int>(parsed->code) == 4321);
  CHECK(parsed->reason == "so \xE2\x82\xAC");
}

TEST_CASE("websocketpp defect: a close payload of one byte is a protocol error", "[wire]") {
  CHECK(objection(std::string_view("\x03", 1)) == 1002);
  CHECK(objection(std::string_view("\0", 1)) == 1002);
}

TEST_CASE("websocketpp defect: a close code that may not be on the wire is a protocol error", "[wire]") {
  for (unsigned code = 0; code <= 0xFFFF; ++code) {
    const bool defined = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
    const bool ours = code >= 3000 && code <= 4999;
    if (objection(bytes_of(code, "")) != (defined || ours ? 0 : 1002)) FAIL("code " << code);
  }
  SUCCEED("all codes");
}

TEST_CASE("websocketpp defect: a close reason that is not UTF-8 is 1007", "[wire]") {
  CHECK(objection(bytes_of(1000, "\xCE\xBA\xED\xA0\x80")) == 1007);
  CHECK(objection(bytes_of(1000, "cut \xE2\x82")) == 1007);
  CHECK(objection(bytes_of(999, "\xFF")) == 1002);  // the code is looked at first
}

TEST_CASE("a close payload is read at its bounds", "[wire]") {
  CHECK(objection(bytes_of(1000, "")) == 0);
  CHECK(objection(bytes_of(1000, std::string(122, 'r'))) == 0);
  CHECK(objection(bytes_of(1000, std::string(123, 'r'))) == 0);
  CHECK(objection(bytes_of(1000, std::string(124, 'r'))) == 1002);
  CHECK(objection(bytes_of(1000, std::string(125, 'r'))) == 1002);
}

TEST_CASE("parse_close reads the payload that close_payload writes", "[wire]") {
  for (const close_code code : {close_code::normal, close_code::try_again_later, close_code::too_many_messages}) {
    const std::string payload = close_payload(code, "why");
    const auto parsed = parse_close(payload);
    REQUIRE(parsed);
    CHECK(parsed->code == code);
    CHECK(parsed->reason == "why");
  }
}
