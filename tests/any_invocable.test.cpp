#include <hotline/any_invocable.hpp>

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/protocol/fields.hpp>
#include <hotline/testing/memory_host.hpp>
#include <manager_over_memory.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

using namespace hotline;
using namespace std::chrono_literals;
using testing::memory_client;
using testing::memory_host;

namespace {

using owned = std::unique_ptr<std::string>;

owned own(std::string text) { return std::make_unique<std::string>(std::move(text)); }

int twice(int n) { return 2 * n; }

struct described_payload {
  static constexpr std::string_view event_type = "described";
  int n = 0;
  static constexpr auto fields = hotline::fields(hotline::field{"n", &described_payload::n});
};

}  // namespace

TEST_CASE("any function object that can be called is taken", "[any_invocable]") {
  using function = any_invocable<int(int)>;
  const auto call = [](function f) { return std::function<int(int)>(std::move(f))(4); };
  CHECK(call(twice) == 8);
  CHECK(call([](int n) { return n + 1; }) == 5);
  CHECK(call([n = std::make_unique<int>(3)](int m) { return *n + m; }) == 7);
  CHECK(call([n = std::make_unique<int>(3)](int m) mutable { return *n += m; }) == 7);
  CHECK(call(std::function<int(int)>(twice)) == 8);
  CHECK(call([](long n) -> short { return static_cast<short>(n); }) == 4);
  auto shared = std::make_shared<int>(1);
  CHECK(call([shared](int) { return static_cast<int>(shared.use_count()); }) == 2);
  CHECK(shared.use_count() == 1);
  static_assert(!std::is_convertible_v<int, function>);
  static_assert(!std::is_convertible_v<void (*)(std::string), function>);
  static_assert(std::is_convertible_v<int (*)(), any_invocable<void()>>);  // its result is dropped
}

TEST_CASE("nothing to call is no function", "[any_invocable]") {
  using function = any_invocable<int(int)>;
  const auto is_none = [](function f) { return !std::function<int(int)>(std::move(f)); };
  CHECK(is_none({}));
  CHECK(is_none(nullptr));
  CHECK(is_none(static_cast<int (*)(int)>(nullptr)));
  CHECK(is_none(std::function<int(int)>()));
  CHECK(is_none(std::function<int(long)>()));
  CHECK_FALSE(is_none(twice));
}

TEST_CASE("a move-only function object is neither copied nor lost", "[any_invocable]") {
  struct counted {
    explicit counted(int& n) : alive(&n) { ++*alive; }
    counted(counted&& other) noexcept : alive(std::exchange(other.alive, nullptr)) {}
    counted& operator=(counted&&) = delete;
    ~counted() {
      if (alive != nullptr) --*alive;
    }
    void operator()() const {}
    int* alive;
  };
  int alive = 0;
  {
    const std::function<void()> kept = any_invocable<void()>(counted(alive));
    CHECK(alive == 1);
    const std::function<void()> copy = kept;
    CHECK(alive == 1);
    copy();
  }
  CHECK(alive == 0);
}

TEST_CASE("every hook of a manager takes a function object that owns what it captures", "[any_invocable]") {
  memory_host host;
  auto& m = host.manager();
  std::string said;
  const auto note = [&](std::string_view name) {
    return [&said, text = own(std::string(name))](auto&&...) { said += *text + " "; };
  };
  m.on_command("now", [text = own("now")](const request&) { return json_object{{"text", *text}}; });
  m.on_command("later", [text = own("later")](const request&, responder answer) {
    std::move(answer).answer(json_object{{"text", *text}});
  });
  m.on_command<described_payload>("typed", [text = own("typed")](const request&, const described_payload& p) {
    return json_object{{"text", *text}, {"n", p.n}};
  });
  m.on_command("throws", [text = own("thrown")](const request&) { throw std::runtime_error(*text); });
  m.authorize_commands([&, text = own("commands")](const connection_info&, const request&) {
    said += *text + " ";
    return std::optional<command_error>();
  });
  m.authorize_subscriptions([&, text = own("subscriptions")](const connection_info&, std::string_view) {
    said += *text + " ";
    return std::optional<command_error>();
  });
  m.authenticate([who = own("ada")](const http_request&, std::string_view) { return admission{.principal = *who}; });
  m.reauthenticate([who = own("ada")](const connection_info&, std::string_view, admission_responder answer) {
    std::move(answer).answer({.principal = *who});
  });
  m.on_http([page = own("page")](const http_request&) { return std::optional(http_response{.body = *page}); });
  m.client_address([address = own("192.0.2.7")](const http_request&) { return *address; });
  m.client_scheme([scheme = own("https")](const http_request&) { return *scheme; });
  m.on_connect(note("connect")).release();
  m.on_disconnect(note("disconnect")).release();
  m.on_resumed(note("resumed")).release();
  m.on_session_expired(note("expired")).release();
  m.on_error(note("error")).release();
  const auto logged = m.on_log([log = own("")](log_level, std::string_view line) { log->append(line); });
  m.on_pace("p", {}, [pace_of = own("p")](pace) {});

  memory_client c = host.connect("/ws/p");
  CHECK(said == "subscriptions connect ");
  CHECK(m.connection(c.id())->remote_address == "192.0.2.7");
  CHECK(m.connection(c.id())->principal == "ada");
  CHECK(host.get("/").ends_with("page"));
  said.clear();
  CHECK(c.command("now")["result"]["text"].as_string() == "now");
  CHECK(c.command("later")["result"]["text"].as_string() == "later");
  CHECK(c.command("typed", {{"n", 4}})["result"]["n"].as_int64() == 4);
  CHECK(c.command("throws")["error"]["code"].as_string() == "internal_error");
  CHECK(said == "commands commands commands commands error ");
  CHECK(c.command("refresh", {{"token", "t"}})["result"].is_object());
  c.peer->reset();
  host.run();
  said.clear();
  memory_client again = host.connect("/ws/p?" + c.resume_query(0));
  CHECK(said.find("resumed ") != std::string::npos);
  m.post([&, text = own("posted")] { said = *text; });
  host.run();
  CHECK(said == "posted");
  again.peer->reset();
  host.run();
  m.stop([&, text = own("stopped")] { said += *text; });
  host.advance(1s);
  CHECK(said == "posteddisconnect expired stopped");
}

TEST_CASE("every listener of an emitter may own what it captures", "[any_invocable]") {
  event_emitter events;
  std::string said;
  const auto all = events.on_all([&, text = own("all ")](const event&) { said += *text; });
  const auto one = events.on("described", [&, text = own("one ")](const event&) { said += *text; });
  const auto typed = events.on<described_payload>(
      [&, text = own("typed ")](const event&, const described_payload&) { said += *text; });
  const auto failing = events.on_all([text = own("thrown")](const event&) { throw std::runtime_error(*text); });
  const auto failed = events.on_listener_error(
      [&, text = own("failed ")](std::string_view, const std::exception_ptr&) { said += *text; });
  REQUIRE(events.emit("p", described_payload{3}));
  CHECK(said == "all one typed failed ");
}
