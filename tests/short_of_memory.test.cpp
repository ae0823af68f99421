// Promise 4, when memory is short: for any allocation that fails on the loop, a connection may end, with 1011, and nothing
// else. Nothing is lost or run twice, and with memory again everything works.

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>
#include <pressed_transport.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;
using hotline_test::memory_client;
using hotline_test::pressed_transport;
using hotline_test::shortage;

namespace {

/// Somebody who comes back for what it missed, and asks again what was not answered.
class customer {
 public:
  explicit customer(memory_transport& line) : line_(line) { connect(); }

  void say(std::string_view text) {
    if (c_) c_->send(text);
  }

  void lose() { c_->peer->reset(); }
  /// The connection is there, but not for it.
  void abandon() {
    if (c_) left_.push_back(*std::move(c_));
    c_.reset();
  }
  void leave() {
    if (c_) c_->peer->close();
  }

  /// Takes what came. False: it has no connection.
  bool listen() {
    if (!c_) return false;
    c_->pump();
    while (!c_->messages.empty()) take(c_->next());
    if (c_->upgraded() && !c_->close_code && !c_->peer->closed_by_server()) return true;
    c_.reset();
    return false;
  }

  /// Comes back, if it can.
  void knock() {
    if (!listen()) connect();
    listen();
  }

  /// With memory enough it comes back, and at once.
  void come_back() {
    if (listen()) return;
    connect();
    REQUIRE(c_->upgraded());
    REQUIRE(listen());
  }

  [[nodiscard]] std::string id() const { return token_.substr(0, 16); }

  std::vector<std::uint64_t> heard;
  std::vector<std::string> answers;
  int gaps = 0;

 private:
  void connect() {
    std::string target = "/ws/p";
    if (!token_.empty()) target += "?resume=" + token_ + "&epoch=" + epoch_ + "&after=" + std::to_string(last_);
    c_.emplace(line_, target);
  }

  void take(const json& message) {
    const std::string type(*message["type"].as_string());
    if (type == "connected") {
      token_ = *message["resume"]["token"].as_string();
      epoch_ = *message["epoch"].as_string();
      if (message["resumed"].as_bool() != true) last_ = *message["seq"].as_uint64();
      fresh += message["resumed"].as_bool() != true;
    } else if (type == "event") {
      last_ = *message["seq"].as_uint64();
      heard.push_back(last_);
    } else if (type == "gap") {
      ++gaps;
    } else if (type == "command_response" || type == "command_error") {
      answers.emplace_back(message["id"].text());
    }
  }

  memory_transport& line_;
  std::optional<memory_client> c_;
  std::vector<memory_client> left_;
  std::string token_, epoch_;
  std::uint64_t last_ = 0;

 public:
  int fresh = 0;  ///< how often it was let in as somebody new
};

// A host's notes of its sessions; they take no memory that could run out.
class diary {
 public:
  enum class state { absent, connected, waiting, over };

  void note(const connection_info& c, state now) noexcept {
    for (entry& e : entries_) {
      if (e.id_size != 0 && e.id() != c.id) continue;
      e.id_size = c.id.copy(e.text.data(), e.text.size());
      // The host is notified in this order, and of each once.
      const bool is_right = now == state::connected ? e.what == state::absent || e.what == state::waiting
                            : now == state::over    ? e.what == state::waiting || e.what == state::connected
                                                    : e.what == state::connected;
      if (!is_right) ++wrong;
      e.what = now;
      return;
    }
    ++wrong;
  }

  [[nodiscard]] state of(std::string_view id) const {
    for (const entry& e : entries_)
      if (e.id() == id) return e.what;
    return state::absent;
  }

  [[nodiscard]] std::size_t count(state what) const {
    std::size_t found = 0;
    for (const entry& e : entries_) found += e.what == what;
    return found;
  }

  int wrong = 0;

