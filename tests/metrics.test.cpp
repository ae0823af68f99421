#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/metrics.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;

TEST_CASE("a snapshot has each number in its place", "[metrics]") {
  detail::live_metrics live;
  std::uint64_t n = 0;
  detail::for_each_number(live, [&](detail::counter& c) { c.set(++n); });
  manager_metrics told = detail::snapshot(live);
  // Every number there is: none was left out of the walk.
  CHECK(n == sizeof(manager_metrics) / sizeof(std::uint64_t));
  std::uint64_t expected = 0;
  detail::for_each_number(told, [&](std::uint64_t number) { CHECK(number == ++expected); });
  CHECK(told.connections == live.connections.value());
  CHECK(told.limits[limit::head] == live.limits[limit::head].value());
  CHECK(told.fan_out_latency.nanoseconds == live.fan_out_latency.nanoseconds.value());
}

TEST_CASE("managers' metrics add up, but for what they all tell of one log", "[metrics]") {
  manager_metrics a, b;
  a.connections = 2;
  b.connections = 3;
  a.limits[limit::head] = 1;
  b.limits[limit::head] = 5;
  a.log_bytes = b.log_bytes = 7;
  a.log_projects = b.log_projects = 1;
  a += b;
  CHECK(a.connections == 5);
  CHECK(a.limits[limit::head] == 6);
  CHECK(a.log_bytes == 7);
  CHECK(a.log_projects == 1);
}

TEST_CASE("a code without a name of its own is counted among the others", "[metrics]") {
  tally<close_code, std::uint64_t> codes;
  ++codes[close_code::too_slow];
  ++codes[close_code{3000}];
  codes[close_code{4999}] += 2;
  std::string told;
  codes.for_each([&](std::string_view name, std::uint64_t n) {
    if (n > 0) told.append(name).append("=").append(std::to_string(n)).append(" ");
  });
  CHECK(told == "4008=1 other=3 ");
  CHECK(metric_name(close_code{3000}) == "other");
}

TEST_CASE("every limit has a name of its own", "[metrics]") {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(limit::drain_time); ++i) {
    const std::string_view name = metric_name(static_cast<limit>(i));
    CHECK(name != "other");
    CHECK(names.insert(name).second);
  }
}

