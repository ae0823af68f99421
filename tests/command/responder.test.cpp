#include <catch2_any.hpp>
#include <command/fake_output.hpp>
#include <hotline/command/responder.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::fake_loop;
using hotline_test::one_client;
using list = std::vector<std::string>;

namespace {

// Answering uses a responder up: there is no second one to answer with.
static_assert(!std::is_copy_constructible_v<responder> && !std::is_copy_assignable_v<responder>);
static_assert(std::is_nothrow_move_constructible_v<responder> && std::is_nothrow_move_assignable_v<responder>);
template <class R>
concept answers_as = requires(R r) {
  static_cast<R>(r).answer(command_result());
};
template <class R>
concept fails_as = requires(R r) {
  static_cast<R>(r).fail(command_error());
};
static_assert(answers_as<responder&&> && !answers_as<responder&> && !answers_as<const responder&>);
static_assert(fails_as<responder&&> && !fails_as<responder&> && !fails_as<const responder&>);

struct later : one_client {
  explicit later(manager_options o = {}) : one_client(std::move(o)) {
    on("later", [this](const request&, responder r) { kept.emplace(std::move(r)); });
  }
  std::optional<responder> kept;
};

}  // namespace

TEST_CASE("a command may be answered after its handler has returned", "[command]") {
  later s;
  s.send(R"({"command":"later","id":"x"})");
  CHECK(s.silent());
  CHECK(s.kept->is_pending());
  std::move(*s.kept).answer(json_object{{"done", true}});
  CHECK_FALSE(s.kept->is_pending());
  CHECK(s.silent());
  s.run();
  const json told = s.next();
  CHECK(told["type"].as_string() == "command_response");
  CHECK(told["command"].as_string() == "later");
  CHECK(told["id"].as_string() == "x");
  CHECK(told["result"].text() == R"({"done":true})");
  s.kept.reset();
  s.run();
  CHECK(s.silent());
}

TEST_CASE("an exception of a handler that has returned is reported, and its client receives internal_error",
          "[command]") {
  later s;
  s.send(R"({"command":"later","id":1})");
  SECTION("while the command waits for its answer") {
    std::move(*s.kept).fail(std::make_exception_ptr(std::runtime_error("secret")));
    CHECK(s.output.errors.empty());  // on the loop alone
    s.run();
    CHECK(s.output.errors == list{"later: secret"});
    const json told = s.next();
    CHECK(told["error"]["code"].as_string() == "internal_error");
    CHECK(told.text().find("secret") == std::string_view::npos);
  }
  SECTION("after its deadline, when it has its answer") {
    s.pass(s.options.command_timeout);
    CHECK(s.next_code() == "timeout");
    std::move(*s.kept).fail(std::make_exception_ptr(std::runtime_error("late")));
    s.run();
    CHECK(s.output.errors == list{"later: late"});
  }
  SECTION("and without an exception the client alone receives it") {
    std::move(*s.kept).fail(std::exception_ptr());
    s.run();
    CHECK(s.output.errors.empty());
    CHECK(s.next_code() == "internal_error");
  }
  SECTION("once") {
    std::move(*s.kept).answer(json_object{});
    std::move(*s.kept).fail(std::make_exception_ptr(std::runtime_error("used up")));
    s.run();
    CHECK(s.output.errors.empty());
    CHECK(s.next_code() == "command_response");
  }
  CHECK(s.silent());
}

TEST_CASE("a command may be answered from another thread", "[command]") {
  later s;
  s.send(R"({"command":"later","id":1})");
  std::thread([r = std::move(*s.kept)]() mutable {
    r.progress({{"half", true}});
    std::move(r).answer(json_object{{"from", "afar"}});
  }).join();
  s.run();
  CHECK(s.next()["progress"].text() == R"({"half":true})");
  CHECK(s.next()["result"].text() == R"({"from":"afar"})");
  CHECK(s.silent());
}

TEST_CASE("fail answers with an error", "[command]") {
  later s;
  s.send(R"({"command":"later"})");
  std::move(*s.kept).fail({"broken", "it broke", true});
  s.run();
  CHECK(s.next()["error"].text() == R"({"code":"broken","message":"it broke","retryable":true})");
}

TEST_CASE("a responder that was used up or moved from does nothing more", "[command]") {
  later s;
  s.send(R"({"command":"later","id":1})");
  responder r = std::move(*s.kept);
  s.kept.reset();
  std::move(r).answer(json_object{});
  // NOLINTBEGIN: using it again is the point
  std::move(r).answer(json_object{{"n", 2}});
  std::move(r).fail({"again", ""});
  r.progress({{"n", 3}});
  CHECK_FALSE(r.is_pending());
  CHECK_FALSE(r.stop_token().stop_possible());
  // NOLINTEND
  s.run();
  CHECK(s.next()["result"].text() == "{}");
  CHECK(s.silent());
}

