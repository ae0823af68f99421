#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/wire/websocketpp.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace hotline::detail {

using digest = std::array<unsigned char, 20>;

/// SHA-1: good for what is random already, a token or a handshake's key; not for passwords or signatures.
[[nodiscard]] inline digest digest_of(std::string_view text) {
  digest sum{};
  websocketpp::sha1::calc(text.data(), text.size(), sum.data());
  return sum;
}

/// Takes as long whether they differ early, late or not at all.
[[nodiscard]] inline bool equal_in_constant_time(const digest& a, const digest& b) noexcept {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace hotline::detail
#endif
