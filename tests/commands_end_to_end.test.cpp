#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;
using hotline_test::memory_client;

namespace {

using list = std::vector<std::string>;
using manager_type = ws_manager<memory_transport>;

struct start_task {
  std::string name;
  std::optional<std::int64_t> priority;
  static constexpr auto fields =
      hotline::fields(field{"name", &start_task::name}, field{"priority", &start_task::priority});
};

struct host {
  explicit host(manager_options options = {})
      : env(std::make_shared<manual_environment>()),
        events({}, env),
        manager(std::make_unique<manager_type>(memory_transport(env), events, std::move(options))) {
    manager
        ->on_error([this](std::string_view where, std::exception_ptr thrown) {
          try {
            std::rethrow_exception(std::move(thrown));
          } catch (const std::exception& e) {
            errors.push_back(std::string(where) + ": " + e.what());
          } catch (...) {
            errors.push_back(std::string(where) + ": ?");
          }
        })
        .release();
    manager->on_command("later", [this](const request&, responder r) { kept.push_back(std::move(r)); });
    REQUIRE_FALSE(manager->start());
  }

  [[nodiscard]] memory_transport& line() { return manager->transport(); }
  [[nodiscard]] memory_client connect(std::string_view target = "/ws/p") {
    memory_client c(line(), target);
    REQUIRE(c.upgraded());
    id_of_last = std::string(*c.next()["connection_id"].as_string());
    return c;
  }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  list errors;
  std::vector<responder> kept;
  std::unique_ptr<manager_type> manager;
  std::string id_of_last;
};

// An integer that JavaScript's numbers would change.
struct measured {
  static constexpr std::string_view event_type = "measured";
  std::int64_t nanoseconds = 0;
  static constexpr auto fields =
      hotline::fields(hotline::field{"nanoseconds", &measured::nanoseconds, hotline::as_text});
};

std::string code_of(const json& answer) { return std::string(answer["error"]["code"].as_string().value_or("-")); }

}  // namespace

