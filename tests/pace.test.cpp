// Strangers who stop reading do not stop a producer, and the producer waits for sessions that read.

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;

namespace {

constexpr auto step = 100ms;
constexpr int minute = 600;  // steps
constexpr int period = 45;   // steps: shorter than patience

// A client that reads as much as it likes.
class stranger {
 public:
  explicit stranger(memory_transport& line, std::string_view target = "/ws/p", std::size_t reads = std::size_t{1} << 30)
      : line_(&line), peer_(line.connect()) {
    peer_->window(reads);
    peer_->send("GET " + std::string(target) +
                " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    line.run();
  }

  void send(std::string_view json) {
    peer_->send(client_frame(0x81, json));
    line_->run();
  }
  void stall() { peer_->stall(true); }
  void read(std::size_t bytes) {
    peer_->window(bytes);
    line_->run();
  }
  void read_all() { read(std::size_t{1} << 30); }
  void leave() {
    peer_->reset();
    line_->run();
  }
  // Where it would go on.
  [[nodiscard]] std::string to_resume() {
    const std::string& got = peer_->received();
    const auto value = [&](std::string_view name, std::size_t length) {
      const std::size_t at = got.rfind(name);
      REQUIRE(at != std::string::npos);
      return got.substr(at + name.size(), length);
    };
    const std::string token = value("\"token\":\"", 48), epoch = value("\"epoch\":\"", 16);
    if (after_.empty()) after_ = value("\"seq\":", 20).substr(0, value("\"seq\":", 20).find_first_not_of("0123456789"));
    return "/ws/p?resume=" + token + "&epoch=" + epoch + "&after=" + after_ + "&on_gap=continue";
  }
  void come_back() {
    const std::string target = to_resume();
    const std::string after = after_;
    peer_->take();
    stranger next(*line_, target, 1'000);  // for `connected`, and a little
    next.after_ = after;
    peer_ = next.peer_;
  }
  [[nodiscard]] std::size_t gaps() const {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = peer_->received().find("\"type\":\"gap\"", at)) != std::string::npos; ++at) ++count;
    return count;
  }

 private:
  memory_transport* line_;
  std::shared_ptr<memory_peer> peer_;
  std::string after_;
};

// Producers of two projects, which emit unless a subscriber is behind.
struct world {
  explicit world(log_options limits = {}) : events(limits, env) {
    for (producer* const of : {&p, &q})
      manager.on_pace(of->project, {.behind = 10'000, .caught_up = 2'000, .patience = 5s},
                      [of](pace now) { of->told = now; });
    REQUIRE_FALSE(manager.start());
  }

  struct producer {
    std::string project;
    pace told = pace::caught_up;
    int waited = 0;  // steps
  };

  [[nodiscard]] memory_transport& line() { return manager.transport(); }

  void run(int steps, const std::function<void(int)>& attack) {
    for (int i = 0; i < steps; ++i) {
      attack(i);
      for (producer* const of : {&p, &q}) {
        if (of->told == pace::caught_up)
          for (int n = 0; n < 20; ++n) REQUIRE(events.emit(of->project, "line", {{"text", text}}));
      }
      line().run();
      for (producer* const of : {&p, &q}) of->waited += of->told == pace::behind ? 1 : 0;
      line().advance(step);
    }
  }

  [[nodiscard]] std::uint64_t used_up() {
    std::uint64_t told = 0;
    manager.metrics().limits.for_each([&](std::string_view name, std::uint64_t count) {
      if (name == "pace_marks.patience") told = count;
    });
    return told;
  }

