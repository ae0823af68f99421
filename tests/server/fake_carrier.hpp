#pragma once

// The neighbours of a hub's parts: a carrier whose sockets are strings, and what looks into a mailbox.

#include <hotline/server/carrier.hpp>
#include <hotline/server/mailbox.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline_test {

/// One socket: how it behaves, and notes of what its carrier was asked to do with it.
struct fake_socket {
  static constexpr std::size_t everything = std::numeric_limits<std::size_t>::max();

  [[nodiscard]] hotline::detail::opaque_socket& handle() noexcept {
    return *static_cast<hotline::detail::opaque_socket*>(static_cast<void*>(this));
  }
  [[nodiscard]] static fake_socket& of(hotline::detail::opaque_socket& socket) noexcept {
    return *static_cast<fake_socket*>(static_cast<void*>(&socket));
  }
  /// Returns what was written since the last call.
  [[nodiscard]] std::string take() { return std::exchange(written, {}); }

  std::string address = "192.0.2.1:50123";
  std::size_t takes = everything;  ///< how many bytes more it takes
  bool is_broken = false;          ///< a write to it throws
  bool reads_on = true;            ///< false: to read on takes memory, and there is none
  bool is_local = false;
  bool has_input = false;
  std::string written{};
  int writes = 0;
  bool is_paused = false;
  bool is_shut_down = false;
  bool is_aborted = false;
};

/// A carrier that does nothing by itself: what is posted runs when `run` is called, and a test plays the peers.
class fake_carrier final : public hotline::detail::carrier {
 public:
  using opaque_socket = hotline::detail::opaque_socket;

  explicit fake_carrier(
      std::shared_ptr<hotline::manual_environment> env = std::make_shared<hotline::manual_environment>())
      : env_(std::move(env)) {}

  std::error_code start(hotline::detail::carrier_receiver& r) override {
    receiver = &r;
    return start_fails;
  }
  void stop_accepting() override { accepts = false; }
  void stop() override { ++stops; }
  std::size_t write(opaque_socket& socket, std::span<const std::string_view> bytes) override {
    fake_socket& s = fake_socket::of(socket);
    if (s.is_broken) throw std::bad_alloc();
    ++s.writes;
    std::size_t taken = 0;
    for (const std::string_view part : bytes) {
      const std::size_t now = std::min(part.size(), s.takes);
      s.written.append(part.substr(0, now));
      if (s.takes != fake_socket::everything) s.takes -= now;
      taken += now;
      if (now < part.size()) break;
    }
    return taken;
  }
  void pause_reading(opaque_socket& socket) override { fake_socket::of(socket).is_paused = true; }
  void resume_reading(opaque_socket& socket) override {
    if (!fake_socket::of(socket).reads_on) throw std::bad_alloc();
    fake_socket::of(socket).is_paused = false;
  }
  void shutdown(opaque_socket& socket) override { fake_socket::of(socket).is_shut_down = true; }
  void abort(opaque_socket& socket) override { fake_socket::of(socket).is_aborted = true; }
  void post(std::function<void()> task) override {
    if (out_of_memory) throw std::bad_alloc();
    ++posts;
    tasks_.push_back(std::move(task));
  }
  std::string remote_address(opaque_socket& socket) override {
    if (out_of_memory) throw std::bad_alloc();
    return fake_socket::of(socket).address;
  }
  hotline::environment& env() noexcept override { return *env_; }
  bool runs_elsewhere() noexcept override { return elsewhere; }
  std::string_view scheme() const noexcept override { return "http"; }
  bool through_loopback(opaque_socket& socket) override { return fake_socket::of(socket).is_local; }
  bool has_input(opaque_socket& socket) override { return fake_socket::of(socket).has_input; }
  std::chrono::nanoseconds lateness() const noexcept override { return late_by; }
  std::uint64_t turned_away() const noexcept override { return turned_away_sockets; }

  /// Runs what is posted, until nothing is left.
  void run() {
    while (!tasks_.empty()) {
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

  [[nodiscard]] hotline::manual_environment& clock() noexcept { return *env_; }
  [[nodiscard]] const std::shared_ptr<hotline::manual_environment>& shared_clock() const noexcept { return env_; }

  hotline::detail::carrier_receiver* receiver = nullptr;
  std::error_code start_fails{};
  bool accepts = true;
  int stops = 0;
  int posts = 0;
  bool out_of_memory = false;  // for what is posted, and for addresses
  bool elsewhere = false;      // another thread runs the loop
  std::chrono::nanoseconds late_by{};
  std::uint64_t turned_away_sockets = 0;

 private:
  const std::shared_ptr<hotline::manual_environment> env_;
  std::deque<std::function<void()>> tasks_;
};

/// Looks into a mailbox as a hub does: rooms first, then tasks.
class fake_mail_reader final : public hotline::detail::mail_reader {
 public:
  using on_room = std::function<void(hotline::detail::mailbox_room&)>;

  /// `f` is called with each room.
  explicit fake_mail_reader(on_room f) : flush_(std::move(f)) {}

  void read(std::shared_ptr<hotline::detail::mailbox> from) { from_ = std::move(from); }
  void on_mail() override {
    ++looks;
    const std::vector<std::function<void()>> tasks = from_->take();
    while (hotline::detail::mailbox_room* const room = from_->next_room()) flush_(*room);
    for (const auto& task : tasks) task();
  }

  int looks = 0;

 private:
  const on_room flush_;
  std::shared_ptr<hotline::detail::mailbox> from_;
};

/// A mailbox with its loop and reader. It is closed when this goes.
class open_mailbox {
 public:
  open_mailbox(hotline::detail::carrier& loop, fake_mail_reader::on_room f)
      : reader_(std::move(f)), box_(std::make_shared<hotline::detail::mailbox>(loop, reader_)) {
    reader_.read(box_);
  }
  open_mailbox(const open_mailbox&) = delete;
  open_mailbox& operator=(const open_mailbox&) = delete;
  ~open_mailbox() { box_->close(); }

  [[nodiscard]] hotline::detail::mailbox* operator->() const noexcept { return box_.get(); }
  [[nodiscard]] const std::shared_ptr<hotline::detail::mailbox>& shared() const noexcept { return box_; }
  /// Returns how often the loop has looked into it.
  [[nodiscard]] int looks() const noexcept { return reader_.looks; }

 private:
  fake_mail_reader reader_;
  const std::shared_ptr<hotline::detail::mailbox> box_;
};

}  // namespace hotline_test
