#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A client of a simulated world: it loses its line, stalls, comes back, takes itself over and repeats itself.

#include <hotline/testing/chance.hpp>
#include <hotline/testing/message.hpp>
#include <hotline/testing/oracle.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::testing {

/// The deeds of one simulated client, counted.
struct simulated_client_counts {
  std::uint64_t cuts = 0;
  std::uint64_t takeovers = 0;  ///< sockets opened beside one that was still there
  std::uint64_t sent = 0;       ///< commands
  std::uint64_t repeats = 0;
  std::uint64_t digest = 14695981039346656037U;  ///< over every byte that came
};

class simulated_client {
 public:
  simulated_client(memory_transport& line, const history& truth, const std::string& project, chance& luck,
                   std::chrono::milliseconds window, std::function<void(std::string)> complain,
                   std::function<void(const std::string&)> trace)
      : judge_(truth, project, complain),
        line_(line),
        project_(project),
        luck_(luck),
        window_(window),
        complain_(std::move(complain)),
        trace_(std::move(trace)) {}

  [[nodiscard]] oracle& judge() noexcept { return judge_; }
  [[nodiscard]] const oracle& judge() const noexcept { return judge_; }
  [[nodiscard]] const simulated_client_counts& counts() const noexcept { return counts_; }

  [[nodiscard]] bool connected() const noexcept { return peer_ != nullptr; }
  [[nodiscard]] bool live() const noexcept { return peer_ != nullptr && judge_.greeted(); }

