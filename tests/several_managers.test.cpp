#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/testing/message.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <manager_over_memory.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace hotline;

namespace {

using manager_type = ws_manager<memory_transport>;

// The seqs in a stream of text frames, in their order. No assertions: it runs on threads that Catch2 does not know.
std::vector<sequence> seqs_in(std::string_view bytes) {
  std::vector<sequence> seqs;
  static constexpr std::string_view mark = "\"event_type\":\"tick\"";
  for (std::size_t at = bytes.find(mark); at != std::string_view::npos; at = bytes.find(mark, at + 1))
    seqs.push_back(std::stoull(std::string(bytes.substr(bytes.find("\"seq\":", at) + 6, 20))));
  return seqs;
}

// A loop of its own with its own manager and clients, driven by the thread that calls `run_until`.
struct loop {
  loop(event_emitter& events, int clients)
      : env(std::make_shared<manual_environment>()), manager(memory_transport(env), events) {
    (void)manager.start();
    for (int i = 0; i < clients; ++i) {
      peers.push_back(manager.transport().connect());
      peers.back()->send(
          "GET /ws/p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    }
    manager.transport().run();
    heard.resize(peers.size());
  }

  [[nodiscard]] bool complete(sequence last) const {
    return std::all_of(heard.begin(), heard.end(),
                       [&](const std::string& bytes) { return bytes.ends_with(end_of(last)); });
  }
  static std::string end_of(sequence last) { return "\"last\":" + std::to_string(last) + "}"; }

  void run_until(sequence last) {
    while (!complete(last)) {
      manager.transport().run();
      for (std::size_t i = 0; i < peers.size(); ++i) heard[i] += peers[i]->take();
      std::this_thread::yield();
    }
  }

  std::shared_ptr<manual_environment> env;
  manager_type manager;
  std::vector<std::shared_ptr<memory_peer>> peers;
  std::vector<std::string> heard;
};

}  // namespace

TEST_CASE("managers on loops of their own share a log: all clients receive everything, once, in one order",
          "[manager][threads]") {
  constexpr int each = 1500;
  constexpr sequence last = 2 * each + 1;
  event_emitter events({.events = last});
  loop one(events, 3), two(events, 3);
  std::atomic<int> heard_here{0};
  const subscription listening = events.on("tick", [&](const event&) { ++heard_here; });

  std::thread first([&] { one.run_until(last); }), second([&] { two.run_until(last); });
  const auto emit = [&](int emitter) {
    for (int i = 0; i < each; ++i) (void)events.emit("p", "tick", {{"emitter", emitter}, {"i", i}});
  };
  std::thread a([&] { emit(1); }), b([&] { emit(2); });
  a.join();
  b.join();
  (void)events.emit("p", "tock", {{"last", last}});
  first.join();
  second.join();

  CHECK(heard_here == 2 * each);
  const std::string& reference = one.heard.front();
  CHECK(seqs_in(reference).size() == 2 * each);
  for (const loop* const l : {&one, &two}) {
    for (const std::string& bytes : l->heard) {
      const auto seqs = seqs_in(bytes);
      sequence expected = 0;
      bool in_order = true;
      for (const sequence seq : seqs) in_order = in_order && seq == ++expected;
      CHECK(in_order);
      CHECK(seqs.size() == 2 * each);
      // Events of one thread keep their order.
      CHECK(bytes.find("\"emitter\":1,\"i\":0}") < bytes.find("\"emitter\":1,\"i\":1}"));
    }
  }
}

TEST_CASE("a manager comes and goes while others emit to its log", "[manager][threads]") {
  event_emitter events({.events = 64});
  std::atomic<bool> stop{false};
  std::thread emitter([&] {
    while (!stop) (void)events.emit("p", "tick");
  });
  for (int i = 0; i < 50; ++i) {
    loop passing(events, 2);
    passing.manager.transport().run();
  }
  stop = true;
  emitter.join();
  SUCCEED();
}

TEST_CASE("snapshots may be taken from another thread", "[manager][threads]") {
  event_emitter events;
  loop busy(events, 2);
  busy.manager.on_command("greet", [](const request&) { return json_object{{"hello", "you"}}; });
  std::atomic<bool> stop{false};
  std::thread watcher([&] {
    while (!stop) {
      (void)busy.manager.status();
      (void)busy.manager.metrics();
      for (const auto& info : busy.manager.connections("p")) (void)info.is_healthy(info.last_heard);
    }
  });
  for (int i = 0; i < 50; ++i) {
    const auto guest = busy.manager.transport().connect();
    guest->send(
        "GET /ws/p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    busy.manager.transport().run();
    guest->send(hotline::testing::masked_frame(0x81, R"({"command":"greet","id":1})", 1));
    busy.manager.transport().run();
    guest->reset();
    busy.manager.transport().run();
  }
  stop = true;
  watcher.join();
  CHECK(busy.manager.status().connections == 2);
}
