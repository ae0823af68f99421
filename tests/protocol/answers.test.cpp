#include <hotline/protocol/answers.hpp>
#include <hotline/protocol/json_reader.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

using hotline::close_code;
using hotline::command_id;
using hotline::json;
using hotline::parse_json;
using hotline::wall_time;
using namespace hotline::detail;
using namespace std::chrono_literals;

namespace {

const wall_time now{1'762'000'000'042ms};

}  // namespace

TEST_CASE("connected tells who, where, how often and how much", "[protocol]") {
  hotline::session_limits limits;
  limits.message_bytes = 1000;
  connected_info info;
  info.connection_id = "c1";
  info.project_id = "p1";
  info.epoch = "e1";
  info.seq = 18446744073709551615U;
  info.heartbeat_interval = 30s;
  info.heartbeat_timeout = 1500ms;
  CHECK(connected_text(info, now) ==
        R"({"type":"connected","timestamp":1762000000.042,"connection_id":"c1","project_id":"p1","protocol":1,)"
        R"("epoch":"e1","seq":18446744073709551615,"resumed":false,"heartbeat":{"interval":30,"timeout":1.5}})");
  info.limits = &limits;
  info.resume_reason = "expired";
  info.resume_token = "t1";
  info.resume_window = 60s;
  CHECK(connected_text(info, now) ==
        R"({"type":"connected","timestamp":1762000000.042,"connection_id":"c1","project_id":"p1","protocol":1,)"
        R"("epoch":"e1","seq":18446744073709551615,"resumed":false,"reason":"expired",)"
        R"("resume":{"token":"t1","window":60},"heartbeat":{"interval":30,"timeout":1.5},)"
        R"("limits":{"message_bytes":1000,"subscriptions":128,"commands_in_flight":64}})");
}

TEST_CASE("each message has its fields and no others", "[protocol]") {
  CHECK(gap_text(3, 9, "evicted", now) ==
        R"({"type":"gap","timestamp":1762000000.042,"from":3,"to":9,"reason":"evicted"})");
  CHECK(command_response_text("c", command_id(7), R"({"a":[1]})", now) ==
        R"({"type":"command_response","timestamp":1762000000.042,"command":"c","id":7,"result":{"a":[1]}})");
  CHECK(command_response_text("c", {}, "null", now) ==
        R"({"type":"command_response","timestamp":1762000000.042,"command":"c","result":null})");
  CHECK(command_progress_text("c", command_id::from("x\""), R"({"done":0.5})", now) ==
        R"({"type":"command_progress","timestamp":1762000000.042,"command":"c","id":"x\"","progress":{"done":0.5}})");
  CHECK(command_error_text("c", command_id(7), "forbidden", "not yours", false, now) ==
        R"({"type":"command_error","timestamp":1762000000.042,"command":"c","id":7,)"
        R"("error":{"code":"forbidden","message":"not yours","retryable":false}})");
  CHECK(pong_text(command_id(7), 12, now) == R"({"type":"pong","timestamp":1762000000.042,"id":7,"seq":12})");
  CHECK(pong_text({}, 0, now) == R"({"type":"pong","timestamp":1762000000.042,"seq":0})");
  CHECK(position_text(7, now) == R"({"type":"position","timestamp":1762000000.042,"seq":7})");
  CHECK(error_text("not_json", "offset 0: no value", now) ==
        R"({"type":"error","timestamp":1762000000.042,"code":"not_json","message":"offset 0: no value"})");
  CHECK(disconnected_text(close_code::too_slow, "too slow", true, {}, now) ==
        R"({"type":"disconnected","timestamp":1762000000.042,"code":4008,"reason":"too slow","reconnect":true})");
  CHECK(disconnected_text(close_code::going_away, "", true, 2500ms, now) ==
        R"({"type":"disconnected","timestamp":1762000000.042,"code":1001,"reason":"","reconnect":true,)"
        R"("retry_after":2.5})");
}

TEST_CASE("the answer is JSON, whatever the texts are", "[protocol]") {
  const std::string bad = "a\"\\\n\x01\xFF\xE2\x82";
  const std::string shown = "a\"\\\n\x01\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD";
  connected_info info;
  info.project_id = bad;
  const auto connected = parse_json(connected_text(info, now));
  REQUIRE(connected);
  CHECK((*connected)["project_id"].as_string() == shown);
  const auto error = parse_json(command_error_text(bad, {}, bad, bad, true, now));
  REQUIRE(error);
  CHECK((*error)["command"].as_string() == shown);
  CHECK((*error)["error"]["message"].as_string() == shown);
  CHECK(parse_json(error_text(bad, bad, now)));
  CHECK(parse_json(disconnected_text(close_code::normal, bad, false, {}, now)));
  CHECK(parse_json(gap_text(1, 2, bad, now)));
}
