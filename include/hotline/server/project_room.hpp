#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A project's room, woken when its log grows.

#include <hotline/concepts.hpp>
#include <hotline/keyed_table.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/metrics.hpp>
#include <hotline/room/room.hpp>
#include <hotline/server/mailbox.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace hotline::detail {

/// A room, its project's id, and its place on the list of rooms to flush. `room_list` owns it while the project has
/// connections here. For one loop, but for `wake` and `on_append`.
class project_room final : public keyed_entry, public log_watcher, public mailbox_room {
 public:
  project_room(std::string name, std::shared_ptr<memory_stream> stream, room_output& output, std::size_t catch_up_bytes,
               std::shared_ptr<mailbox> mail, environment& env, live_metrics& counted, const hash_key& key)
      : keyed_entry(std::move(name)),
        subscribers_(std::move(stream), output, catch_up_bytes, key),
        mail_(std::move(mail)),
        env_(env),
        counted_(counted) {
    subscribers_.stream().attach(*this);
  }

  project_room(const project_room&) = delete;
  project_room& operator=(const project_room&) = delete;

  ~project_room() {
    subscribers_.stream().detach(*this);
    mail_->forget(*this);
  }

  /// Any thread: has the room flushed at the loop's next turn.
  void wake() noexcept {
    if (woken_.exchange(true, std::memory_order_acq_rel)) return;
    if (!mail_->wake(*this)) woken_.store(false, std::memory_order_release);
  }

  /// Any thread: the log has grown.
  void on_append() noexcept override {
    // Appenders are one at a time; only the first since the last flush looks at the clock.
    if (grown_at_.load(std::memory_order_relaxed) == not_grown) grown_at_.store(env_.now(), std::memory_order_relaxed);
    wake();
  }

  /// Sends the subscribers what the log has. When it throws, the room goes on at the loop's next tick, or when it is
  /// woken before.
  void flush() {
    woken_.store(false, std::memory_order_release);
    const steady_time grown_at = grown_at_.exchange(not_grown, std::memory_order_relaxed);
    try {
      subscribers_.flush();
      if (grown_at != not_grown) record(counted_.fan_out_latency, env_.now() - grown_at);
      if (subscribers_.resume_busy()) wake();
    } catch (...) {
      steady_time none = not_grown;  // unless there is more by now, it has waited since then
      grown_at_.compare_exchange_strong(none, grown_at, std::memory_order_relaxed);
      mail_->keep(*this);
      throw;
    }
  }

  [[nodiscard]] const std::string& project() const noexcept { return name(); }
  [[nodiscard]] room& subscribers() noexcept { return subscribers_; }
  [[nodiscard]] const room& subscribers() const noexcept { return subscribers_; }

 private:
  static constexpr steady_time not_grown = steady_time::min();

  room subscribers_;
  const std::shared_ptr<mailbox> mail_;
  environment& env_;
  live_metrics& counted_;
  std::atomic<bool> woken_{false};
  std::atomic<steady_time> grown_at_{not_grown};  // since when there is something that nobody was sent
};

}  // namespace hotline::detail
#endif
