#include <catch2_any.hpp>
#include <connection/lone_connection.hpp>
#include <hotline/session/session.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using detail::announcement;
using detail::resume_token;
using detail::session;
using hotline_test::lone_connection;
using state = session::state;

namespace {

constexpr wall_time calendar{std::chrono::seconds{1'700'000'000}};

detail::digest secret_of(std::string_view text) { return detail::digest_of(text); }

resume_token token_of(const session& s, std::string_view text) { return {s.number(), secret_of(text)}; }

/// Returns the secrets by which it can be resumed.
std::vector<detail::digest> secrets_of(const session& s) {
  std::vector<detail::digest> all;
  s.for_each_secret([&](const detail::digest& each) { all.push_back(each); });
  return all;
}

std::string frame_of(std::string_view text) {
  std::string frame;
  detail::append_frame(frame, detail::opcode::text, text);
  return frame;
}

}  // namespace

TEST_CASE("a session is the client that its commands come from", "[session]") {
  session s(7, hotline_test::project_name("p"), {"ada", ""});
  CHECK(s.number() == 7);
  CHECK(s.id() == "0000000000000007");
  CHECK(s.origin()->connection_id == s.id());
  CHECK(s.origin()->project == "p");
  CHECK(s.origin()->principal == "ada");
  CHECK(s.at() == state::detached);
  CHECK(s.announced() == announcement::nothing);
}

TEST_CASE("while it is attached a session has its connection's facts, and afterwards keeps them", "[session]") {
  lone_connection one;
  one.of.rename({"", "192.0.2.1"});
  one.of.attach(one.c, one.now, calendar);
  one.c.upgrade("", one.now);
  CHECK(one.of.at() == state::attached);
  CHECK(one.of.connection() == &one.c);
  CHECK(one.of.is_open());
  CHECK(one.c.of() == &one.of);
  one.now += 5s;
  CHECK(one.receive(hotline_test::client_frame(0x81, "x")) == std::vector<std::string>{"message x"});
  one.c.place.kept_up = true;

  const auto check_facts = [&] {
    const connection_info told = one.of.info(90s);
    CHECK(told.id == "0000000000000001");
    CHECK(told.project == "p");
    CHECK(told.remote_address == "192.0.2.1");
    CHECK(told.connected_at == one.now - 5s);
    CHECK(told.connected_at_wall == calendar);
    CHECK(told.last_heard == one.now);
    CHECK(told.timeout == 90s);
  };
  check_facts();
  one.of.detach(one.now + 1s);
  CHECK(one.of.at() == state::detached);
  CHECK(one.of.detached_at() == one.now + 1s);
  CHECK(one.of.connection() == nullptr);
  CHECK_FALSE(one.of.is_open());
  CHECK(one.c.of() == nullptr);
  check_facts();

  // A producer may wait for it over its next connection too, for it has kept up before.
  lone_connection next;
  one.of.rename({"", "192.0.2.2"});
  one.of.attach(next.c, next.now, calendar + 9s);
  CHECK(next.c.place.kept_up);
  CHECK(one.of.info({}).remote_address == "192.0.2.2");
  CHECK(one.of.info({}).connected_at_wall == calendar + 9s);
}

TEST_CASE("a session's rates are used up over all its connections", "[session]") {
  const manager_options limits{.session = {.messages_per_second = 1, .message_burst = 1}};
  const std::string message = hotline_test::client_frame(0x81, "m");
  lone_connection first(limits), second(limits);
  first.open();
  CHECK(first.receive(message + message) == std::vector<std::string>{"message m", "message m"});
  first.of.detach(first.now);
  first.of.attach(second.c, second.now, {});
  second.c.upgrade("", second.now);
  CHECK(second.receive(message) == std::vector<std::string>{"failed 4029 too many messages"});
}

TEST_CASE("how a connection ended decides whether its session goes on, until the next", "[session]") {
  lone_connection one;
  one.open();
  CHECK(one.of.ended().code == close_code::abnormal);
  CHECK(one.of.may_be_resumed_by("p", ""));
  SECTION("for its project and principal alone") {
    CHECK_FALSE(one.of.may_be_resumed_by("q", ""));
    CHECK_FALSE(one.of.may_be_resumed_by("p", "eve"));
  }
  SECTION("not after an end that is final") {
    one.of.end_connection(close_code::normal, false);
    one.of.explain_end("done");
    CHECK_FALSE(one.of.may_be_resumed_by("p", ""));
    CHECK(one.of.end_reason() == "done");
    CHECK(one.of.take_reason() == "done");
    CHECK(one.of.end_reason().empty());
  }
  SECTION("also after an end for lack of memory") {
    one.of.explain_end("done");
    one.of.end_without_memory();
    CHECK(one.of.ended().code == close_code::internal_error);
    CHECK(one.of.may_be_resumed_by("p", ""));
    CHECK(one.of.end_reason() == "out of memory");
    CHECK(one.of.take_reason() == "out of memory");
  }
  SECTION("a new connection has not ended") {
    one.of.end_connection(close_code::unauthorized, false);
    one.of.explain_end("expired");
    one.of.detach(one.now);
    lone_connection next;
    one.of.attach(next.c, next.now, {});
    CHECK(one.of.ended().code == close_code::abnormal);
    CHECK(one.of.end_reason().empty());
    CHECK(one.of.may_be_resumed_by("p", ""));
  }
}

TEST_CASE("a token is good until the client has surely read the next", "[session]") {
  lone_connection one;
  one.open();
  one.of.finish_resume(secret_of("first"));
  const resume_token first = token_of(one.of, "first"), second = token_of(one.of, "second");
  CHECK(one.of.gave_out(first));
  CHECK_FALSE(one.of.gave_out(second));
  CHECK(secrets_of(one.of) == std::vector<detail::digest>{first.secret});

  one.of.begin_resume(one.of.prepare_resume(first));
  // Between the two it can be resumed by the token that it was prepared for.
  CHECK(one.of.gave_out(first));
  one.of.finish_resume(second.secret);
  CHECK(one.of.gave_out(first));
  CHECK(one.of.gave_out(second));
  CHECK(secrets_of(one.of).size() == 2);

  SECTION("which a message over an open connection proves") {
    one.of.confirm_token();
    CHECK_FALSE(one.of.gave_out(first));
    CHECK(one.of.gave_out(second));
    CHECK(secrets_of(one.of).size() == 1);
  }
  SECTION("and nothing else does") {
    one.of.detach(one.now);
    one.of.confirm_token();
    CHECK(one.of.gave_out(first));
  }
  SECTION("a resume that fails for good uses up both") {
    one.of.begin_resume(nullptr);
    CHECK_FALSE(one.of.gave_out(first));
    CHECK_FALSE(one.of.gave_out(second));
    CHECK(secrets_of(one.of).empty());
  }
}

TEST_CASE("a session that never gave out a token is resumed by none", "[session]") {
  const session s(7, hotline_test::project_name("p"), {});
  CHECK(secrets_of(s).empty());
  CHECK_FALSE(s.gave_out(token_of(s, "guess")));
}

TEST_CASE("while it is detached a session keeps what it is answered, within a bound", "[session]") {
  constexpr std::size_t most = 1000, half = most / 2, longest_header = 10;
  session s(7, hotline_test::project_name("p"), {});
  CHECK(s.kept_answers().empty());
  SECTION("as finished frames, in order") {
    CHECK(s.keep_answer("one", most));
    CHECK(s.keep_answer("two", most));
    CHECK(s.kept_answers() == frame_of("one") + frame_of("two"));
  }
  SECTION("one answer of any size, while there are few") {
    CHECK(s.keep_answer(std::string(2 * most, 'x'), most));
    CHECK_FALSE(s.keep_answer("y", most));
    CHECK(s.kept_answers() == frame_of(std::string(2 * most, 'x')));
  }
  SECTION("and then as many as fit") {
    CHECK(s.keep_answer(std::string(half, 'x'), most));
    const std::size_t left = most - s.kept_answers().size() - longest_header;
    CHECK_FALSE(s.keep_answer(std::string(left + 1, 'y'), most));
    CHECK(s.keep_answer(std::string(left, 'y'), most));
    CHECK_FALSE(s.keep_answer("", most));
  }
  SECTION("until its client is given them") {
    CHECK(s.keep_answer("one", most));
    const resume_token token = token_of(s, "first");
    s.begin_resume(s.prepare_resume(token));
    CHECK(s.kept_answers() == frame_of("one"));
    s.finish_resume(secret_of("second"));
    CHECK(s.kept_answers().empty());
    CHECK(s.gave_out(token));
  }
}

TEST_CASE("a session knows its commands that are under way", "[session]") {
  session s(7, hotline_test::project_name("p"), {});
  CHECK_FALSE(s.has_commands());
  const auto pending = std::make_shared<detail::pending_command>();
  pending->serial = 1;
  s.commands().add(pending);
  CHECK(s.has_commands());
  CHECK(s.commands().complete(1, "done", session_limits()));
  CHECK_FALSE(s.has_commands());
}

TEST_CASE("a session keeps its project's stream", "[session]") {
  const auto stream = std::make_shared<std::pair<int, std::string>>(1, "p");
  {
    const session s(7, std::shared_ptr<const std::string>(stream, &stream->second), {});
    CHECK(s.project() == "p");
    CHECK(stream.use_count() == 2);
  }
  CHECK(stream.use_count() == 1);
}
