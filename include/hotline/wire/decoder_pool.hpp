#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/options.hpp>
#include <hotline/wire/decoder.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

namespace hotline::detail {

/// One loop's decoders. Most connections are between two messages most of the time and need none. A connection whose bytes
/// end inside a message or frame keeps its decoder until `decoder::idle()`. Not for several threads.
class decoder_pool {
 public:
  explicit decoder_pool(const session_limits& limits) : limits_(limits) {}

  /// Returns a fresh decoder, whose messages may be compressed when `compression` is there to inflate them. It may outlive the
  /// pool.
  [[nodiscard]] std::unique_ptr<decoder> lend(message_compression* compression = nullptr) {
    std::unique_ptr<decoder> lent;
    if (count_ == 0)
      lent = std::make_unique<decoder>(limits_);
    else
      lent = std::move(spare_[--count_]);
    lent->inflate_with(compression);
    return lent;
  }

  /// Takes a decoder back in any state; the payloads that it returned are gone. A null pointer does nothing.
  void give_back(std::unique_ptr<decoder> returned) noexcept {
    if (!returned || count_ == spare_decoders) return;
    returned->reset();
    spare_[count_++] = std::move(returned);
  }

  /// Returns how many decoders wait to be lent.
  [[nodiscard]] std::size_t spare() const noexcept { return count_; }

  /// The most decoders that wait.
  static constexpr std::size_t spare_decoders = 8;

 private:
  session_limits limits_;
  std::array<std::unique_ptr<decoder>, spare_decoders> spare_;
  std::size_t count_ = 0;
};

}  // namespace hotline::detail
#endif
