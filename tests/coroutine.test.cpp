#include <hotline/coroutine.hpp>

#include <catch2_any.hpp>

#if defined(ASIO_HAS_CO_AWAIT)

#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace hotline;
using hotline_test::memory_client;
using answer_of = asio::awaitable<command_result>;
using list = std::vector<std::string>;

namespace {

struct point {
  int x = 0;
  static constexpr auto fields = hotline::fields(field{"x", &point::x});
};

/// A manager, and an io_context beside it that runs coroutines when the test says so.
struct host {
  explicit host(manager_options options = {})
      : env(std::make_shared<manual_environment>()), events(log_options{}, env) {
    manager.emplace(memory_transport(env), events, std::move(options));
    manager
        ->on_error([this](std::string_view where, std::exception_ptr thrown) {
          try {
            std::rethrow_exception(thrown);
          } catch (const std::exception& e) {
            errors.push_back(std::string(where) + ": " + e.what());
          }
        })
        .release();
    REQUIRE_FALSE(manager->start());
  }

  [[nodiscard]] memory_client connect() {
    memory_client c(manager->transport());
    REQUIRE(c.next_type() == "connected");
    return c;
  }

  /// All that the coroutines can do now.
  void run() {
    io.restart();
    io.poll();
    if (manager) manager->transport().run();
  }

  std::shared_ptr<manual_environment> env;
  asio::io_context io{1};
  event_emitter events;
  std::optional<ws_manager<memory_transport>> manager;
  list errors;
};

/// A timer that nothing but `ring` ends.
struct bell {
  explicit bell(asio::io_context& io) : timer(io, asio::steady_timer::time_point::max()) {}
  [[nodiscard]] auto wait() { return timer.async_wait(asio::use_awaitable); }
  /// Waits, and does not mind when that is cut off.
  [[nodiscard]] asio::awaitable<void> wait_quietly() {
    try {
      co_await wait();
    } catch (const std::system_error&) {
    }
  }
  void ring() { timer.cancel(); }
  asio::steady_timer timer;
};

std::string code_of(const json& message) { return std::string(message["error"]["code"].as_string().value_or("none")); }

constexpr const char* first = R"({"command":"c","id":1,"payload":{"x":7}})";

}  // namespace

TEST_CASE("a coroutine's value answers the command, when it has returned", "[coroutine]") {
  host h;
  bell waits(h.io);
  h.manager->on_command("c", awaiting(h.io, [&](request q) -> answer_of {
                          co_await waits.wait_quietly();
                          co_return q.payload();
                        }));
  memory_client c = h.connect();
  c.send(first);
  h.run();
  CHECK(c.next_type().empty());
  waits.ring();
  h.run();
  const json told = c.next();
  CHECK(told["type"].as_string() == "command_response");
  CHECK(told["result"]["x"].as_int64() == 7);
  CHECK(h.errors.empty());
}

TEST_CASE("a coroutine that does not wait answers at once", "[coroutine]") {
  host h;
  h.manager->on_command("c", awaiting(h.io.get_executor(), [](request) -> answer_of {
                          co_return command_error{"no", "never"};
                        }));
  memory_client c = h.connect();
  c.send(first);
  h.run();
  CHECK(code_of(c.next()) == "no");
}

TEST_CASE("a coroutine may return nothing, an object, or a described struct", "[coroutine]") {
  host h;
  h.manager->on_command("void", awaiting(h.io, [](const request&) -> asio::awaitable<void> { co_return; }));
  h.manager->on_command("object", awaiting(h.io, [](const request&) -> asio::awaitable<json_object> {
                          co_return json_object{{"a", 1}};
                        }));
  h.manager->on_command("struct", awaiting(h.io, [](const request&) -> asio::awaitable<point> { co_return point{3}; }));
  memory_client c = h.connect();
  for (const char* name : {"void", "object", "struct"}) {
    c.send(R"({"command":")" + std::string(name) + R"("})");
    h.run();
  }
  CHECK(c.next()["result"].text() == "{}");
  CHECK(c.next()["result"].text() == R"({"a":1})");
  CHECK(c.next()["result"].text() == R"({"x":3})");
}

