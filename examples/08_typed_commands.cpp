// Payloads, results and events as plain structs; a command that reports progress, can be cancelled and answers later.
// Try it: open its address, let it count, cancel that, and send what does not fit: 5000, or a word among the terms.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

constexpr const char* page = R"html(<!doctype html>
<meta charset="utf-8"><title>typed commands</title><link rel="icon" href="data:,">
<p>count to <input id="to" type="number" value="50"> <button id="count">count</button> <button id="cancel">cancel</button>
<progress id="done" value="0"></progress> <b id="counted"></b></p>
<p>add <input id="terms" value="1, 2.5"> <button id="add">add</button> <b id="sum"></b></p>
<p>everybody receives: <b id="event"></b></p>
<p id="state">connecting</p>
<script type="module">
import {connect} from "/hotline.js";
const element = id => document.querySelector("#" + id);
const client = connect("/ws/demo");
let wanted = new AbortController();
const answered = (id, call) => call.then(result => element(id).textContent = JSON.stringify(result),
                                         error => element(id).textContent = `${error.code}: ${error.message}`);
element("count").onclick = () => {
  wanted = new AbortController();
  const onProgress = ({n, of}) => Object.assign(element("done"), {max: of, value: n});
  answered("counted", client.call("count", {to: element("to").valueAsNumber}, {signal: wanted.signal, onProgress}));
};
element("cancel").onclick = () => wanted.abort({code: "cancelled", message: "by you"});
element("add").onclick = () => answered("sum", client.call("sum", {terms: element("terms").value.split(",").map(Number)}));
client.on("counted", ({n}) => element("event").textContent = `counted to ${n}`);
client.onState(({state, reason = ""}) => element("state").textContent = `${state} ${reason}`);
</script>
)html";

/// A payload. Optional members may be missing. If another member is missing or of another type, the client receives
/// `invalid_payload` with the field's name, and the handler is not called.
struct count_request {
  int to = 0;
  std::optional<int> step_ms;
  static constexpr auto fields =
      hotline::fields(hotline::field{"to", &count_request::to}, hotline::field{"step_ms", &count_request::step_ms});
};

/// A result: written as it is described.
struct sum_result {
  double sum = 0;
  std::size_t terms = 0;
  static constexpr auto fields =
      hotline::fields(hotline::field{"sum", &sum_result::sum}, hotline::field{"terms", &sum_result::terms});
};

struct sum_request {
  std::vector<double> terms;
  static constexpr auto fields = hotline::fields(hotline::field{"terms", &sum_request::terms});
};

/// An event: a described struct that says which type it is.
struct counted {
  static constexpr std::string_view event_type = "counted";
  int n = 0;
  std::optional<std::string> note;
  static constexpr auto fields =
      hotline::fields(hotline::field{"n", &counted::n}, hotline::field{"note", &counted::note});
};

// A command under way. It owns the right to answer; the timer's wait keeps it alive.
class counting : public std::enable_shared_from_this<counting> {
 public:
  counting(asio::io_context& io, hotline::event_emitter& events, std::string project, count_request what,
           hotline::responder answer)
      : timer_(io), events_(events), project_(std::move(project)), what_(what), answer_(std::move(answer)) {}

  void go_on() {
    // Requested by the client's `cancel`, by its going, and by the deadline (manager_options::command_timeout).
    if (answer_.stop_token().stop_requested())
      return std::move(answer_).fail({"cancelled", "stopped at " + std::to_string(n_)});
    if (n_ == what_.to) {
      if (!events_.emit(project_, counted{n_, std::nullopt})) std::cerr << "not told\n";
      return std::move(answer_).answer(hotline::json_object{{"counted", n_}});
    }
    answer_.progress({{"n", ++n_}, {"of", what_.to}});
    timer_.expires_after(std::chrono::milliseconds(what_.step_ms.value_or(100)));
    timer_.async_wait([self = shared_from_this()](std::error_code) { self->go_on(); });
  }

 private:
  asio::steady_timer timer_;
  hotline::event_emitter& events_;
  const std::string project_;
  const count_request what_;
  hotline::responder answer_;
  int n_ = 0;
};

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  return wrong == std::errc() && end == text.data() + text.size();
}

}  // namespace

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

  // Answers at once: what a handler returns is the result.
  manager.on_command<sum_request>("sum", [](const hotline::request&, const sum_request& what) {
    sum_result told{.sum = 0, .terms = what.terms.size()};
    for (const double term : what.terms) told.sum += term;
    return told;
  });

  // Answers later: who takes a responder owes an answer.
  manager.on_command<count_request>(
      "count", [&](const hotline::request& q, const count_request& what, hotline::responder answer) {
        if (what.to < 0 || what.to > 1000) return std::move(answer).fail({"out_of_range", "to: expected 0 to 1000"});
        std::make_shared<counting>(io, events, q.project(), what, std::move(answer))->go_on();
      });

  // Asked before every command that is not built in.
  manager.authorize_commands([](const hotline::connection_info& c, const hotline::request& q) {
    const bool allowed = c.project != "readonly" || q.command() == "sum";
    return allowed ? std::nullopt : std::optional(hotline::command_error{"forbidden", "this project is read-only"});
  });

  // A listener in this process receives events too, decoded. It lives as long as its subscription.
  const auto listening = events.on<counted>([](const hotline::event& e, const counted& what) {
    std::cout << hotline::printable(e.project) << ": counted to " << what.n << std::endl;
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
