// A manager and what happens to it, as a script of bytes has it: clients of two projects come as this one or that one, wait to
// be let in, speak, show new tokens, stall, break off, come back with tokens that are theirs, used up or somebody else's; the
// host emits, disconnects, stops; time goes by. A client beside them receives every event, once and in order, whatever they do;
// who is said to have come is said to have gone; a session goes on for its own project and principal alone; and to everybody
// only what the protocol has is said, each word in its place.

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
#include <utility>
#include <vector>

using namespace hotline;

namespace {

constexpr std::array<std::string_view, 16> messages{R"({"command":"ping"})",
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
                                                    R"({"command":"refresh","id":9,"payload":{"token":"ada"}})",
                                                    R"({"command":"refresh","payload":{"token":"bob soon"}})",
                                                    R"({"command":"refresh","id":"r","payload":{"token":"later"}})",
                                                    R"({"command":"refresh","id":10,"payload":{"token":7}})",
                                                    R"(["no","object"])"};

// A right to a session, as a client was given it; good or not any more.
struct ticket {
  std::string token, epoch, session, project, principal;
};

// The messages to a client, checked against the protocol.
class guest {
 public:
  guest(std::shared_ptr<memory_peer> at, std::string project, std::string principal)
      : peer(std::move(at)), project_(std::move(project)), principal_(std::move(principal)) {}

  std::shared_ptr<memory_peer> peer;

  // The one that it comes with.
  void comes_with(const ticket& t) { wanted_ = t; }

  void look(std::vector<ticket>& tickets) {
    unread_ += peer->take();
    if (!upgraded_) {
      const std::size_t end = unread_.find("\r\n\r\n");
      if (end == std::string::npos) return;
      fuzz::promise(unread_.starts_with("HTTP/1.1 "));
      if (!unread_.starts_with("HTTP/1.1 101 ")) return;
      upgraded_ = true;
      compressed_ = unread_.find("permessage-deflate") < end;
      unread_.erase(0, end + 4);
    }
    std::size_t begin = 0;
    while (const auto frame = testing::take_frame(unread_, begin)) {
      fuzz::promise(!closed_);
      switch (frame->first) {
        case 0x81: hear(frame->payload, tickets); break;
        case 0xC1: {
          fuzz::promise(compressed_);
          const auto whole = inflater_.inflate(frame->payload, 1 << 20);
          fuzz::promise(whole.what == message_compression::outcome::inflated);
          hear(std::string(whole.message), tickets);
          break;
        }
        case 0x88: closed_ = true; break;
        default: fuzz::promise((frame->first == 0x89 || frame->first == 0x8A) && frame->payload.size() <= 125);
      }
    }
    unread_.erase(0, begin);
  }

 private:
  void hear(const std::string& text, std::vector<ticket>& tickets) {
    const auto message = testing::tree_reader::read(text);
    fuzz::promise(message && message->kind == '{');
    const std::string_view type = (*message)["type"].text;
    fuzz::promise((type == "connected") == !std::exchange(greeted_, true));
    if (type == "connected") {
      const bool resumed = (*message)["resumed"].is_true();
      fuzz::promise((*message)["project_id"].text == project_);
      // With any token a session goes on only in the project and for the principal with which it began, or not at all.
      if (resumed)
        fuzz::promise(wanted_ && wanted_->project == project_ && wanted_->principal == principal_ &&
                      wanted_->session == (*message)["connection_id"].text);
      if (const auto& token = (*message)["resume"]["token"])
        tickets.push_back({std::string(token.text), std::string((*message)["epoch"].text),
                           std::string((*message)["connection_id"].text), project_, principal_});
      if (tickets.size() > 64) tickets.erase(tickets.begin(), tickets.begin() + 32);
    } else if (type == "event" || type == "note") {
      const std::uint64_t seq = (*message)["seq"].number();
      fuzz::promise(seq > heard_ && (*message)["project_id"].text == project_);
      heard_ = seq;
    } else if (type == "gap") {
      fuzz::promise((*message)["from"].number() > heard_ && (*message)["to"].number() >= (*message)["from"].number());
      heard_ = (*message)["to"].number();
    }
  }

