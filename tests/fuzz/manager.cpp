// A manager and what happens to it, as a script of bytes has it: clients come, speak, stall, break off, come back; the host
// emits, disconnects, stops; time goes by. A client beside them hears every event, once and in order, whatever they do; who
// is said to have come is said to have gone.

#include "input.hpp"

#include <hotline/deflate.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/testing/message.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace hotline;

namespace {

constexpr std::array<std::string_view, 12> messages{R"({"command":"ping"})",
                                                    R"({"command":"subscribe","id":1,"payload":{"events":["a","b"]}})",
                                                    R"({"command":"unsubscribe","id":2,"payload":{"events":["a"]}})",
                                                    R"({"command":"subscribe","id":"s","payload":{"events":["*"]}})",
                                                    R"({"command":"now","id":3})",
                                                    R"({"command":"later","id":4})",
                                                    R"({"command":"later","id":5,"payload":{}})",
                                                    R"({"command":"cancel","id":"c","payload":{"id":4}})",
                                                    R"({"command":"throw","id":6})",
                                                    R"({"command":"leave","id":7})",
                                                    R"({"command":"nothing","id":8})",
                                                    R"(["no","object"])"};

class world {
 public:
  world() {
    manager_.compress(std::make_unique<permessage_deflate>());
    manager_.on_connect([this](const connection_info& c) { fuzz::promise(present_.insert(c.id).second); });
    manager_.on_resumed([this](const connection_info& c) { present_.insert(c.id); });
    manager_.on_disconnect([this](const connection_info& c, const disconnection&) { present_.erase(c.id); });
    manager_.on_command("now", [](const request& q) { return q.payload(); });
    manager_.on_command("later", [this](const request&, responder answer) { asked_.push_back(std::move(answer)); });
    manager_.on_command("throw", [](const request&) { throw 1; });
    manager_.on_command("leave", [this](const request& q) { (void)manager_.disconnect(q.connection_id()); });
    fuzz::promise(!manager_.start());
    witness_ = come("/ws/p", "");
    run();
  }

  void act(fuzz::input& in) {
    const std::uint8_t what = in.byte(), who = in.byte();
    const auto& peer = peers_.empty() ? witness_ : peers_[who % peers_.size()];
    const bool ours = peer != witness_;
    switch (what % 20) {
      case 0: peers_.push_back(come("/ws/p", "")); break;
      case 1: peers_.push_back(come("/ws/p", "Sec-WebSocket-Extensions: permessage-deflate\r\n")); break;
      case 2: peers_.push_back(come("/ws/p?last=" + std::to_string(who), "")); break;
      case 3: resume(who); break;
      case 4:
      case 5:
      case 6: speak(peer, 0x81, messages[who % messages.size()]); break;
      case 7:
        if (ours) speak(peer, in.byte(), in.bytes(who));
        break;
      case 8:
        if (ours) peer->send(in.bytes(who));
        break;
      case 9:
        if (ours) peer->stall(true);
        break;
      case 10:
        if (ours) peer->stall(false);
        break;
      case 11:
        if (ours) peer->window(std::size_t{who} * 8);
        break;
      case 12:
        if (ours) peer->cut_after(std::size_t{who} * 4);
        break;
      case 13:
        if (ours) (who & 1 ? peer->reset() : peer->close());
        break;
      case 14: advance(std::chrono::milliseconds(who * 50)); break;
      case 15: emit("a", who); break;
      case 16: emit("b", std::size_t{who} * 20); break;
      case 17:
        if (!asked_.empty()) {
          responder answer = std::move(asked_.back());
          asked_.pop_back();
          if ((who & 1) != 0) std::move(answer).answer(json_object{{"n", int{who}}});
        }
        break;
      case 18:
        for (const connection_info& c : manager_.connections("p"))
          if (c.id != witness_id_ && (c.id.back() & 7) == (who & 7))
            (void)manager_.disconnect(c.id, close_code::policy_violation);
        break;
      default: run(); break;
    }
  }

