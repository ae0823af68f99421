// Authentication: which client may connect, which events it may receive, and for how long. Its tokens are good for a minute,
// are looked up in a table that takes its time to answer, and are renewed without closing the connection. Try it: open
// http://127.0.0.1:8080/?name=ada in a browser, or get a token from /token?name=ada and connect to /ws/demo?token=TOKEN.
// Only ada may receive the events of the vault.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace {

using namespace std::chrono_literals;

/// Stands for the service that knows who is who: it answers later. A real one may answer from a thread of its own.
class token_table {
 public:
  token_table(asio::io_context& io, std::chrono::seconds lifetime) : io_(io), lifetime_(lifetime) {}

  /// In this example the client has logged in elsewhere.
  std::string issue(const std::string& name) {
    const auto now = std::chrono::system_clock::now();
    std::erase_if(known_, [now](const auto& entry) { return entry.second.expires_at <= now; });
    std::string token;
    for (int i = 0; i < 4; ++i) token += std::to_string(chance_());
    known_[token] = {name, 0, now + lifetime_};
    return token;
  }

  /// The responder goes along with the question. If its client or the manager is gone by then, the answer is dropped.
  void look_up(std::string token, hotline::admission_responder answer) {
    auto delay = std::make_shared<asio::steady_timer>(io_, 20ms);
    auto asked = std::make_shared<hotline::admission_responder>(std::move(answer));
    delay->async_wait([this, delay, asked, token = std::move(token)](std::error_code) {
      const auto found = known_.find(token);
      if (found == known_.end()) return std::move(*asked).refuse(401);
      std::move(*asked).answer(found->second);  // the principal, and until when
    });
  }

 private:
  asio::io_context& io_;
  std::chrono::seconds lifetime_;
  std::random_device chance_;
  std::unordered_map<std::string, hotline::admission> known_;
};

constexpr std::string_view page = R"html(<!doctype html>
<meta charset="utf-8"><title>Who is it?</title><link rel="icon" href="data:,">
<pre id="log"></pre>
<script type="module">
import {connect} from "/hotline.js";
const name = new URLSearchParams(location.search).get("name") ?? "bob";
const say = (text) => { document.querySelector("#log").textContent += text + "\n"; };
const token = async () => (await fetch("/token?name=" + encodeURIComponent(name))).text();
const client = connect("/ws/demo", {token, events: name === "ada" ? ["door", "vault"] : ["door"]});
client.onState(({state, reason}) => say([state, reason].join(" ")));
client.on("*", (event) => say(JSON.stringify(event)));
say("hello, " + (await client.call("who_am_i")).name);
</script>
)html";

bool read_number(std::string_view text, std::uint16_t& number) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  return wrong == std::errc() && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 8080, lifetime = 60;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const bool known = name == "--port" || name == "--lifetime";
    if (!known || i + 1 == argc || !read_number(argv[i + 1], name == "--port" ? port : lifetime)) {
      std::cerr << "usage: " << argv[0] << " [--lifetime SECONDS] [--port N], where N is 0 (any free port) to 65535\n";
      return 2;
    }
  }

  asio::io_context io(1);
  hotline::event_emitter events;
  token_table tokens(io, std::chrono::seconds(lifetime));
  auto manager = hotline::make_ws_manager(io, events, {.port = port}, {.origins = {"https://app.example"}});

  // Before the upgrade, and whenever somebody comes back. `token()` looks where clients can put one: in the header
  // Authorization, in the query, in a cookie.
  manager.authenticate([&](const hotline::http_request& q, std::string_view, hotline::admission_responder answer) {
    const auto token = q.token();
    if (!token) return std::move(answer).refuse(401);
    tokens.look_up(*token, std::move(answer));
  });
  // The command `refresh`. The browser client sends it by itself, in time.
  manager.reauthenticate(
      [&](const hotline::connection_info&, std::string_view token, hotline::admission_responder answer) {
        tokens.look_up(std::string(token), std::move(answer));
      });

  manager.authorize_subscriptions([](const hotline::connection_info& c, std::string_view type) {
    const bool allowed = c.principal == "ada" || type == "door";
    return allowed ? std::nullopt : std::optional(hotline::command_error{"forbidden", "the vault is ada's"});
  });
  manager.authorize_commands([](const hotline::connection_info& c, const hotline::request& q) {
    const bool allowed = c.principal == "ada" || q.command() != "open_vault";
    return allowed ? std::nullopt : std::optional(hotline::command_error{"forbidden", "the vault is ada's"});
  });
  manager.on_command("who_am_i", [](const hotline::request& q) {
    return hotline::json_object{{"name", q.principal()}};
  });
  manager.on_command("open_vault", [&](const hotline::request& q) -> hotline::command_result {
    const auto seq = events.emit(q.project(), "vault", {{"by", q.principal()}});
    if (!seq) return hotline::command_error{"not_opened", seq.error().message};
    return {};
  });

  const auto coming = manager.on_connect([&](const hotline::connection_info& c) {
    const auto seq = events.emit(c.project, "door", {{"came", c.principal}});
    if (!seq) std::cerr << "not told: " << seq.error().message << '\n';
  });
  const auto going = manager.on_disconnect([](const hotline::connection_info& c, const hotline::disconnection& how) {
    // Both are a stranger's text, which may have line breaks and escapes in it.
    std::cout << hotline::printable(c.principal) << " has gone: " << hotline::printable(how.reason) << std::endl;
  });
  manager.on_http([&](const hotline::http_request& q) -> std::optional<hotline::http_response> {
    if (q.path == "/")
      return hotline::http_response{.content_type = "text/html; charset=utf-8", .body = std::string(page)};
    if (q.path == "/token")
      return hotline::http_response{.body = tokens.issue(q.query_value("name").value_or("nobody"))};
    return std::nullopt;
  });

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { manager.stop(); });
  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen on port " << port << ": " << failed.message() << "; choose another with --port N\n";
    return 1;
  }
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;
  io.run();
}