TEST_CASE("a command is answered to whom it came from, with its name, id and time", "[commands]") {
  host h;
  h.manager->on_command("greet", [](const request& q) { return json_object{{"hello", q.project()}}; });
  memory_client a = h.connect(), b = h.connect();
  a.send(R"({"command":"greet","id":"g"})");
  const json told = a.next();
  CHECK(told["type"].as_string() == "command_response");
  CHECK(told["command"].as_string() == "greet");
  CHECK(told["id"].as_string() == "g");
  CHECK(told["timestamp"].as_double() == 1'700'000'000);
  CHECK(told["result"].text() == R"({"hello":"p"})");
  CHECK(b.next_type().empty());
}

TEST_CASE("a typed command is refused by the name of the field", "[commands]") {
  host h;
  h.manager->on_command<start_task>("start_task", [](const request&, const start_task& t) {
    return json_object{{"task", t.name}};
  });
  memory_client c = h.connect();
  c.send(R"({"command":"start_task","id":1,"payload":{"name":7}})");
  const json told = c.next();
  CHECK(code_of(told) == "invalid_payload");
  CHECK(told["error"]["message"].as_string() == "name: expected string");
  c.send(R"({"command":"start_task","payload":{"name":"build"}})");
  CHECK(c.next()["result"]["task"].as_string() == "build");
}

TEST_CASE("an integer of 64 bits can go as text in events, answers and payloads", "[commands]") {
  host h;
  h.manager->on_command<measured>(
      "double", [](const request&, const measured& m) { return encode(measured{m.nanoseconds * 2 + 1}); });
  memory_client c = h.connect();
  REQUIRE(h.events.emit("p", measured{9007199254740993}));
  CHECK(c.next()["nanoseconds"].text() == R"("9007199254740993")");
  c.send(R"({"command":"double","payload":{"nanoseconds":"4503599627370496"}})");
  CHECK(c.next()["result"].text() == R"({"nanoseconds":"9007199254740993"})");
  c.send(R"({"command":"double","payload":{"nanoseconds":"much"}})");
  CHECK(c.next()["error"]["message"].as_string() == "nanoseconds: expected integer");
}

TEST_CASE("a handler that throws harms neither its client nor the others", "[commands]") {
  host h;
  h.manager->on_command("throws", [](const request&) { throw std::runtime_error("secret"); });
  memory_client a = h.connect(), b = h.connect();
  a.send(R"({"command":"throws","id":1})");
  const json told = a.next();
  CHECK(code_of(told) == "internal_error");
  CHECK(told.text().find("secret") == std::string::npos);
  CHECK(h.errors == list{"throws: secret"});
  REQUIRE(h.events.emit("p", "still"));
  CHECK(a.events() == std::vector<std::uint64_t>{1});
  CHECK(b.events() == std::vector<std::uint64_t>{1});
  CHECK(b.messages.empty());
  CHECK_FALSE(a.close_code);
}

TEST_CASE("a command repeated is not run again, and gets the very bytes that it got", "[commands]") {
  host h;
  int ran = 0;
  h.manager->on_command("count", [&](const request&) { return json_object{{"n", ++ran}}; });
  memory_client c = h.connect();
  const auto bytes = [&] {
    c.peer->send(client_frame(0x81, R"({"command":"count","id":"x"})"));
    h.line().run();
    return c.peer->take();
  };
  const std::string first = bytes();
  CHECK(first.find(R"("n":1)") != std::string::npos);
  h.line().advance(10s);
  CHECK(bytes() == first);
  CHECK(ran == 1);
  memory_client other = h.connect();  // ids are a session's own
  other.send(R"({"command":"count","id":"x"})");
  CHECK(other.next()["result"]["n"].as_int64() == 2);
}

TEST_CASE("a command whose answer was too large to remember is not run again either", "[commands]") {
  host h({.session = {.remembered_bytes = 100}});
  int ran = 0;
  h.manager->on_command("big", [&](const request&) {
    ++ran;
    return json_object{{"text", std::string(200, 'x')}};
  });
  memory_client c = h.connect();
  c.send(R"({"command":"big","id":"x"})");
  CHECK(c.next()["result"]["text"].as_string()->size() == 200);
  c.send(R"({"command":"big","id":"x"})");
  const json again = c.next();
  CHECK(code_of(again) == "answer_forgotten");
  CHECK(again["id"].as_string() == "x");
  CHECK(ran == 1);
}

TEST_CASE("a deferred command is answered when the loop turns, from this thread or another", "[commands]") {
  host h;
  memory_client c = h.connect();
  c.send(R"({"command":"later","id":1})");
  c.send(R"({"command":"later","id":2})");
  REQUIRE(h.kept.size() == 2);
  CHECK(c.next_type().empty());
  std::move(h.kept[0]).answer(json_object{{"from", "here"}});
  std::thread([r = std::move(h.kept[1])]() mutable {
    r.progress({{"percent", 50}});
    std::move(r).answer(json_object{{"from", "afar"}});
  }).join();
  CHECK(c.messages.empty());
  CHECK(c.next()["result"].text() == R"({"from":"here"})");
  CHECK(c.next()["progress"].text() == R"({"percent":50})");
  CHECK(c.next()["result"].text() == R"({"from":"afar"})");
  CHECK(c.next_type().empty());
}

TEST_CASE("many threads answer while the loop turns, and each command is answered once", "[commands]") {
  constexpr int threads = 4, each = 15;
  host h;
  memory_client c = h.connect();
  for (int i = 0; i < threads * each; ++i) c.send(R"({"command":"later","id":)" + std::to_string(i) + "}");
  REQUIRE(h.kept.size() == threads * each);
  std::atomic<int> running = threads;
  std::vector<std::thread> answering;
  for (int t = 0; t < threads; ++t) {
    answering.emplace_back([&h, &running, t] {
      for (int i = 0; i < each; ++i) {
        responder r = std::move(h.kept[static_cast<std::size_t>(t * each + i)]);
        r.progress({{"n", 1}});
        if (i % 3 != 0) std::move(r).answer(json_object{});
      }
      --running;
    });
  }
  std::vector<int> answers(threads * each);
  const auto listen = [&] {
    c.pump();
    while (!c.messages.empty()) {
      const json told = c.next();
      int& answered = answers[static_cast<std::size_t>(*told["id"].as_int64())];
      if (told["type"].as_string() == "command_progress")
        CHECK(answered == 0);
      else
        ++answered;
    }
  };
  while (running > 0) listen();
  for (auto& t : answering) t.join();
  listen();
  CHECK(answers == std::vector<int>(threads * each, 1));
}

TEST_CASE("a responder dropped without an answer tells no_reply", "[commands]") {
  host h;
  memory_client c = h.connect();
  c.send(R"({"command":"later","id":1})");
  h.kept.clear();
  CHECK(code_of(c.next()) == "no_reply");
}

TEST_CASE("a deferred command has command_timeout, and its late answer is dropped", "[commands]") {
  host h({.command_timeout = 3s});
  memory_client c = h.connect();
  c.send(R"({"command":"later","id":1})");
  h.line().advance(2500ms);
  CHECK(c.next_type().empty());
  h.line().advance(1s);
  CHECK(code_of(c.next()) == "timeout");
  CHECK_FALSE(h.kept[0].is_pending());
  CHECK(h.kept[0].stop_token().stop_requested());
  std::move(h.kept[0]).answer(json_object{});
  CHECK(c.next_type().empty());
  CHECK_FALSE(c.close_code);
}

TEST_CASE("a host may choose that deferred commands have no deadline", "[commands]") {
  for (const auto none : {0ms, std::chrono::milliseconds::max()}) {
    host h({.command_timeout = none});
    memory_client c = h.connect();
    c.send(R"({"command":"later","id":1})");
    h.line().advance(60s);
    CHECK(c.next_type().empty());
    CHECK(h.kept[0].is_pending());
  }
}

TEST_CASE("a stop callback at the deadline may disconnect its own client and stop the manager", "[commands]") {
  host h({.command_timeout = 1s});
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
  bool stopped = false;
  memory_client c = h.connect(), other = h.connect();
  const std::string id = h.manager->connections()[0].id;
  const std::string other_id = h.manager->connections()[1].id;
  c.send(R"({"command":"later","id":1})");
  other.send(R"({"command":"later","id":1})");
  on_stop.emplace(h.kept[0].stop_token(), [&] {
    CHECK_FALSE(h.manager->disconnect(id, close_code::policy_violation, "enough"));
    CHECK_FALSE(h.manager->disconnect(other_id));
    h.manager->stop([&] { stopped = true; });
  });
  h.line().advance(2s);
  c.pump();
  other.pump();
  CHECK(c.close_code.has_value());
  CHECK(other.close_code.has_value());
  c.peer->close();
  other.peer->close();
  h.line().run();
  CHECK(stopped);
}

TEST_CASE("a handler may disconnect its own client, and its answer is dropped then", "[commands]") {
  host h;
  std::string ended;
  h.manager->on_command("leave", [&](const request& q) {
    CHECK_FALSE(h.manager->disconnect(q.connection_id(), close_code::policy_violation, "as you wish"));
    return json_object{{"unheard", true}};
  });
  h.manager->on_command("leave_later", [&](const request& q, responder r) {
    CHECK_FALSE(h.manager->disconnect(q.connection_id()));
    std::move(r).answer(json_object{});
  });
  for (const std::string command : {"leave", "leave_later"}) {
    memory_client c = h.connect();
    // Both commands come in one read: the second is after the close.
    const std::string frame = client_frame(0x81, R"({"command":")" + command + "\"}");
    c.peer->send(frame + frame);
    c.pump();
    CHECK(c.next_type() == "disconnected");
    CHECK(c.messages.empty());
    CHECK(c.close_code.has_value());
    c.peer->close();
    c.pump();
  }
  CHECK(h.manager->status().connections == 0);
  CHECK(h.errors.empty());
}

