#include <catch2_any.hpp>
#include <hotline/project_events.hpp>
#include <hotline/protocol/json_reader.hpp>

#include <optional>
#include <string>
#include <string_view>

using namespace hotline;

namespace {

// The event as it is written; reading that gives the same again, and leaving any member out is refused by its name
// unless the member is optional.
template <typed_event E>
std::string written(const E& event, std::string_view optional = {}) {
  static_assert(is_event_type(E::event_type));
  const json_object object = encode(event);
  REQUIRE(object.valid());
  const result<json> read = parse_json(object.text());
  REQUIRE(read);
  const result<E> again = decode<E>(*read);
  REQUIRE(again);
  CHECK(encode(*again).text() == object.text());
  for (const auto& [left_out, value] : read->members()) {
    json_object rest;
    for (const auto& [name, member] : read->members())
      if (name != left_out) rest.append(name, member);
    const result<E> partial = decode<E>(*parse_json(rest.text()));
    CHECK(partial.has_value() == (left_out == optional));
    if (!partial) CHECK(partial.error().message == std::string(left_out) + ": missing");
  }
  return std::string(E::event_type) + " " + object.text();
}

}  // namespace

TEST_CASE("task_started is written with its names and read back", "[project_events]") {
  CHECK(written(task_started{"t1", "build", {"make", "-j", "2"}}) ==
        R"(task_started {"task_id":"t1","task":"build","argv":["make","-j","2"]})");
}

TEST_CASE("task_completed is written with its names and read back", "[project_events]") {
  CHECK(written(task_completed{"t1", 3}) == R"(task_completed {"task_id":"t1","exit_code":3})");
  CHECK(written(task_completed{"t1", -1}) == R"(task_completed {"task_id":"t1","exit_code":-1})");
}

TEST_CASE("task_failed is written with its names and read back, with and without an exit code", "[project_events]") {
  CHECK(written(task_failed{"t1", 2, "exit 2"}, "exit_code") ==
        R"(task_failed {"task_id":"t1","exit_code":2,"reason":"exit 2"})");
  CHECK(written(task_failed{"t1", std::nullopt, "killed"}) == R"(task_failed {"task_id":"t1","reason":"killed"})");
}

TEST_CASE("task_cancelled is written with its names and read back", "[project_events]") {
  CHECK(written(task_cancelled{"t1"}) == R"(task_cancelled {"task_id":"t1"})");
}

TEST_CASE("agent_output is written with its names and read back", "[project_events]") {
  CHECK(written(agent_output{"t1", "say \"hi\"\t\xE2\x82\xAC", "stderr"}) ==
        "agent_output {\"task_id\":\"t1\",\"line\":\"say \\\"hi\\\"\\t\xE2\x82\xAC\",\"stream\":\"stderr\"}");
  CHECK(agent_output{"t1", "x"}.stream == "stdout");
}

TEST_CASE("gate_running is written with its names and read back", "[project_events]") {
  CHECK(written(gate_running{"t1", "tests"}) == R"(gate_running {"task_id":"t1","gate":"tests"})");
}

TEST_CASE("gate_passed is written with its names and read back", "[project_events]") {
  CHECK(written(gate_passed{"t1", "tests"}) == R"(gate_passed {"task_id":"t1","gate":"tests"})");
}

TEST_CASE("gate_failed is written with its names and read back", "[project_events]") {
  CHECK(written(gate_failed{"t1", "tests", "2 of 3"}) ==
        R"(gate_failed {"task_id":"t1","gate":"tests","reason":"2 of 3"})");
}

TEST_CASE("signal_detected is written with its names and read back", "[project_events]") {
  CHECK(written(signal_detected{"t1", "needs_input"}) == R"(signal_detected {"task_id":"t1","signal":"needs_input"})");
}

TEST_CASE("branch_created is written with its names and read back", "[project_events]") {
  CHECK(written(branch_created{"topic/x", "0a1b2c"}) == R"(branch_created {"name":"topic/x","commit":"0a1b2c"})");
}

TEST_CASE("every one of them may be emitted: none has a field that the envelope needs", "[project_events]") {
  event_emitter events;
  sequence seq = 0;
  const auto emitted = [&](const auto& event) {
    const auto sent = events.emit("p", event);
    return sent && *sent == ++seq;
  };
  CHECK(emitted(task_started{}));
  CHECK(emitted(task_completed{}));
  CHECK(emitted(task_failed{}));
  CHECK(emitted(task_cancelled{}));
  CHECK(emitted(agent_output{}));
  CHECK(emitted(gate_running{}));
  CHECK(emitted(gate_passed{}));
  CHECK(emitted(gate_failed{}));
  CHECK(emitted(signal_detected{}));
  CHECK(emitted(branch_created{}));
}
