#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound, before the upgrade: how many are here, and who is too many. No I/O here.

#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace hotline::detail {

/// Whom a socket counts for: its address without the port; of IPv6 the network's 64 bits, for who has one address there
/// has them all. Empty for what has no address.
[[nodiscard]] inline std::string counted_address(std::string_view remote) {
  if (remote.empty() || remote == "unix" || remote == "memory") return {};
  std::string_view host = remote;
  if (host.front() == '[')
    host = host.substr(1, host.find(']') - 1);
  else if (std::count(host.begin(), host.end(), ':') == 1)
    host = host.substr(0, host.find(':'));
  // IPv4, also as IPv6 writes it (::ffff:192.0.2.1), and what is no address but a name that the host has given.
  if (host.find(':') == std::string_view::npos) return std::string(host);
  if (host.find('.') != std::string_view::npos) return std::string(host.substr(host.rfind(':') + 1));
  std::array<std::string_view, 4> network;
  network.fill("0");
  const std::size_t zeros = host.find("::");
  std::string_view rest = host.substr(0, zeros);
  for (std::string_view& group : network) {
    if (rest.empty()) break;
    group = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), group.size() + 1));
  }
  if (zeros != std::string_view::npos) {
    // What stands behind the zeros reaches into the network only when they are few: eight groups in all.
    const std::string_view tail = host.substr(std::min(host.size(), zeros + 2));
    const auto groups_of = [](std::string_view text) {
      return text.empty() ? 0 : static_cast<std::size_t>(std::count(text.begin(), text.end(), ':')) + 1;
    };
    std::size_t place = 8 - std::min<std::size_t>(8, groups_of(tail));
    rest = tail;
    for (; place < network.size() && !rest.empty(); ++place) {
      network[place] = rest.substr(0, rest.find(':'));
      rest.remove_prefix(std::min(rest.size(), network[place].size() + 1));
    }
  }
  std::string key;
  for (const std::string_view group : network) key.append(group).append(":");
  return key;
}

/// A manager's sockets, by what they have come to; told by their numbers.
class census {
 public:
  /// An address, and how many connections it has.
  using address_share = std::pair<const std::string, std::size_t>;

  /// What somebody counts as.
  enum class place : std::uint8_t { nowhere, handshake, connection };

  census(const connection_limits& limits, live_metrics& counted) : limits_(limits), counted_(counted) {}

  /// A socket came. Answers who has to go when they are too many: one whose head is awaited for longer, or itself.
  [[nodiscard]] std::optional<std::uint64_t> arrive(std::uint64_t number) {
    counted_.accepted.add();
    await(number);
    counted_.handshakes.add();
    if (counted_.handshakes.value() <= limits_.handshakes) return std::nullopt;
    counted_.limits[limit::handshakes].add();
    return awaited_.front();
  }

  /// Its head is awaited, or that it takes its answer: when there are too many, it can be cut off.
  void await(std::uint64_t number) {
    const auto [entry, is_new] = places_.try_emplace(number);
    if (!is_new) return;
    try {
      entry->second = awaited_.insert(awaited_.end(), number);
    } catch (...) {
      places_.erase(entry);
      throw;
    }
  }

  /// Its head is here, and it is not its fault that it waits.
  void hear(std::uint64_t number) noexcept {
    const auto found = places_.find(number);
    if (found == places_.end()) return;
    awaited_.erase(found->second);
    places_.erase(found);
  }

  /// A connection that ends for the one that comes.
  struct leaver {
    bool is_counted;
    const address_share* address;
  };

  /// Which limit one more connection would go over; nothing when it may come in. `in_project` is without who goes for it.
  [[nodiscard]] std::optional<limit> full(std::size_t in_project, const std::string& address, leaver goes = {}) const {
    if (counted_.connections.value() - (goes.is_counted ? 1 : 0) >= limits_.all) return limit::connections;
    if (in_project >= limits_.per_project) return limit::project_connections;
    const auto found = by_address_.find(address);
    if (found == by_address_.end()) return std::nullopt;
    const std::size_t others = found->second - (goes.address == &*found ? 1 : 0);
    return others >= limits_.per_address ? std::optional(limit::address_connections) : std::nullopt;
  }

  /// A handshake has become a connection. Answers what it has of its address; null when it has none.
  [[nodiscard]] address_share* let_in(std::uint64_t number, const std::string& address) {
    address_share* const share = address.empty() ? nullptr : &*by_address_.try_emplace(address).first;
    if (share != nullptr) ++share->second;
    leave_handshake(number);
    counted_.connections.add();
    return share;
  }

  void leave_handshake(std::uint64_t number) noexcept {
    hear(number);
    counted_.handshakes.subtract();
  }

  void leave_connection(address_share* share) noexcept {
    counted_.connections.subtract();
    if (share != nullptr && --share->second == 0) by_address_.erase(by_address_.find(share->first));
  }

 private:
  const connection_limits& limits_;
  live_metrics& counted_;
  std::list<std::uint64_t> awaited_;  // the one that is awaited longest first
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> places_;
  std::unordered_map<std::string, std::size_t> by_address_;
};

}  // namespace hotline::detail
#endif
