// The steps between the two ends of memory_transport's connections, one at a time.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/loop/loop_thread.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline {

class memory_peer;

namespace detail {
class memory_loop;
}

/// The server's end of a connection of `memory_transport`.
class memory_connection {
 public:
  /// The receiver's own; null at first.
  [[nodiscard]] void*& context() noexcept { return context_; }
  [[nodiscard]] std::string remote_address() const { return "memory"; }

 private:
  friend class memory_peer;
  friend class detail::memory_loop;

  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  void* context_ = nullptr;

  // Client to server.
  std::string inbound_;                   // sent by the peer and not yet delivered, from delivered_ on
  std::size_t delivered_ = 0;             // how much of inbound_ the receiver had already
  std::size_t chunk_ = 64 * 1024;         // how much one on_data brings at most
  std::size_t inbound_left_ = unlimited;  // so many bytes on, the line is cut
  bool peer_ended_ = false;               // the peer's FIN stands behind inbound_
  bool paused_ = false;

  // Server to client.
  std::string received_;                   // bytes that reached the peer and were not taken out yet
  std::size_t window_ = unlimited;         // how much writes may still take
  std::size_t outbound_left_ = unlimited;  // so many bytes on, the line is cut
  bool awaits_window_ = false;             // a write came short: on_writable is owed
  bool ended_ = false;                     // our FIN is out: no more writes, what comes in is discarded

  bool closing_ = false;  // the receiver gets no more calls than on_closed
  bool reset_ = false;    // it ended by a reset, not by a FIN
};

namespace detail {

/// A queue of everything that is to happen, in the order in which it was caused; nothing happens but in `run_one`.
class memory_loop {
 public:
  using connection_pointer = std::shared_ptr<memory_connection>;

  [[nodiscard]] std::error_code start(transport_receiver<memory_connection>& receiver) {
    if (stopped_) return errc::not_running;
    if (receiver_ != nullptr) return errc::already_running;
    receiver_ = &receiver;
    accepting_ = true;
    return {};
  }

  /// This thread drives it.
  void note_thread() noexcept { thread_.note(); }
  /// Any thread: whether another one drives it.
  [[nodiscard]] bool runs_elsewhere() const noexcept { return thread_.is_another(); }

  [[nodiscard]] bool running() const noexcept { return receiver_ != nullptr && !stopped_; }

  void stop_accepting() noexcept { accepting_ = false; }

  void stop() {
    std::deque<std::function<void()>> dropped;  // destroyed without the lock: their destructors are not ours
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      dropped.swap(queue_);
    }
    accepting_ = false;
    for (const auto& c : open_) c->closing_ = true;
    open_.clear();
  }

  void post(std::function<void()> function) {
    const std::lock_guard lock(mutex_);
    if (!stopped_) queue_.push_back(std::move(function));
  }

  /// Whether a callback or a posted function of it is running.
  [[nodiscard]] bool is_dispatching() const noexcept { return dispatching_; }

