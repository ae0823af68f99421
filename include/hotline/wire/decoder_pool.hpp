#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/options.hpp>
#include <hotline/wire/decoder.hpp>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

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
    if (spare_.empty()) {
      lent = std::make_unique<decoder>(limits_);
    } else {
      lent = std::move(spare_.back());
      spare_.pop_back();
    }
    lent->inflate_with(compression);
    return lent;
  }

  /// Takes a decoder back in any state; the payloads that it returned are gone. A null pointer does nothing.
  void give_back(std::unique_ptr<decoder> returned) {
    if (!returned || spare_.size() >= spare_decoders) return;
    returned->reset();
    spare_.push_back(std::move(returned));
  }

  /// Returns how many decoders wait to be lent.
  [[nodiscard]] std::size_t spare() const noexcept { return spare_.size(); }

  /// The most decoders that wait.
  static constexpr std::size_t spare_decoders = 8;

 private:
  session_limits limits_;
  std::vector<std::unique_ptr<decoder>> spare_;
};

}  // namespace hotline::detail
#endif
