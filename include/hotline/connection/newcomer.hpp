#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/crowd.hpp>
#include <hotline/options.hpp>
#include <hotline/wire/head_reader.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace hotline::detail {

class connection;

/// The part of a connection that is needed until the upgrade. It is freed then: most connections are upgraded after one
/// round trip.
struct newcomer : crowd::member {
  newcomer(connection& c, std::uint64_t n, std::string address, bool came_from_here, const handshake_limits& limits)
      : of(c), number(n), remote_address(std::move(address)), is_local(came_from_here), reader(limits) {}

  connection& of;
  std::uint64_t number;               ///< random
  std::string remote_address;         ///< the peer's, or the one that the host says it stands for
  bool is_local;                      ///< its socket came through a loopback address of this machine
  std::optional<head_reader> reader;  ///< until the head is complete
};

}  // namespace hotline::detail
#endif
