#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace hotline::detail {

/// Returns the address that a socket counts for, from `remote` as `connection_info::remote_address` has it: without the
/// port; of IPv6 the network's 64 bits, for a peer that has one address there has all of them. Empty: no address.
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
    // The groups after the zeros are a part of the network only when the zeros are few: there are eight groups in all.
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

}  // namespace hotline::detail
#endif