TEST_CASE("a stop callback of cancel may disconnect its own client", "[commands]") {
  host h;
  memory_client c = h.connect();
  c.send(R"({"command":"later","id":1})");
  const std::stop_callback on_stop(h.kept[0].stop_token(), [&] {
    CHECK_FALSE(h.manager->disconnect(h.id_of_last));
    h.kept.clear();
  });
  c.send(R"({"command":"cancel","id":2,"payload":{"id":1}})");
  CHECK(c.next_type() == "disconnected");
  CHECK(c.messages.empty());
}

TEST_CASE("when a session ends, its commands are stopped, and their answers are dropped", "[commands]") {
  host h({.resume = {.window = 0ms}});
  list order;
  h.manager->on_disconnect([&](const connection_info&, const disconnection&) { order.push_back("disconnect"); })
      .release();
  memory_client c = h.connect(), other = h.connect();
  c.send(R"({"command":"later","id":1})");
  other.send(R"({"command":"later","id":1})");
  const std::stop_callback on_stop(h.kept[0].stop_token(), [&] {
    order.push_back("stop");
    // It may ask the manager whatever it likes.
    CHECK(h.manager->connections().size() == 2);
    CHECK(h.manager->connection(h.id_of_last));
  });
  c.peer->reset();
  h.line().run();
  CHECK(order == list{"stop", "disconnect"});
  CHECK_FALSE(h.kept[0].is_pending());
  CHECK_FALSE(h.kept[1].stop_token().stop_requested());
  h.kept[0].progress({{"n", 1}});
  std::move(h.kept[0]).answer(json_object{});
  std::move(h.kept[1]).answer(json_object{});
  CHECK(other.next_type() == "command_response");
  CHECK(other.next_type().empty());
}

