// Projects that strangers name: what they cost, how many are known, which of them is forgotten for another one, and what
// a tick has to do for them.

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "system_memory.hpp"

namespace {

std::atomic<std::size_t> in_use{0};  // bytes, as malloc counts them

void* take(std::size_t size, const std::nothrow_t&) noexcept {
  void* const taken = hotline_test::system_memory::take(std::max<std::size_t>(size, 1), 1);
  if (taken != nullptr) in_use += hotline_test::system_memory::size_of(taken) + sizeof(void*);
  return taken;
}

void* take(std::size_t size) {
  void* const taken = take(size, std::nothrow);
  if (taken == nullptr) throw std::bad_alloc();
  return taken;
}

void give(void* taken) noexcept {
  if (taken != nullptr) in_use -= hotline_test::system_memory::size_of(taken) + sizeof(void*);
  hotline_test::system_memory::give_back(taken);
}

}  // namespace

void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
void* operator new(std::size_t size, const std::nothrow_t& none) noexcept { return take(size, none); }
void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept { return take(size, none); }
void operator delete(void* taken) noexcept { give(taken); }
void operator delete(void* taken, const std::nothrow_t&) noexcept { give(taken); }
void operator delete[](void* taken, const std::nothrow_t&) noexcept { give(taken); }
void operator delete[](void* taken) noexcept { give(taken); }
void operator delete(void* taken, std::size_t) noexcept { give(taken); }
void operator delete[](void* taken, std::size_t) noexcept { give(taken); }

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::memory_client;

namespace {

// The README's program: who says something says it to everybody of the project.
struct service {
  explicit service(log_options limits, manager_options options = {})
      : events(limits, env), manager(memory_transport(env), events, std::move(options)) {
    manager.on_command("say", [this](const request& q) -> command_result {
      const auto seq = events.emit(q.project(), "said", {{"text", q.payload()["text"]}});
      if (!seq) return command_error{"not_said", seq.error().message};
      return json_object{{"seq", *seq}};
    });
    manager.on_log([this](log_level, std::string_view line) { lines.emplace_back(line); }).release();
    REQUIRE_FALSE(manager.start());
  }

  [[nodiscard]] memory_client enter(const std::string& project, const std::string& query = "") {
    return memory_client(manager.transport(), "/ws/" + project + query);
  }

  /// A stranger comes, says something, and loses its socket.
  void visit(const std::string& project) {
    memory_client c = enter(project);
    REQUIRE(c.upgraded());
    c.send(R"({"command":"say","payload":{"text":"hello"}})");
    c.peer->close();
    manager.transport().run();
  }

  void pass(std::chrono::milliseconds time) {
    for (; time > 0ms; time -= tick_interval) {
      env->advance(tick_interval);
      manager.transport().run();
    }
  }

  std::string epoch_of(const std::string& project) { return std::string(events.log()->open(project)->epoch()); }

  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  event_emitter events;
  ws_manager<memory_transport> manager;
  std::vector<std::string> lines;
};

const manager_options no_resume{.resume = {.window = 0ms}};

std::string name(int i) { return "stranger-named-" + std::to_string(1'000'000 + i); }

}  // namespace

TEST_CASE("projects of strangers cost no more than the total, however many they name", "[projects]") {
  constexpr std::size_t total = 4 << 20;
  service s({.event_bytes = 64 * 1024, .total_bytes = total}, no_resume);
  for (int i = 0; i < 200; ++i) s.visit(name(i));
  const std::uint64_t before = in_use - s.manager.metrics().log_bytes;
  std::uint64_t most = 0, most_projects = 0;
  for (int i = 200; i < 6000; ++i) {
    s.visit(name(i));
    most = std::max<std::uint64_t>(most, in_use - before);
    most_projects = std::max<std::uint64_t>(most_projects, s.manager.metrics().log_projects);
  }
  UNSCOPED_INFO("bytes in use beside the start's: " << most << " of " << total
                                                    << ", projects known: " << most_projects);
  CHECK(most <= total + total / 20);  // tables grow in steps
  CHECK(most_projects <= 128 + total / 3 / (128 * sizeof(void*)));
  CHECK(s.manager.metrics().log_bytes <= total);
  CHECK(s.manager.metrics().log_bytes > total / 2);
}

