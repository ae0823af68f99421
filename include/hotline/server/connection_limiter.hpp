#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// How many connections there are, and which of them is one too many. No I/O here.

#include <hotline/connection/connection.hpp>
#include <hotline/connection/newcomer.hpp>
#include <hotline/crowd.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/server/counted_address.hpp>
#include <hotline/session/address_table.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace hotline::detail {

/// Counts a manager's connections: handshakes and what became of them, by address and in all.
///
///     const auto surplus = limiter.arrive(c);      // a socket is there
///     if (const auto over = limiter.full(…)) refuse(c, *over);
///     limiter.let_in(c);                           // it is upgraded
///     limiter.leave(c);                            // it ends
///     limiter.let_go(c);                           // it is gone
class connection_limiter {
 public:
  connection_limiter(const connection_limits& limits, live_metrics& counted, address_table& addresses) noexcept
      : limits_(limits), counted_(counted), addresses_(addresses) {}

  /// The handshakes that give way to one that came.
  struct surplus {
    connection* told = nullptr;  ///< was refused before, and is cut off now
    connection* goes = nullptr;  ///< is refused, or cut off where its head is still missing; may be the one that came
  };

  /// A socket came. When handshakes are too many, the address that has most gives way. Nothing has changed when it
  /// throws.
  [[nodiscard]] surplus arrive(connection& c) {
    newcomer& arrived = *c.arriving();
    const std::string address = counted_address(arrived.remote_address);
    counted_.accepted.add();
    surplus too_many;
    // A refused handshake still counts, until it has ended, or until the next has to go.
    const std::uint64_t before = counted_.handshakes.value();
    if (before >= limits_.handshakes) too_many.told = told_;
    const newcomer* other = nullptr;
    const bool is_full = before - (too_many.told != nullptr ? 1 : 0) >= limits_.handshakes;
    if (is_full) {
      counted_.limits[limit::handshakes].add();
      if (too_many.told != nullptr) crowd_.look_at(*too_many.told->arriving());
      other = static_cast<const newcomer*>(crowd_.gives_way_to(address));
    }
    try {
      crowd_.add(arrived, address);
    } catch (...) {
      if (too_many.told != nullptr) await(*too_many.told);
      throw;
    }
    if (too_many.told != nullptr) told_ = nullptr;
    c.counts = counted_as::handshake;
    crowd_.await(arrived);
    counted_.handshakes.add();
    if (is_full) too_many.goes = other == nullptr ? &c : &other->of;
    return too_many;
  }

  /// Notes that `c` is refused, for others need its place.
  void tell(connection& c) noexcept { told_ = &c; }

  /// The host has said which address it counts for. Nothing has changed when it throws.
  void move(connection& c, const std::string& address) {
    if (c.counts == counted_as::handshake) crowd_.move(*c.arriving(), address);
  }

  /// Its head is awaited, or that it takes its answer.
  void await(connection& c) noexcept {
    if (c.counts == counted_as::handshake) crowd_.await(*c.arriving());
  }

  /// Its head is here, and is looked at.
  void look_at(connection& c) noexcept {
    if (c.counts == counted_as::handshake) crowd_.look_at(*c.arriving());
  }

  /// It waits for the host.
  void keep_waiting(connection& c) noexcept {
    if (c.counts == counted_as::handshake) crowd_.keep_waiting(*c.arriving());
  }

  /// Returns which limit one more connection of `address` would exceed; nothing when it may come in. `in_project` is
  /// how many the project has, `goes` a connection that ends for the new one and is not among them, or null.
  [[nodiscard]] std::optional<limit> full(std::size_t in_project, const std::string& address,
                                          const connection* goes = nullptr) const {
    const bool is_counted = goes != nullptr && goes->counts == counted_as::connection;
    if (counted_.connections.value() - (is_counted ? 1 : 0) >= limits_.all) return limit::connections;
    if (in_project >= limits_.per_project) return limit::project_connections;
    const address_record* const record = addresses_.find(address);
    if (record == nullptr) return std::nullopt;
    const std::size_t others = record->connections - (is_counted && goes->address == record ? 1 : 0);
    return others >= limits_.per_address ? std::optional(limit::address_connections) : std::nullopt;
  }

  /// A handshake has become a connection. Nothing has changed when it throws.
  void let_in(connection& c) {
    c.address = addresses_.use(counted_address(c.arriving()->remote_address));
    if (c.address != nullptr) ++c.address->connections;
    leave_handshake(c);
    c.counts = counted_as::connection;
    counted_.connections.add();
  }

  /// The connection ends, or will at once: it does not count any more.
  void leave(connection& c) noexcept {
    switch (c.counts) {
      case counted_as::nothing: return;
      case counted_as::handshake: leave_handshake(c); break;
      case counted_as::connection:
        counted_.connections.subtract();
        if (c.address != nullptr) --c.address->connections;
        break;
    }
    c.counts = counted_as::nothing;
  }

  /// The connection is gone: it does not use its address's record any more.
  void let_go(connection& c) noexcept { addresses_.let_go(c.address); }

 private:
  void leave_handshake(connection& c) noexcept {
    if (told_ == &c) told_ = nullptr;
    crowd_.remove(*c.arriving());
    counted_.handshakes.subtract();
  }

  const connection_limits& limits_;
  live_metrics& counted_;
  address_table& addresses_;
  crowd crowd_;  // the handshakes
  connection* told_ = nullptr;
};

}  // namespace hotline::detail
#endif