 private:
  struct entry {
    [[nodiscard]] std::string_view id() const noexcept { return {text.data(), id_size}; }
    std::array<char, 16> text{};
    std::size_t id_size = 0;
    state what = state::absent;
  };
  std::array<entry, 32> entries_{};
};

struct world {
  explicit world(manager_options options = {})
      : env(std::make_shared<manual_environment>()),
        events({}, env),
        manager(pressed_transport(env), events, std::move(options)) {
    using state = diary::state;
    manager.on_connect([this](const connection_info& c) { told.note(c, state::connected), ++here; }).release();
    manager.on_resumed([this](const connection_info& c) { told.note(c, state::connected), ++here; }).release();
    manager
        .on_disconnect([this](const connection_info& c, const disconnection& d) {
          told.note(c, d.may_resume ? state::waiting : state::over), --here;
        })
        .release();
    manager.on_session_expired([this](const connection_info& c) { told.note(c, state::over); }).release();
    manager.on_command("work", [this](const request& q) {
      runs[q.id() ? 1 : 0] += 1;
      return json_object{{"text", std::string(100, 'x')}};
    });
    manager.on_command("later", [this](const request&, responder r) {
      ++deferred;
      kept.push_back(std::move(r));
    });
    kept.reserve(4);
    REQUIRE_FALSE(manager.start());
    witness = std::make_unique<customer>(line());
    REQUIRE(witness->listen());
  }

  [[nodiscard]] pressed_transport& carrier() { return manager.transport(); }
  [[nodiscard]] memory_transport& line() { return carrier().line(); }
  void emit(int count) {
    for (; count > 0; --count) {
      REQUIRE(events.emit("p", "e", {{"text", std::string(300, 'x')}}));
      ++emitted;
    }
    line().run();
  }

  /// All as it should be, with memory enough.
  void check() {
    line().advance(6s);
    witness->come_back();
    emit(2);
    witness->come_back();
    line().advance(2s);
    CHECK(witness->gaps == 0);
    CHECK(witness->fresh == 1);
    std::vector<std::uint64_t> all;
    for (std::uint64_t seq = 1; seq <= emitted; ++seq) all.push_back(seq);
    CHECK(witness->heard == all);
    customer late(line());
    CHECK(late.listen());
    CHECK(late.fresh == 1);
    late.say(R"({"command":"work","id":77})");
    CHECK(late.listen());
    CHECK(late.answers == std::vector<std::string>{"77"});
    late.leave();
    line().run();
    CHECK(here == static_cast<int>(manager.status().connections));
    CHECK(manager.metrics().connections == manager.status().connections);
    CHECK(manager.metrics().handshakes == 0);
    CHECK(told.wrong == 0);
    CHECK(told.count(diary::state::connected) == manager.status().connections);
    CHECK(told.count(diary::state::waiting) == manager.metrics().waiting_sessions);
  }

  std::shared_ptr<manual_environment> env;
  event_emitter events;
  ws_manager<pressed_transport> manager;
  std::unique_ptr<customer> witness;
  std::vector<responder> kept;
  std::uint64_t emitted = 0;
  diary told;
  int here = 0;
  int runs[2] = {0, 0};
  int deferred = 0;
};

// Lets the 1st, 2nd, 3rd … allocation fail of what the manager does in `act`, until there is none left to fail.
// `at_once` comes before any time has passed.
template <class Prepare, class Act, class Check, class AtOnce>
void for_each_allocation(Prepare prepare, Act act, Check check, AtOnce at_once, const manager_options& options = {}) {
  for (const shortage how : {shortage::momentary, shortage::lasting}) {
    for (std::size_t nth = 1;; ++nth) {
      INFO((how == shortage::lasting ? "from allocation " : "at allocation ") << nth);
      world w(options);
      auto what = prepare(w);
      w.carrier().press(nth, how);
      act(w, what);
      const bool was_short = w.carrier().relax();
      at_once(w, what);
      w.check();
      check(w, what);
      if (!was_short) break;
    }
  }
}

const auto nothing = [](world&) { return 0; };
const auto fine = [](world&, auto&) {};

template <class Prepare, class Act, class Check>
void for_each_allocation(Prepare prepare, Act act, Check check) {
  for_each_allocation(prepare, act, check, fine);
}

[[nodiscard]] std::vector<std::uint64_t> up_to(std::uint64_t end) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t seq = 1; seq <= end; ++seq) all.push_back(seq);
  return all;
}

}  // namespace

