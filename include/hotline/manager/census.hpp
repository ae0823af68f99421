#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound, before the upgrade: how many are here, and who is too many. No I/O here.

#include <hotline/crowd.hpp>
#include <hotline/keyed_hash.hpp>
#include <hotline/manager/waiting_list.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
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
  /// What an address has here. It stays while a client points to it, so that a session can wait without more memory.
  struct address_use {
    std::uint32_t connections = 0;
    std::uint32_t waiting = 0;   ///< sessions
    std::uint32_t pointers = 0;  ///< clients that point here, whatever they have become
    waiting_list<&waiter::of_address> waiters{};
  };
  using address_share = std::pair<const std::string, address_use>;

  /// What somebody counts as.
  enum class place : std::uint8_t { nowhere, handshake, connection };

  census(const connection_limits& limits, live_metrics& counted, const hash_key& key = {})
      : limits_(limits), counted_(counted), by_address_(0, keyed_hash{key}) {}

  /// Who has to go for a socket that came: nobody, mostly.
  struct surplus {
    std::optional<std::uint64_t> told{};  ///< had to go before, and was told so: it is cut off now
    std::optional<std::uint64_t> goes{};  ///< is told so, or cut off where it owes us its head; may be who came
  };

  /// A socket of `address` came. When they are too many, the address that has most gives way.
  [[nodiscard]] surplus arrive(std::uint64_t number, const std::string& address) {
    counted_.accepted.add();
    surplus too_many;
    // One that was told to go still counts, until it has, or until the next has to.
    const std::size_t before = counted_.handshakes.value();
    if (before >= limits_.handshakes) too_many.told = told_;
    const handshake* other = nullptr;
    const bool is_full = before - (too_many.told ? 1 : 0) >= limits_.handshakes;
    if (is_full) {
      counted_.limits[limit::handshakes].add();
      if (too_many.told) crowd_.look_at(places_.find(*too_many.told)->second);
      other = static_cast<const handshake*>(crowd_.gives_way_to(address));
    }
    try {
      crowd_.add(places_.try_emplace(number).first->second, address);
    } catch (...) {
      places_.erase(number);
      if (too_many.told) await(*too_many.told);
      throw;
    }
    if (too_many.told) told_.reset();
    handshake& arrived = places_.find(number)->second;
    arrived.number = number;
    crowd_.await(arrived);
    counted_.handshakes.add();
    if (is_full) too_many.goes = other == nullptr ? number : other->number;
    return too_many;
  }

  /// It is told that it has to go.
  void tell(std::uint64_t number) noexcept { told_ = number; }

  /// The host has said whom it stands for.
  void move(std::uint64_t number, const std::string& address) {
    if (handshake* const found = find(number)) crowd_.move(*found, address);
  }

  /// Its head is awaited, or that it takes its answer.
  void await(std::uint64_t number) noexcept {
    if (handshake* const found = find(number)) crowd_.await(*found);
  }

  /// Its head is here, and is looked at.
  void hear(std::uint64_t number) noexcept {
    if (handshake* const found = find(number)) crowd_.look_at(*found);
  }

  /// It waits for the host.
  void keep_waiting(std::uint64_t number) noexcept {
    if (handshake* const found = find(number)) crowd_.keep_waiting(*found);
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
    const std::size_t others = found->second.connections - (goes.is_counted && goes.address == &*found ? 1 : 0);
    return others >= limits_.per_address ? std::optional(limit::address_connections) : std::nullopt;
  }

  /// A handshake has become a connection. Returns what its address has, for `let_go` in the end; null without one.
  [[nodiscard]] address_share* let_in(std::uint64_t number, const std::string& address) {
    address_share* const share = address.empty() ? nullptr : &*by_address_.try_emplace(address).first;
    if (share != nullptr) ++share->second.connections, ++share->second.pointers;
    leave_handshake(number);
    counted_.connections.add();
    return share;
  }

  void leave_handshake(std::uint64_t number) noexcept {
    if (told_ == number) told_.reset();
    const auto found = places_.find(number);
    crowd_.remove(found->second);
    places_.erase(found);
    counted_.handshakes.subtract();
  }

  void leave_connection(address_share* share) noexcept {
    counted_.connections.subtract();
    if (share != nullptr) --share->second.connections;
  }

  /// The client is gone, or its session: it does not count for its address any more.
  void let_go(address_share*& share) noexcept {
    address_share* const left = std::exchange(share, nullptr);
    if (left != nullptr && --left->second.pointers == 0) by_address_.erase(by_address_.find(left->first));
  }

 private:
  struct handshake : crowd<std::string>::member {
    std::uint64_t number = 0;
  };

  [[nodiscard]] handshake* find(std::uint64_t number) noexcept {
    const auto found = places_.find(number);
    return found == places_.end() ? nullptr : &found->second;
  }

  const connection_limits& limits_;
  live_metrics& counted_;
  crowd<std::string> crowd_;  // of handshakes
  std::unordered_map<std::uint64_t, handshake> places_;
  std::optional<std::uint64_t> told_;
  std::unordered_map<std::string, address_use, keyed_hash> by_address_;
};

}  // namespace hotline::detail
#endif
