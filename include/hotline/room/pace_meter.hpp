#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 5/6, beside it: whether a producer had better wait for its listeners. No I/O here, time is an argument.

#include <hotline/concepts.hpp>
#include <hotline/options.hpp>
#include <hotline/session/session.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace hotline::detail {

/// One project's pace, as seen from one loop.
class pace_meter {
 public:
  explicit pace_meter(pace_marks marks) : marks_(marks) { marks_.caught_up = std::min(marks.caught_up, marks.behind); }

  [[nodiscard]] pace now() const noexcept { return pace_; }

  /// `lagging` are the sessions that have not caught up by themselves. Answers the pace when it has changed.
  template <event_stream Stream>
  [[nodiscard]] std::optional<pace> measure(std::span<session* const> lagging, const Stream& stream, steady_time at) {
    bool wait = false;
    if (!lagging.empty()) {
      const sequence behind = stream.tail(marks_.behind);
      const sequence caught_up = stream.tail(marks_.caught_up);
      for (session* const s : lagging) {
        std::optional<steady_time>& since = s->place.late_since;
        if (!since && s->cursor < behind) since = at;
        if (since && s->cursor >= caught_up) since.reset();
        wait = wait || (since && at < later(*since, marks_.patience));
      }
    }
    return change(wait ? pace::behind : pace::caught_up);
  }

  /// Whoever was to be told of the last change could not be.
  void take_back() noexcept { pace_ = pace_ == pace::behind ? pace::caught_up : pace::behind; }

  /// Nobody listens.
  [[nodiscard]] std::optional<pace> measure_nobody() { return change(pace::caught_up); }

 private:
  [[nodiscard]] std::optional<pace> change(pace to) noexcept {
    if (std::exchange(pace_, to) == to) return std::nullopt;
    return to;
  }

  pace_marks marks_;
  pace pace_ = pace::caught_up;
};

}  // namespace hotline::detail
#endif
