#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The far end of a connection that comes later. Actions that are requested before that happen then.
template <class Peer>
class late_peer {
 public:
  void arrive(std::shared_ptr<Peer> peer) {
    peer_ = std::move(peer);
    for (const auto& action : std::exchange(actions_, {})) action(*peer_);
  }
  [[nodiscard]] bool has_arrived() const { return peer_ != nullptr; }

  void send(std::string_view bytes) {
    perform([bytes = std::string(bytes)](Peer& p) { p.send(bytes); });
  }
  void close() {
    perform([](Peer& p) { p.close(); });
  }
  void reset() {
    perform([](Peer& p) { p.reset(); });
  }
  void stall(bool on) {
    perform([on](Peer& p) { p.stall(on); });
  }
  void window(std::size_t bytes) {
    perform([bytes](Peer& p) { p.window(bytes); });
  }
  [[nodiscard]] const std::string& received() const {
    static const std::string nothing;
    return peer_ ? peer_->received() : nothing;
  }
  [[nodiscard]] bool closed_by_server() const { return peer_ && peer_->closed_by_server(); }
  [[nodiscard]] const std::shared_ptr<Peer>& get() const { return peer_; }

 private:
  void perform(std::function<void(Peer&)> action) {
    if (peer_) return action(*peer_);
    actions_.push_back(std::move(action));
  }

  std::shared_ptr<Peer> peer_;
  std::vector<std::function<void(Peer&)>> actions_;
};

/// Those that wait for their connection, in the order in which they come.
template <class Peer>
class late_peers {
 public:
  [[nodiscard]] std::shared_ptr<late_peer<Peer>> expect() {
    waiting_.push_back(std::make_shared<late_peer<Peer>>());
    return waiting_.back();
  }

  /// One that nobody expects is kept as well, so that it stays open.
  void arrive(std::shared_ptr<Peer> peer) {
    if (next_ == waiting_.size()) (void)expect();
    waiting_[next_++]->arrive(std::move(peer));
  }

 private:
  std::vector<std::shared_ptr<late_peer<Peer>>> waiting_;
  std::size_t next_ = 0;
};