  std::string project_, principal_;
  std::optional<ticket> wanted_;
  std::string unread_;
  permessage_deflate inflater_;
  std::uint64_t heard_ = 0;
  bool upgraded_ = false, compressed_ = false, greeted_ = false, closed_ = false;
};

class world {
 public:
  explicit world(bool small_log)
      : small_log_(small_log),
        events_(log_options{.events = small_log ? 8U : 10'000U, .bytes = 8 << 20, .age = std::chrono::hours(100)},
                env_) {
    manager_.compress(std::make_unique<permessage_deflate>());
    manager_.on_connect([this](const connection_info& c) { fuzz::promise(present_.insert(c.id).second); }).release();
    manager_.on_resumed([this](const connection_info& c) { fuzz::promise(present_.insert(c.id).second); }).release();
    manager_
        .on_disconnect(
            [this](const connection_info& c, const disconnection&) { fuzz::promise(present_.erase(c.id) == 1); })
        .release();
    manager_.authenticate([this](const http_request& q, std::string_view, admission_responder answer) {
      decide(q.token().value_or("ada"), std::move(answer));
    });
    manager_.reauthenticate([this](const connection_info&, std::string_view token, admission_responder answer) {
      decide(token, std::move(answer));
    });
    manager_.on_command("now", [](const request& q) { return q.payload(); });
    manager_.on_command("later", [this](const request&, responder answer) { asked_.push_back(std::move(answer)); });
    manager_.on_command("throw", [](const request&) { throw 1; });
    manager_.on_command("leave", [this](const request& q) { (void)manager_.disconnect(q.connection_id()); });
    fuzz::promise(!manager_.start());
    witness_ = knock("/ws/p", "");
    run();
  }

  void act(fuzz::input& in) {
    const std::uint8_t what = in.byte(), who = in.byte();
    const bool ours = !guests_.empty();
    const auto& peer = ours ? guests_[who % guests_.size()].peer : witness_;
    switch (what % 32) {
      case 0: come(who, "", ""); break;
      case 1: come(who, "", "Sec-WebSocket-Extensions: permessage-deflate\r\n"); break;
      case 2: come(who, "last=" + std::to_string(who), ""); break;
      case 3: resume(who, in.byte()); break;
      case 4:
      case 5:
      case 6:
        if (ours) speak(peer, 0x81, messages[who % messages.size()]);
        break;
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
        for (const connection_info& c : manager_.connections())
          if (c.id != witness_id_ && (c.id.back() & 7) == (who & 7))
            (void)manager_.disconnect(c.id, close_code::policy_violation);
        break;
      case 19: run(); break;
      case 20: resume(who, in.byte()); break;
      case 21:  // one that waits is let in, turned away, or forgotten
        if (!waiting_.empty()) {
          admission_responder answer = std::move(waiting_.back());
          waiting_.pop_back();
          if (who % 3 == 0) std::move(answer).answer({.principal = "later"});
          if (who % 3 == 1) std::move(answer).refuse(403);
        }
        break;
      case 22: come(who, std::array{"token=bob", "token=later", "token=ada soon", "token=no"}[who & 3], ""); break;
      case 23:
        if (ours) peer->cut_inbound_after(who);
        break;
      case 24:
        if (ours) peer->chop(who + std::size_t{1});
        break;
      case 25:
        if (manager_.broadcast_to_project("p", json_object{{"type", "note"}, {"n", int{who}}})) count_emitted();
        break;
      case 26: (void)events_.emit("q", who & 1 ? "a" : "b", {{"n", int{who}}}); break;
      case 27:
        for (const connection_info& c : manager_.connections("q"))
          (void)manager_.send_to(c.id, json_object{{"type", "hint"}, {"text", std::string(who * std::size_t{9}, 'y')}});
        break;
      case 28:
        if (who == 255) stop();
        break;
      default: run(); break;
    }
  }

  // Everybody gone.
  void end() {
    run();
    if (!stopping_) stop();
    for (int i = 0; i < 40 && !stopped_; ++i) advance(std::chrono::milliseconds(500));
    fuzz::promise(stopped_ && present_.empty() && manager_.connections().empty());
    fuzz::promise(heard_ >= emitted_before_stop_ && told_to_go_);
  }

 private:
  // Any of the tokens that were ever given, where it belongs or elsewhere.
  void resume(std::uint8_t who, std::uint8_t how) {
    if (tickets_.empty()) return;
    const ticket t = tickets_[who % tickets_.size()];
    const std::string project = how & 1 ? (t.project == "p" ? "q" : "p") : t.project;
    const std::string principal = how & 2 ? (t.principal == "ada" ? "bob" : "ada") : t.principal;
    const std::string after = std::to_string(how >> 4);
    // Elsewhere, with what is known of there.
    std::string epoch = t.epoch;
    for (const ticket& other : tickets_)
      if (other.project == project) epoch = other.epoch;
    guest& made =
        guests_.emplace_back(knock("/ws/" + project + "?token=" + principal + "&resume=" + t.token + "&epoch=" + epoch +
                                       "&after=" + after + (how & 4 ? "&on_gap=continue" : ""),
                                   how & 8 ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : ""),
                             project, principal);
    made.comes_with(t);
  }

  void come(std::uint8_t who, const std::string& query, const std::string& headers) {
    const std::string project = who & 0x80 ? "q" : "p";
    const std::string principal = query.starts_with("token=") ? query.substr(6, query.find(' ') - 6) : "ada";
    std::string target = "/ws/" + project + (query.empty() ? "" : "?" + query);
    if (const std::size_t blank = target.find(' '); blank != std::string::npos) target[blank] = '+';
    guests_.emplace_back(knock(target, headers), project, principal);
  }

  std::shared_ptr<memory_peer> knock(const std::string& target, const std::string& headers) {
    auto peer = manager_.transport().connect();
    peer->send("GET " + target +
               " HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
               headers + "\r\n");
    return peer;
  }

  // The token is a name; "soon" after it: for two seconds only.
  void decide(std::string_view token, admission_responder answer) {
    if (token == "later") return waiting_.push_back(std::move(answer));
    const std::string_view name = token.substr(0, token.find(' '));
    if (name != "ada" && name != "bob") return std::move(answer).refuse(401);
    admission told{.principal = std::string(name)};
    if (token.ends_with("soon")) told.expires_at = env_->wall_now() + std::chrono::seconds(2);
    std::move(answer).answer(std::move(told));
  }

  void speak(const std::shared_ptr<memory_peer>& peer, std::uint8_t first, std::string_view payload) {
    peer->send(testing::masked_frame(first, payload.substr(0, 60'000), 0x01020304));
  }

  void emit(std::string_view type, std::size_t bytes) {
    const auto seq = events_.emit("p", type, {{"text", std::string(bytes, 'x')}}, {.key = bytes % 3 ? "" : "k"});
    fuzz::promise(seq && *seq == emitted_ + 1);
    count_emitted();
  }

  // The witness is prompt, so it receives even events that a small log soon evicts.
  void count_emitted() {
    ++emitted_;
    if (small_log_) run();
  }

  void advance(std::chrono::milliseconds by) {
    env_->advance(by);
    run();
    // Or the heartbeat takes the witness for dead; and not so often that it counts as a flood.
    if (witness_->closed_by_server() || env_->now() < spoke_ + std::chrono::seconds(1)) return;
    spoke_ = env_->now();
    witness_->send(testing::masked_frame(0x8A, "", 1));
  }

  void stop() {
    if (std::exchange(stopping_, true)) return;
    emitted_before_stop_ = emitted_;
    manager_.stop([this] { stopped_ = true; });
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
      if (text.starts_with(R"({"type":"disconnected")")) told_to_go_ = true;
      if (!text.starts_with(R"({"type":"event")") && !text.starts_with(R"({"type":"note")")) continue;
      const std::size_t at = text.find("\"seq\":");
      fuzz::promise(std::stoull(std::string(text.substr(at + 6, 20))) == ++heard_);
    }
    unread_.erase(0, begin);
    if (!stopping_) fuzz::promise(heard_ == emitted_ && !told_to_go_);
    for (guest& g : guests_) g.look(tickets_);
    if (guests_.size() > 12) guests_.erase(guests_.begin(), guests_.begin() + 4);
  }

  static manager_options options() {
    manager_options o;
    o.session.message_bytes = 2000;
    o.session.control_lane_bytes = 4000;
    o.resume.sessions = 4;
    return o;
  }

  const bool small_log_;
  std::shared_ptr<manual_environment> env_ = std::make_shared<manual_environment>();
  event_emitter events_;
  std::vector<responder> asked_;
  std::vector<admission_responder> waiting_;
  std::set<std::string> present_;
  ws_manager<memory_transport> manager_{memory_transport(env_), events_, options()};
  std::shared_ptr<memory_peer> witness_;
  std::string witness_id_;
  std::vector<guest> guests_;
  std::vector<ticket> tickets_;
  std::string unread_;
  steady_time spoke_{};
  sequence emitted_ = 0, heard_ = 0, emitted_before_stop_ = 0;
  bool stopping_ = false, stopped_ = false, told_to_go_ = false;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  world w((in.byte() & 1) != 0);
  for (int acts = 0; !in.empty() && acts < 500; ++acts) w.act(in);
  w.end();
  return 0;
}
