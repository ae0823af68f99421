#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <hotline/transport/manual_environment.hpp>

#include <atomic>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;

namespace {

using list = std::vector<std::string>;

struct built {
  static constexpr std::string_view event_type = "built";
  std::string target;
  std::vector<int> sizes;
  static constexpr auto fields = hotline::fields(field{"target", &built::target}, field{"sizes", &built::sizes});
};

struct poses_as_envelope {
  static constexpr std::string_view event_type = "poses";
  std::int64_t seq = 0;
  static constexpr auto fields = hotline::fields(field{"seq", &poses_as_envelope::seq});
};

// "type seq" of an event as a listener receives it.
std::string name(const event& e) { return std::string(e.type) + " " + std::to_string(e.seq); }

auto into(list& heard) {
  return [&heard](const event& e) { heard.push_back(name(e)); };
}

/// The payload of the project's event, as it lies in the log.
std::string logged(event_emitter& events, std::string_view project, sequence seq) {
  log_batch batch;
  events.log()->open(project)->read(seq - 1, seq, 1 << 20, batch);
  REQUIRE(batch.entries.size() == 1);
  const std::string frame(batch.entries[0].frame);
  return frame.substr(frame.find('{'));
}

}  // namespace

TEST_CASE("an event is logged with its envelope and its fields, and emit answers its number", "[emitter]") {
  const auto env = std::make_shared<manual_environment>();
  event_emitter events({}, env);
  const auto first = events.emit("p", "task_started", {{"task_id", "t1"}, {"n", 3}});
  REQUIRE(first);
  CHECK(*first == 1);
  CHECK(
      logged(events, "p", 1) ==
      R"({"type":"event","event_type":"task_started","project_id":"p","seq":1,"timestamp":1700000000.000,"task_id":"t1","n":3})");
  env->advance(1500ms);
  CHECK(*events.emit("p", "bare") == 2);
  CHECK(logged(events, "p", 2) ==
        R"({"type":"event","event_type":"bare","project_id":"p","seq":2,"timestamp":1700000001.500})");
  CHECK(*events.emit("q", "bare") == 1);  // each project counts for itself
}

TEST_CASE("listeners receive their type, or all, during emit and with everything in it", "[emitter]") {
  event_emitter events;
  list a, all;
  const subscription for_a = events.on("a", [&](const event& e) {
    a.push_back(std::string(e.project) + " " + name(e) + " " + std::string(e.fields.text()));
  });
  const subscription for_all = events.on_all(into(all));
  REQUIRE(events.emit("p", "a", {{"x", 1}}));
  CHECK(a == list{R"(p a 1 {"x":1})"});
  REQUIRE(events.emit("q", "b"));
  REQUIRE(events.emit("p", "a"));
  CHECK(a == list{R"(p a 1 {"x":1})", "p a 2 {}"});
  CHECK(all == list{"a 1", "b 1", "a 2"});
}

TEST_CASE("an empty type is no name for all", "[emitter]") {
  event_emitter events;
  list heard;
  const subscription s = events.on("", into(heard));
  REQUIRE(events.emit("p", "a"));
  CHECK(heard.empty());
}

TEST_CASE("a typed listener receives the events whose fields fit, decoded", "[emitter]") {
  event_emitter events;
  list heard;
  const subscription s = events.on<built>([&](const event& e, const built& b) {
    heard.push_back(name(e) + " " + b.target + " " + std::to_string(b.sizes.size()));
  });
  REQUIRE(events.emit("p", built{"all", {1, 2}}));
  REQUIRE(events.emit("p", "built", {{"target", 7}}));
  REQUIRE(events.emit("p", "other"));
  REQUIRE(events.emit("p", "built", {{"target", "some"}, {"sizes", json_array{}}, {"more", true}}));
  CHECK(heard == list{"built 1 all 2", "built 4 some 0"});
}

