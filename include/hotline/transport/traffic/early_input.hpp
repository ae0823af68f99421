#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace hotline::detail {

/// Bytes that were read from a socket too early, for example by a host before `adopt`, and how many of them were taken.
class early_input {
 public:
  [[nodiscard]] explicit operator bool() const noexcept { return kept_ != nullptr; }

  /// Copies the next bytes to `into`, and returns how many they are.
  std::size_t take(std::span<char> into) noexcept {
    const std::size_t n = std::string_view(kept_->bytes).substr(kept_->taken).copy(into.data(), into.size());
    kept_->taken += n;
    if (kept_->taken == kept_->bytes.size()) kept_.reset();
    return n;
  }

  /// `bytes` come before those that are there: they are new, or the last that were taken.
  void put_back(std::string_view bytes) {
    if (kept_)
      kept_->taken -= bytes.size();
    else
      kept_ = std::make_unique<kept>(kept{std::string(bytes), 0});
  }

  void reset() noexcept { kept_.reset(); }

 private:
  struct kept {
    std::string bytes;
    std::size_t taken;
  };
  std::unique_ptr<kept> kept_;
};

}  // namespace hotline::detail
#endif
