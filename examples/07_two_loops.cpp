// More clients than one core can serve: two loops in two threads, a manager on each, over one emitter and its log.
// Try it: connect twice to /ws/demo; send {"command":"say","payload":{"text":"hi"}}: both hear it, whichever loop is theirs.
#include <hotline/make_ws_manager.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>

#include <array>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <thread>
#include <utility>

using asio::ip::tcp;

namespace {

// A loop and its manager. The managers know nothing of each other: what joins them is the log.
class shard {
 public:
  shard(hotline::event_emitter& events, int number)
      : manager_(hotline::make_ws_manager(io_, events, {.listen = false})) {
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

}  // namespace

int main(int argc, char** argv) try {
  const int port = argc > 2 && std::string_view(argv[1]) == "--port" ? std::atoi(argv[2]) : 8080;

  hotline::event_emitter events;
  std::array<shard, 2> shards{shard(events, 0), shard(events, 1)};

  asio::io_context io;  // this thread's: accepting and signals
  door entrance(io, shards, static_cast<std::uint16_t>(port));
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
  std::cerr << e.what() << '\n';
  return 1;
}
