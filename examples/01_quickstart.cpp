// A whole server with a page: each line that one browser sends, all open pages receive as an event.
// Try it: run it, open the address that it prints in two tabs, and type into one of them.
#include <hotline/hotline.hpp>

#include <charconv>
#include <iostream>
#include <optional>
#include <string_view>

constexpr const char* page = R"html(<!doctype html>
<meta charset="utf-8"><title>hotline</title><link rel="icon" href="data:,">
<form><input name="text" placeholder="say something" autocomplete="off" autofocus></form>
<p id="state">connecting</p>
<ul id="said"></ul>
<script type="module">
import {connect} from "/hotline.js";
const show = text => document.querySelector("#said").append(
  Object.assign(document.createElement("li"), {textContent: text}));  // as text: strangers wrote it
const client = connect("/ws/demo", {last: 20});
client.on("said", event => show(event.text));
client.onGap(gap => show(`(events are missing: ${gap.reason})`));
client.onState(({state, reason = ""}) => document.querySelector("#state").textContent = `${state} ${reason}`);
document.forms[0].onsubmit = ({target}) => {
  client.call("say", {text: target.text.value}).catch(error => show(`(not said: ${error.message})`));
  target.reset();
  return false;
};
</script>
)html";

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  return wrong == std::errc() && end == text.data() + text.size();
}

int main(int argc, char** argv) {
  std::uint16_t port = 8080;
  if (argc > 1 && (argc != 3 || std::string_view(argv[1]) != "--port" || !read_port(argv[2], port))) {
    std::cerr << "usage: " << argv[0] << " [--port N], where N is 0 (any free port) to 65535\n";
    return 2;
  }

  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = port});

  manager.on_http([](const hotline::http_request& q) -> std::optional<hotline::http_response> {
    if (q.path != "/") return std::nullopt;
    return hotline::http_response{.content_type = "text/html; charset=utf-8", .body = page};
  });
  manager.on_command("say", [&](const hotline::request& q) -> hotline::command_result {
    const auto seq = events.emit(q.project(), "said", {{"text", q.payload()["text"]}});
    if (!seq) return hotline::command_error{"not_said", seq.error().message};
    return hotline::json_object{{"seq", *seq}};
  });

  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen on port " << port << ": " << failed.message() << "; choose another with --port N\n";
    return 1;
  }
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;
  io.run();
}