TEST_CASE("a time is counted within the first bound that it is not over", "[metrics]") {
  detail::live_metrics live;
  detail::record(live.fan_out_latency, 0ns);
  detail::record(live.fan_out_latency, 100us);
  detail::record(live.fan_out_latency, 100'001ns);
  detail::record(live.fan_out_latency, 2s);
  const auto told = detail::snapshot(live).fan_out_latency;
  CHECK(told.within[0] == 2);
  CHECK(told.within[1] == 1);
  CHECK(told.within.back() == 1);
  CHECK(told.nanoseconds == 2'000'200'001);
}

namespace {

using hotline_test::memory_client;

// A manager whose every limit can be gone over, and what it has counted.
struct counted {
  explicit counted(manager_options options = {}, log_options log = {})
      : env(std::make_shared<manual_environment>()),
        events(log, env),
        manager(memory_transport(env), events, std::move(options)) {
    REQUIRE_FALSE(manager.start());
  }

  [[nodiscard]] memory_transport& line() { return manager.transport(); }
  [[nodiscard]] std::uint64_t over(limit what) { return manager.metrics().limits[what]; }
  /// Comes back to the session that `hello` began.
  [[nodiscard]] resume_outcome come_back(const json& hello, std::string_view epoch) {
    return come_back(*hello["resume"]["token"].as_string(), epoch);
  }
  [[nodiscard]] resume_outcome come_back(std::string_view token, std::string_view epoch) {
    const auto before = manager.metrics().resumes;
    const memory_client again(line(),
                              "/ws/p?resume=" + std::string(token) + "&epoch=" + std::string(epoch) + "&after=0");
    REQUIRE(again.upgraded());
    const auto now = manager.metrics().resumes;
    for (const auto outcome : {resume_outcome::resumed, resume_outcome::unknown_token, resume_outcome::expired,
                               resume_outcome::epoch_changed})
      if (now[outcome] > before[outcome]) return outcome;
    return resume_outcome::evicted;
  }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  ws_manager<memory_transport> manager;
};

}  // namespace

TEST_CASE("a command's deadline and its answers are counted", "[metrics]") {
  counted h;
  std::vector<responder> kept;
  h.manager.on_command("slow", [&](const request&, responder r) { kept.push_back(std::move(r)); });
  h.manager.on_command("quick", [](const request&) {});
  memory_client c(h.line());
  c.send(R"({"command":"slow"})");
  c.send(R"({"command":"quick"})");
  h.line().advance(31s);
  CHECK(h.over(limit::command_time) == 1);
  const manager_metrics m = h.manager.metrics();
  CHECK(m.commands_answered == 1);
  CHECK(m.commands_failed == 1);
  CHECK(m.messages == 2);
}

TEST_CASE("answers that are not read are counted where they end their client, and where they end a session",
          "[metrics]") {
  counted h({.session = {.control_lane_bytes = 4096}});
  memory_client c(h.line());
  const std::string id(*c.next()["connection_id"].as_string());
  c.peer->stall(true);
  const json_object large{{"type", "note"}, {"text", std::string(3000, 'x')}};
  while (!h.manager.send_to(id, large)) h.line().run();
  CHECK(h.over(limit::control_lane_bytes) == 1);

  // One that waits for its client takes no more than that either.
  std::vector<responder> kept;
  h.manager.on_command("slow", [&](const request&, responder r) { kept.push_back(std::move(r)); });
  memory_client lost(h.line());
  const json hello = lost.next();
  for (int i = 0; i < 3; ++i) lost.send(R"({"command":"slow"})");
  lost.peer->reset();
  h.line().run();
  for (responder& r : kept) std::move(r).answer(large);
  h.line().run();
  CHECK(h.over(limit::control_lane_bytes) == 2);
  CHECK(h.come_back(hello, *hello["epoch"].as_string()) == resume_outcome::expired);
}

TEST_CASE("the outcomes of resumes are counted", "[metrics]") {
  counted h({.resume = {.window = 10s}}, {.events = 4});
  memory_client c(h.line());
  json hello = c.next();
  const std::string epoch(*hello["epoch"].as_string());
  const auto lose = [&] {
    memory_client next(h.line());
    hello = next.next();
    next.peer->reset();
    h.line().run();
  };
  lose();
  CHECK(h.come_back(hello, epoch) == resume_outcome::resumed);
  CHECK(h.come_back(std::string(48, '0'), epoch) == resume_outcome::unknown_token);
  lose();
  CHECK(h.come_back(hello, "another") == resume_outcome::epoch_changed);
  lose();
  h.line().advance(11s);
  CHECK(h.come_back(hello, epoch) == resume_outcome::expired);
  CHECK(h.manager.metrics().expired_sessions >= 1);
  lose();
  for (int i = 0; i < 9; ++i) {
    REQUIRE(h.events.emit("p", "tick"));
    h.line().run();  // a client that keeps up misses none
  }
  CHECK(h.come_back(hello, epoch) == resume_outcome::evicted);
  lose();
  CHECK(h.come_back(hello, epoch + "&on_gap=continue") == resume_outcome::resumed);
  CHECK(h.manager.metrics().gaps == 1);
  CHECK(h.manager.metrics().missed_events == 5);
}

TEST_CASE("pages that are too large and peers that do not end are counted", "[metrics]") {
  counted h({.http_response_bytes = 10});
  h.manager.on_http([](const http_request&) { return http_response{.body = "eleven bytes"}; });
  const auto reader = h.line().connect();
  reader->send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  h.line().run();
  CHECK(reader->received().starts_with("HTTP/1.1 500 "));
  CHECK(h.over(limit::http_response_bytes) == 1);
  reader->close();

  memory_client c(h.line());
  REQUIRE_FALSE(h.manager.disconnect(*c.next()["connection_id"].as_string(), close_code::normal));
  h.line().advance(6s);  // it does not answer the close
  CHECK(h.over(limit::close_time) == 1);

  memory_client slow(h.line());  // it has got everything, and does not answer either
  memory_client owed(h.line());
  owed.peer->stall(true);
  REQUIRE(h.events.emit("p", "tick"));
  h.line().run();
  h.manager.stop();
  h.line().advance(10s);
  CHECK(h.over(limit::drain_time) == 1);
  CHECK(h.over(limit::close_time) == 2);
}