TEST_CASE("a coroutine receives a decoded payload, and one that does not fit never comes to it", "[coroutine]") {
  host h;
  bell waits(h.io);
  // References: they stay what they were until the coroutine has ended.
  h.manager->on_command<point>("c", awaiting(h.io, [&](const request& q, const point& p) -> answer_of {
                                 co_await waits.wait_quietly();
                                 co_return json_object{{"x", p.x}, {"command", q.command()}};
                               }));
  memory_client c = h.connect();
  c.send(first);
  c.send(R"({"command":"c","id":2,"payload":{"x":"seven"}})");
  CHECK(code_of(c.next()) == "invalid_payload");
  h.run();
  waits.ring();
  h.run();
  CHECK(c.next()["result"].text() == R"({"x":7,"command":"c"})");
}

TEST_CASE("a coroutine tells its progress", "[coroutine]") {
  host h;
  h.manager->on_command("c", awaiting(h.io, [](const request&, const responder& r) -> answer_of {
                          r.progress({{"n", 1}});
                          co_return command_result();
                        }));
  h.manager->on_command<point>("p", awaiting(h.io, [](const request&, point p, const responder& r) -> answer_of {
                                 r.progress({{"n", p.x}});
                                 co_return command_result();
                               }));
  memory_client c = h.connect();
  c.send(first);
  h.run();
  CHECK(c.next()["progress"]["n"].as_int64() == 1);
  CHECK(c.next()["type"].as_string() == "command_response");
  c.send(R"({"command":"p","id":2,"payload":{"x":5}})");
  h.run();
  CHECK(c.next()["progress"]["n"].as_int64() == 5);
  CHECK(c.next()["type"].as_string() == "command_response");
}

TEST_CASE("an exception of a coroutine is internal_error, and the error hook receives it", "[coroutine]") {
  host h;
  bell waits(h.io);
  const bool at_once = GENERATE(true, false);
  h.manager->on_command("c", awaiting(h.io, [&](request) -> answer_of {
                          if (!at_once) co_await waits.wait_quietly();
                          throw std::runtime_error("secret");
                        }));
  memory_client c = h.connect();
  c.send(first);
  h.run();
  waits.ring();
  h.run();
  const json told = c.next();
  CHECK(code_of(told) == "internal_error");
  CHECK(told.text().find("secret") == std::string_view::npos);
  CHECK(h.errors == list{"c: secret"});
}

TEST_CASE("a cancelled operation that nobody asked to cancel is an exception like any other", "[coroutine]") {
  host h;
  bell waits(h.io);
  h.manager->on_command("c", awaiting(h.io, [&](request) -> answer_of {
                          co_await waits.wait();
                          co_return command_result();
                        }));
  memory_client c = h.connect();
  c.send(first);
  h.run();
  waits.ring();
  h.run();
  CHECK(code_of(c.next()) == "internal_error");
  CHECK(h.errors.size() == 1);
}

TEST_CASE("cancel cancels what the coroutine waits for", "[coroutine]") {
  host h;
  bell waits(h.io);
  h.manager->on_command("c", awaiting(h.io, [&](request) -> answer_of {
                          co_await waits.wait();
                          co_return command_result();
                        }));
  memory_client c = h.connect();
  c.send(first);
  h.run();
  c.send(R"({"command":"cancel","id":2,"payload":{"id":1}})");
  CHECK(c.next()["result"]["cancelled"].as_bool() == true);
  h.run();
  CHECK(code_of(c.next()) == "cancelled");
  CHECK(h.errors.empty());
}

TEST_CASE("a cancelled coroutine may answer what it likes", "[coroutine]") {
  host h;
  bell waits(h.io);
  h.manager->on_command("c", awaiting(h.io, [&](request) -> answer_of {
                          co_await waits.wait_quietly();
                          co_return json_object{{"half", true}};
                        }));
  memory_client c = h.connect();
  c.send(first);
  h.run();
  c.send(R"({"command":"cancel","id":2,"payload":{"id":1}})");
  CHECK(c.next()["result"]["cancelled"].as_bool() == true);
  h.run();
  CHECK(c.next()["result"]["half"].as_bool() == true);
}