TEST_CASE("a tick forgets some of the projects that are due, and the next ticks the rest", "[projects]") {
  service s({}, no_resume);
  for (int i = 0; i < 1000; ++i) REQUIRE(s.events.emit(name(i), "said"));
  s.env->advance(20min);
  std::uint64_t most = 0, known = s.manager.metrics().log_projects;
  REQUIRE(known == 1000);
  for (int ticks = 0; ticks < 10; ++ticks) {
    s.pass(tick_interval);
    const std::uint64_t left = s.manager.metrics().log_projects;
    most = std::max(most, known - left);
    known = left;
  }
  UNSCOPED_INFO("forgotten in one tick: " << most);
  CHECK(known == 0);
  CHECK(most <= 128);
  CHECK(s.manager.metrics().log_bytes == 0);
}

TEST_CASE("a tick evicts some of the events that are too old, and no client receives the others", "[projects]") {
  service s({.age = 1min, .idle = 1h}, no_resume);
  for (int i = 0; i < 1000; ++i) REQUIRE(s.events.emit(name(i), "said"));
  s.env->advance(2min);
  s.pass(tick_interval);
  const std::uint64_t evicted = s.manager.metrics().log_evicted;
  UNSCOPED_INFO("evicted in one tick: " << evicted);
  CHECK(evicted > 0);
  CHECK(evicted <= 128);
  for (int i = 0; i < 1000; i += 111) CHECK(s.enter(name(i), "?last=5").events().empty());
  s.pass(5s);
  CHECK(s.manager.metrics().log_evicted == 1000);
  CHECK(s.manager.metrics().log_projects == 1000);
}

TEST_CASE("a busy project's old events go in steps as well", "[projects]") {
  service s({.age = 1min, .idle = 1h}, no_resume);
  for (int i = 0; i < 4000; ++i) REQUIRE(s.events.emit("p", "said", {{"text", std::string(1000, 'x')}}));
  const std::uint64_t held = s.manager.metrics().log_bytes;
  s.env->advance(2min);
  s.pass(tick_interval);
  const std::uint64_t left = s.manager.metrics().log_bytes;
  UNSCOPED_INFO(held << " bytes held, " << left << " after a tick");
  CHECK(left < held);
  CHECK(held - left <= 3 << 20);
  s.pass(5s);
  CHECK(s.manager.metrics().log_bytes == 0);
  CHECK(*s.events.emit("p", "said") == 4001);
}

TEST_CASE("the project that is longest without clients and events is forgotten for one more", "[projects]") {
  service s({.projects = 3});
  for (const char* const project : {"a", "b", "c"}) REQUIRE(s.events.emit(project, "said"));
  REQUIRE(s.events.emit("a", "said"));  // b is the one now
  memory_client b = s.enter("b");       // and c now
  REQUIRE(b.next_type() == "connected");
  CHECK(*s.events.emit("d", "said") == 1);
  CHECK(s.manager.metrics().log_projects == 3);
  CHECK(s.manager.metrics().log_projects_crowded_out == 1);
  CHECK(*s.events.emit("a", "said") == 3);
  CHECK(*s.events.emit("b", "said") == 2);
  CHECK(b.events() == std::vector<std::uint64_t>{2});
  CHECK(*s.events.emit("c", "said") == 1);  // it began again, in place of d
  CHECK(*s.events.emit("d", "said") == 1);  // in place of a
  CHECK(*s.events.emit("b", "said") == 3);
  CHECK(s.manager.metrics().log_projects_crowded_out == 3);
}

TEST_CASE("a project counts as in use until its last client has left, its session included", "[projects]") {
  service s({.projects = 2});
  REQUIRE(s.events.emit("p", "said"));
  memory_client p = s.enter("p");
  const json hello = p.next();
  p.peer->reset();
  s.pass(tick_interval);
  CHECK(s.manager.metrics().waiting_sessions == 1);
  for (int i = 0; i < 10; ++i) REQUIRE(s.events.emit(name(i), "said"));
  const std::string resume = "?resume=" + std::string(hello["resume"]["token"].as_string().value_or("-")) +
                             "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=1";
  memory_client again = s.enter("p", resume);
  CHECK(again.next()["resumed"].as_bool().value_or(false));
  again.peer->reset();
  s.pass(61s);
  CHECK(s.manager.metrics().waiting_sessions == 0);
  for (int i = 0; i < 2; ++i) REQUIRE(s.events.emit(name(i), "said"));
  const json told = s.enter("p", resume).next();
  CHECK_FALSE(told["resumed"].as_bool().value_or(true));
  CHECK(told["reason"].as_string().value_or("-") == "epoch_changed");
}

