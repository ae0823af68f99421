// A fan-out server of the library's public face alone: `publish {"data": string}` is emitted as an event of type `bench`
// to the sender's project, and `add {"a", "b"}` is answered with their sum.
//
//   fanout_server [--transport asio|epoll|asio-epoll] [--port N] [--loops N] [--deflate] [--keep S]
//
// With --keep, sessions wait for their clients for S seconds, events are kept for as long, and who is silent for as long is
// given up. Prints `listening on PORT[,PORT…]`: with several loops, one manager a thread over one log, each has a port.
// asio-epoll is the epoll set of the transport `epoll` inside an io_context.
// `tick` lets the loop emit an event of type `tick`, with the time of the emit in it, once the command has been answered.
// `GET /memory` gives back what the allocator can give and tells how many bytes are in use, and how many connections.

#include <hotline/asio_epoll.hpp>
#include <hotline/deflate.hpp>
#include <hotline/epoll.hpp>
#include <hotline/hotline.hpp>
#include <hotline/prometheus.hpp>

#include <malloc.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
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

// All that differs from the defaults: every client of a load comes from here, and it measures how fast they can be.
hotline::manager_options for_load(std::optional<std::chrono::milliseconds> keep) {
  hotline::manager_options options;
  if (keep) options.resume.window = *keep;
  options.connections.per_address = options.connections.all;
  options.session.messages_per_second = 1'000'000'000;
  options.session.message_burst = options.session.byte_burst = 1'000'000'000;
  return options;
}

// A transport, and the loop that runs it: an io_context waits for each socket, for one epoll set, or there is none.
template <class Transport>
class asio_host {
 public:
  using transport = Transport;
  transport make(hotline::listen_options listen) { return transport(io_, std::move(listen)); }
  void run(transport&) { io_.run(); }

 private:
  asio::io_context io_{1};
};

class epoll_host {
 public:
  using transport = hotline::epoll_transport;
  transport make(hotline::listen_options listen) { return transport(std::move(listen)); }
  [[noreturn]] void run(transport& t) {
    for (;;) t.wait_ready(std::chrono::hours(1));
  }
};

std::int64_t monotonic_nanoseconds() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A loop and its manager; what joins several is the log.
template <class Host>
class shard {
 public:
  shard(hotline::event_emitter& events, std::uint16_t port, bool deflate, std::optional<std::chrono::milliseconds> keep)
      : manager_(host_.make({.port = port}), events, for_load(keep),
                 keep ? hotline::interval_heartbeat(*keep / 3, *keep) : hotline::interval_heartbeat()) {
    if (deflate) manager_.compress(std::make_unique<hotline::permessage_deflate>());
    manager_.template on_command<publish>(
        "publish", [&events](const hotline::request& q, const publish& p) -> hotline::command_result {
          const auto seq = events.emit(q.project(), "bench", {{"data", p.data}});
          if (!seq) return hotline::command_error{"not_published", seq.error().message};
          return {};
        });
    manager_.template on_command<add>("add", [](const hotline::request&, const add& numbers) {
      return hotline::json_object{{"sum", numbers.a + numbers.b}};
    });
    manager_.on_command("tick", [this, &events](const hotline::request& q) -> hotline::command_result {
      manager_.post([&events, project = std::string(q.project())] {
        (void)events.emit(project, "tick", {{"t_ns", monotonic_nanoseconds()}});
      });
      return {};
    });
    manager_.on_http([this](const hotline::http_request& q) -> std::optional<hotline::http_response> {
      if (q.path == "/metrics") return hotline::http_response{.body = to_prometheus(manager_.metrics())};
      if (q.path != "/memory") return std::nullopt;
      malloc_trim(0);
      const auto memory = mallinfo2();
      return hotline::http_response{.body = std::to_string(memory.uordblks + memory.hblkhd) + " " +
                                            std::to_string(manager_.status().connections) + "\n"};
    });
    if (const auto failed = manager_.start()) {
      std::fprintf(stderr, "fanout_server: %s\n", failed.message().c_str());
      std::exit(1);
    }
  }

  [[nodiscard]] std::uint16_t port() { return manager_.transport().port(); }
  void run() { host_.run(manager_.transport()); }

 private:
  Host host_;
  hotline::ws_manager<typename Host::transport> manager_;
};

struct wishes {
  std::string_view transport = "asio";
  std::uint16_t port = 0;
  int loops = 1;
  bool deflate = false;
  std::optional<std::chrono::milliseconds> keep{};
};

template <class Host>
void serve(const wishes& wished) {
  hotline::log_options log;
  if (wished.keep) log.age = log.idle = *wished.keep;
  hotline::event_emitter events(log);
  std::list<shard<Host>> shards;
  std::string ports;
  for (int i = 0; i < wished.loops; ++i) {
    shards.emplace_back(events, i == 0 ? wished.port : std::uint16_t{0}, wished.deflate, wished.keep);
    ports += (ports.empty() ? "" : ",") + std::to_string(shards.back().port());
  }
  std::printf("listening on %s\n", ports.c_str());
  std::fflush(stdout);
  std::vector<std::jthread> threads;
  for (auto s = std::next(shards.begin()); s != shards.end(); ++s) threads.emplace_back([s] { s->run(); });
  shards.front().run();
}

}  // namespace

int main(int argc, char** argv) {
  wishes wished;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--deflate") wished.deflate = true;
    if (name == "--transport" && i + 1 < argc) wished.transport = argv[++i];
    if (name == "--port" && i + 1 < argc) wished.port = static_cast<std::uint16_t>(std::atoi(argv[++i]));
    if (name == "--loops" && i + 1 < argc) wished.loops = std::atoi(argv[++i]);
    if (name == "--keep" && i + 1 < argc) wished.keep = std::chrono::seconds(std::atoi(argv[++i]));
  }
  if (wished.transport == "asio") serve<asio_host<hotline::asio_transport>>(wished);
  if (wished.transport == "asio-epoll") serve<asio_host<hotline::asio_epoll_transport>>(wished);
  if (wished.transport == "epoll") serve<epoll_host>(wished);
  std::fprintf(stderr, "fanout_server: --transport is asio, epoll or asio-epoll\n");
  return 1;
}
