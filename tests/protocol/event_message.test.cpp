#include <hotline/protocol/event_message.hpp>
#include <hotline/protocol/json_reader.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <system_error>

using hotline::errc;
using hotline::json;
using hotline::json_array;
using hotline::json_object;
using hotline::parse_json;
using hotline::wall_time;
using namespace hotline::detail;
using namespace std::chrono_literals;

namespace {

const wall_time now{1'762'000'000'042ms};

/// The whole event with number 7, after its type in brackets, or the error.
std::string event(std::string_view type, std::string_view project, const json_object& fields) {
  split_text out;
  if (const std::error_code refused = split_event(out, type, project, fields, now)) return refused.message();
  return "[" + std::string(type_in(out)) + "] " + out.head + "7" + out.tail;
}

std::string message(std::string_view project, const json_object& object) {
  split_text out;
  if (const std::error_code refused = split_message(out, project, object, now)) return refused.message();
  return "[" + std::string(type_in(out)) + "] " + out.head + "7" + out.tail;
}

std::string direct(std::string_view project, const json_object& object) {
  std::string out = "what was here before";
  if (const std::error_code refused = direct_message(out, project, object, now)) return refused.message();
  return out;
}

std::string text(errc code) { return make_error_code(code).message(); }

}  // namespace

TEST_CASE("an event is its envelope and its fields at one level", "[protocol]") {
  CHECK(event("agent_output", "p1", {{"task_id", "t"}, {"line", "x\n"}}) ==
        R"([agent_output] {"type":"event","event_type":"agent_output","project_id":"p1","seq":7,)"
        R"("timestamp":1762000000.042,"task_id":"t","line":"x\n"})");
  CHECK(event("a", "p", {}) ==
        R"([a] {"type":"event","event_type":"a","project_id":"p","seq":7,"timestamp":1762000000.042})");
}

TEST_CASE("an event's type is 1 to 128 characters of a few kinds", "[protocol]") {
  for (const std::string& type : {std::string(), std::string("a b"), std::string("a\""), std::string("\xC3\xA9"),
                                  std::string(1, '\0'), std::string("*"), std::string(129, 'a')}) {
    CHECK(event(type, "p", {}) == text(errc::invalid_event_type));
  }
  CHECK(event(std::string(128, 'a'), "p", {}).starts_with("[aaa"));
  CHECK(event("a.b:c-d_E9", "p", {}).starts_with("[a.b:c-d_E9]"));
}

TEST_CASE("a field that would overwrite the envelope is refused, however it was written", "[protocol]") {
  for (const std::string_view name : {"type", "timestamp", "event_type", "project_id", "seq"}) {
    CHECK(event("a", "p", {{"x", 1}, {name, 1}}) == text(errc::reserved_field));
    CHECK(event("a", "p", {{"x", json_object{{name, 1}}}}).starts_with("[a]"));  // only at the envelope's level
  }
  CHECK(event("a", "p", *json_object::from(*parse_json(R"({"s\u0065q":1})"))) == text(errc::reserved_field));
  CHECK(event("a", "p", {{"Seq", 1}, {"seq ", 1}, {"event", 1}}).starts_with("[a]"));
}

TEST_CASE("fields that are not valid are refused", "[protocol]") {
  CHECK(event("a", "p", {{"x", "\xFF"}}) == text(errc::invalid_json));
  CHECK(event("a", "p", {{"x", 1}, {"x", 2}}) == text(errc::invalid_json));
  CHECK(message("p", {{"type", "a"}, {"x", "\xFF"}}) == text(errc::invalid_json));
}

TEST_CASE("a project id may be any UTF-8", "[protocol]") {
  const std::string id = "a\"\\\n\x01\xE2\x82\xAC{}";
  const auto read = parse_json(event("a", id, {}).substr(4));
  REQUIRE(read);
  CHECK((*read)["project_id"].as_string() == id);
  CHECK(event("a", "\xFF", {}) == text(errc::invalid_project));
  CHECK(message("\xFF", {{"type", "a"}}) == text(errc::invalid_project));
  CHECK(direct("\xFF", {{"type", "a"}}) == text(errc::invalid_project));
}

