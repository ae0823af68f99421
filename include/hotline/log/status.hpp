#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <cstddef>
#include <cstdint>

namespace hotline {

/// A log at one moment. The counts are since it was made: `appended - evicted` events are kept.
struct log_status {
  std::size_t projects = 0;  ///< that have a stream now
  std::size_t bytes = 0;     ///< in use now, or reserved for what is being appended; with what projects cost themselves
  std::uint64_t appended = 0;     ///< events
  std::uint64_t evicted = 0;      ///< events that went for their age or for others' room, or with their project
  std::uint64_t crowded_out = 0;  ///< those of them for which all projects together left no room
  std::uint64_t refused = 0;      ///< events that were not appended, whatever the error
  std::uint64_t projects_crowded_out = 0;  ///< that were forgotten for another one, before they were idle for long
};

}  // namespace hotline
#endif