TEST_CASE("memory that is short when a client comes affects no other client", "[short_of_memory]") {
  for_each_allocation(
      nothing, [](world& w, int) { memory_client c(w.line()); }, fine);
}

TEST_CASE("memory that is short when a page is requested affects no other client", "[short_of_memory]") {
  for_each_allocation(
      nothing, [](world& w, int) { memory_client c(w.line(), "/"); }, fine);
}

TEST_CASE("memory that is short when events are sent loses none", "[short_of_memory]") {
  for_each_allocation(
      nothing, [](world& w, int) { w.emit(3); }, fine);
}

TEST_CASE("memory that is short while a reader is slow loses nothing for it", "[short_of_memory]") {
  for_each_allocation(
      [](world& w) {
        auto slow = std::make_unique<memory_client>(w.line());
        slow->peer->stall(true);
        return slow;
      },
      [](world& w, std::unique_ptr<memory_client>& slow) {
        w.emit(3);
        slow->peer->window(500);
        w.line().run();
        w.emit(1);
        slow->peer->stall(false);
        w.line().run();
      },
      [](world& w, std::unique_ptr<memory_client>& slow) {
        slow->pump();
        // Either all of it in its order, or it was closed for it.
        std::vector<std::uint64_t> heard = slow->events();
        for (std::size_t i = 0; i < heard.size(); ++i) CHECK(heard[i] == i + 1);
        CHECK((heard.size() >= w.emitted || slow->peer->closed_by_server()));
      });
}

TEST_CASE("memory that is short when a command is run does not run it twice", "[short_of_memory]") {
  for_each_allocation(
      [](world& w) { return std::make_unique<customer>(w.line()); },
      [](world&, std::unique_ptr<customer>& c) {
        c->say(R"({"command":"subscribe","id":"a string of twenty bytes","payload":{"events":["e","f"]}})");
        c->say(R"({"command":"work","id":1})");
        c->listen();
      },
      [](world& w, std::unique_ptr<customer>& c) {
        c->come_back();
        CHECK(c->fresh == 1);
        c->say(R"({"command":"work","id":1})");
        c->come_back();
        w.line().run();
        c->listen();
        CHECK(w.runs[1] == 2);  // and the one of check()
        CHECK(!c->answers.empty());
        CHECK(c->answers.back() == "1");
      });
}

TEST_CASE("memory that is short when an answer comes later leaves its command answered in the end",
          "[short_of_memory]") {
  for_each_allocation(
      [](world& w) {
        auto c = std::make_unique<customer>(w.line());
        c->say(R"({"command":"later","id":5})");
        REQUIRE(w.kept.size() == 1);
        return c;
      },
      [](world& w, std::unique_ptr<customer>& c) {
        // As the host would on the loop.
        std::move(w.kept.front()).answer(json_object{{"done", true}});
        c->listen();
      },
      [](world& w, std::unique_ptr<customer>& c) {
        c->come_back();
        c->say(R"({"command":"later","id":5})");
        w.line().advance(31s);
        c->come_back();
        c->listen();
        CHECK(c->fresh == 1);
        CHECK(w.deferred == 1);
        CHECK(!c->answers.empty());
        CHECK(c->answers.back() == "5");
      });
}

TEST_CASE("memory that is short when a client is lost and comes back leaves it its session", "[short_of_memory]") {
  for_each_allocation(
      [](world& w) {
        auto c = std::make_unique<customer>(w.line());
        REQUIRE(c->listen());
        w.emit(2);
        c->listen();
        return c;
      },
      [](world& w, std::unique_ptr<customer>& c) {
        c->lose();
        w.line().run();
        c->listen();
        w.emit(1);
        c->knock();
        // Over the head of its own connection as well.
        c->abandon();
        c->knock();
      },
      [](world& w, std::unique_ptr<customer>& c) {
        c->come_back();
        CHECK(c->fresh == 1);
        CHECK(c->gaps == 0);
        CHECK(c->heard == up_to(w.emitted));
      });
}

