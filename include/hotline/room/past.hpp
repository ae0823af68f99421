#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/log/memory_stream.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <cstddef>

namespace hotline::detail {

/// A number of events at the log's end.
struct past {
  sequence events = 0;
  bool is_cut = false;  ///< more was asked for, and is there
};

/// Returns how many of the latest `asked` events have together no more than `bytes` bytes: at least the newest, and none at
/// all when `bytes` is 0. They end with the newest event and have no hole.
[[nodiscard]] inline past past_within(const memory_stream& stream, sequence asked, std::size_t bytes) {
  if (asked == 0) return {};
  const auto [oldest, end] = stream.bounds();
  const sequence there = std::min(asked, end + 1 - oldest);
  if (there == 0) return {};
  const sequence most = bytes == 0 ? 0 : std::max<sequence>(end - std::min(end, stream.tail(bytes)), 1);
  return {std::min(there, most), there > most};
}

/// Returns the event after which a session goes on that is resumed and asks for what comes after `asked`. Events from before it
/// began, up to `first`, were never its own: of those it is given no more than a new session is, the last `bytes` bytes of the log.
[[nodiscard]] inline sequence goes_on_after(const memory_stream& stream, sequence asked, sequence first,
                                            std::size_t bytes) {
  if (asked >= first) return asked;
  const sequence allowed = std::min(first, stream.tail(bytes));
  return allowed < stream.bounds().oldest ? asked : std::max(asked, allowed);
}

}  // namespace hotline::detail
#endif