TEST_CASE("a typed listener receives every event that the log takes, however many values it has", "[emitter]") {
  event_emitter events;
  std::size_t sizes = 0;
  const subscription s = events.on<built>([&](const event&, const built& b) { sizes = b.sizes.size(); });
  REQUIRE(events.emit("p", built{"all", std::vector<int>(100'000, 7)}));
  CHECK(sizes == 100'000);
}

TEST_CASE("a typed listener receives every event that the log takes, however deep its fields are", "[emitter]") {
  event_emitter events;
  bool heard = false;
  const subscription s = events.on<built>([&](const event&, const built&) { heard = true; });
  json_array deep;
  for (int i = 0; i < 200; ++i) {
    json_array around;
    around.append(deep);
    deep = around;
  }
  REQUIRE(events.emit("p", "built", {{"target", "all"}, {"sizes", json_array{}}, {"deep", deep}}));
  CHECK(heard);
}

TEST_CASE("a subscription ends when it is dropped, reset or assigned over, and not when it is released or moved",
          "[emitter]") {
  event_emitter events;
  list heard;
  { const subscription dropped = events.on("a", into(heard)); }
  subscription reset = events.on("a", into(heard));
  CHECK(reset);
  reset.reset();
  CHECK_FALSE(reset);
  reset.reset();
  REQUIRE(events.emit("p", "a"));
  CHECK(heard.empty());

  subscription first = events.on("a", into(heard));
  subscription moved = std::move(first);
  REQUIRE(events.emit("p", "a"));
  CHECK(heard == list{"a 2"});
  list others;
  moved = events.on("a", into(others));
  REQUIRE(events.emit("p", "a"));
  CHECK(heard == list{"a 2"});
  CHECK(others == list{"a 3"});
  moved.release();
  moved.reset();
  REQUIRE(events.emit("p", "a"));
  CHECK(others == list{"a 3", "a 4"});
}

TEST_CASE("a subscription outlives its emitter", "[emitter]") {
  subscription s;
  {
    event_emitter events;
    s = events.on_all([](const event&) {});
  }
  CHECK(s);
  s.reset();
}

TEST_CASE("a listener may unsubscribe itself and others while it is called", "[emitter]") {
  event_emitter events;
  list heard;
  subscription second, third;
  subscription first = events.on("a", [&, big = std::string(100, 'x')](const event& e) {
    first.reset();
    third.reset();
    heard.push_back("first " + name(e) + big.substr(99));
  });
  second = events.on("a", [&](const event& e) { heard.push_back("second " + name(e)); });
  third = events.on("a", [&](const event& e) { heard.push_back("third " + name(e)); });
  REQUIRE(events.emit("p", "a"));
  CHECK(heard == list{"first a 1x", "second a 1"});
  REQUIRE(events.emit("p", "a"));
  CHECK(heard == list{"first a 1x", "second a 1", "second a 2"});
}

TEST_CASE("a listener that is added inside a listener is called from the next event on", "[emitter]") {
  event_emitter events;
  list heard;
  std::vector<subscription> late;
  const subscription s = events.on("a", [&](const event&) { late.push_back(events.on("a", into(heard))); });
  REQUIRE(events.emit("p", "a"));
  CHECK(heard.empty());
  REQUIRE(events.emit("p", "a"));
  CHECK(heard == list{"a 2"});
}

TEST_CASE("all listeners receive the events of listeners in the order in which they were emitted", "[emitter]") {
  event_emitter events;
  list first, second;
  const subscription one = events.on_all([&](const event& e) {
    first.push_back(name(e));
    if (e.type == "a") {
      REQUIRE(*events.emit("p", "b", {{"text", std::string(100, 'b')}}) == 2);
      REQUIRE(*events.emit("p", "c") == 3);
    }
    if (e.type == "b") REQUIRE(events.emit("p", "d"));
    if (e.type == "d") CHECK(e.fields.text() == "{}");
  });
  const subscription two = events.on_all([&](const event& e) {
    second.push_back(name(e));
    if (e.type == "b") CHECK(e.fields.member_text("text").size() == 102);
  });
  REQUIRE(events.emit("p", "a"));
  CHECK(first == list{"a 1", "b 2", "c 3", "d 4"});
  CHECK(second == first);
  REQUIRE(events.emit("p", "e"));
  CHECK(second.back() == "e 5");
}

TEST_CASE("two emitters whose listeners emit through each other keep their orders", "[emitter]") {
  event_emitter a, b;
  list heard;
  const subscription on_a = a.on_all([&](const event& e) {
    heard.push_back("a: " + name(e));
    if (e.type == "one") REQUIRE(b.emit("p", "two"));
  });
  const subscription on_b = b.on_all([&](const event& e) {
    heard.push_back("b: " + name(e));
    REQUIRE(a.emit("p", "three"));
    REQUIRE(a.emit("p", "four"));
  });
  const subscription after = a.on_all([&](const event& e) { heard.push_back("after: " + name(e)); });
  REQUIRE(a.emit("p", "one"));
  CHECK(heard ==
        list{"a: one 1", "b: two 1", "after: one 1", "a: three 2", "after: three 2", "a: four 3", "after: four 3"});
}

TEST_CASE("listeners receive the events of one thread in their order, whatever other threads emit", "[emitter]") {
  event_emitter events;
  constexpr int each = 2000;
  // The events of every listener on each thread: listeners are called on the thread that emits.
  struct ear {
    list first, second;
    sequence last = 0;
    bool in_order = true;
  };
  static thread_local ear* mine = nullptr;
  const subscription one = events.on_all([&](const event& e) { mine->first.push_back(std::string(e.type)); });
  const subscription two = events.on_all([&](const event& e) {
    mine->in_order = mine->in_order && e.seq > mine->last;
    mine->last = e.seq;
    mine->second.push_back(std::string(e.type));
  });
  std::atomic<int> ready = 0, failed = 0;
  ear ears[2];
  const auto run = [&](int who) {
    mine = &ears[who];
    for (++ready; ready < 2;) std::this_thread::yield();
    for (int i = 0; i < each; ++i)
      if (!events.emit("p", std::string(1, static_cast<char>('a' + who)) + std::to_string(i))) ++failed;
  };
  std::thread other(run, 1);
  run(0);
  other.join();
  CHECK(failed == 0);
  CHECK(events.log()->open("p")->bounds().end == 2 * each);
  for (int who = 0; who < 2; ++who) {
    REQUIRE(ears[who].first.size() == each);
    CHECK(ears[who].second == ears[who].first);
    CHECK(ears[who].in_order);
    for (int i = 0; i < each; ++i)
      if (ears[who].first[static_cast<std::size_t>(i)] !=
          std::string(1, static_cast<char>('a' + who)) + std::to_string(i))
        FAIL("out of order");
  }
}

TEST_CASE("listeners come and go on one thread while another emits", "[emitter]") {
  event_emitter events;
  std::atomic<bool> done = false;
  std::atomic<int> heard = 0;
  std::thread emitting([&] {
    for (int i = 0; i < 2000; ++i) (void)events.emit("p", "a");
    done = true;
  });
  int rounds = 0;
  do {
    const subscription s = events.on("a", [&](const event&) { ++heard; });
    const subscription told = events.on_listener_error([](std::string_view, std::exception_ptr) {});
    ++rounds;
  } while (!done);
  emitting.join();
  CHECK(rounds > 0);
  const int before = heard;
  REQUIRE(events.emit("p", "a"));
  CHECK(heard == before);
}

TEST_CASE("the exception of a listener goes to the hook, and the others are still called", "[emitter]") {
  event_emitter events;
  list heard, told;
  const subscription one = events.on_all([](const event&) { throw std::runtime_error("broken"); });
  const subscription two = events.on_all(into(heard));
  CHECK(*events.emit("p", "a") == 1);  // without a hook it is lost
  events
      .on_listener_error([&](std::string_view type, std::exception_ptr thrown) {
        try {
          std::rethrow_exception(std::move(thrown));
        } catch (const std::runtime_error& e) {
          told.push_back(std::string(type) + " " + e.what());
        }
        throw 1;  // a hook may fail as well
      })
      .release();
  CHECK(*events.emit("p", "b") == 2);
  CHECK(told == list{"b broken"});
  CHECK(heard == list{"a 1", "b 2"});
}

TEST_CASE("all receive an event that was emitted before its listener threw", "[emitter]") {
  event_emitter events;
  list heard;
  const subscription one = events.on("a", [&](const event&) {
    REQUIRE(events.emit("p", "b"));
    throw 1;
  });
  const subscription two = events.on_all(into(heard));
  REQUIRE(events.emit("p", "a"));
  REQUIRE(events.emit("p", "c"));
  CHECK(heard == list{"a 1", "b 2", "c 3"});
}

TEST_CASE("the error hook may replace itself, and what it held may unsubscribe", "[emitter]") {
  event_emitter events;
  list told;
  const subscription one = events.on_all([](const event&) { throw 1; });
  auto held = std::make_shared<subscription>(events.on_all([](const event&) {}));
  subscription hook = events.on_listener_error(
      [&, held = std::move(held), big = std::string(100, 'x')](std::string_view type, std::exception_ptr) {
        hook = events.on_listener_error([&](std::string_view next, std::exception_ptr) { told.emplace_back(next); });
        told.push_back(std::string(type) + big.substr(99));
      });
  REQUIRE(events.emit("p", "a"));
  REQUIRE(events.emit("p", "b"));
  CHECK(told == list{"ax", "b"});
  // Not only from within: the hook that held a subscription goes without the emitter waiting for itself.
  hook = events.on_listener_error([held = std::make_shared<subscription>(events.on_all([](const event&) {}))](
                                      std::string_view, std::exception_ptr) {});
  hook.reset();
  CHECK_FALSE(events.on_listener_error(nullptr));
  REQUIRE(events.emit("p", "c"));
}

TEST_CASE("a listener may destroy the emitter that calls it", "[emitter]") {
  auto events = std::make_unique<event_emitter>();
  list heard;
  const subscription one = events->on("a", [&](const event& e) {
    heard.push_back("one " + name(e));
    if (e.seq == 1) REQUIRE(events->emit("p", "a"));
    events.reset();
  });
  const subscription two = events->on("a", [&](const event& e) { heard.push_back("two " + name(e)); });
  CHECK(*events->emit("p", "a") == 1);
  CHECK(heard == list{"one a 1", "two a 1", "one a 2", "two a 2"});
}

TEST_CASE("a refused event has a named error, no number, and reaches no listener", "[emitter]") {
  event_emitter events({.event_bytes = 1000});
  list heard;
  const subscription s = events.on_all(into(heard));
  REQUIRE(events.emit("p", "good"));
  const auto refused = [&](const result<sequence>& outcome) {
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().message == outcome.error().code.message());
    return outcome.error().code;
  };
  CHECK(refused(events.emit("p", "")) == errc::invalid_event_type);
  CHECK(refused(events.emit("p", "a b")) == errc::invalid_event_type);
  CHECK(refused(events.emit("p", "*")) == errc::invalid_event_type);
  CHECK(refused(events.emit("p", std::string(129, 'a'))) == errc::invalid_event_type);
  CHECK(refused(events.emit("", "a")) == errc::invalid_project);
  CHECK(refused(events.emit("\xff", "a")) == errc::invalid_project);
  for (const auto* reserved : {"type", "timestamp", "event_type", "project_id", "seq"})
    CHECK(refused(events.emit("p", "a", {{reserved, 1}})) == errc::reserved_field);
  CHECK(refused(events.emit("p", poses_as_envelope{})) == errc::reserved_field);
  CHECK(refused(events.emit("p", "a", {{"x", "\xff"}})) == errc::invalid_json);
  CHECK(refused(events.emit("p", "a", {{"x", std::numeric_limits<double>::infinity()}})) == errc::invalid_json);
  CHECK(refused(events.emit("p", "a", {{"x", 1}, {"x", 2}})) == errc::invalid_json);
  CHECK(refused(events.emit("p", built{"\xff", {}})) == errc::invalid_json);
  CHECK(refused(events.emit("p", "a", {{"x", std::string(1000, 'x')}})) == errc::event_too_big);
  CHECK(events.log()->size() == 1);
  CHECK(events.log()->open("p")->bounds().end == 1);
  CHECK(heard == list{"good 1"});
  REQUIRE(events.emit("p", "good"));
  CHECK(heard.back() == "good 2");
}

TEST_CASE("two emitters over one log share its numbers, and each has its own listeners", "[emitter]") {
  event_emitter a;
  event_emitter b(a.log());
  list on_a, on_b;
  const subscription one = a.on_all(into(on_a));
  const subscription two = b.on_all(into(on_b));
  CHECK(*a.emit("p", "x") == 1);
  CHECK(*b.emit("p", "y") == 2);
  CHECK(*a.emit("p", "z") == 3);
  CHECK(on_a == list{"x 1", "z 3"});
  CHECK(on_b == list{"y 2"});
}

TEST_CASE("an emitter is refused limits that contradict each other", "[emitter]") {
  CHECK_THROWS_AS(event_emitter(log_options{.events = 0}), std::invalid_argument);
}

namespace {

struct progress {
  static constexpr std::string_view event_type = "progress";
  std::string task;
  int percent = 0;
  [[nodiscard]] std::string conflation_key() const { return "task " + task; }
  static constexpr auto fields = hotline::fields(field{"task", &progress::task}, field{"percent", &progress::percent});
};

}  // namespace

TEST_CASE("an event's key is given where it is emitted, or by its type", "[events]") {
  event_emitter events;
  const auto superseded = [&] {
    log_batch batch;
    events.log()->open("p")->read(0, 100, 1 << 20, batch);
    std::vector<sequence> seqs;
    for (const log_entry& entry : batch.entries)
      if (entry.superseded) seqs.push_back(entry.seq);
    return seqs;
  };
  REQUIRE(events.emit("p", "a", {}, {.key = "x"}));
  REQUIRE(events.emit("p", "a", {}, {.key = "x"}));
  REQUIRE(events.emit("p", progress{"7", 1}));
  REQUIRE(events.emit("p", progress{"8", 1}));
  REQUIRE(events.emit("p", progress{"7", 2}));
  REQUIRE(events.emit("p", progress{"8", 2}, {.key = "other"}));
  CHECK(superseded() == std::vector<sequence>{1, 3});
  CHECK(events.emit("p", "a", {}, {.key = std::string(257, 'k')}).error().code == errc::key_too_long);
}
