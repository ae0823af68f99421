#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Between threads: rooms that wait for their loop. No locks here: the mailbox that owns it has one.

#include <utility>

namespace hotline::detail {

/// A room's place in a queue, and in one at most. Must have left it when it goes.
class room_link {
 public:
  room_link() noexcept = default;
  room_link(const room_link&) = delete;
  room_link& operator=(const room_link&) = delete;

 private:
  template <class Room>
  friend class room_queue;

  room_link* next_ = nullptr;
  room_link* previous_ = nullptr;
};

/// Rooms in the order in which they came. Linked through themselves: to wait takes no memory, and so cannot fail.
/// Room: derives from `room_link`.
template <class Room>
class room_queue {
 public:
  room_queue() noexcept { ends_.next_ = ends_.previous_ = &ends_; }

  [[nodiscard]] bool empty() const noexcept { return ends_.next_ == &ends_; }

  /// Who waits already, here or in another queue, keeps that place.
  void push(Room& room) noexcept {
    room_link& link = room;
    if (link.next_ != nullptr) return;
    link.next_ = &ends_;
    link.previous_ = std::exchange(ends_.previous_, &link);
    link.previous_->next_ = &link;
  }

  /// Null when nobody waits.
  [[nodiscard]] Room* pop() noexcept {
    if (empty()) return nullptr;
    Room& first = static_cast<Room&>(*ends_.next_);
    remove(first);
    return &first;
  }

  /// From whichever queue it is in.
  static void remove(Room& room) noexcept {
    room_link& link = room;
    if (link.next_ == nullptr) return;
    link.next_->previous_ = link.previous_;
    link.previous_->next_ = link.next_;
    link.next_ = link.previous_ = nullptr;
  }

  /// All who wait in `others` wait here, behind those who do.
  void take_over(room_queue& others) noexcept {
    if (others.empty()) return;
    room_link& first = *others.ends_.next_;
    room_link& last = *others.ends_.previous_;
    others.ends_.next_ = others.ends_.previous_ = &others.ends_;
    last.next_ = &ends_;
    first.previous_ = std::exchange(ends_.previous_, &last);
    first.previous_->next_ = &first;
  }

 private:
  room_link ends_;  // its next is the first, its previous the last
};

}  // namespace hotline::detail
#endif