TEST_CASE("a session that was said to wait does, however short memory is when its socket ends", "[short_of_memory]") {
  const bool counted_by_address = GENERATE(false, true);
  CAPTURE(counted_by_address);
  for_each_allocation(
      [&](world& w) {
        if (counted_by_address)
          w.manager.client_address([](const http_request&) { return std::string("2001:db8:1234:5678::1"); });
        auto c = std::make_unique<customer>(w.line());
        REQUIRE(c->listen());
        c->say(R"({"command":"subscribe","id":1,"payload":{"events":["e","a name that is longer than most are"]}})");
        w.emit(2);
        REQUIRE(c->listen());
        return c;
      },
      [](world& w, std::unique_ptr<customer>& c) {
        c->lose();
        w.line().run();
      },
      [](world& w, std::unique_ptr<customer>& c) {
        c->come_back();
        CHECK(c->fresh == 1);
        CHECK(c->gaps == 0);
        CHECK(c->heard == up_to(w.emitted));
        // It does not wait for ever, and the host is notified.
        c->lose();
        w.line().advance(70s);
        CHECK(w.told.of(c->id()) == diary::state::over);
        CHECK(w.told.wrong == 0);
      },
      [](world&, std::unique_ptr<customer>& c) {
        c->come_back();
        CHECK(c->fresh == 1);
      });
}

TEST_CASE("a token that was not resumed because memory was short is still good", "[short_of_memory]") {
  const bool authorized = GENERATE(false, true);
  CAPTURE(authorized);
  for_each_allocation(
      [&](world& w) {
        if (authorized)
          w.manager.authorize_subscriptions([](const connection_info&, std::string_view type) {
            return type == "x" ? std::optional(command_error{"forbidden", "", false}) : std::nullopt;
          });
        auto c = std::make_unique<customer>(w.line());
        REQUIRE(c->listen());
        c->say(R"({"command":"subscribe","id":1,"payload":{"events":["e","a name that is longer than most are"]}})");
        c->say(R"({"command":"later","id":5})");
        REQUIRE(w.kept.size() == 1);
        w.emit(1);
        REQUIRE(c->listen());
        c->lose();
        w.line().run();
        std::move(w.kept.front()).answer(json_object{{"done", std::string(100, 'x')}});  // while it waits
        w.emit(1);
        return c;
      },
      [](world&, std::unique_ptr<customer>& c) { c->knock(); },
      [](world& w, std::unique_ptr<customer>& c) {
        c->come_back();
        CHECK(c->fresh == 1);
        CHECK(c->gaps == 0);
        CHECK(c->heard == up_to(w.emitted));
        CHECK(std::count(c->answers.begin(), c->answers.end(), "5") == 1);
      },
      [](world&, std::unique_ptr<customer>& c) {
        c->come_back();
        CHECK(c->fresh == 1);
      });
}

TEST_CASE("sessions that are crowded out while memory is short take no other one along", "[short_of_memory]") {
  const bool by_address = GENERATE(false, true);
  CAPTURE(by_address);
  manager_options options;
  (by_address ? options.resume.per_address : options.resume.sessions) = 2;
  using crowd = std::vector<std::unique_ptr<customer>>;
  for_each_allocation(
      [&](world& w) {
        if (by_address)
          w.manager.client_address([](const http_request&) { return std::string("a name of more than fifteen"); });
        crowd all;
        for (int i = 0; i < 4; ++i) all.push_back(std::make_unique<customer>(w.line()));
        for (auto& c : all) REQUIRE(c->listen());
        w.emit(1);
        for (auto& c : all) REQUIRE(c->listen());
        return all;
      },
      [](world& w, crowd& all) {
        for (auto& c : all) {
          c->lose();
          w.line().run();
        }
      },
      fine,
      [](world& w, crowd& all) {
        CHECK(w.manager.metrics().waiting_sessions == 2);
        w.emit(1);
        for (std::size_t i = 0; i < all.size(); ++i) {
          INFO(i);
          all[i]->come_back();
          CHECK(all[i]->fresh == (i < 2 ? 2 : 1));
          if (i >= 2) CHECK(all[i]->heard == up_to(w.emitted));
        }
      },
      options);
}

