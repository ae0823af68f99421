#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/types.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

/// \file
/// Records that go into a log, and entries that are read from it.

namespace hotline {

/// One finished message on its way into a log. Its payload is `head`, the decimal digits of its `seq`, `tail`;
/// the log knows the number, so the log puts it in, and the frame's header before it.
struct log_record {
  std::string_view head;
  std::string_view tail;
  std::string_view type;   ///< the event type that filters match; must be a part of `head`
  std::string_view key{};  ///< unless empty: a newer record of the same type and key supersedes this one
};

/// One entry as it is read: `frame` is exactly the bytes that go on the wire.
struct log_entry {
  sequence seq;
  std::string_view frame;
  std::string_view type;
  std::uint32_t type_hash;  ///< `hash_type(type)`
  bool superseded = false;  ///< a newer entry has its type and key: a subscriber that lags need not receive it
};

/// The result of a read. The views are valid while the batch is; entries that follow each other in the log's memory
/// follow each other in memory here too, so that neighbours can be sent as one span.
struct log_batch {
  std::vector<log_entry> entries;
  std::vector<std::shared_ptr<const void>> pins;  ///< keeps the bytes alive, evicted or not
};

/// Where a log begins and ends: `oldest` is the first entry still there, `end` the newest; empty is `oldest == end +
/// 1`.
struct log_bounds {
  sequence oldest;
  sequence end;
};

/// The hash by which filters compare event types first (FNV-1a, 32 bits).
[[nodiscard]] constexpr std::uint32_t hash_type(std::string_view type) noexcept {
  std::uint32_t hash = 2166136261u;
  for (const char c : type) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

}  // namespace hotline
#endif
