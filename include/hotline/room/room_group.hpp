#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 5/6: those of a room who share what they are sent.

#include <hotline/session/filter.hpp>
#include <hotline/session/session.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <vector>

namespace hotline::detail {

/// The sessions of one room that get the same bytes.
struct room_group {
  filter wanted;
  bool compressed = false;
  std::size_t members = 0;          ///< current or not
  sequence last_sent = 0;           ///< to those who are current
  std::vector<session*> current{};  ///< those at `flushed`, with an empty lane and a socket that takes more
};

}  // namespace hotline::detail
#endif