TEST_CASE("after a resume an id gets the one answer that it has, or that is still to come", "[commands]") {
  host h;
  int ran = 0;
  h.manager->on_command("count", [&](const request&) { return json_object{{"n", ++ran}}; });
  memory_client first(h.line());
  const json hello = first.next();
  first.send(R"({"command":"count","id":"done"})");
  first.send(R"({"command":"later","id":"under way"})");
  first.send(R"({"command":"later","id":"answered meanwhile"})");
  const json answer = first.next();
  first.peer->reset();
  h.line().run();
  std::move(h.kept[1]).answer(json_object{{"n", 1}});
  h.line().advance(1s);

  memory_client again(h.line(), "/ws/p?resume=" + std::string(*hello["resume"]["token"].as_string()) +
                                    "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=0");
  REQUIRE(again.next()["resumed"].as_bool() == true);
  CHECK(again.next()["id"].as_string() == "answered meanwhile");
  for (const std::string command : {R"({"command":"count","id":"done"})", R"({"command":"later","id":"under way"})",
                                    R"({"command":"later","id":"answered meanwhile"})"})
    again.send(command);
  CHECK(ran == 1);
  CHECK(h.kept.size() == 2);
  CHECK(again.next().text() == answer.text());
  CHECK(again.next()["id"].as_string() == "answered meanwhile");
  std::move(h.kept[0]).answer(json_object{{"n", 2}});
  CHECK(again.next()["id"].as_string() == "under way");
  CHECK(again.next_type().empty());
}

TEST_CASE("a responder outlives its session, its manager and its loop", "[commands]") {
  std::optional<responder> kept;
  std::stop_token stop;
  {
    host h;
    h.manager->on_command("keep", [&](const request&, responder r) {
      stop = r.stop_token();
      kept.emplace(std::move(r));
    });
    memory_client c = h.connect();
    c.send(R"({"command":"keep","id":1})");
    REQUIRE(kept);
    CHECK_FALSE(stop.stop_requested());
  }
  CHECK(stop.stop_requested());
  kept->progress({{"n", 1}});
  CHECK_FALSE(kept->is_pending());
  std::thread([r = std::move(*kept)]() mutable { std::move(r).answer(json_object{{"to", "nobody"}}); }).join();
  kept.reset();
}

TEST_CASE("a responder may answer from another thread while its manager is destroyed", "[commands]") {
  for (int round = 0; round < 50; ++round) {
    std::vector<responder> kept;
    std::thread answering;
    {
      host h;
      memory_client c = h.connect();
      for (int i = 0; i < 10; ++i) c.send(R"({"command":"later","id":)" + std::to_string(i) + "}");
      kept = std::move(h.kept);
      answering = std::thread([&kept] {
        for (responder& r : kept) {
          r.progress({{"n", 1}});
          std::move(r).answer(json_object{});
        }
      });
    }
    answering.join();
  }
}

