#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hotline::testing {

/// Decisions that a seed determines (xorshift64*).
class chance {
 public:
  explicit chance(std::uint64_t seed) noexcept : state_(seed * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U) {
    if (state_ == 0) state_ = 1;
    for (int i = 0; i < 4; ++i) (void)next();
  }

  std::uint64_t next() noexcept {
    state_ ^= state_ >> 12U;
    state_ ^= state_ << 25U;
    state_ ^= state_ >> 27U;
    return state_ * 0x2545f4914f6cdd1dU;
  }
  /// From 0 up to, and without, `end`.
  std::uint64_t below(std::uint64_t end) noexcept { return next() % end; }
  /// The same of a size.
  std::size_t size_below(std::size_t end) noexcept { return static_cast<std::size_t>(below(end)); }
  [[nodiscard]] bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }
  template <class T>
  const T& pick(const std::vector<T>& from) noexcept {
    return from[size_below(from.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace hotline::testing
#endif
