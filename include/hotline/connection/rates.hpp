#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// How much a client sends, and whether that is over a rate. Time is an argument; no I/O here.

#include <hotline/connection/pauses.hpp>
#include <hotline/connection/rate_meter.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

namespace hotline::detail {

/// The part of its session's rates that a client has used up. `gaps`: when the loop did not run, for bytes of that time
/// then come at once; null: unknown. `connected`: when the client's connection began. For one loop.
class rates {
 public:
  using verdict = rate_meter::verdict;

  struct finding {
    verdict what = verdict::within;
    std::optional<limit> over{};  ///< the rate that it went over
  };

  /// A ping or a pong.
  [[nodiscard]] bool take_control_frame(const session_limits& limits, steady_time now, pauses* gaps,
                                        steady_time connected) {
    const std::size_t per_second = limits.control_frames_per_second, burst = limits.control_frame_burst;
    return control_frames_.take(now, per_second, burst) == verdict::within ||
           control_frames_.judge(now, per_second, burst, allowance(now, gaps, connected)) == verdict::within;
  }

  /// A message that stands for so many bytes. False: it is over a rate, unless `look_again` finds otherwise.
  [[nodiscard, gnu::always_inline]] bool take_message(const session_limits& limits, std::size_t bytes,
                                                      steady_time now) noexcept {
    bytes_.take(now, limits.bytes_per_second, bytes);
    const verdict many = messages_.take(now, limits.messages_per_second, limits.message_burst);
    return many == verdict::within && bytes_.judge(now, limits.bytes_per_second, limits.byte_burst) == verdict::within;
  }

  /// Judges the messages so far, with an allowance for pauses. It stands apart from `take_message`, so that the path of
  /// a message that is within its rates stays short.
  [[nodiscard, gnu::noinline]] finding look_again(const session_limits& limits, steady_time now, pauses* gaps,
                                                  steady_time connected) const {
    const std::chrono::nanoseconds extra = allowance(now, gaps, connected);
    const verdict many = messages_.judge(now, limits.messages_per_second, limits.message_burst, extra);
    const verdict large = bytes_.judge(now, limits.bytes_per_second, limits.byte_burst, extra);
    if (many == verdict::within && large == verdict::within) return {};
    return many < large ? finding{large, limit::byte_rate} : finding{many, limit::message_rate};
  }

  /// Whether another message would be the end, so that it need not be inflated.
  [[nodiscard]] bool has_sent_too_much(const session_limits& limits, steady_time now, pauses* gaps,
                                       steady_time connected) const {
    const verdict found = bytes_.judge(now, limits.bytes_per_second, limits.byte_burst);
    if (found != verdict::far_over) return false;
    return bytes_.judge(now, limits.bytes_per_second, limits.byte_burst, allowance(now, gaps, connected)) == found;
  }

 private:
  [[nodiscard, gnu::noinline]] static std::chrono::nanoseconds allowance(steady_time now, pauses* gaps,
                                                                         steady_time connected) {
    return gaps == nullptr ? std::chrono::nanoseconds{0} : gaps->allowance(now, connected);
  }

  rate_meter messages_;
  rate_meter control_frames_;
  byte_meter bytes_;
};

}  // namespace hotline::detail
#endif