TEST_CASE("memory that is short when waiting sessions end leaves the host informed", "[short_of_memory]") {
  for_each_allocation(
      [](world& w) {
        auto c = std::make_unique<customer>(w.line());
        REQUIRE(c->listen());
        c->lose();
        w.line().run();
        REQUIRE(w.told.count(diary::state::waiting) == 1);
        return c;
      },
      [](world& w, std::unique_ptr<customer>&) { w.line().advance(70s); },
      [](world& w, std::unique_ptr<customer>& c) { CHECK(w.told.of(c->id()) == diary::state::over); });
}

TEST_CASE("memory that is short when the host lets a client in late affects no other client", "[short_of_memory]") {
  for_each_allocation(
      [](world& w) {
        auto asked = std::make_unique<std::vector<admission_responder>>();
        asked->reserve(4);
        w.manager.authenticate([&asked = *asked](const http_request&, std::string_view, admission_responder r) {
          if (asked.empty()) return asked.push_back(std::move(r));
          std::move(r).answer({"ada"});
        });
        auto c = std::make_unique<memory_client>(w.line());
        REQUIRE(asked->size() == 1);
        return std::pair(std::move(asked), std::move(c));
      },
      [](world& w, auto& scene) {
        auto& [asked, c] = scene;
        std::move(asked->front()).answer({"ada"});
        c->pump();
        w.line().advance(1s);
        c->send(R"({"command":"subscribe","payload":{"events":["e"]}})");
        c->pump();
      },
      [](world& w, auto& scene) {
        auto& c = scene.second;
        c->pump();
        // Let in whole, or not at all.
        const bool whole = c->upgraded() && !c->peer->closed_by_server();
        if (whole) CHECK(c->next_type() == "connected");
        CHECK((whole || c->peer->closed_by_server()));
        c->peer->close();
        w.line().run();
      });
}

TEST_CASE("memory that is short when one that waits for the host makes room ends no other one", "[short_of_memory]") {
  for_each_allocation(
      [](world& w) {
        auto asked = std::make_unique<std::vector<admission_responder>>();
        asked->reserve(4);
        w.manager.client_address([](const http_request& r) { return std::string(r.header("X-For")); });
        w.manager.authenticate([&asked = *asked](const http_request& r, std::string_view, admission_responder told) {
          if (r.has_header("X-For")) return asked.push_back(std::move(told));
          std::move(told).answer({"ada"});
        });
        auto waiting = std::make_unique<std::vector<memory_client>>();
        for (int i = 0; i < 2; ++i) waiting->emplace_back(w.line(), "/ws/p", "X-For: 192.0.2.1\r\n");
        REQUIRE(asked->size() == 2);
        return std::pair(std::move(asked), std::move(waiting));
      },
      [](world& w, auto&) { memory_client came(w.line(), "/ws/q"); }, fine,
      [](world& w, auto& scene) {
        auto& [asked, waiting] = scene;
        for (admission_responder& told : *asked) std::move(told).answer({"ada"});
        for (memory_client& c : *waiting) {
          c.pump();
          CHECK((c.upgraded() || c.peer->closed_by_server()));
          c.peer->close();
        }
        w.line().advance(11s);  // one whose answer was lost is turned away when its time is over
      },
      {.connections = {.handshakes = 2}});
}

TEST_CASE("memory that is short while time passes harms no client for good", "[short_of_memory]") {
  for_each_allocation(
      [](world& w) {
        w.manager.on_pace("p", {.behind = 1000, .caught_up = 500}, [](pace) {});
        return 0;
      },
      [](world& w, int) { w.line().advance(40s); }, fine);
}

TEST_CASE("memory that is short while a manager stops does not keep it from stopping", "[short_of_memory]") {
  for (std::size_t nth = 1;; ++nth) {
    INFO("at allocation " << nth);
    world w;
    bool stopped = false;
    w.manager.post([&] { w.manager.stop([&] { stopped = true; }); });
    w.carrier().press(nth, shortage::momentary);
    w.line().run();
    const bool was_short = w.carrier().relax();
    w.witness->listen();
    w.witness->leave();
    w.line().advance(20s);
    if (!stopped) {
      // The host's own call ran out of memory and throws: it may call again.
      w.manager.stop([&] { stopped = true; });
      w.line().advance(20s);
    }
    CHECK(stopped);
    if (!was_short) break;
  }
}
