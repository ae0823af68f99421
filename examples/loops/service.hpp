// The service that all programs of this folder run, so that they differ in their loops alone. It needs a manager, whatever its
// transport, an emitter, and a function that runs another one in the loop's next turn.
#pragma once

#include <hotline/event_emitter.hpp>
#include <hotline/manager.hpp>
#include <hotline/options.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace loops {

inline constexpr const char* page = R"html(<!doctype html>
<meta charset="utf-8"><title>any loop</title><link rel="icon" href="data:,">
<form><input name="text" placeholder="say something" autocomplete="off" autofocus></form>
<button id="tick">tick</button> <button id="measure">measure</button>
<p id="state">connecting</p>
<ul id="events"></ul>
<script type="module">
import {connect} from "/hotline.js";
const element = id => document.querySelector("#" + id);
const client = connect("/ws/demo");
const show = text => element("events").prepend(Object.assign(document.createElement("li"), {textContent: text}));
client.on("said", event => show(event.text));
client.on("tick", () => show("from the loop"));
client.on("measured", event => show(`from another thread: ${event.value}`));
element("tick").onclick = () => client.call("tick");
element("measure").onclick = () => client.call("measure");
document.forms[0].onsubmit = ({target}) => {
  client.call("say", {text: target.text.value});
  target.reset();
  return false;
};
client.onState(({state, reason = ""}) => element("state").textContent = `${state} ${reason}`);
</script>
)html";

/// The port that the arguments name. Without one it is 8080; empty when the arguments are others than `--port N`.
inline std::optional<std::uint16_t> port_of(int argc, char** argv) {
  std::uint16_t port = 8080;
  if (argc == 1) return port;
  const std::string_view text = argc == 3 && std::string_view(argv[1]) == "--port" ? argv[2] : "";
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (wrong == std::errc() && end == text.data() + text.size()) return port;
  std::cerr << "usage: " << argv[0] << " [--port N], where N is 0 (any free port) to 65535\n";
  return std::nullopt;
}

/// Clients may send more than people do, for bench/run measures with these programs.
inline hotline::manager_options limits() {
  hotline::manager_options options;
  options.session.messages_per_second = options.session.message_burst = 10'000;
  return options;
}

/// Starts the manager, and says where it listens or why it cannot.
template <class Manager>
bool started(Manager& manager) {
  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen: " << failed.message() << "; choose another port with --port N\n";
    return false;
  }
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;
  return true;
}

class service {
 public:
  using task = std::function<void()>;

  /// `in_loop` runs a task in the loop's next turn. It is called on the loop's thread.
  service(hotline::manager& manager, hotline::event_emitter& events, std::function<void(task)> in_loop)
      : events_(events), in_loop_(std::move(in_loop)) {
    manager.on_http([](const hotline::http_request& q) -> std::optional<hotline::http_response> {
      if (q.path != "/") return std::nullopt;
      return hotline::http_response{.content_type = "text/html; charset=utf-8", .body = page};
    });
    manager.on_command("say", [this](const hotline::request& q) {
      return answer(events_.publish(q.project(), "said", {{"text", q.payload()["text"]}}));
    });
    // An event from inside a handler, and one that the host's loop emits later.
    manager.on_command("now", [this](const hotline::request& q) { return answer(tick(q.project())); });
    manager.on_command("tick", [this](const hotline::request& q) {
      in_loop_([this, project = q.project()] { (void)tick(project); });
    });
    // An event and an answer from another thread.
    manager.on_command("measure", [this](const hotline::request& q, hotline::responder responder) {
      sensor_ = std::jthread([this, project = q.project(), responder = std::move(responder)]() mutable {
        std::move(responder).answer(answer(events_.publish(project, "measured", {{"value", 42}})));
      });
    });
    // Many events at once: clients that do not read them cost the others nothing.
    manager.on_command("load", [this](const hotline::request& q) -> hotline::command_result {
      const auto count = std::clamp<std::int64_t>(q.payload()["count"].as_int64().value_or(1), 1, 1'000);
      const std::string pad(64 * 1024, '.');
      for (std::int64_t n = 1; n < count; ++n) (void)events_.publish(q.project(), "loaded", {{"pad", pad}});
      return answer(events_.publish(q.project(), "loaded", {{"pad", pad}}));
    });
  }

 private:
  hotline::result<hotline::sequence> tick(std::string_view project) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return events_.publish(project, "tick",
                           {{"t_ns", std::int64_t{std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()}}});
  }

  static hotline::command_result answer(const hotline::result<hotline::sequence>& seq) {
    if (!seq) return hotline::command_error{"not_emitted", seq.error().message};
    return hotline::json_object{{"seq", *seq}};
  }

  hotline::event_emitter& events_;
  std::function<void(task)> in_loop_;
  std::jthread sensor_;
};

}  // namespace loops