TEST_CASE("the end of a session, of the manager or of the time ends the coroutine", "[coroutine]") {
  manager_options options;
  options.resume.window = std::chrono::milliseconds(0);
  host h(options);
  bell waits(h.io);
  bool ended = false;
  h.manager->on_command("c", awaiting(h.io, [&](request) -> answer_of {
                          try {
                            co_await waits.wait();
                          } catch (...) {
                            ended = true;
                            throw;
                          }
                          co_return command_result();
                        }));
  memory_client c = h.connect();
  c.send(first);
  h.run();
  REQUIRE_FALSE(ended);
  SECTION("the client is gone") { c.peer->reset(); }
  SECTION("the manager stops") {
    h.manager->stop();
    c.pump();
    c.peer->close();
  }
  SECTION("the manager is destroyed") { h.manager.reset(); }
  SECTION("the deadline has passed") {
    h.env->advance(options.command_timeout + std::chrono::seconds(1));
    h.manager->transport().run();
    CHECK(code_of(c.next()) == "timeout");
  }
  if (h.manager) h.manager->transport().run();
  h.run();
  CHECK(ended);
  CHECK(h.errors.empty());
}

TEST_CASE("a handler that is replaced stays until its coroutines have ended", "[coroutine]") {
  host h;
  bell waits(h.io);
  h.manager->on_command("c", awaiting(h.io, [&waits, kept = std::string(100, 'k')](const request&) -> answer_of {
                          co_await waits.wait_quietly();
                          co_return json_object{{"kept", kept}};
                        }));
  memory_client c = h.connect();
  c.send(first);
  h.run();
  h.manager->remove_command("c");
  waits.ring();
  h.run();
  CHECK(c.next()["result"]["kept"].as_string() == std::string(100, 'k'));
}

TEST_CASE("an io_context that ends with a coroutine in it answers no_reply", "[coroutine]") {
  host h;
  auto io = std::make_unique<asio::io_context>(1);
  h.manager->on_command("c", awaiting(*io, [](request) -> answer_of {
                          asio::steady_timer never(co_await asio::this_coro::executor,
                                                   asio::steady_timer::time_point::max());
                          co_await never.async_wait(asio::use_awaitable);
                          co_return command_result();
                        }));
  memory_client c = h.connect();
  c.send(first);
  io->poll();
  h.manager->remove_command("c");  // it has the executor
  io.reset();
  CHECK(code_of(c.next()) == "no_reply");
}

TEST_CASE("coroutines run in a strand of an io_context that other threads run", "[coroutine]") {
  host h;
  h.manager->on_command("c", awaiting(asio::make_strand(h.io), [](request q) -> answer_of {
                          const auto strand = co_await asio::this_coro::executor;
                          for (int turn = 0; turn < 10; ++turn) co_await asio::post(strand, asio::use_awaitable);
                          co_return q.payload();
                        }));
  memory_client c = h.connect();
  constexpr int commands = 16;
  {
    std::vector<std::jthread> threads;
    // They are there before stop is requested: libstdc++ 12 hangs where a thread that is younger than that ends a callback.
    auto more = asio::make_work_guard(h.io);
    for (int n = 0; n < 3; ++n) threads.emplace_back([&] { h.io.run(); });
    for (int id = 0; id < commands; ++id) {
      c.send(R"({"command":"c","id":)" + std::to_string(id) + "}");
      c.send(R"({"command":"cancel","id":"x)" + std::to_string(id) + R"(","payload":{"id":)" + std::to_string(id) +
             "}}");
    }
    more.reset();
  }
  c.pump();
  int answered = 0;
  for (const json& message : c.messages) {
    const std::string code = code_of(message);
    if (message["id"].is_number()) ++answered;
    CHECK((code == "none" || code == "cancelled"));
  }
  CHECK(answered == commands);
  CHECK(h.errors.empty());
}

#else

TEST_CASE("where Asio has no coroutines, the header declares nothing and compiles", "[coroutine]") {
  SUCCEED("an older clang with an older Asio");
}

#endif