TEST_CASE("while the manager stops, commands under way may still be answered", "[commands]") {
  host h;
  bool stopped = false;
  memory_client c = h.connect();
  c.peer->stall(true);
  REQUIRE(h.events.emit("p", "accepted"));
  c.send(R"({"command":"later","id":1})");
  h.manager->stop([&] { stopped = true; });
  std::move(h.kept[0]).answer(json_object{{"in", "time"}});
  h.line().run();
  c.peer->stall(false);
  CHECK(c.events() == std::vector<std::uint64_t>{1});
  CHECK(c.next()["result"].text() == R"({"in":"time"})");
  CHECK(c.next_type() == "disconnected");
  c.peer->close();
  c.pump();
  CHECK(stopped);
}

TEST_CASE("a host may refuse any command of its own by who asks", "[commands]") {
  host h;
  int ran = 0;
  h.manager->on_command("run", [&](const request&) { ++ran; });
  h.manager->authorize_commands([](const connection_info& who, const request& q) -> std::optional<command_error> {
    if (who.project == "open" || q.command() != "run") return std::nullopt;
    return command_error{"", "only in the open project"};
  });
  memory_client c = h.connect("/ws/closed"), o = h.connect("/ws/open");
  c.send(R"({"command":"run","id":1})");
  const json told = c.next();
  CHECK(code_of(told) == "forbidden");
  CHECK(told["error"]["message"].as_string() == "only in the open project");
  o.send(R"({"command":"run","id":1})");
  CHECK(o.next_type() == "command_response");
  CHECK(ran == 1);
}

TEST_CASE("a handler may emit, and its client receives the answer and the event", "[commands]") {
  host h;
  h.manager->on_command("announce", [&](const request& q) {
    REQUIRE(h.events.emit(q.project(), "announced", {{"by", q.connection_id()}}));
    return json_object{{"seq", 1}};
  });
  memory_client c = h.connect();
  c.send(R"({"command":"announce","id":1})");
  list types{c.next_type(), c.next_type()};
  CHECK(types == list{"command_response", "event"});
}

TEST_CASE("a client that vanishes in the middle of a command leaves nothing behind", "[commands]") {
  host h;
  int ran = 0;
  h.manager->on_command("run", [&](const request&) { ++ran; });
  const std::string frame = client_frame(0x81, R"({"command":"run","payload":{"text":"abc"}})");
  for (std::size_t cut = 1; cut <= frame.size(); ++cut) {
    memory_client c = h.connect();
    c.peer->send(frame.substr(0, cut));
    h.line().run();
    c.peer->reset();
    h.line().run();
  }
  CHECK(ran == 1);
  CHECK(h.manager->status().connections == 0);
}

TEST_CASE("a manager may be destroyed while a posted function still owns a responder", "[commands]") {
  host h;
  memory_client c = h.connect();
  c.send(R"({"command":"later","id":1})");
  h.manager->post([held = std::make_shared<responder>(std::move(h.kept.front()))] {});
  h.manager.reset();
  CHECK(h.manager == nullptr);
}

TEST_CASE("a rule of the host's that throws is a 500 to its client and told to the error hook", "[commands]") {
  host h({.valid_project = [](std::string_view) -> bool { throw std::runtime_error("secret"); }});
  memory_client c(h.line());
  CHECK(c.http().starts_with("HTTP/1.1 500 "));
  CHECK(c.http().find("secret") == std::string::npos);
  CHECK(h.errors == list{"a rule of the options: secret"});
}

TEST_CASE("a progress that is under way when the deadline passes does not come after the answer", "[commands]") {
  host h({.command_timeout = 3s});
  memory_client c = h.connect();
  c.send(R"({"command":"later","id":1})");
  c.send(R"({"command":"later","id":2})");
  h.line().run();
  REQUIRE(h.kept.size() == 2);
  const std::stop_callback tells(h.kept[0].stop_token(), [&] {
    CHECK(h.kept[1].is_pending());
    h.kept[1].progress({{"done", 1}});
  });
  h.line().advance(4s);
  CHECK(code_of(c.next()) == "timeout");
  CHECK(code_of(c.next()) == "timeout");
  CHECK(c.next_type() == "");
}