TEST_CASE("progress comes in order, with the id, and never after the answer", "[command]") {
  later s;
  s.send(R"({"command":"later","id":"x"})");
  s.kept->progress({{"percent", 10}});
  s.kept->progress({{"percent", 90}});
  s.kept->progress({{"bytes", "\xff"}});  // not JSON: not sent
  std::move(*s.kept).answer(json_object{});
  s.kept->progress({{"percent", 100}});
  s.run();
  const json first = s.next();
  CHECK(first["type"].as_string() == "command_progress");
  CHECK(first["command"].as_string() == "later");
  CHECK(first["id"].as_string() == "x");
  CHECK(first["progress"].text() == R"({"percent":10})");
  CHECK(s.next()["progress"].text() == R"({"percent":90})");
  CHECK(s.next()["type"].as_string() == "command_response");
  CHECK(s.silent());
}

TEST_CASE("progress of a command without an id is not sent", "[command]") {
  later s;
  s.send(R"({"command":"later"})");
  s.kept->progress({{"percent", 10}});
  s.run();
  CHECK(s.silent());
  std::move(*s.kept).answer(json_object{});
  s.run();
  CHECK(s.next()["type"].as_string() == "command_response");
}

TEST_CASE("a responder that is dropped answers no_reply", "[command]") {
  later s;
  s.on("forgets", [](const request&, responder) {});
  s.send(R"({"command":"forgets","id":1})");
  s.run();
  CHECK(s.next_code() == "no_reply");
  s.send(R"({"command":"later","id":2})");
  s.kept.reset();
  s.run();
  CHECK(s.next_code() == "no_reply");
  // The one that is assigned over is dropped too.
  s.send(R"({"command":"later","id":3})");
  responder first = std::move(*s.kept);
  s.send(R"({"command":"later","id":4})");
  first = std::move(*s.kept);
  s.run();
  const json told = s.next();
  CHECK(told["error"]["code"].as_string() == "no_reply");
  CHECK(told["id"].as_int64() == 3);
  CHECK(s.silent());
}

TEST_CASE("a responder that an exception drops answers internal_error, once", "[command]") {
  one_client s;
  s.on("throws", [](const request&, responder) { throw std::runtime_error("secret"); });
  s.on("moves", [](const request&, responder r) {
    const responder mine = std::move(r);
    throw std::runtime_error("secret");
  });
  s.send(R"({"command":"throws","id":1})");
  s.send(R"({"command":"moves","id":2})");
  s.run();
  for (const int id : {1, 2}) {
    CHECK(s.output.answers.front().find("secret") == std::string::npos);
    const json told = s.next();
    CHECK(told["id"].as_int64() == id);
    CHECK(told["error"]["code"].as_string() == "internal_error");
  }
  CHECK(s.silent());
  CHECK(s.output.errors == list{"throws: secret", "moves: secret"});
}

TEST_CASE("a responder that was put aside before the handler threw still answers", "[command]") {
  one_client s;
  std::optional<responder> kept;
  s.on("odd", [&](const request&, responder r) {
    kept.emplace(std::move(r));
    throw std::runtime_error("secret");
  });
  s.send(R"({"command":"odd","id":1})");
  s.run();
  CHECK(s.silent());
  CHECK(s.output.errors == list{"odd: secret"});
  std::move(*kept).answer(json_object{});
  s.run();
  CHECK(s.next()["type"].as_string() == "command_response");
}

TEST_CASE("dropping a responder while an older exception is handled is no_reply", "[command]") {
  later s;
  s.send(R"({"command":"later","id":1})");
  struct drops_when_unwound {
    later& s;
    ~drops_when_unwound() {
      s.send(R"({"command":"later","id":2})");  // made during the unwinding, and forgotten in good order
      s.kept.reset();
    }
  };
  std::move(*s.kept).answer(json_object{});
  try {
    const drops_when_unwound scope{s};
    throw 1;
  } catch (int) {
  }
  s.run();
  (void)s.next();
  CHECK(s.next_code() == "no_reply");
}

TEST_CASE("a command past its deadline gets timeout, and a late answer is dropped", "[command]") {
  later s({.command_timeout = 1000ms});
  s.send(R"({"command":"later","id":"x"})");
  s.pass(999ms);
  CHECK(s.silent());
  CHECK(s.kept->is_pending());
  CHECK_FALSE(s.kept->stop_token().stop_requested());
  s.pass(1ms);
  const std::string sent = s.output.answers.front();
  const json told = s.next();
  CHECK(told["error"]["code"].as_string() == "timeout");
  CHECK(told["error"]["retryable"].as_bool() == true);
  CHECK(told["id"].as_string() == "x");
  CHECK_FALSE(s.kept->is_pending());
  CHECK(s.kept->stop_token().stop_requested());
  s.kept->progress({{"n", 1}});
  std::move(*s.kept).answer(json_object{{"late", true}});
  s.run();
  s.pass(10s);
  CHECK(s.silent());
  // Repeated, the id gets the answer that it got.
  s.send(R"({"command":"later","id":"x"})");
  CHECK(s.text() == sent);
}

