#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace hotline::detail {

using digest = std::array<unsigned char, 20>;

/// SHA-1 (RFC 3174), a block at a time: each text's last block ends with its length (section 4), which is the caller's work.
class sha1 {
 public:
  /// The bytes of a block as big-endian words.
  using block = std::array<std::uint32_t, 16>;
  /// The words W(0) to W(79) that are made of one block (RFC 3174 section 6.1, steps a and b).
  using schedule = std::array<std::uint32_t, 80>;

  static constexpr std::size_t block_bytes = 64;

  /// Returns a block's words. It is a constant for a block that is one.
  [[nodiscard]] static constexpr schedule schedule_of(const block& words) noexcept {
    schedule w;
    for (std::size_t i = 0; i < 16; ++i) w[i] = words[i];
    for (std::size_t i = 16; i < 32; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    // The same rule applied twice. No word needs one of the five before it, so a compiler makes four at a time.
    for (std::size_t i = 32; i < 80; ++i) w[i] = std::rotl(w[i - 6] ^ w[i - 16] ^ w[i - 28] ^ w[i - 32], 2);
    return w;
  }

  /// Takes the next block (RFC 3174 section 6.1, steps c to e).
  void add(const schedule& w) noexcept {
    words s = state_;
    rounds<0>(s, w, 0x5A827999, [](auto b, auto c, auto d) { return d ^ (b & (c ^ d)); });
    rounds<20>(s, w, 0x6ED9EBA1, [](auto b, auto c, auto d) { return b ^ c ^ d; });
    rounds<40>(s, w, 0x8F1BBCDC, [](auto b, auto c, auto d) { return (b & c) | (d & (b | c)); });
    rounds<60>(s, w, 0xCA62C1D6, [](auto b, auto c, auto d) { return b ^ c ^ d; });
    state_ = {state_.a + s.a, state_.b + s.b, state_.c + s.c, state_.d + s.d, state_.e + s.e};
  }

  /// Takes the next block's bytes, `block_bytes` of them.
  void add(std::string_view bytes) noexcept { add(schedule_of(words_of(bytes))); }

  /// Returns the digest of the blocks so far.
  [[nodiscard]] digest value() const noexcept {
    const std::array<std::uint32_t, 5> sum{big_endian(state_.a), big_endian(state_.b), big_endian(state_.c),
                                           big_endian(state_.d), big_endian(state_.e)};
    return std::bit_cast<digest>(sum);
  }

 private:
  struct words {
    std::uint32_t a, b, c, d, e;
  };

  [[nodiscard]] static constexpr std::uint32_t big_endian(std::uint32_t word) noexcept {
    return std::endian::native == std::endian::big ? word : __builtin_bswap32(word);
  }

  [[nodiscard]] static block words_of(std::string_view bytes) noexcept {
    block w;
    std::memcpy(w.data(), bytes.data(), block_bytes);
    for (std::uint32_t& word : w) word = big_endian(word);
    return w;
  }

  // Five at a time: then each of the words is in its place again, and none has to be moved.
  template <std::size_t First, class Mix>
  [[gnu::always_inline]] static void rounds(words& s, const schedule& w, std::uint32_t constant, Mix mix) noexcept {
    const auto round = [&](auto& a, auto& b, auto c, auto d, auto& e, std::size_t i) {
      e += std::rotl(a, 5) + mix(b, c, d) + constant + w[i];
      b = std::rotl(b, 30);
    };
    for (std::size_t i = First; i < First + 20; i += 5) {
      round(s.a, s.b, s.c, s.d, s.e, i);
      round(s.e, s.a, s.b, s.c, s.d, i + 1);
      round(s.d, s.e, s.a, s.b, s.c, i + 2);
      round(s.c, s.d, s.e, s.a, s.b, i + 3);
      round(s.b, s.c, s.d, s.e, s.a, i + 4);
    }
  }

  words state_{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
};

/// Returns the SHA-1 digest of `text`: good for what is random already, a token or a handshake's key; not for passwords or
/// signatures.
[[nodiscard]] inline digest digest_of(std::string_view text) noexcept {
  constexpr std::size_t block = sha1::block_bytes, length = sizeof(std::uint64_t);
  sha1 sum;
  std::uint64_t bits = 8 * std::uint64_t{text.size()};
  for (; text.size() >= block; text.remove_prefix(block)) sum.add(text.substr(0, block));
  // A bit that is 1, zeros, and the length in bits at the end of a block (RFC 3174 section 4).
  std::array<char, 2 * block> rest{};
  std::memcpy(rest.data(), text.data(), text.size());
  rest[text.size()] = '\x80';
  const std::size_t size = text.size() < block - length ? block : 2 * block;
  for (std::size_t i = size; bits > 0; bits >>= 8U) rest[--i] = static_cast<char>(bits & 0xFFU);
  sum.add({rest.data(), block});
  if (size > block) sum.add({rest.data() + block, block});
  return sum.value();
}

/// Returns whether the two are equal. It takes the same time wherever they differ.
[[nodiscard]] inline bool equal_in_constant_time(const digest& a, const digest& b) noexcept {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace hotline::detail
#endif