  bool run_one() {
    if (dispatching_) return false;
    std::function<void()> function;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) return false;
      function = std::move(queue_.front());
      queue_.pop_front();
    }
    struct dispatch {
      explicit dispatch(bool& running) noexcept : is_on(running) { is_on = true; }
      dispatch(const dispatch&) = delete;
      ~dispatch() { is_on = false; }
      bool& is_on;
    } const now_running{dispatching_};
    function();
    return true;
  }

  void tick() {
    post([this] {
      receiver_->on_tick();
      late_since_.reset();
    });
  }

  /// A tick that was due at `due` waits from here on, unless one does already.
  void tick_late(steady_time due) {
    if (late_since_) return;
    late_since_ = due;
    tick();
  }

  /// Since when the tick that waits, or runs, is late.
  [[nodiscard]] std::optional<steady_time> late_since() const noexcept { return late_since_; }

  [[nodiscard]] static bool has_input(const memory_connection& c) noexcept {
    return c.delivered_ < c.inbound_.size() || c.peer_ended_ || c.reset_;
  }

  // --------------------------------------------------------------------------------------- the server's side

  std::size_t write(memory_connection& c, std::span<const std::string_view> spans) {
    if (c.closing_ || c.ended_ || c.awaits_window_) return 0;
    std::size_t taken = 0;
    for (const std::string_view bytes : spans) {
      const std::size_t now = std::min(bytes.size(), c.window_);
      spend(c.window_, now);
      carry_out(c, bytes.substr(0, now));
      taken += now;
      if (now < bytes.size()) {
        c.awaits_window_ = true;
        break;
      }
    }
    return taken;
  }

  void pause_reading(memory_connection& c) noexcept { c.paused_ = true; }

  void resume_reading(memory_connection& c) {
    if (c.closing_ || !std::exchange(c.paused_, false)) return;
    post([this, at = shared(c)] { deliver(*at, memory_connection::unlimited); });
  }

  void shutdown(memory_connection& c) {
    if (c.closing_ || c.ended_) return;
    c.ended_ = true;
    post([this, at = shared(c)] { deliver(*at, memory_connection::unlimited); });
  }

  void abort(memory_connection& c) {
    if (std::exchange(c.closing_, true)) return;
    c.reset_ = true;
    post([this, at = shared(c)] { report(*at, std::make_error_code(std::errc::operation_canceled)); });
  }

  /// Opens a connection that we have begun. `reached` is called with it first, for its far end.
  template <class Reached>
  void open_dialed(void* context, const Reached& reached) {
    auto c = std::make_shared<memory_connection>();
    c->context_ = context;
    open_.push_back(c);
    reached(c);
    if (!c->closing_) receiver_->on_open(*c);
  }

  // --------------------------------------------------------------------------------------- the peer's side

  connection_pointer connect() {
    auto c = std::make_shared<memory_connection>();
    if (accepting_) {
      open_.push_back(c);
      post([this, c] { open(c); });
    } else {
      turn_away(*c);
    }
    return c;
  }

  void send(const connection_pointer& c, std::string_view bytes) {
    if (c->closing_ || c->reset_ || c->peer_ended_) return;
    const std::size_t now = std::min(bytes.size(), c->inbound_left_);
    c->inbound_.append(bytes.substr(0, now));
    if (now > 0) post([this, c, now] { deliver(*c, now); });
    if (spend(c->inbound_left_, now)) cut(c);
  }

  void end(const connection_pointer& c) {
    c->peer_ended_ = true;
    post([this, c] { deliver(*c, 0); });
  }

  /// The line is dead for both, from here on in the order of things.
  void cut(const connection_pointer& c) {
    if (c->closing_ || std::exchange(c->reset_, true)) return;
    post([this, c] { close(*c, std::make_error_code(std::errc::connection_reset)); });
  }

  void open_window(const connection_pointer& c, std::size_t bytes) {
    c->window_ = bytes;
    post([this, c] {
      if (c->closing_ || c->ended_ || c->window_ == 0 || !std::exchange(c->awaits_window_, false)) return;
      receiver_->on_writable(*c);
    });
  }

 private:
  /// True: `left` was a limit and is used up.
  static bool spend(std::size_t& left, std::size_t bytes) noexcept {
    if (left == memory_connection::unlimited) return false;
    left -= bytes;
    return left == 0;
  }

  static void turn_away(memory_connection& c) noexcept { c.closing_ = c.reset_ = true; }

  [[nodiscard]] connection_pointer shared(memory_connection& c) const {
    return *std::ranges::find(open_, &c, [](const connection_pointer& p) { return p.get(); });
  }

  void open(const connection_pointer& c) {
    if (accepting_) return receiver_->on_open(*c);
    turn_away(*c);
    std::erase(open_, c);
  }

  void carry_out(memory_connection& c, std::string_view bytes) {
    if (c.reset_) return;  // taken, as a kernel takes it, but nobody is there
    const std::size_t arriving = std::min(bytes.size(), c.outbound_left_);
    c.received_.append(bytes.substr(0, arriving));
    if (spend(c.outbound_left_, arriving)) cut(shared(c));
  }

  void deliver(memory_connection& c, std::size_t bytes) {
    while (!c.closing_ && (!c.paused_ || c.ended_)) {
      const std::size_t waiting = c.inbound_.size() - c.delivered_;
      if (waiting == 0) {
        if (!c.peer_ended_) return;
        const bool orderly = c.ended_ || !c.awaits_window_;
        return close(c, orderly ? std::error_code{} : std::make_error_code(std::errc::broken_pipe));
      }
      const std::size_t now = std::min({waiting, bytes, c.ended_ ? waiting : c.chunk_});
      if (now == 0) return;
      bytes -= now;
      std::string chunk = c.inbound_.substr(c.delivered_, now);
      c.delivered_ += now;
      if (c.delivered_ == c.inbound_.size()) {
        c.inbound_.clear();
        c.delivered_ = 0;
      }
      if (!c.ended_) receiver_->on_data(c, chunk);
    }
  }

  void close(memory_connection& c, std::error_code why) {
    if (!std::exchange(c.closing_, true)) report(c, why);
  }

  void report(memory_connection& c, std::error_code why) {
    const connection_pointer held = shared(c);
    std::erase(open_, held);
    receiver_->on_closed(c, why);
  }

  std::mutex mutex_;  // guards queue_ and, for post, stopped_
  std::deque<std::function<void()>> queue_;
  loop_thread thread_;  // that drove it last
  bool stopped_ = false;
  bool accepting_ = false;
  bool dispatching_ = false;
  std::optional<steady_time> late_since_;
  transport_receiver<memory_connection>* receiver_ = nullptr;
  std::vector<connection_pointer> open_;
};

}  // namespace detail
}  // namespace hotline
#endif