TEST_CASE("progress that is on its way when the deadline passes is not sent after the timeout", "[command]") {
  later s({.command_timeout = 1000ms});
  s.send(R"({"command":"later","id":1})");
  s.kept->progress({{"n", 1}});
  s.pass(1s);
  s.run();
  CHECK(s.next_code() == "timeout");
  CHECK(s.silent());
}

TEST_CASE("an answer that is on its way when the deadline passes is the one that the client receives", "[command]") {
  later s({.command_timeout = 1000ms});
  s.send(R"({"command":"later","id":1})");
  s.kept->progress({{"n", 1}});
  std::move(*s.kept).answer(json_object{{"just", "in time"}});
  s.pass(2s);
  CHECK(s.silent());
  s.run();
  CHECK(s.next()["type"].as_string() == "command_progress");
  CHECK(s.next()["result"].text() == R"({"just":"in time"})");
  CHECK(s.silent());
}

TEST_CASE("an answer that memory does not suffice for is left to the deadline", "[command]") {
  later s({.command_timeout = 1000ms});
  s.send(R"({"command":"later","id":1})");
  s.loop->be_out_of_memory(true);
  CHECK_THROWS_AS(std::move(*s.kept).answer(json_object{}), std::bad_alloc);
  s.send(R"({"command":"later","id":2})");
  s.kept.reset();  // its no_reply is lost as well
  s.loop->be_out_of_memory(false);
  s.run();
  CHECK(s.silent());
  s.pass(1s);
  CHECK(s.next_code() == "timeout");
  CHECK(s.next_code() == "timeout");
}

TEST_CASE("an answer that found no memory is not replaced by an error for which there was memory", "[command]") {
  later s({.command_timeout = 1000ms});
  s.send(R"({"command":"later","id":1})");
  s.loop->fail_once();
  CHECK_THROWS_AS(std::move(*s.kept).answer(json_object{}), std::bad_alloc);
  s.kept.reset();
  s.run();
  CHECK(s.silent());
  s.pass(1s);
  CHECK(s.next_code() == "timeout");
}

TEST_CASE("stop is requested when the client cancels, and the command still wants its answer", "[command]") {
  later s;
  s.send(R"({"command":"later","id":"x"})");
  const std::stop_token stop = s.kept->stop_token();
  CHECK(stop.stop_possible());
  CHECK_FALSE(stop.stop_requested());
  s.send(R"({"command":"cancel","id":"c","payload":{"id":"x"}})");
  CHECK(stop.stop_requested());
  CHECK(s.next()["result"].text() == R"({"cancelled":true})");
  CHECK(s.kept->is_pending());
  std::move(*s.kept).fail({"cancelled", "as you wished"});
  s.run();
  CHECK(s.next_code() == "cancelled");
}

TEST_CASE("when the session ends, stop is requested and nothing waits for an answer any more", "[command]") {
  later s;
  s.send(R"({"command":"later","id":1})");
  const std::stop_token stop = s.kept->stop_token();
  bool told = false;
  const std::stop_callback note(stop, [&] { told = true; });
  detail::dispatcher::abandon(s.client);
  CHECK(told);
  CHECK_FALSE(s.kept->is_pending());
  s.kept->progress({{"n", 1}});
  std::move(*s.kept).answer(json_object{});
  CHECK(s.loop->take().empty());
}

TEST_CASE("a stop callback may answer, behind the answer to cancel", "[command]") {
  one_client s;
  std::optional<responder> kept;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
  s.on("task", [&](const request&, responder r) {
    kept.emplace(std::move(r));
    on_stop.emplace(kept->stop_token(), [&] {
      std::move(*kept).fail({"cancelled", ""});
      kept.reset();
    });
  });
  s.send(R"({"command":"task","id":1})");
  s.send(R"({"command":"cancel","id":2,"payload":{"id":1}})");
  s.run();
  CHECK(s.next()["id"].as_int64() == 2);
  const json told = s.next();
  CHECK(told["id"].as_int64() == 1);
  CHECK(told["error"]["code"].as_string() == "cancelled");
  on_stop.reset();
  // At the deadline the client has its answer already.
  s.send(R"({"command":"task","id":3})");
  s.pass(s.options.command_timeout);
  s.run();
  CHECK(s.next_code() == "timeout");
  CHECK(s.silent());
}

TEST_CASE("a responder outlives dispatcher, session and manager, and the last one there is cleans up", "[command]") {
  std::optional<responder> kept;
  std::shared_ptr<fake_loop> loop;
  {
    one_client s;
    s.on("later", [&](const request&, responder r) { kept.emplace(std::move(r)); });
    s.send(R"({"command":"later","id":1})");
    loop = s.loop;
  }
  kept->progress({{"n", 1}});
  std::move(*kept).answer(json_object{});
  CHECK(loop->take().size() == 2);
  kept.reset();
  CHECK(loop.use_count() == 1);
}
