// hotline's loop in a thread of its own: other threads emit events, and a worker thread answers commands.
// Try it: open its address, see both sensors measure, and have primes counted meanwhile.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <iostream>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

namespace {

constexpr const char* page = R"html(<!doctype html>
<meta charset="utf-8"><title>lab</title><link rel="icon" href="data:,">
<p>left <b id="left">?</b>, right <b id="right">?</b></p>
<p>primes below <input id="below" type="number" value="1000000"> <button id="count">count</button>
<button id="cancel">cancel</button> <b id="primes"></b></p>
<p id="state">connecting</p>
<script type="module">
import {connect} from "/hotline.js";
const element = id => document.querySelector("#" + id);
const client = connect("/ws/lab");
client.on("measured", ({sensor, n}) => element(sensor).textContent = n);
let wanted = new AbortController();
element("count").onclick = () => {
  element("primes").textContent = "counting";
  wanted = new AbortController();
  client.call("count_primes", {below: element("below").valueAsNumber}, {signal: wanted.signal})
    .then(({primes}) => element("primes").textContent = primes, error => element("primes").textContent = error.message);
};
element("cancel").onclick = () => wanted.abort(new Error("cancelled"));
client.onState(({state, reason = ""}) => element("state").textContent = `${state} ${reason}`);
</script>
)html";

struct count_primes {
  std::uint32_t below = 0;
  static constexpr auto fields = hotline::fields(hotline::field{"below", &count_primes::below});
};

struct job {
  count_primes what;
  hotline::responder answer;
};

// A queue that one thread works off.
class worker {
 public:
  void add(job j) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(j));
    wake_.notify_one();
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (wake_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
      job next = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      work(std::move(next), stop);
      lock.lock();
    }
  }

  // A responder may be used on any thread. A forgotten responder sends `no_reply`.
  static void work(job j, const std::stop_token& program_ends) {
    const auto no_longer_wanted = j.answer.stop_token();  // cancelled, disconnected, or out of time
    std::int64_t primes = 0;
    for (std::uint32_t n = 2; n < j.what.below; ++n) {
      if (no_longer_wanted.stop_requested() || program_ends.stop_requested())
        return std::move(j.answer).fail({"cancelled", "counting was stopped"});
      bool prime = true;
      for (std::uint64_t d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
      primes += prime ? 1 : 0;
    }
    std::move(j.answer).answer(hotline::json_object{{"primes", primes}});
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<job> waiting_;
  std::jthread thread_{[this](const std::stop_token& stop) { run(stop); }};
};

// Stands for a device driver, a database's change feed, …: emits from a thread that hotline knows nothing of.
void measure(const std::stop_token& stop, hotline::event_emitter& events, std::string_view sensor) {
  std::mutex mutex;
  std::condition_variable_any alarm;
  std::unique_lock lock(mutex);
  for (int n = 1; !stop.stop_requested(); ++n) {
    if (!events.emit("lab", "measured", {{"sensor", sensor}, {"n", n}})) return;
    alarm.wait_for(lock, stop, std::chrono::milliseconds(250), [] { return false; });
  }
}

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
  worker calculator;
  manager.on_command<count_primes>("count_primes",
                                   [&](const hotline::request&, const count_primes& what, hotline::responder answer) {
                                     calculator.add({what, std::move(answer)});
                                   });

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { manager.stop(); });

  // Before the loop runs, any thread may set up and start; from then on the manager belongs to the loop's.
  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen on port " << port << ": " << failed.message() << "; choose another with --port N\n";
    return 1;
  }
  std::cout << "listening on http://127.0.0.1:" << manager.transport().port() << std::endl;

  std::jthread left([&](const std::stop_token& stop) { measure(stop, events, "left"); });
  std::jthread right([&](const std::stop_token& stop) { measure(stop, events, "right"); });
  std::jthread loop([&] { io.run(); });
  loop.join();
}
