#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/heartbeat.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/testing/chance.hpp>
#include <hotline/testing/oracle.hpp>
#include <hotline/testing/simulated_client.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Qt defines `emit` as nothing.
#pragma push_macro("emit")
#undef emit

namespace hotline::testing {

/// The manager of a simulated world.
using simulated_manager = ws_manager<memory_transport>;

/// How much happens in a simulated world. The seed chooses every member that is 0.
struct simulation_options {
  std::chrono::seconds duration{60};  ///< virtual time
  std::size_t clients = 0;
  std::size_t projects = 0;
  std::size_t managers = 0;    ///< over one log, each on a loop of its own; a client stays with one
  std::size_t log_events = 0;  ///< how many a project's log keeps
  std::function<void(const std::string&)> trace{};  ///< receives all that happens, a line each
};

/// The outcome of a run. `violations` is empty when every promise held; `digest` is the same for the same seed.
struct simulation_report {
  std::uint64_t seed = 0;
  std::vector<std::string> violations;
  std::uint64_t digest = 0;
  std::uint64_t emitted = 0, heard = 0, gaps = 0, cuts = 0, takeovers = 0, resumed = 0, refused = 0;
  std::uint64_t commands = 0, repeats = 0, answers = 0, runs = 0;
};

/// A world of clients who are cut off, stall, come back and repeat themselves, in virtual time, as a seed decides; and an
/// oracle for each that knows what was emitted and judges the messages that came (promises 1, 2 and 3 of hotline).
///
///     hotline::testing::simulation world(seed);
///     world.on_start([](hotline::testing::simulated_manager& m) { my_service::add_commands(m); });
///     world.sends("start_task", [](hotline::testing::chance& c) { return R"({"name":"t)" + std::to_string(c.below(9)) + "\"}"; });
///     const auto report = world.run();
///
/// Commands of the host's own are sent with an id, and repeated; each must get one answer, and when its `result` has a
/// member `n`, that must be the command's id. Handlers run on one thread. Not for production code.
class simulation {
 public:
  using payload_source = std::function<std::string(chance&)>;

  explicit simulation(std::uint64_t seed, simulation_options options = {}) : luck_(seed), options_(options) {
    report_.seed = seed;
    if (options_.clients == 0) options_.clients = 3 + luck_.size_below(12);
    if (options_.projects == 0) options_.projects = 1 + luck_.size_below(2);
    if (options_.managers == 0) options_.managers = 1 + luck_.size_below(2);
    if (options_.log_events == 0) options_.log_events = luck_.one_in(2) ? 20 + luck_.size_below(60) : 5000;
    env_ = std::make_shared<manual_environment>(luck_.next());
    events_ = std::make_unique<event_emitter>(
        log_options{.events = options_.log_events, .age = std::chrono::hours(10), .idle = std::chrono::hours(10)},
        env_);
    for (std::size_t i = 0; i < options_.projects; ++i)
      projects_.emplace_back("p" + std::to_string(i), history(options_.log_events));
  }

  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;

  /// Called for each manager before it starts.
  void on_start(std::function<void(simulated_manager&)> f) { set_up_.push_back(std::move(f)); }
  /// Clients send this command now and then.
  void sends(std::string name, payload_source payload) { commands_.emplace_back(std::move(name), std::move(payload)); }

  [[nodiscard]] event_emitter& events() noexcept { return *events_; }

  /// Once.
  simulation_report run() {
    start();
    const steady_time end = env_->now() + options_.duration;
    while (env_->now() < end && report_.violations.size() < most_violations) {
      for (std::uint64_t n = 1 + luck_.below(12); n > 0; --n) happen();
      let_pass(std::chrono::milliseconds(luck_.below(luck_.one_in(8) ? 4000 : 400)));
    }
    settle();
    stop();
    for (const auto& c : clients_) {
      report_.digest = report_.digest * 31 + c->counts().digest;
      report_.cuts += c->counts().cuts;
      report_.takeovers += c->counts().takeovers;
      report_.commands += c->counts().sent;
      report_.repeats += c->counts().repeats;
      report_.heard += c->judge().counts().heard;
      report_.gaps += c->judge().counts().gaps;
      report_.resumed += c->judge().counts().resumed;
      report_.refused += c->judge().counts().refused;
      report_.answers += c->judge().counts().answers;
    }
    return report_;
  }

 private:
  static constexpr std::size_t most_violations = 20;
  static constexpr std::chrono::milliseconds window{12'000};

  struct project {
    project(std::string named, history begins) : name(std::move(named)), truth(std::move(begins)) {}
    std::string name;
    history truth;
  };
  struct kept {
    responder answer;
    std::uint64_t n;
  };

  [[nodiscard]] std::string moment() const {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(env_->now() - began_).count()) +
           " ms: ";
  }