TEST_CASE("when all projects are in use one more is refused, before the upgrade", "[projects]") {
  service s({.projects = 2}, no_resume);
  memory_client a = s.enter("a"), b = s.enter("b");
  REQUIRE(a.next_type() == "connected");
  REQUIRE(b.next_type() == "connected");

  memory_client c = s.enter("c");
  CHECK_FALSE(c.upgraded());
  CHECK(c.http().starts_with("HTTP/1.1 503 "));
  CHECK(c.http().find("\r\nRetry-After: 5\r\n") != std::string::npos);
  CHECK(s.manager.metrics().limits[limit::projects] == 1);
  CHECK(s.manager.metrics().connections == 2);
  REQUIRE_FALSE(s.lines.empty());
  CHECK(s.lines.back().find("was answered 503: over log_options.projects") != std::string::npos);

  const auto emitted = s.events.emit("c", "said");
  REQUIRE_FALSE(emitted);
  CHECK(emitted.error().code == errc::too_many_projects);
  CHECK(emitted.error().message == "too many projects");
  const auto sent = s.manager.broadcast_to_project("c", {{"type", "note"}});
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == errc::too_many_projects);
  CHECK(s.manager.metrics().log_refused == 2);

  CHECK(*s.manager.broadcast_to_all({{"type", "note"}}) == 2);
  CHECK(a.events() == std::vector<std::uint64_t>{1});
  CHECK(b.events() == std::vector<std::uint64_t>{1});
  CHECK(s.enter("b").upgraded());  // a client of a known project adds none

  a.peer->close();
  s.manager.transport().run();
  CHECK(s.enter("c").upgraded());
  CHECK(s.manager.metrics().log_projects_crowded_out == 1);
}

TEST_CASE("a message to all opens no project, and none is forgotten for having its first event so", "[projects]") {
  service s({.age = 1h}, no_resume);
  REQUIRE(s.events.emit("p", "said"));
  memory_client looks = s.enter("q");
  REQUIRE(looks.next_type() == "connected");
  CHECK(*s.manager.broadcast_to_all({{"type", "note"}}) == 2);
  looks.peer->close();
  s.pass(5s);
  CHECK(s.manager.metrics().log_projects == 2);
  CHECK(*s.events.emit("q", "said") == 2);
}

TEST_CASE("a client that only looks at a project leaves none", "[projects]") {
  service s({}, no_resume);
  for (int i = 0; i < 100; ++i) {
    memory_client c = s.enter(name(i), i % 2 == 0 ? "?last=10" : "?resume=0123456789abcdef&epoch=e&after=7");
    REQUIRE(c.upgraded());
    c.peer->close();
  }
  s.pass(1s);
  CHECK(s.manager.metrics().log_projects == 0);
}

TEST_CASE("a thousand projects with clients are each as if alone, whatever strangers name beside them", "[projects]") {
  service s({.projects = 1200});
  std::vector<memory_client> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.push_back(s.enter("p" + std::to_string(i)));
    REQUIRE(clients.back().next_type() == "connected");
  }
  for (int i = 0; i < 1500; ++i) REQUIRE(s.events.emit(name(i), "said"));
  for (int i = 0; i < 1000; ++i) REQUIRE(*s.events.emit("p" + std::to_string(i), "said") == 1);
  s.pass(2s);
  for (int i = 0; i < 1500; ++i) REQUIRE(s.events.emit(name(i), "said"));
  for (int i = 0; i < 1000; ++i) REQUIRE(*s.events.emit("p" + std::to_string(i), "said") == 2);
  std::size_t heard = 0;
  for (auto& c : clients) heard += c.events() == std::vector<std::uint64_t>{1, 2};
  CHECK(heard == 1000);
  CHECK(s.manager.metrics().log_projects == 1200);
  CHECK(s.manager.metrics().connections == 1000);
  CHECK(s.manager.metrics().limits[limit::projects] == 0);
}
