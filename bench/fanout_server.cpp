// A fan-out server of the library's public face alone: `publish {"data": string}` is emitted as an event of type `bench`
// to the sender's project, and `add {"a", "b"}` is answered with their sum.
//
//   fanout_server [--port N] [--loops N] [--deflate]
//
// Prints `listening on PORT[,PORT…]`: with several loops, one manager a thread over one log, each has a port.

#include <hotline/deflate.hpp>
#include <hotline/hotline.hpp>

#include <cstdio>
#include <cstdlib>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

struct publish {
  std::string data;
  static constexpr auto fields = hotline::fields(hotline::field{"data", &publish::data});
};

struct add {
  int a = 0;
  int b = 0;
  static constexpr auto fields = hotline::fields(hotline::field{"a", &add::a}, hotline::field{"b", &add::b});
};

// A loop and its manager; what joins them is the log.
class shard {
 public:
  shard(hotline::event_emitter& events, std::uint16_t port, bool deflate)
      : manager_(hotline::make_ws_manager(io_, events, {.port = port})) {
    if (deflate) manager_.compress(std::make_unique<hotline::permessage_deflate>());
    manager_.on_command<publish>("publish", [&events](const hotline::request& q, const publish& p) {
      events.emit(q.project(), "bench", {{"data", p.data}});
    });
    manager_.on_command<add>("add", [](const hotline::request&, const add& numbers) {
      return hotline::json_object{{"sum", numbers.a + numbers.b}};
    });
    if (const auto failed = manager_.start()) {
      std::fprintf(stderr, "fanout_server: %s\n", failed.message().c_str());
      std::exit(1);
    }
  }

  [[nodiscard]] std::uint16_t port() { return manager_.transport().port(); }
  void run() { io_.run(); }

 private:
  asio::io_context io_{1};
  hotline::ws_manager<hotline::asio_transport> manager_;
};

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  int loops = 1;
  bool deflate = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--deflate") deflate = true;
    if (name == "--port" && i + 1 < argc) port = static_cast<std::uint16_t>(std::atoi(argv[++i]));
    if (name == "--loops" && i + 1 < argc) loops = std::atoi(argv[++i]);
  }

  hotline::event_emitter events;
  std::list<shard> shards;
  std::string ports;
  for (int i = 0; i < loops; ++i) {
    shards.emplace_back(events, i == 0 ? port : std::uint16_t{0}, deflate);
    ports += (ports.empty() ? "" : ",") + std::to_string(shards.back().port());
  }
  std::printf("listening on %s\n", ports.c_str());
  std::fflush(stdout);
  std::vector<std::jthread> threads;
  for (auto s = std::next(shards.begin()); s != shards.end(); ++s) threads.emplace_back([s] { s->run(); });
  shards.front().run();
}
