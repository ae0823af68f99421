#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/session/connection_info.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/session/session.hpp>
#include <hotline/types.hpp>

#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>

namespace hotline::detail {

/// The dispatcher's way to sessions, their connections and the log. For one loop.
class command_output {
 public:
  /// Returns the session of that number, null when it is gone.
  [[nodiscard]] virtual session* find(std::uint64_t number) noexcept = 0;
  /// Returns the facts about the session that a host receives.
  [[nodiscard]] virtual connection_info info(const session& s) const = 0;
  /// Queues a message for the session alone.
  virtual void answer(session& s, std::string_view text) = 0;
  /// There was no memory to answer the session: its connection ends.
  virtual void give_up(session& s) noexcept = 0;
  /// The host has admitted the session again, until then; nothing: for ever.
  virtual void renew(session& s, std::optional<wall_time> until) = 0;
  /// The session subscribes to `wanted` from its position on.
  virtual void subscribe(session& s, const filter& wanted) = 0;
  /// Returns the last event that was sent to the session, or passed it by: a new filter applies to those after it.
  [[nodiscard]] virtual sequence position(const session& s) const noexcept = 0;
  /// Returns the newest event of the session's project.
  [[nodiscard]] virtual sequence log_end(const session& s) const noexcept = 0;
  /// A handler or hook of the host's has thrown.
  virtual void report(std::string_view where, const std::exception_ptr& thrown) noexcept = 0;

 protected:
  ~command_output() = default;
};

}  // namespace hotline::detail
#endif
