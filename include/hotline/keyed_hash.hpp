#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

/// \file
/// The hash of tables whose keys strangers choose. Without its key no one knows which texts collide, so no one can make a
/// table slow. docs/decisions/0016 says which tables have it, and why the others need none.

namespace hotline::detail {

/// A key that a log or a manager draws from its environment, once: with the same seed a run has the same tables.
struct hash_key {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  [[nodiscard]] static hash_key draw(environment& env) {
    const std::uint64_t low = env.random();
    return {low, env.random()};
  }
};

/// SipHash by Jean-Philippe Aumasson and Daniel J. Bernstein ("SipHash: a fast short-input PRF", 2012), with so many rounds
/// for each eight bytes, and at the end. 2 and 4 are those of the paper; 1 and 3 are the authors' choice for tables.
template <int Compression, int Finalization>
[[nodiscard]] inline std::uint64_t sip_hash(const hash_key& key, std::string_view text) noexcept {
  std::uint64_t v0 = key.low ^ 0x736f6d6570736575U;
  std::uint64_t v1 = key.high ^ 0x646f72616e646f6dU;
  std::uint64_t v2 = key.low ^ 0x6c7967656e657261U;
  std::uint64_t v3 = key.high ^ 0x7465646279746573U;
  const auto mix = [&](int rounds) {
    for (; rounds > 0; --rounds) {
      v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
      v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
    }
  };
  const auto take = [&](std::uint64_t word) {
    v3 ^= word;
    mix(Compression);
    v0 ^= word;
  };
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    if constexpr (std::endian::native == std::endian::little)
      std::memcpy(&word, at, 8);
    else
      for (int i = 0; i < 8; ++i) word |= std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
    take(word);
  }
  std::uint64_t last = std::uint64_t{text.size()} << 56;
  const auto add = [&](int i) { last |= std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * i); };
  switch (left) {  // a loop would be unrolled for longer texts than there are
    case 7: add(6); [[fallthrough]];
    case 6: add(5); [[fallthrough]];
    case 5: add(4); [[fallthrough]];
    case 4: add(3); [[fallthrough]];
    case 3: add(2); [[fallthrough]];
    case 2: add(1); [[fallthrough]];
    case 1: add(0); [[fallthrough]];
    default: break;
  }
  take(last);
  v2 ^= 0xff;
  mix(Finalization);
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace hotline::detail
#endif
