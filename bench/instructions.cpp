// The core over memory_transport, without a kernel and at a clock that stands still: a workload whose instructions can be
// counted, and come to the same count each time. bench/count does it.
//
//   instructions WORKLOAD ROUNDS

#include "client_frame.hpp"

#include <hotline/event_emitter.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct add {
  int a = 0;
  int b = 0;
  static constexpr auto fields = hotline::fields(hotline::field{"a", &add::a}, hotline::field{"b", &add::b});
};

class world {
 public:
  explicit world(hotline::log_options limits = {}) : events_(limits, env_) {
    manager_.on_command<add>("add", [](const hotline::request&, const add& numbers) {
      return hotline::json_object{{"sum", numbers.a + numbers.b}};
    });
    if (manager_.start()) std::exit(1);
  }

  std::shared_ptr<hotline::memory_peer> connect() {
    auto peer = manager_.transport().connect();
    peer->send(
        "GET /ws/p HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    run();
    (void)peer->take();
    return peer;
  }

  void crowd(std::size_t count) {
    while (peers_.size() < count) peers_.push_back(connect());
  }

  void emit(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) (void)events_.emit("p", "bench", {{"data", data_}});
  }

  void name_projects(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) (void)events_.emit("p" + std::to_string(i), "bench");
  }

  void run() { manager_.transport().run(); }
  void tick() {
    env_->advance(hotline::tick_interval);
    run();
  }
  void read_all() {
    for (const auto& peer : peers_) (void)peer->take();
  }
  std::vector<std::shared_ptr<hotline::memory_peer>>& peers() { return peers_; }

 private:
  std::shared_ptr<hotline::manual_environment> env_ = std::make_shared<hotline::manual_environment>();
  hotline::event_emitter events_;
  // The clock stands still, and no client is too fast.
  hotline::ws_manager<hotline::memory_transport> manager_{
      hotline::memory_transport(env_),
      events_,
      {.session = {.messages_per_second = 1'000'000'000, .message_burst = 1'000'000'000}}};
  std::vector<std::shared_ptr<hotline::memory_peer>> peers_;
  std::string data_ = std::string(200, 'x');
};

using workload = std::function<void(world&, int rounds)>;

// To 500 clients, so many events a turn of the loop.
workload fan_out(std::size_t window) {
  return [window](world& w, int rounds) {
    w.crowd(500);
    for (; rounds > 0; --rounds) {
      w.emit(window);
      w.run();
      w.read_all();
    }
  };
}

workload ask(std::string_view message) {
  return [frame = client_frame(message)](world& w, int rounds) {
    const auto peer = w.connect();
    for (; rounds > 0; --rounds) {
      peer->send(frame);
      w.run();
      (void)peer->take();
    }
  };
}

// A thousand clients, each with a subscription of its own, which they give up and take again.
workload subscribe(const std::function<std::string(std::size_t)>& name) {
  return [name](world& w, int rounds) {
    w.crowd(1000);
    for (; rounds > 0; --rounds) {
      for (std::size_t i = 0; i < w.peers().size(); ++i) {
        w.peers()[i]->send(client_frame(R"({"command":"unsubscribe","payload":{"events":["*"]}})"));
        w.peers()[i]->send(client_frame(R"({"command":"subscribe","payload":{"events":[")" + name(i) + "\"]}}"));
        w.run();
        (void)w.peers()[i]->take();
      }
    }
  };
}

// The i-th of 2^10 names of one FNV-1a hash: each piece has two forms that take the hash from one state to one other.
std::string colliding_name(std::size_t i) {
  static constexpr std::string_view pieces[][2] = {
      {"hryif1", "qhd0mk"}, {"mf4i3a", "pgyjn0"}, {"qy23ns", "zysc14"}, {"1xfrsb", "dqo1ti"}, {"p25i3y", "bchla2"},
      {"a4zsne", "zp5o3j"}, {"u2ijgm", "d2fxnz"}, {"hvm40h", "kgggi2"}, {"idk3dw", "pkm2dl"}, {"pm21yg", "xscjzt"}};
  std::string name;
  for (const auto& piece : pieces) {
    name += piece[i % 2];
    i /= 2;
  }
  return name;
}

std::string distinct_name(std::size_t i) { return std::string(56, 'x') + std::to_string(1000 + i); }

const std::map<std::string_view, workload> workloads{
    {"fan_out_1", fan_out(1)},
    {"fan_out_16", fan_out(16)},
    {"fan_out_64", fan_out(64)},
    {"ping", ask(R"({"command":"ping","id":"c1234567"})")},
    {"command", ask(R"({"command":"add","payload":{"a":1234,"b":4321}})")},
    {"emit", [](world& w, int rounds) { w.emit(static_cast<std::size_t>(rounds)); }},
    {"connect",
     [](world& w, int rounds) {
       for (; rounds > 0; --rounds) {
         w.connect()->close();
         w.run();
       }
     }},
    {"idle_tick",
     [](world& w, int rounds) {
       w.crowd(500);
       for (; rounds > 0; --rounds) w.tick();
     }},
    // 20,000 projects that strangers have named, none of which is due.
    {"sweep",
     [](world&, int rounds) {
       world w({.total_bytes = std::size_t{1} << 30, .projects = 200'000});
       w.name_projects(20'000);
       for (; rounds > 0; --rounds) w.tick();
     }},
    {"subscribe", subscribe(distinct_name)},
    {"flood", subscribe(colliding_name)},
};

}  // namespace

int main(int argc, char** argv) {
  const auto chosen = argc == 3 ? workloads.find(argv[1]) : workloads.end();
  if (chosen == workloads.end()) {
    for (const auto& [name, run] : workloads) std::printf("%s\n", std::string(name).c_str());
    return 1;
  }
  world w;
  chosen->second(w, std::atoi(argv[2]));
}