TEST_CASE("a split text is used again and again", "[protocol]") {
  split_text out;
  CHECK_FALSE(split_event(out, "a_long_event_type", "project", {{"x", std::string(300, 'x')}}, now));
  CHECK(split_event(out, "", "p", {}, now) == errc::invalid_event_type);
  CHECK_FALSE(split_message(out, "p", {{"type", "b"}}, now));
  CHECK(out.head + "1" + out.tail == R"({"type":"b","project_id":"p","seq":1,"timestamp":1762000000.042})");
  CHECK_FALSE(split_event(out, "c", "p", {}, now));
  CHECK(out.head + "1" + out.tail ==
        R"({"type":"event","event_type":"c","project_id":"p","seq":1,"timestamp":1762000000.042})");
}

TEST_CASE("a message of the host keeps its own type, wherever it stood", "[protocol]") {
  const std::string begin = R"([hello] {"type":"hello","project_id":"p","seq":7,"timestamp":1762000000.042)";
  CHECK(message("p", {{"type", "hello"}}) == begin + "}");
  CHECK(message("p", {{"type", "hello"}, {"a", 1}, {"b", 2}}) == begin + R"(,"a":1,"b":2})");
  CHECK(message("p", {{"a", 1}, {"type", "hello"}, {"b", 2}}) == begin + R"(,"a":1,"b":2})");
  CHECK(message("p", {{"a", 1}, {"b", 2}, {"type", "hello"}}) == begin + R"(,"a":1,"b":2})");
  CHECK(message("p", *json_object::from(*parse_json(R"({"a":1,"t\u0079pe":"h\u0065llo"})"))) == begin + R"(,"a":1})");
}

TEST_CASE("a message needs a type that is an event type and not the protocol's own", "[protocol]") {
  CHECK(message("p", {}) == text(errc::invalid_event_type));
  CHECK(message("p", {{"a", 1}}) == text(errc::invalid_event_type));
  CHECK(message("p", {{"type", 1}}) == text(errc::invalid_event_type));
  CHECK(message("p", {{"type", nullptr}}) == text(errc::invalid_event_type));
  CHECK(message("p", {{"type", ""}}) == text(errc::invalid_event_type));
  CHECK(message("p", {{"type", "a\"b"}}) == text(errc::invalid_event_type));
  CHECK(message("p", {{"type", json_array{"a"}}}) == text(errc::invalid_event_type));
  CHECK(message("p", {{"type", json_object{{"type", "a"}}}}) == text(errc::invalid_event_type));
  for (const std::string_view type : {"event", "gap", "connected", "disconnected", "command_response", "command_error",
                                      "command_progress", "pong", "error"}) {
    CHECK(message("p", {{"type", type}}) == text(errc::reserved_type));
    CHECK(direct("p", {{"type", type}}) == text(errc::reserved_type));
  }
  CHECK(message("p", {{"type", "events"}}).starts_with("[events]"));
}

TEST_CASE("a message may not bring what the library says about it", "[protocol]") {
  for (const std::string_view name : {"timestamp", "project_id", "seq"}) {
    CHECK(message("p", {{"type", "a"}, {name, 1}}) == text(errc::reserved_field));
    CHECK(direct("p", {{"type", "a"}, {name, 1}}) == text(errc::reserved_field));
  }
  CHECK(message("p", {{"type", "a"}, {"event_type", 1}}).starts_with("[a]"));
}

TEST_CASE("a message for one client is whole and has no number", "[protocol]") {
  CHECK(direct("p", {{"a", 1}, {"type", "hello"}}) ==
        R"({"type":"hello","project_id":"p","timestamp":1762000000.042,"a":1})");
}
