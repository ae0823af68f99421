// A scripted life in which one operation of the transport fails, for each of them in turn: whatever it is, each connection
// ends once, nothing is left of it, and the next client finds everything as it should be.

#include <catch2_any.hpp>
#include <failing_transport.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::client_frame;
using hotline_test::failing_plan;
using hotline_test::failing_transport;
using hotline_test::memory_client;
using hotline_test::taken_before;

namespace {

/// The way in which it ends.
enum class ending {
  goodbye,          // the client, as the protocol says
  disconnect,       // the host, and the client answers
  deaf_disconnect,  // the host, and the client does not
  end_of_stream,    // the client, with no more than a FIN
  reset,            // the client, with not even that
  protocol_error,   // the client breaks the rules
  silence,          // the client says nothing any more
  stop,             // the host ends its manager
  destructor,       // the host destroys it
};

class scripted_life {
 public:
  explicit scripted_life(std::shared_ptr<failing_plan> plan)
      : plan_(std::move(plan)),
        env_(std::make_shared<manual_environment>()),
        events_(log_options{}, env_),
        manager_(std::make_unique<manager_type>(failing_transport(env_, plan_), events_, few())) {
    manager_->authenticate([this](const http_request&, std::string_view, admission_responder answer) {
      asking_.push_back(std::move(answer));
    });
    manager_->on_command("echo", [this](const request& q) {
      ++echoed_;
      return q.payload();
    });
    manager_->on_command("later", [this](const request&, responder r) { later_.push_back(std::move(r)); });
    manager_
        ->on_connect([this](const connection_info& c) {
          CHECK(connected_.insert(c.id).second);
          CHECK(known_.insert(c.id).second);
        })
        .release();
    manager_
        ->on_resumed([this](const connection_info& c) {
          CHECK(connected_.insert(c.id).second);
          CHECK(waiting_.erase(c.id) == 1);
        })
        .release();
    manager_
        ->on_disconnect([this](const connection_info& c, const disconnection& how) {
          CHECK(connected_.erase(c.id) == 1);
          if (how.may_resume) waiting_.insert(c.id);
        })
        .release();
    manager_->on_session_expired([this](const connection_info& c) { CHECK(waiting_.erase(c.id) == 1); }).release();
    manager_->on_error([this](std::string_view, const std::exception_ptr&) { ++errors_; }).release();
    REQUIRE_FALSE(manager_->start());
  }

  void play(ending how) {
    // A client with an answer that is there at once, one that comes later, one that is larger than its lane, events that
    // its socket has no room for, and a ping.
    auto first = connect("/ws/p");
    first->send(R"({"command":"echo","id":1,"payload":{"a":1}})");
    first->send(R"({"command":"later","id":2})");
    first->send(R"({"command":"subscribe","payload":{"events":["thing"]}})");
    emit(3, 10);
    first->pump();
    first->peer->stall(true);
    emit(3, 500);
    for (int i = 0; i < 4; ++i)
      first->send(R"({"command":"echo","id":"e)" + std::to_string(i) + R"(","payload":{"text":")" +
                  std::string(400, 'x') + "\"}}");
    emit(2, 500);
    first->peer->window(700);
    first->pump();
    first->peer->stall(false);
    first->peer->send(client_frame(0x89, "still there?"));
    for (responder& r : later_) r.progress(json_object{{"half", true}});
    first->pump();
    // It comes back before its old socket has ended, which is how it learns the rest.
    auto second = connect("/ws/p" + resume(*first));
    first->peer->close();
    first->pump();
    emit(2, 10);
    for (responder& r : later_) std::move(r).answer(json_object{{"done", true}});
    later_.clear();
    second->pump();
    end(how, *second);
    check_order(*first, *second);
    if (!plan_->has_failed()) check_undisturbed(*first, *second);
  }

  /// Everybody has gone, and those who come now are served.
  void check_aftermath() {
    if (manager_) {
      memory().advance(10s);
      if (!stopped_) {
        CHECK(manager_->status().connections == 0);
        CHECK(connected_.empty());
        next_is_served();
      }
      memory().advance(120s);
      CHECK(manager_->status().connections == 0);
      CHECK(connected_.empty());
      CHECK(waiting_.empty());
      CHECK(plan_->opened == plan_->closed);
    }
    CHECK(errors_ == 0);
    CHECK(echoed_ <= 5 + (served_ ? 1 : 0));
  }

 private:
  using manager_type = ws_manager<failing_transport>;

  static manager_options few() {
    manager_options o;
    o.session.control_lane_bytes = 1024;
    return o;
  }

  [[nodiscard]] memory_transport& memory() { return manager_->transport().memory(); }

  void emit(int count, std::size_t pad) {
    for (int i = 0; i < count; ++i) {
      REQUIRE(events_.emit("p", "thing", {{"pad", std::string(pad, 'x')}}));
      ++emitted_;
    }
  }

  /// The host thinks about it before it lets anybody in; what the client says meanwhile waits.
  std::unique_ptr<memory_client> connect(const std::string& target) {
    auto c = std::make_unique<memory_client>(memory(), target);
    for (auto& answer : std::exchange(asking_, {})) std::move(answer).answer({"ada"});
    c->pump();
    return c;
  }

