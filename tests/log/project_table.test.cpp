#include <catch2_any.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/transport/manual_environment.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view head = R"({"type":"event","event_type":"a","seq":)";
constexpr log_record record{head, R"(,"text":"x"})", head.substr(30, 1)};

}  // namespace

TEST_CASE("a log of no projects is refused at once", "[log]") {
  CHECK_THROWS_AS(memory_event_log(std::make_shared<manual_environment>(), {.projects = 0}), std::invalid_argument);
}

TEST_CASE("a holder of a project keeps it known, and leaves the counts of others right", "[log]") {
  memory_event_log log(std::make_shared<manual_environment>(), {.projects = 1});
  auto first = log.open("p"), second = log.open("p");
  CHECK(first == second);
  CHECK(log.open("q") == nullptr);
  first.reset();
  CHECK(log.open("q") == nullptr);
  CHECK(log.append("q", record).error().code == errc::too_many_projects);
  CHECK(log.append("p", record));
  second.reset();
  CHECK(*log.append("q", record) == 1);
  CHECK(log.size() == 1);
  CHECK(log.status().projects_crowded_out == 1);
  CHECK(log.status().refused == 1);
}

TEST_CASE("a project without an event is forgotten before those that have some", "[log]") {
  memory_event_log log(std::make_shared<manual_environment>(), {.projects = 3});
  REQUIRE(log.append("a", record));
  (void)log.open("looked at");
  REQUIRE(log.append("b", record));
  REQUIRE(log.append("c", record));
  CHECK(*log.append("a", record) == 2);
  CHECK(*log.append("b", record) == 2);
}

TEST_CASE("projects cost a third of the total at most, and leave room for the largest event", "[log]") {
  constexpr std::size_t total = 1 << 20;
  memory_event_log log(std::make_shared<manual_environment>(), {.event_bytes = total / 2, .total_bytes = total});
  for (int i = 0; i < 5000; ++i) REQUIRE(log.append("project " + std::to_string(i), record));
  CHECK(log.size() > 128);
  CHECK(log.size() <= 128 + total / 3 / (128 * sizeof(void*)));
  CHECK(log.status().bytes <= total);
  const std::string tail(total / 2 - 200, ' ');
  CHECK(log.append("large", {head, tail, head.substr(30, 1)}));
  CHECK(log.status().bytes <= total);
}

TEST_CASE("an event is as old as its age allows and no older, wherever the time of it falls", "[log]") {
  auto env = std::make_shared<manual_environment>();
  memory_event_log log(env, {.age = 90min, .idle = 100h});
  const auto stream = log.open("p");
  for (int i = 0; i < 400; ++i) {
    env->advance(7s + std::chrono::milliseconds(i * 37 % 1000));
    REQUIRE(stream->append(record));
  }
  const auto most = stream->bounds();
  REQUIRE(most.oldest == 1);
  std::uint64_t evicted = 0;
  while (evicted < 400) {
    env->advance(500ms);
    log.sweep();
    const auto [oldest, end] = stream->bounds();
    evicted = log.status().evicted;
    REQUIRE(oldest >= evicted + 1);      // entries that may still be in memory are not shown
    REQUIRE(oldest - evicted - 1 <= 1);  // and they are not there for longer than two seconds
  }
  CHECK(log.status().bytes == 0);
}

TEST_CASE("the time may stand still, leap and be long", "[log]") {
  auto env = std::make_shared<manual_environment>();
  memory_event_log log(env, {.age = 10s, .idle = 24h * 365});
  for (const auto leap : {0h, 1h, 24h * 30}) {
    REQUIRE(log.append("p", record));
    env->advance(leap + 11s);
    log.sweep();
    env->advance(1s);
    log.sweep();
    CHECK(log.status().appended == log.status().evicted);
  }
}

TEST_CASE("threads that name more projects than there may be never go over, and lose none that they hold",
          "[log][threads]") {
  constexpr std::size_t most = 200;
  memory_event_log log(std::make_shared<manual_environment>(), {.event_bytes = 4096, .projects = most});
  std::atomic<int> writing{3};
  std::atomic<bool> kept{true};
  const auto name_many = [&](unsigned who) {
    for (unsigned i = 0; i < 6000; ++i) {
      const std::string project = "p" + std::to_string((i * 31 + who * 7) % 577);
      if (i % 4 == 0) {
        const auto held = log.open(project);
        if (held == nullptr) {
          kept = false;
          continue;
        }
        const std::string epoch(held->epoch());
        for (unsigned j = 0; j < 5; ++j) (void)log.append("q" + std::to_string((i + j * 101) % 400), record);
        if (log.open(project) != held || held->epoch() != epoch) kept = false;
      } else if (!log.append(project, record)) {
        kept = false;
      }
    }
    --writing;
  };
  std::thread one(name_many, 0), two(name_many, 1), three(name_many, 2);
  bool within = true;
  while (writing > 0) {
    within = within && log.size() <= most;
    log.sweep();
    std::this_thread::yield();
  }
  one.join();
  two.join();
  three.join();
  CHECK(within);
  CHECK(kept.load());
  CHECK(log.status().projects == log.size());
  CHECK(log.status().projects_crowded_out > 0);
}
