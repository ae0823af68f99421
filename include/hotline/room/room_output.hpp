#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 5/6: where a room's bytes go. No I/O here.

#include <hotline/concepts.hpp>
#include <hotline/session/session.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hotline::detail {

/// What a room needs of the world. None of it may call back into the room.
class room_output {
 public:
  /// Hands bytes to the session's socket; how many were taken. Less than all: `room::resume` once more can be.
  /// What fails gives the session up.
  virtual std::size_t write(session&, std::span<const std::string_view> bytes) noexcept = 0;
  /// The session fell off the log's old end. False: it is to be closed for that, after this turn, and gets no more.
  virtual bool allows_gap(session&) = 0;
  /// A `gap` message for the session's lane.
  virtual std::string gap_message(sequence from, sequence to) = 0;
  /// There was no memory to keep what the session's socket did not take: it is to be ended.
  virtual void give_up(session&) noexcept = 0;
  /// For sessions that take it. Not null while there is one.
  virtual message_compression* compression() noexcept = 0;

 protected:
  ~room_output() = default;
};

/// Sends what waits in the session's lane. False when bytes remain: then the session waits for its socket.
[[nodiscard]] inline bool send_lane(session& s, room_output& output) {
  const std::string_view pending = s.lane.pending();
  const std::size_t taken = output.write(s, {&pending, 1});
  s.blocked = taken != pending.size();
  s.lane.consume(taken);
  return !s.blocked;
}

}  // namespace hotline::detail
#endif
