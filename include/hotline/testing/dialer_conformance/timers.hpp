#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/dialer.hpp>
#include <hotline/testing/check.hpp>
#include <hotline/testing/dialer_conformance/subject.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace hotline::testing::dialer_conformance {

inline void a_timer_is_called_once_and_never_early(const factory& fresh) {
  const auto s = fresh();
  const steady_time begun = s->env().now();
  constexpr std::chrono::milliseconds time{30};
  int calls = 0;
  steady_time called_at{};
  (void)s->after(time, [&] {
    ++calls;
    called_at = s->env().now();
  });
  HOTLINE_DETAIL_CHECK(*s, calls == 0);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return calls > 0; }));
  HOTLINE_DETAIL_CHECK(*s, called_at - begun >= time);
  bool later = false;
  (void)s->after(time, [&] { later = true; });
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return later; }));
  HOTLINE_DETAIL_CHECK(*s, calls == 1);
}

inline void timers_are_finer_than_the_tick(const factory& fresh) {
  const auto s = fresh();
  // A chain of 40 timers of 1 ms: a timer that waits for the tick needs 20 seconds for it, or 40 ticks.
  int calls = 0;
  std::function<void()> again = [&] {
    if (++calls < 40) (void)s->after(std::chrono::milliseconds(1), again);
  };
  again();
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return calls == 40; }));
  HOTLINE_DETAIL_CHECK(*s, s->ticks < 20);
}

inline void timers_are_called_in_order(const factory& fresh) {
  const auto s = fresh();
  std::vector<int> order;
  const auto note = [&](int number) { return [&order, number] { order.push_back(number); }; };
  (void)s->after(std::chrono::milliseconds(40), note(5));
  (void)s->after(std::chrono::milliseconds(20), note(3));
  (void)s->after(std::chrono::milliseconds(-5), note(1));
  (void)s->after(std::chrono::milliseconds(30), note(4));
  (void)s->after(std::chrono::nanoseconds(0), note(2));
  HOTLINE_DETAIL_CHECK(*s, order.empty());
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return order.size() == 5; }));
  HOTLINE_DETAIL_CHECK(*s, std::is_sorted(order.begin(), order.end()));
}

inline void many_timers_are_called_in_order(const factory& fresh) {
  const auto s = fresh();
  constexpr int count = 1000;
  std::vector<timer_id> set(count), order;
  for (int i = 0; i < count; ++i) {
    const auto number = static_cast<std::size_t>(i * 7 % count);  // 7 and 1000 have no common divisor
    set[number] = s->after(std::chrono::milliseconds(100) + std::chrono::microseconds(i * 71 % count * 100),
                           [&, number] { order.push_back(set[number]); });
  }
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return order.size() == count; }));
  HOTLINE_DETAIL_CHECK(*s, std::is_sorted(order.begin(), order.end()));
}

inline void a_timer_that_is_cancelled_is_not_called(const factory& fresh) {
  const auto s = fresh();
  const auto watched = std::make_shared<int>(1);
  int calls = 0;
  const timer_id first = s->after(std::chrono::milliseconds(10), [&calls, watched] { ++calls; });
  const timer_id second = s->after(std::chrono::milliseconds(20), [&] { ++calls; });
  HOTLINE_DETAIL_CHECK(*s, watched.use_count() > 1);
  HOTLINE_DETAIL_CHECK(*s, s->cancel(first));
  HOTLINE_DETAIL_CHECK(*s, watched.use_count() == 1);
  HOTLINE_DETAIL_CHECK(*s, !s->cancel(first));
  HOTLINE_DETAIL_CHECK(*s, !s->cancel(timer_id{}));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return calls == 1; }));
  HOTLINE_DETAIL_CHECK(*s, !s->cancel(second));
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, calls == 1);
}

inline void a_timer_may_cancel_others_and_not_itself(const factory& fresh) {
  const auto s = fresh();
  timer_id own{}, other{};
  bool ran = false;
  own = s->after(std::chrono::milliseconds(0), [&] {
    ran = true;
    HOTLINE_DETAIL_CHECK(*s, !s->cancel(own));
    HOTLINE_DETAIL_CHECK(*s, s->cancel(other));
  });
  other = s->after(std::chrono::milliseconds(0), [&] { HOTLINE_DETAIL_CHECK(*s, false); });
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return ran; }));
  s->settle();
}

inline void stop_destroys_timers_without_a_call(const factory& fresh) {
  const auto s = fresh();
  const auto watched = std::make_shared<int>(1);
  (void)s->after(std::chrono::milliseconds(0), [watched, &s] { HOTLINE_DETAIL_CHECK(*s, watched == nullptr); });
  (void)s->after(std::chrono::hours(1), [watched] {});
  (void)s->after(std::chrono::nanoseconds::max(), [watched] {});
  s->stop();
  HOTLINE_DETAIL_CHECK(*s, watched.use_count() == 1);
  HOTLINE_DETAIL_CHECK(*s, s->finish());
}

}  // namespace hotline::testing::dialer_conformance
#endif
