#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The rooms of a hub, one for each project that has connections here.

#include <hotline/connection/connection.hpp>
#include <hotline/keyed_table.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/metrics.hpp>
#include <hotline/room/room_output.hpp>
#include <hotline/server/mailbox.hpp>
#include <hotline/server/project_room.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace hotline::detail {

/// Makes a project's room with its first connection, and destroys it with the last. For one loop.
///
///     project_room& room = rooms.open("p", log->open("p"));
///     c.room = &room;
///     room.subscribers().join(c, filter::everything());
///     rooms.leave(c);   // the last one: `room` is destroyed
class room_list {
 public:
  room_list(std::shared_ptr<memory_event_log> log, room_output& output, std::size_t catch_up_bytes,
            std::shared_ptr<mailbox> mail, live_metrics& counted, const hash_key& key = {})
      : log_(std::move(log)),
        output_(output),
        catch_up_bytes_(catch_up_bytes),
        mail_(std::move(mail)),
        counted_(counted),
        rooms_(key) {}

  /// Returns the project's room, and makes it when there is none. `stream`: the project's. The reference is valid until
  /// the last connection has left.
  [[nodiscard]] project_room& open(const std::string& project, std::shared_ptr<memory_stream> stream) {
    if (project_room* const room = find(project)) return *room;
    project_room& opened =
        rooms_.add(project, std::move(stream), output_, catch_up_bytes_, mail_, log_->env(), counted_, rooms_.key());
    counted_.projects.set(rooms_.size());
    return opened;
  }

  /// Returns the project's room, null when the project has no connections here.
  [[nodiscard]] project_room* find(std::string_view project) const noexcept { return rooms_.find(project); }

  /// Ends the events of a connection. The room is destroyed with its last one.
  void leave(connection& c) noexcept {
    if (c.room == nullptr) return;
    project_room& room = *std::exchange(c.room, nullptr);
    room.subscribers().leave(c);
    if (room.subscribers().size() > 0) return;
    rooms_.erase(room);
    counted_.projects.set(rooms_.size());
  }

  /// Sends the connections of every room what their logs have.
  void flush() {
    for (project_room* room = rooms_.first(); room != nullptr; room = rooms_.after(*room)) room->subscribers().flush();
  }

 private:
  const std::shared_ptr<memory_event_log> log_;
  room_output& output_;
  const std::size_t catch_up_bytes_;
  const std::shared_ptr<mailbox> mail_;
  live_metrics& counted_;
  keyed_table<project_room> rooms_;
};

}  // namespace hotline::detail
#endif