  void complain(const std::string& what) {
    if (options_.trace) options_.trace(moment() + "VIOLATION " + what);
    if (report_.violations.size() < most_violations)
      report_.violations.push_back("seed " + std::to_string(report_.seed) + ", " + moment() + what);
  }

  // ------------------------------------------------------------------------------------------------- the host

  void start() {
    began_ = env_->now();
    for (std::size_t i = 0; i < options_.managers; ++i) {
      managers_.push_back(
          std::make_unique<simulated_manager>(memory_transport(env_), *events_, manager_settings(),
                                              interval_heartbeat(std::chrono::seconds(5), std::chrono::seconds(15))));
      simulated_manager& m = *managers_.back();
      add_commands(m);
      for (const auto& f : set_up_) f(m);
      if (m.start()) throw std::logic_error("hotline: a simulated manager did not start");
    }
    for (std::size_t i = 0; i < options_.clients; ++i) {
      project& p = projects_[luck_.size_below(projects_.size())];
      const std::string name = "client " + std::to_string(i) + " ";
      std::function<void(const std::string&)> trace;
      if (options_.trace) trace = [this, name](const std::string& what) { options_.trace(moment() + name + what); };
      clients_.push_back(std::make_unique<simulated_client>(
          luck_.pick(managers_)->transport(), p.truth, p.name, luck_, window,
          [this, name](const std::string& what) { complain(name + what); }, trace));
    }
  }

  [[nodiscard]] manager_options manager_settings() {
    manager_options made;
    made.resume.window = window;
    made.session.remembered_answers = 1000;
    made.session.remembered_bytes = 1024 * 1024;
    made.session.commands_in_flight = 1000;
    made.command_timeout = std::chrono::seconds(8);
    made.close_timeout = std::chrono::seconds(2);
    made.position_interval = std::chrono::seconds(2);
    made.catch_up_bytes = luck_.one_in(2) ? 512 : 256 * 1024;
    return made;
  }

  void add_commands(simulated_manager& m) {
    m.on_command("now", [this](const request& q) {
      ran(q);
      return json_object{{"n", number_of(q)}};
    });
    m.on_command("emits", [this](const request& q) {
      ran(q);
      emit(project_named(q.project()));
      return json_object{{"n", number_of(q)}};
    });
    m.on_command("throws", [this](const request& q) -> command_result {
      ran(q);
      throw std::runtime_error("on purpose");
    });
    m.on_command("later", [this](const request& q, responder r) {
      ran(q);
      kept_.push_back({std::move(r), number_of(q)});
    });
    for (const char* name : {"now", "now", "emits", "throws", "later", "later", "unknown"})
      commands_.emplace_back(name, nullptr);
    const auto heard = [this](const auto&...) {
      if (stopped_) complain("a hook was called after the manager had stopped");
    };
    m.on_connect(heard).release();
    m.on_resumed(heard).release();
    m.on_disconnect(heard).release();
    m.on_session_expired(heard).release();
  }

  [[nodiscard]] static std::uint64_t number_of(const request& q) { return std::stoull(q.id()->text()); }

  void ran(const request& q) {
    ++report_.runs;
    if (++runs_[q.connection_id() + ' ' + std::to_string(number_of(q))] > 1)
      complain("command " + std::to_string(number_of(q)) + " of " + std::string(q.connection_id()) + " ran twice");
  }

  [[nodiscard]] project& project_named(std::string_view name) {
    return *std::find_if(projects_.begin(), projects_.end(), [&](const project& p) { return p.name == name; });
  }

  void emit(project& p) {
    static const std::vector<std::string> keys{"", "", "", "k1", "k2"};
    const std::string& type = luck_.pick(types());
    const std::string& key = luck_.pick(keys);
    const std::uint64_t stamp = luck_.next() >> 16U;
    const std::size_t padding = static_cast<std::size_t>(luck_.one_in(10) ? luck_.below(2000) : luck_.below(60));
    if (options_.trace)
      options_.trace(moment() + p.name + " emits " + std::to_string(p.truth.end() + 1) + ' ' + type + ' ' + key);
    p.truth.add(type, key, stamp);
    const auto seq = events_->emit(p.name, type, {{"stamp", stamp}, {"pad", std::string(padding, '.')}}, {.key = key});
    if (!seq || *seq != p.truth.end()) complain("an event was not numbered as the next one");
    ++report_.emitted;
  }