  const std::string text = std::string(1'000, 'x');
  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  event_emitter events;
  ws_manager<memory_transport> manager{memory_transport(env), events};
  producer p{"p"}, q{"q"};
};

// A tenth of the time at most, and nothing of another project's.
void check_rate(world& w, int steps) {
  INFO("waited " << w.p.waited / 10.0 << " s of " << steps / 10 << " s");
  CHECK(w.p.waited <= steps / 10);
  CHECK(w.q.waited == 0);
}

}  // namespace

TEST_CASE("a session that has never been caught up is not waited for", "[pace]") {
  world w;
  w.run(10, [](int) {});
  std::optional<stranger> one;
  w.run(2 * minute, [&](int i) {
    if (i % period != 0) return;
    if (one) one->leave();
    one.emplace(w.line(), "/ws/p?last=99999999", 1'000);
    one->stall();
  });
  check_rate(w, 2 * minute);
  CHECK(w.p.waited == 0);
}

TEST_CASE("sessions that stop reading, one after the other, do not stop a producer", "[pace]") {
  world w;
  const int every = GENERATE(45, 49, 3, 60);
  std::optional<stranger> one;
  w.run(2 * minute, [&](int i) {
    if (i % every != 0) return;
    if (one) one->leave();
    one.emplace(w.line());
    one->stall();
  });
  check_rate(w, minute);
  CHECK(w.used_up() > 0);
}

TEST_CASE("a session that stops reading and is resumed again and again does not stop a producer", "[pace]") {
  world w;
  const bool lives = GENERATE(true, false);
  stranger one(w.line());
  w.run(minute, [&](int i) {
    if (i % period != 0) return;
    if (i > 0) {
      if (!lives) one.leave();
      one.come_back();
    }
    one.stall();
  });
  check_rate(w, minute);
  CHECK(w.manager.metrics().resumes[resume_outcome::resumed] >= 10);
}

TEST_CASE("many sessions that stop reading at once do not stop a producer", "[pace]") {
  world w;
  std::vector<stranger> many;
  w.run(minute, [&](int i) {
    if (many.size() == 45) {
      many[static_cast<std::size_t>(i % period)].leave();
      many[static_cast<std::size_t>(i % period)] = stranger(w.line());
    } else {
      many.emplace_back(w.line());
    }
    many[static_cast<std::size_t>(i % period)].stall();
  });
  check_rate(w, minute);
}

TEST_CASE("a session that catches up once and then stops reading does not stop a producer", "[pace]") {
  world w;
  w.run(3, [](int) {});
  std::optional<stranger> one;
  w.run(minute, [&](int i) {
    if (i % period == 0) {
      if (one) one->leave();
      one.emplace(w.line(), "/ws/p?last=99999999", 1'000);
      one->stall();
    }
    if (i % period == 2) {
      one->read_all();
      one->stall();
    }
  });
  check_rate(w, minute);
}

TEST_CASE("a session that passes by what it was waited for, with another filter, does not stop a producer", "[pace]") {
  world w;
  stranger one(w.line());
  w.run(minute, [&](int i) {
    if (i % period != 0) return;
    one.send(R"({"command":"subscribe","payload":{"events":["never"]}})");
    one.read(3'000);
    w.line().run();
    one.send(R"({"command":"subscribe","payload":{"events":["*"]}})");
    one.stall();
  });
  check_rate(w, minute);
}

TEST_CASE("a session that asks for the same again and again while it drips does not stop a producer", "[pace]") {
  world w;
  stranger one(w.line());
  one.stall();
  w.run(2 * minute, [&](int i) {
    if (i % 5 != 0) return;
    one.send(R"({"command":"subscribe","payload":{"events":["*"]}})");
    one.read(1'000);
    one.stall();
  });
  check_rate(w, 2 * minute);
}

TEST_CASE("a pause of the loop is no listener's delay", "[pace]") {
  world w;
  stranger one(w.line());
  one.stall();
  w.run(5, [](int) {});
  REQUIRE(w.p.told == pace::behind);
  w.line().pause(10s);
  w.run(1, [](int) {});
  CHECK(w.p.told == pace::behind);
  one.read_all();
  w.run(1, [](int) {});
  CHECK(w.p.told == pace::caught_up);
  CHECK(w.used_up() == 0);
  // Nothing was taken from the budget either.
  one.stall();
  const int before = w.p.waited;
  w.run(minute / 10, [](int) {});
  CHECK(w.p.waited - before >= 40);
}

TEST_CASE("a slow reader is waited for as long as it takes, at no cost to the budget", "[pace]") {
  world w({.events = 60});
  stranger slow(w.line());
  std::size_t in_all = 0;
  w.run(2 * minute, [&](int) {
    slow.read(800);  // 8 KB a second, where 200 KB could be emitted
    in_all += 800;
  });
  CHECK(w.p.waited > minute);
  CHECK(slow.gaps() == 0);
  CHECK(w.used_up() == 0);
  CHECK(w.events.log()->open("p")->bounds().end * 1'000 > in_all / 2);
}

TEST_CASE("the producer waits for a session that reads beside those that have used up the budget", "[pace]") {
  world w({.events = 60});
  stranger stopped(w.line()), reader(w.line());
  stopped.stall();
  w.run(minute, [&](int) { reader.read(6'000); });
  CHECK(reader.gaps() == 0);
  CHECK(w.used_up() > 0);
  CHECK(w.p.waited > minute / 2);  // for the reader
}

TEST_CASE("a budget that was used up comes back", "[pace]") {
  world w;
  const auto stop_reading = [&] {
    stranger one(w.line());
    one.stall();
    const int before = w.p.waited;
    w.run(80, [](int) {});
    one.leave();
    return w.p.waited - before;
  };
  CHECK(stop_reading() >= 45);
  CHECK(stop_reading() <= 10);
  w.line().advance(20min);
  CHECK(stop_reading() >= 45);
}
