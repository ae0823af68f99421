#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/subscriber.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <vector>

namespace hotline::detail {

/// The sessions of one room that are sent the same bytes.
struct room_group {
  filter wanted;
  bool compressed = false;
  std::size_t members = 0;             ///< current or not
  sequence last_sent = 0;              ///< to its current members
  std::vector<subscriber*> current{};  ///< those at `flushed`, with an empty lane and a socket that takes more
};

}  // namespace hotline::detail
#endif
