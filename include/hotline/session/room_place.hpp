#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 5/6: what a room notes of a session. No logic but that of the notes.

#include <hotline/types.hpp>

#include <cstdint>

namespace hotline::detail {

struct room_group;

/// A point in time or none, in the room of one.
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

/// Where a session stands in its room; the room's own notes.
struct room_place {
  room_group* group = nullptr;
  moment late_since{};      ///< since when the project's pace counts it as behind
  std::uint32_t index = 0;  ///< among its group's current members, or among those who are not current
  bool current = false;     ///< sent everything up to where the room was last flushed
  bool busy = false;        ///< owed more, and not waiting for its socket: the room goes on with it next turn
  bool kept_up = false;     ///< it was caught up, and was not waited for in vain since: a producer may wait for it
};

}  // namespace hotline::detail
#endif
