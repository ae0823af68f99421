#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 5/6: a project's room, woken when its log grows.

#include <hotline/concepts.hpp>
#include <hotline/keyed_hash.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/manager/mailbox.hpp>
#include <hotline/room/room.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace hotline::detail {

/// A room, its name, and its place on the list of those to flush. Lives while the project has connections here.
template <transport Transport>
class project_room final : public log_watcher, public room_link {
 public:
  using mailbox_type = mailbox<Transport, project_room>;

  project_room(std::string name, std::shared_ptr<memory_stream> stream, room_output& output, std::size_t catch_up_bytes,
               std::shared_ptr<mailbox_type> mail, environment& env, live_metrics& counted, const hash_key& key)
      : project(std::move(name)),
        listeners(std::move(stream), output, catch_up_bytes, key),
        mail_(std::move(mail)),
        env_(env),
        counted_(counted) {
    listeners.stream().attach(*this);
  }

  project_room(const project_room&) = delete;
  project_room& operator=(const project_room&) = delete;

  ~project_room() {
    listeners.stream().detach(*this);
    mail_->forget(*this);
  }

  /// Any thread: flush it at the loop's next turn.
  void wake() noexcept {
    if (woken_.exchange(true, std::memory_order_acq_rel)) return;
    if (!mail_->wake(*this)) woken_.store(false, std::memory_order_release);
  }

  void on_append() noexcept override {
    // Appenders are one at a time; only the first since the last flush looks at the clock.
    if (grown_at_.load(std::memory_order_relaxed) == not_grown) grown_at_.store(env_.now(), std::memory_order_relaxed);
    wake();
  }

  /// The loop's turn has come. When it throws, the room goes on at the loop's next tick, or when it is woken before.
  void flush() {
    woken_.store(false, std::memory_order_release);
    const steady_time grown_at = grown_at_.exchange(not_grown, std::memory_order_relaxed);
    try {
      listeners.flush();
      if (grown_at != not_grown) record(counted_.fan_out_latency, env_.now() - grown_at);
      if (listeners.resume_busy()) wake();
    } catch (...) {
      steady_time none = not_grown;  // unless there is more by now, it has waited since then
      grown_at_.compare_exchange_strong(none, grown_at, std::memory_order_relaxed);
      mail_->keep(*this);
      throw;
    }
  }

  const std::string project;
  room listeners;

 private:
  static constexpr steady_time not_grown = steady_time::min();

  const std::shared_ptr<mailbox_type> mail_;
  environment& env_;
  live_metrics& counted_;
  std::atomic<bool> woken_{false};
  std::atomic<steady_time> grown_at_{not_grown};  // since when there is something that nobody was sent
};

}  // namespace hotline::detail
#endif