  [[nodiscard]] static const std::vector<std::string>& types() {
    static const std::vector<std::string> all{"a", "b", "c"};
    return all;
  }

  void answer_some() {
    if (kept_.empty()) return;
    const auto i = static_cast<std::ptrdiff_t>(luck_.below(kept_.size()));
    kept& k = kept_[static_cast<std::size_t>(i)];
    switch (luck_.below(4)) {
      case 0: k.answer.progress({{"done", 1}}); return;
      case 1: break;  // dropped: no_reply
      default: std::move(k.answer).answer(json_object{{"n", k.n}});
    }
    kept_.erase(kept_.begin() + i);
  }

  // ------------------------------------------------------------------------------------------------ the world

  // One thing, and then perhaps a few steps of a loop: events are emitted and lines cut at any point of its work.
  void happen() {
    simulated_client& c = *luck_.pick(clients_);
    switch (luck_.below(12)) {
      case 0:
      case 1:
      case 2:
        for (std::uint64_t n = 1 + luck_.below(4); n > 0; --n) emit(projects_[luck_.size_below(projects_.size())]);
        break;
      case 3: answer_some(); break;
      case 4:
      case 5:
        if (c.live())
          c.suffer();
        else if (c.connected())
          c.cut();
        break;
      case 6:
        if (c.live()) c.change_filter(types());
        break;
      case 7:
        if (c.live() && luck_.one_in(3)) c.connect(false);  // takes itself over
        break;
      case 8:
        if (c.live()) c.repeat_any();
        break;
      case 9:
        if (c.live()) send_command(c);
        break;
      case 10:
        if (c.connected()) c.heal();
        break;
      default:
        if (!c.connected()) c.connect(luck_.one_in(2));
    }
    for (std::uint64_t n = luck_.below(6); n > 0; --n) (void)luck_.pick(managers_)->transport().run_one();
    if (luck_.one_in(2)) c.pump();
  }

  void send_command(simulated_client& c) {
    if (luck_.one_in(6)) return c.command("cancel", "{\"id\":" + std::to_string(luck_.below(50)) + "}");
    const auto& [name, payload] = luck_.pick(commands_);
    c.command(name, payload ? payload(luck_) : "{}");
  }

  void let_pass(std::chrono::milliseconds time) {
    managers_.front()->transport().advance(time);
    turn();
  }

  void turn() {
    for (const auto& m : managers_) m->transport().run();
    for (const auto& c : clients_) c->pump();
    for (const auto& m : managers_) m->transport().run();
    for (const project& p : projects_) {
      // Promise 3: what a log holds is bounded.
      const auto held = events_->log()->open(p.name)->bounds();
      if (held.end + 1 - held.oldest > options_.log_events) complain("the log holds more than it may");
    }
  }

  // Everybody comes back and reads; then nothing may be missing.
  void settle() {
    for (int round = 0; round < 30 && report_.violations.empty(); ++round) {
      while (!kept_.empty()) answer_some();
      for (const auto& c : clients_) {
        c->heal();
        if (!c->connected()) c->connect(true);
      }
      let_pass(std::chrono::milliseconds(1000));
    }
    for (const auto& c : clients_) {
      if (c->live()) c->repeat_unanswered();
      if (!c->left_sockets_are_closed()) complain("a socket that its client has left was not closed");
    }
    let_pass(std::chrono::milliseconds(1000));
    for (const auto& c : clients_) c->judge().finish();
  }

  void stop() {
    for (const auto& m : managers_) {
      bool done = false;
      m->stop([&] { done = true; });
      for (int second = 0; second < 20 && !done; ++second) {
        m->transport().advance(std::chrono::seconds(1));
        for (const auto& c : clients_) c->pump();
      }
      if (!done) complain("stop did not end");
    }
    stopped_ = true;
    kept_.clear();
    turn();
    for (const auto& c : clients_)
      if (c->connected()) complain("a client was not told of the end");
  }

  chance luck_;
  simulation_options options_;
  simulation_report report_;
  std::shared_ptr<manual_environment> env_;
  std::unique_ptr<event_emitter> events_;
  std::vector<project> projects_;
  std::vector<std::function<void(simulated_manager&)>> set_up_;
  std::vector<std::pair<std::string, payload_source>> commands_;
  std::vector<std::unique_ptr<simulated_manager>> managers_;
  std::vector<kept> kept_;
  std::map<std::string, int, std::less<>> runs_;
  std::vector<std::unique_ptr<simulated_client>> clients_;
  steady_time began_{};
  bool stopped_ = false;
};

}  // namespace hotline::testing

#pragma pop_macro("emit")
#endif
