#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/connection/subscriber.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hotline::detail {

/// The way out of a room. No member may call back into the room.
class room_output {
 public:
  /// Hands bytes to the session's socket. Returns how many were taken; when that is less than all, `room::resume` is called once
  /// the socket can take more. A failure gives the session up.
  virtual std::size_t write(subscriber&, std::span<const std::string_view> bytes) noexcept = 0;
  /// The log's old end has overtaken the session. Returns false when the session is to be closed for that, after this turn,
  /// and receives nothing more.
  virtual bool allows_gap(subscriber&) = 0;
  /// A `gap` message for the session's lane.
  virtual std::string gap_message(sequence from, sequence to) = 0;
  /// There was no memory to keep what the session's socket did not take: the session is to be ended.
  virtual void give_up(subscriber&) noexcept = 0;
  /// The compression for sessions that agreed on one; not null while there is such a session.
  virtual message_compression* compression() noexcept = 0;

 protected:
  ~room_output() = default;
};

/// Sends what waits in the session's lane. Returns false when bytes remain: then the session waits for its socket.
[[nodiscard]] inline bool send_outbox(subscriber& s, room_output& output) {
  const std::string_view pending = s.out.pending();
  const std::size_t taken = output.write(s, {&pending, 1});
  s.blocked = taken != pending.size();
  s.out.consume(taken);
  return !s.blocked;
}

}  // namespace hotline::detail
#endif
