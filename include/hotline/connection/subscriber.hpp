#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A connection as a room sees it. Records: the room and the connection's owner change them.

#include <hotline/connection/outbox.hpp>
#include <hotline/types.hpp>

#include <cstdint>

namespace hotline::detail {

struct room_group;
class project_room;

/// A socket of a transport. The transport's adapter alone knows what stands behind the name.
class opaque_socket;

/// A point in time or none, in the space of one.
class moment {
 public:
  moment() = default;
  moment(steady_time at) noexcept : at_(at) {}

  [[nodiscard]] explicit operator bool() const noexcept { return at_ != steady_time::max(); }
  [[nodiscard]] steady_time operator*() const noexcept { return at_; }
  void reset() noexcept { at_ = steady_time::max(); }
  [[nodiscard]] friend bool operator==(const moment&, const moment&) = default;

 private:
  steady_time at_ = steady_time::max();
};

/// A subscriber's place in its room. The room and its pace meter write it.
struct room_place {
  room_group* group = nullptr;  ///< null: in no room
  moment late_since{};          ///< since when the project's pace counts the subscriber as behind
  std::uint32_t late_from = 0;  ///< with `late_since`: the last digits of the cursor then, in base 2^32
  std::uint32_t index = 0;      ///< among its group's current members, or among those that are not current
  bool current = false;         ///< was sent everything up to where the room was last flushed
  bool busy = false;            ///< is owed more and does not wait for its socket: the room continues next turn
  bool kept_up = false;  ///< was caught up, and no producer has waited for it in vain since: a producer may wait for it
};

/// One connection as its room sees it. A delivery to a subscriber that is up to date reads the first two members alone.
struct subscriber {
  opaque_socket* socket = nullptr;           ///< takes the bytes
  outbox out;                                ///< goes before the log's bytes
  sequence cursor = 0;                       ///< the last event of the log that was sent, or passed over
  sequence told_at = 0;                      ///< the last event passed over whose number the client has received
  project_room* room = nullptr;              ///< the room that it is in; null: none
  [[no_unique_address]] room_place place{};  ///< the next two members stand in the bytes that it leaves free
  bool blocked = false;                      ///< the socket took less than it was given: wait until it is writable
  bool takes_deflate = false;                ///< permessage-deflate was agreed on
};

}  // namespace hotline::detail
#endif
