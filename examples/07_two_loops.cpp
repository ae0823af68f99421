// More clients than one core can serve: two loops in two threads, a manager on each, over one emitter and its log.
// Try it: open its address in two tabs and say something in each: both receive it, whichever loop is theirs.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>

#include <array>
#include <charconv>
#include <csignal>
#include <iostream>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

using asio::ip::tcp;

namespace {

constexpr const char* page = R"html(<!doctype html>
<meta charset="utf-8"><title>two loops</title><link rel="icon" href="data:,">
<form><input name="text" placeholder="say something" autocomplete="off" autofocus></form>
<ul id="said"></ul>
<p id="state">connecting</p>
<script type="module">
import {connect} from "/hotline.js";
const element = id => document.querySelector("#" + id);
const show = text => element("said").append(Object.assign(document.createElement("li"), {textContent: text}));
const client = connect("/ws/demo");
client.on("said", ({text, loop}) => show(`${text} (said on loop ${loop})`));
client.onGap(({reason}) => show(`(events are missing: ${reason})`));
document.forms[0].onsubmit = ({target}) => {
  client.call("say", {text: target.text.value}).catch(error => show(`(not said: ${error.message})`));
  target.reset();
  return false;
};
client.onState(({state, reason = ""}) => element("state").textContent = `${state} ${reason}`);
</script>
)html";

// A loop and its manager. The managers know nothing of each other: what joins them is the log.
class shard {
 public:
  shard(hotline::event_emitter& events, int number)
      : manager_(hotline::make_ws_manager(io_, events, {.listen = false}, {.hosts = {"localhost", "127.0.0.1"}})) {
    manager_.on_http([](const hotline::http_request& q) -> std::optional<hotline::http_response> {
      if (q.path != "/") return std::nullopt;
      return hotline::http_response{.content_type = "text/html; charset=utf-8", .body = page};
    });
    // Runs on this shard's thread; emit may be called from any.
    manager_.on_command("say", [&events, number](const hotline::request& q) -> hotline::command_result {
      const auto seq = events.emit(q.project(), "said", {{"text", q.payload()["text"]}, {"loop", number}});
      if (!seq) return hotline::command_error{"not_said", seq.error().message};
      return hotline::json_object{{"loop", number}, {"seq", *seq}};
    });
  }

  [[nodiscard]] asio::io_context& io() noexcept { return io_; }

  void start() {
    if (const auto failed = manager_.start()) throw std::system_error(failed);
    thread_ = std::jthread([this] { io_.run(); });
  }

  /// Any thread: the socket goes on with this shard's loop.
  void take(tcp::socket socket) {
    asio::post(io_, [this, socket = std::move(socket)]() mutable {
      if (const auto failed = manager_.transport().adopt(std::move(socket)))
        std::cerr << "not adopted: " << failed.message() << '\n';
    });
  }

  /// Any thread. The loop's thread ends when the manager has drained.
  void stop() {
    manager_.post([this] { manager_.stop(); });
  }

 private:
  asio::io_context io_{1};
  hotline::ws_manager<hotline::asio_transport> manager_;
  std::jthread thread_;
};

// Accepts for both: each socket is made on the loop that it is for.
// In turn, for simplicity: a client that comes back can resume its session only with the loop that it was with.
class door {
 public:
  door(asio::io_context& io, std::array<shard, 2>& shards, std::uint16_t port)
      : acceptor_(io, {asio::ip::address_v4::loopback(), port}), shards_(shards) {}

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void close() { acceptor_.close(); }

  void accept() {
    shard& next = shards_[turn_++ % shards_.size()];
    acceptor_.async_accept(next.io(), [this, &next](std::error_code failed, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (!failed) next.take(std::move(socket));
      accept();
    });
  }

 private:
  tcp::acceptor acceptor_;
  std::array<shard, 2>& shards_;
  std::size_t turn_ = 0;
};

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  return wrong == std::errc() && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint16_t port = 8080;
  if (argc > 1 && (argc != 3 || std::string_view(argv[1]) != "--port" || !read_port(argv[2], port))) {
    std::cerr << "usage: " << argv[0] << " [--port N], where N is 0 (any free port) to 65535\n";
    return 2;
  }

  hotline::event_emitter events;
  std::array<shard, 2> shards{shard(events, 0), shard(events, 1)};

  asio::io_context io;  // this thread's: accepting and signals
  door entrance(io, shards, port);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) {
    entrance.close();
    for (shard& s : shards) s.stop();
  });

  for (shard& s : shards) s.start();
  entrance.accept();
  std::cout << "listening on http://127.0.0.1:" << entrance.port() << std::endl;
  io.run();
} catch (const std::exception& e) {
  std::cerr << "cannot listen: " << e.what() << "; choose another port with --port N\n";
  return 1;
}
