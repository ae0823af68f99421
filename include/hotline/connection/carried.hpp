#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/rates.hpp>
#include <hotline/entry_table.hpp>
#include <hotline/types.hpp>

#include <atomic>
#include <cstdint>

namespace hotline::detail {

/// The part of a session that the connection which carries it reads and changes.
struct carried : hashed_entry {
  using hashed_entry::hashed_entry;

  /// Returns its random number, which also spreads heartbeats.
  [[nodiscard]] std::uint64_t number() const noexcept { return hash(); }

  /// Any thread: returns when the last byte came.
  [[nodiscard]] steady_time last_heard() const noexcept { return heard_at.load(std::memory_order_relaxed); }
  void hear(steady_time now) noexcept { heard_at.store(now, std::memory_order_relaxed); }

  steady_time connected_at{};           ///< the time of its connection, or of its last one
  steady_time last_ping{};              ///< over its connection; without a connection: since when there is none
  rates used{};                         ///< the part of the session's rates that is used up
  std::atomic<steady_time> heard_at{};  ///< for `hear` and `last_heard`
};

}  // namespace hotline::detail
#endif
