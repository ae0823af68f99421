// The server behind docs/protocol.md: it does what the page's lines that begin with `*` say the host does.
//
//   e2e_protocol --port 0
//
// A line is run by the command `host {"line": "…"}`, sent from any project but `demo`. SIGTERM ends it in good order.
// Its clock stands still but for the numbers that it reads on standard input (steered_clock.hpp).

#include <hotline/hotline.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <chrono>
#include <csignal>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "steered_clock.hpp"

// One line of the page: its text, and what it does.
#define HOST_LINE(...)                         \
  {                                            \
#__VA_ARGS__, [&] { (void)(__VA_ARGS__); } \
  }

namespace {

using namespace std::chrono_literals;

struct greet_payload {
  std::string name;
  static constexpr auto fields = hotline::fields(hotline::field{"name", &greet_payload::name});
};

struct line_payload {
  std::string line;
  static constexpr auto fields = hotline::fields(hotline::field{"line", &line_payload::line});
};

}  // namespace

int main() {
  asio::io_context io(1);
  const auto env = std::make_shared<steered_environment>();
  clock_input clock(io, env);
  hotline::event_emitter events({.events = 4}, env);
  auto manager = hotline::make_ws_manager(io, events, {}, {.command_timeout = 1s});
  std::string id;  // the latest client of `demo`
  manager
      .on_connect([&](const hotline::connection_info& c) {
        if (c.project == "demo") id = c.id;
      })
      .release();

  // In `vault` each client with a token is ada, for a minute or for a second.
  const auto ada_by = [env](std::string_view token) {
    const auto now = env->wall_now();
    if (token == "first" || token == "second") return hotline::admission{"ada", 0, now + 60s};
    if (token == "short") return hotline::admission{"ada", 0, now + 1s};
    return hotline::admission::refuse(401);
  };
  manager.authenticate([&](const hotline::http_request& q, std::string_view project) {
    return project == "vault" ? ada_by(q.token().value_or("")) : hotline::admission{};
  });
  manager.reauthenticate([&](const hotline::connection_info&, std::string_view token) { return ada_by(token); });
  const auto all_but_the_audit = [](const hotline::connection_info&, std::string_view type) {
    const bool allowed = type != "audit" && type != "*";
    return allowed ? std::nullopt : std::optional(hotline::command_error{"forbidden", "not for you"});
  };

  const auto lines_in_one_turn = [&](int count) {
    for (int n = 1; n <= count; ++n) (void)events.emit("demo", "line", {{"n", n}});
    return count;
  };
  const std::map<std::string, std::function<void()>> lines{
      HOST_LINE(events.emit("demo", "task_completed", {{"task_id", "t7"}, {"exit_code", 0}})),
      HOST_LINE(events.emit("demo", "line", {{"n", 1}})),
      HOST_LINE(manager.broadcast_to_project("demo", {{"type", "notice"}, {"text", "lunch is ready"}})),
      HOST_LINE(manager.send_to(id, {{"type", "hint"}, {"text", "for you alone"}})),
      HOST_LINE(manager.disconnect(id, hotline::close_code::forbidden, "not your project")),
      HOST_LINE(manager.authorize_subscriptions(all_but_the_audit)),
      HOST_LINE(lines_in_one_turn(6)),
  };
  manager.on_command<line_payload>("host", [&](const hotline::request&, const line_payload& p) {
    const auto found = lines.find(p.line);
    if (found == lines.end()) return hotline::command_result(hotline::command_error{"no_such_line", p.line});
    found->second();
    return hotline::command_result();
  });

  manager.on_command<greet_payload>("greet", [](const hotline::request&, const greet_payload& p) {
    return hotline::json_object{{"greeting", "hello, " + p.name}};
  });
  manager.on_command("copy", [](const hotline::request&, hotline::responder answer) {
    for (int done = 50; done <= 100; done += 50) answer.progress({{"percent", done}});
    std::move(answer).answer(hotline::json_object{{"files", 12}});
  });

  // Those that wait for a cancel. Their answers come after the one to `cancel`.
  using stop_callback = std::stop_callback<std::function<void()>>;
  std::vector<std::unique_ptr<stop_callback>> waiting;
  manager.on_command("build", [&](const hotline::request&, hotline::responder answer) {
    const auto told = answer.stop_token();
    const auto shared = std::make_shared<hotline::responder>(std::move(answer));
    waiting.push_back(std::make_unique<stop_callback>(told, [shared] {
      std::move(*shared).fail({"cancelled", "the build was stopped"});
    }));
  });
  std::vector<hotline::responder> forgotten;
  manager.on_command(
      "stuck", [&](const hotline::request&, hotline::responder answer) { forgotten.push_back(std::move(answer)); });

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { manager.stop([&] { clock.close(); }); });
  if (const auto failed = manager.start()) {
    std::cerr << failed.message() << '\n';
    return 1;
  }
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;
  io.run();
}