  // Everybody gone.
  void end() {
    run();
    bool stopped = false;
    manager_.stop([&] { stopped = true; });
    for (int i = 0; i < 40 && !stopped; ++i) advance(std::chrono::milliseconds(500));
    fuzz::promise(stopped && present_.empty() && manager_.connections().empty());
    fuzz::promise(heard_ == emitted_);
  }

 private:
  std::shared_ptr<memory_peer> come(const std::string& target, const std::string& headers) {
    auto peer = manager_.transport().connect();
    peer->send("GET " + target +
               " HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
               headers + "\r\n");
    return peer;
  }

  // With the newest token that is to be seen in what some client got.
  void resume(std::uint8_t who) {
    if (peers_.empty()) return;
    const std::string& got = peers_[who % peers_.size()]->received();
    const std::size_t token = got.rfind("\"token\":\""), epoch = got.rfind("\"epoch\":\"");
    if (token == std::string::npos || epoch == std::string::npos) return;
    peers_.push_back(come("/ws/p?resume=" + got.substr(token + 9, 48) + "&epoch=" + got.substr(epoch + 9, 16) +
                              "&after=" + std::to_string(who % 8) + (who & 1 ? "&on_gap=continue" : ""),
                          ""));
  }

  void speak(const std::shared_ptr<memory_peer>& peer, std::uint8_t first, std::string_view payload) {
    // What it hears is what it is asked about.
    if (peer == witness_ && first == 0x81) return;
    peer->send(testing::masked_frame(first, payload.substr(0, 60'000), 0x01020304));
  }

  void emit(std::string_view type, std::size_t bytes) {
    const auto seq = events_.emit("p", type, {{"text", std::string(bytes, 'x')}}, {.key = bytes % 3 ? "" : "k"});
    fuzz::promise(seq && *seq == ++emitted_);
  }

  void advance(std::chrono::milliseconds by) {
    env_->advance(by);
    run();
    speak_up();
  }

  // Or the heartbeat takes the witness for dead.
  void speak_up() {
    if (!witness_->closed_by_server()) witness_->send(testing::masked_frame(0x8A, "", 1));
  }

  void run() {
    manager_.transport().run();
    unread_ += witness_->take();
    if (const std::size_t head = unread_.find("\r\n\r\n"); witness_id_.empty() && head != std::string::npos) {
      unread_.erase(0, head + 4);
      witness_id_ = unread_.substr(unread_.find("\"connection_id\":\"") + 17, 16);
    }
    std::size_t begin = 0;
    while (const auto frame = testing::take_frame(unread_, begin)) {
      const std::string_view text = frame->payload;
      if (!text.starts_with(R"({"type":"event")")) continue;
      const std::size_t at = text.find("\"seq\":");
      fuzz::promise(std::stoull(std::string(text.substr(at + 6, 20))) == ++heard_);
    }
    unread_.erase(0, begin);
    for (auto& peer : peers_)
      if (peer->received().size() > 20'000) (void)peer->take();
    if (peers_.size() > 12) peers_.erase(peers_.begin(), peers_.begin() + 4);
  }

  static manager_options options() {
    manager_options o;
    o.session.message_bytes = 2000;
    o.session.control_lane_bytes = 4000;
    o.resume.sessions = 4;
    return o;
  }

  std::shared_ptr<manual_environment> env_ = std::make_shared<manual_environment>();
  basic_event_emitter<memory_event_log> events_{
      log_options{.events = 10'000, .bytes = 8 << 20, .age = std::chrono::hours(100)}, env_};
  std::vector<responder> asked_;
  std::set<std::string> present_;
  ws_manager<memory_transport> manager_{memory_transport(env_), events_, options()};
  std::shared_ptr<memory_peer> witness_;
  std::string witness_id_;
  std::vector<std::shared_ptr<memory_peer>> peers_;
  std::string unread_;
  sequence emitted_ = 0, heard_ = 0;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  world w;
  for (int acts = 0; !in.empty() && acts < 500; ++acts) w.act(in);
  w.end();
  return 0;
}