  /// As much of a query as the client can make of the messages that it received.
  static std::string resume(const memory_client& c) {
    for (const json& m : c.messages)
      if (m["type"].as_string() == "connected")
        return "?resume=" + std::string(*m["resume"]["token"].as_string()) +
               "&epoch=" + std::string(*m["epoch"].as_string()) + "&after=" + std::to_string(last_seq(c)) +
               "&on_gap=continue";
    return "";
  }

  static std::uint64_t last_seq(const memory_client& c) {
    std::uint64_t seq = 0;
    for (const json& m : c.messages)
      if (m["type"].as_string() == "event" || m["type"].as_string() == "connected") seq = *m["seq"].as_uint64();
    return seq;
  }

  void end(ending how, memory_client& c) {
    switch (how) {
      case ending::goodbye:
        c.peer->send(client_frame(0x88, "\x03\xe8"));
        c.pump();
        return c.peer->close();
      case ending::disconnect:
      case ending::deaf_disconnect:
        for (const std::string& id : std::set(connected_)) CHECK_FALSE(manager_->disconnect(id));
        c.pump();
        if (how == ending::deaf_disconnect) return;
        c.peer->send(client_frame(0x88, "\x03\xe8"));
        c.pump();
        return c.peer->close();
      case ending::end_of_stream: return c.peer->close();
      case ending::reset: return c.peer->reset();
      case ending::protocol_error:
        c.peer->send(client_frame(0x83, ""));
        c.pump();
        return c.peer->close();
      case ending::silence: return memory().advance(120s);
      case ending::stop:
        manager_->stop([this] { ++stopped_; });
        c.pump();
        c.peer->close();
        memory().advance(10s);
        CHECK(stopped_ == 1);
        CHECK(connected_.empty());
        return;
      case ending::destructor: return manager_.reset();
    }
  }

  void next_is_served() {
    auto c = connect("/ws/p");
    REQUIRE(c->upgraded());
    CHECK(c->next_type() == "connected");
    emit(1, 10);
    CHECK(c->events() == std::vector<std::uint64_t>{emitted_});
    c->send(R"({"command":"echo","id":1})");
    CHECK(c->next_type() == "command_response");
    CHECK(manager_->status().connections == 1);
    served_ = true;
    c->peer->close();
    memory().run();
  }

  /// After any failure, all that came came once and in order, and a resumed session left nothing out.
  static void check_order(const memory_client& first, const memory_client& second) {
    std::optional<std::uint64_t> before;
    for (const memory_client* const c : {&first, &second}) {
      for (const json& m : c->messages) {
        if (m["type"].as_string() == "connected" && m["resumed"].as_bool() != true) before = m["seq"].as_uint64();
        if (m["type"].as_string() != "event") continue;
        CHECK(m["seq"].as_uint64() == before.value() + 1);
        before = m["seq"].as_uint64();
      }
    }
  }

  /// Without a failure everything comes, to the one or the other.
  void check_undisturbed(memory_client& first, memory_client& second) const {
    CHECK(first.close_code == 4009);
    CHECK(first.pongs.size() == 1);
    std::vector<std::uint64_t> heard;
    std::multiset<std::string> told;
    for (const memory_client* const c : {&first, &second}) {
      for (const json& m : c->messages) {
        told.insert(std::string(*m["type"].as_string()));
        if (m["type"].as_string() == "event") heard.push_back(*m["seq"].as_uint64());
      }
    }
    CHECK(heard.size() == emitted_);
    CHECK(heard.back() == emitted_);
    CHECK(told.count("connected") == 2);
    CHECK(told.count("command_response") == 7);
    CHECK(told.count("command_progress") == 1);
    CHECK(echoed_ == 5);
  }

  std::shared_ptr<failing_plan> plan_;
  std::shared_ptr<manual_environment> env_;
  event_emitter events_;
  std::vector<responder> later_;
  std::vector<admission_responder> asking_;
  std::set<std::string> connected_, waiting_, known_;
  std::uint64_t emitted_ = 0;
  int echoed_ = 0, errors_ = 0, stopped_ = 0;
  bool served_ = false;
  std::unique_ptr<manager_type> manager_;
};

/// How many operations there are, each of which has failed once.
std::size_t fail_each(ending how, taken_before taken) {
  for (std::size_t n = 0;; ++n) {
    CAPTURE(static_cast<int>(how), static_cast<int>(taken), n);
    const auto plan = std::make_shared<failing_plan>(failing_plan{.fails_at = n, .taken = taken});
    scripted_life life(plan);
    life.play(how);
    const bool failed = plan->has_failed();
    plan->fails_at = failing_plan::never;
    life.check_aftermath();
    if (!failed) return n;
  }
}

}  // namespace

TEST_CASE("each connection ends once and the next is served, whichever operation fails", "[failing]") {
  for (const ending how : {ending::goodbye, ending::disconnect, ending::deaf_disconnect, ending::end_of_stream,
                           ending::reset, ending::protocol_error, ending::silence, ending::stop, ending::destructor}) {
    for (const taken_before taken : {taken_before::nothing, taken_before::half, taken_before::all}) {
      const std::size_t operations = fail_each(how, taken);
      CHECK(operations >= 29);
    }
  }
}
