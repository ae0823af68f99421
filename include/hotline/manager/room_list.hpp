#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 5/6: the rooms of a manager, one for each project that has connections here.

#include <hotline/concepts.hpp>
#include <hotline/keyed_hash.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/manager/project_room.hpp>
#include <hotline/metrics.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace hotline::detail {

template <transport Transport>
class room_list {
 public:
  using room_type = project_room<Transport>;

  room_list(std::shared_ptr<memory_event_log> log, room_output& output, std::size_t catch_up_bytes,
            std::shared_ptr<typename room_type::mailbox_type> mail, live_metrics& counted, const hash_key& key = {})
      : log_(std::move(log)),
        output_(output),
        catch_up_bytes_(catch_up_bytes),
        mail_(std::move(mail)),
        counted_(counted),
        rooms_(0, keyed_hash{key}) {}

  /// `stream`: the project's.
  [[nodiscard]] room_type& open(const std::string& project, std::shared_ptr<memory_stream> stream) {
    if (room_type* const room = find(project)) return *room;
    auto room = std::make_unique<room_type>(project, std::move(stream), output_, catch_up_bytes_, mail_, log_->env(),
                                            counted_, rooms_.hash_function().key);
    room_type& opened = *rooms_.emplace(project, std::move(room)).first->second;
    counted_.projects.set(rooms_.size());
    return opened;
  }

  /// Null when the project has no connections here.
  [[nodiscard]] room_type* find(const std::string& project) const {
    const auto found = rooms_.find(project);
    return found == rooms_.end() ? nullptr : found->second.get();
  }

  /// The client hears no more events; the last one to leave takes the room along.
  template <class Client>
  void leave(Client& c) {
    if (c.room == nullptr) return;
    room_type& room = *std::exchange(c.room, nullptr);
    room.listeners.leave(c);
    if (room.listeners.size() > 0) return;
    rooms_.erase(rooms_.find(room.project));
    counted_.projects.set(rooms_.size());
  }

  void flush() {
    for (auto& [project, room] : rooms_) room->listeners.flush();
  }

 private:
  const std::shared_ptr<memory_event_log> log_;
  room_output& output_;
  const std::size_t catch_up_bytes_;
  const std::shared_ptr<typename room_type::mailbox_type> mail_;
  live_metrics& counted_;
  std::unordered_map<std::string, std::unique_ptr<room_type>, keyed_hash> rooms_;
};

}  // namespace hotline::detail
#endif
