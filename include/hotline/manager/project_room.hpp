#pragma once
// Outbound 5/6: a project's room, woken when its log grows.

#include <hotline/concepts.hpp>
#include <hotline/manager/mailbox.hpp>
#include <hotline/room/room.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace hotline::detail {

/// A room, its name, and its place on the list of those to flush. Lives while the project has connections here.
template <transport Transport, event_log Log>
class project_room final : public log_watcher {
 public:
  using mailbox_type = mailbox<Transport, project_room>;

  project_room(std::string name, std::shared_ptr<typename Log::stream_type> stream, room_output& output,
               std::size_t catch_up_bytes, std::shared_ptr<mailbox_type> mail)
      : project(std::move(name)), listeners(std::move(stream), output, catch_up_bytes), mail_(std::move(mail)) {
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
    mail_->wake(*this);
  }

  void on_append() noexcept override { wake(); }

  /// The loop's turn has come.
  void flush() {
    woken_.store(false, std::memory_order_release);
    listeners.flush();
    if (listeners.resume_busy()) wake();
  }

  const std::string project;
  room<typename Log::stream_type> listeners;

 private:
  const std::shared_ptr<mailbox_type> mail_;
  std::atomic<bool> woken_{false};
};

}  // namespace hotline::detail