  /// Connects; when the last socket is still there, it is left as it is. `gentle`: wants its session back whatever it costs.
  void connect(bool gentle) {
    if (live()) seen_ = line_.clock().now();
    entry_attempt how;
    std::string query;
    if (!judge_.token().empty() && (gentle || !luck_.one_in(20))) {
      how.resumes = true;
      how.takes_gaps = gentle || luck_.one_in(2);
      how.must_succeed = !used_up_ && !said_goodbye_ && line_.clock().now() - seen_ < window_ - margin;
      query = "?resume=" + judge_.token() + "&epoch=" + judge_.epoch() + "&after=" + std::to_string(judge_.cursor()) +
              (how.takes_gaps ? "&on_gap=continue" : "");
      if (!how.takes_gaps) used_up_ = true;  // else it stays good until the server gets input after the next one
    } else if (luck_.one_in(3)) {
      how.last = luck_.below(50);
      query = "?last=" + std::to_string(how.last);
    }
    tell(peer_ ? "connects beside its socket " : "connects ", query);
    judge_.connecting(how);
    if (peer_) {
      ++counts_.takeovers;
      left_behind_.push_back(std::move(peer_));
    }
    upgraded_ = false;
    raw_.clear();
    begin_ = 0;
    peer_ = line_.connect();
    if (luck_.one_in(4)) peer_->chop(1 + luck_.size_below(40));
    peer_->send("GET /ws/" + project_ + query +
                " HTTP/1.1\r\nHost: simulation\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  }

  /// Sends a command. Only when `live()`.
  void command(std::string_view name, std::string_view payload = "{}") {
    const std::uint64_t id = ++last_id_;
    judge_.sent(id);
    transmit(id, name, payload);
  }

  /// The same id again, as who is not sure does.
  void repeat(std::uint64_t id) {
    ++counts_.repeats;
    judge_.sent(id);
    tell("repeats ", std::to_string(id));
    for (const said& s : said_)
      if (s.id == id) return put(0x81, s.text);
  }
  void repeat_unanswered() {
    for (const std::uint64_t id : judge_.unanswered()) repeat(id);
  }
  void repeat_any() {
    if (!said_.empty() && said_.back().session == judge_.session()) repeat(said_.back().id);
  }

  /// Asks for other events.
  void change_filter(const std::vector<std::string>& types) {
    if (judge_.awaits_filter()) return;
    interest wanted = judge_.hears();
    std::string names;
    const std::uint64_t what = luck_.below(8);
    if (what == 0) {
      wanted = {true, false, {}};
      names = "\"*\"";
    } else if (what == 1) {
      wanted = {false, false, {}};
      names = "\"*\"";
    } else {
      if (wanted.all && wanted.by_default) wanted = {false, false, {}};
      wanted.by_default = false;
      const std::string& type = luck_.pick(types);
      if (!wanted.all) wanted.types.insert(type);
      names = '"' + type + '"';
    }
    const std::uint64_t id = ++last_id_;
    judge_.sent_filter(id, std::move(wanted));
    transmit(id, what == 1 ? "unsubscribe" : "subscribe", "{\"events\":[" + names + "]}");
  }

  /// Something happens to the line.
  void suffer() {
    const std::uint64_t what = luck_.below(10);
    tell("suffers ", std::to_string(what));
    switch (what) {
      case 0: peer_->stall(true); break;
      case 1: peer_->window(luck_.size_below(3000)); break;
      case 2: peer_->cut_after(1 + luck_.size_below(2000)); break;
      case 3: peer_->cut_inbound_after(1 + luck_.size_below(100)); break;
      case 4: peer_->chop(1 + luck_.size_below(100)); break;
      case 5: peer_->close(); break;
      case 6:
        put(0x88, std::string_view("\x03\xe8", 2));
        said_goodbye_ = true;
        break;
      case 7: peer_->stall(false); break;
      default: cut(); break;
    }
  }

  void heal() {
    for (const auto& old : left_behind_) old->stall(false);
    if (!peer_) return;
    peer_->stall(false);
    peer_->chop(64 * 1024);
  }

  void cut() {
    ++counts_.cuts;
    peer_->reset();
    lose();
  }

  /// Looks at what has come.
  void pump() {
    for (const auto& old : left_behind_) (void)old->take();
    if (!peer_) return;
    const std::string came = peer_->take();
    for (const char c : came) counts_.digest = (counts_.digest ^ static_cast<unsigned char>(c)) * 1099511628211U;
    raw_ += came;
    if (!upgraded_) {
      const std::size_t end = raw_.find("\r\n\r\n");
      if (end == std::string::npos) return lose_if_closed();
      if (!raw_.starts_with("HTTP/1.1 101 ")) complain_("no upgrade: " + raw_.substr(0, 40));
      upgraded_ = true;
      begin_ = end + 4;
    }
    while (peer_) {
      const std::optional<frame> next = take_frame(raw_, begin_);
      if (!next) break;
      receive(*next);
    }
    raw_.erase(0, begin_);
    begin_ = 0;
    lose_if_closed();
  }

  /// Whether the server has ended every socket that this client has left.
  [[nodiscard]] bool left_sockets_are_closed() const {
    for (const auto& old : left_behind_)
      if (!old->closed_by_server()) return false;
    return true;
  }

 private:
  static constexpr std::chrono::seconds margin{5};  // a client may be that late to see that its socket has gone
  static constexpr std::size_t remembered = 200;
  struct said {
    std::uint64_t id;
    std::string session;
    std::string text;
  };

  void put(unsigned char first, std::string_view payload) {
    if (peer_) peer_->send(masked_frame(first, payload, static_cast<std::uint32_t>(luck_.next())));
  }

  void transmit(std::uint64_t id, std::string_view name, std::string_view payload) {
    ++counts_.sent;
    std::string text = "{\"command\":\"" + std::string(name) + "\",\"id\":" + std::to_string(id) +
                       ",\"payload\":" + std::string(payload) + "}";
    tell("says ", text);
    put(0x81, text);
    said_.push_back({id, judge_.session(), std::move(text)});
    if (said_.size() > remembered) said_.erase(said_.begin());
  }

  void receive(const frame& f) {
    if (f.first == 0x89) return put(0x8a, f.payload);
    if (f.first == 0x88) {
      const std::size_t code = f.payload.size() < 2
                                   ? 1005
                                   : static_cast<std::size_t>(static_cast<unsigned char>(f.payload[0])) << 8 |
                                         static_cast<unsigned char>(f.payload[1]);
      if (code != 1000 && code != 1001 && code != 4000) complain_("closed with " + std::to_string(code));
      put(0x88, f.payload.substr(0, 2));
      return lose();
    }
    if (f.first != 0x81) return;
    const std::optional<tree> m = tree_reader::read(f.payload);
    if (!m) return complain_("not JSON: " + f.payload.substr(0, 80));
    tell("hears ", f.payload.substr(0, 200));
    judge_.message(*m);
    if ((*m)["type"].text != "connected") return;
    used_up_ = false;
    said_goodbye_ = false;
    repeat_unanswered();
  }

  void tell(std::string_view what, std::string_view more) const {
    if (trace_) trace_(std::string(what).append(more));
  }

  void lose() {
    tell("has no socket any more", "");
    left_behind_.push_back(std::move(peer_));
    peer_ = nullptr;
    if (judge_.greeted()) seen_ = line_.clock().now();
  }
  void lose_if_closed() {
    if (peer_ && peer_->closed_by_server()) lose();
  }

  oracle judge_;
  simulated_client_counts counts_;
  memory_transport& line_;
  std::string project_;
  chance& luck_;
  std::chrono::milliseconds window_;
  std::function<void(std::string)> complain_;
  std::function<void(const std::string&)> trace_;
  std::shared_ptr<memory_peer> peer_;
  std::vector<std::shared_ptr<memory_peer>> left_behind_;
  std::string raw_;
  std::size_t begin_ = 0;
  std::vector<said> said_;
  std::uint64_t last_id_ = 0;
  steady_time seen_{};  // when it left the last socket over which it was greeted
  bool upgraded_ = false;
  bool used_up_ = false;
  bool said_goodbye_ = false;
};

}  // namespace hotline::testing
#endif
