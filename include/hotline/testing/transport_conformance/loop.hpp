#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/testing/check.hpp>
#include <hotline/testing/transport_conformance/subject.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hotline::testing::transport_conformance {

// -------------------------------------------------------------------------------------------- posting and ticks

inline void posted_functions_run_in_order_and_later(const factory& fresh) {
  const auto s = fresh();
  std::vector<int> order;
  s->post([&] {
    order.push_back(1);
    s->post([&] { order.push_back(3); });
  });
  s->post([&] { order.push_back(2); });
  HOTLINE_DETAIL_CHECK(*s, order.empty());
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return order.size() == 3; }));
  HOTLINE_DETAIL_CHECK(*s, order == std::vector{1, 2, 3});
}

/// Threads that are joined at the end, also where a check throws. (libc++ 19 has `std::jthread` as an experiment alone.)
class joined_threads {
 public:
  /// Threads run until they return, or until they see that `done` is true.
  explicit joined_threads(std::atomic<bool>& done) noexcept : done_(done) {}
  joined_threads(const joined_threads&) = delete;
  joined_threads& operator=(const joined_threads&) = delete;
  ~joined_threads() { join(); }

  template <class F>
  void start(F f) {
    threads_.emplace_back(std::move(f));
  }
  void join() {
    done_ = true;
    for (std::thread& t : threads_) t.join();
    threads_.clear();
  }

 private:
  std::atomic<bool>& done_;
  std::vector<std::thread> threads_;
};

inline void any_thread_may_post(const factory& fresh) {
  const auto s = fresh();
  constexpr int each = 1000;
  std::array<int, 4> next{};
  std::atomic<bool> done = false;
  joined_threads threads(done);
  for (std::size_t t = 0; t < next.size(); ++t)
    threads.start([&s, &next, t] {
      for (int i = 0; i < each; ++i)
        s->do_post([&s, &next, t, i] {
          HOTLINE_DETAIL_CHECK(*s, next[t] == i);
          next[t] = i + 1;
        });
    });
  const bool all = s->drive([&] { return next == std::array{each, each, each, each}; });
  HOTLINE_DETAIL_CHECK(*s, all);
}

inline void posting_goes_on_while_it_stops(const factory& fresh) {
  std::atomic<bool> done = false, stopped = false;
  std::atomic<int> posted = 0, ran = 0;
  const auto s = fresh();
  joined_threads threads(done);
  threads.start([&] {
    while (!done) {
      if (!stopped && posted - ran > 100) {
        std::this_thread::yield();  // or a loop that is slower than this would never be done
        continue;
      }
      s->do_post([&] { ++ran; });
      ++posted;
    }
  });
  HOTLINE_DETAIL_CHECK(*s, s->drive([&] { return ran > 10; }));
  s->stop();
  stopped = true;
  const int after_stop = ran;
  const int so_far = posted;
  HOTLINE_DETAIL_CHECK(*s, s->drive([&] { return posted > so_far + 10; }));
  HOTLINE_DETAIL_CHECK(*s, s->finish());
  HOTLINE_DETAIL_CHECK(*s, ran == after_stop);
}

inline void ticks_come_by_themselves(const factory& fresh) {
  const auto s = fresh();
  HOTLINE_DETAIL_CHECK(*s, s->ticks == 0);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->ticks == 1; }));
  s->stop_accepting();
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->ticks == 2; }));
}

// ------------------------------------------------------------------------------------------------------ stopping

inline void stop_accepting_lets_nobody_in_and_keeps_the_others(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  const auto knocking = s->connect();
  s->stop_accepting();
  s->stop_accepting();
  const auto late = s->connect();
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return knocking->closed_by_server() && late->closed_by_server(); }));
  HOTLINE_DETAIL_CHECK(*s, s->seen.size() == 1);
  r.peer->send("still here");
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.data == "still here"; }));
}

inline void stop_ends_everything_without_a_callback(const factory& fresh) {
  const auto s = fresh();
  auto& idle = s->open();
  auto& full = s->open();
  auto& aborted = s->open();
  auto& ending = s->open();
  auto& paused = s->open();
  full.peer->stall(true);
  fill(*s, full);
  s->shutdown(ending);
  s->pause(paused);
  s->settle();
  s->abort(aborted);
  idle.peer->send("unheard");
  paused.peer->send("unheard");
  full.peer->stall(false);
  const auto knocking = s->connect();
  bool ran = false;
  s->post([&] { ran = true; });
  s->stop();
  s->stop();
  s->post([&] { ran = true; });
  HOTLINE_DETAIL_CHECK(*s, s->finish());
  HOTLINE_DETAIL_CHECK(*s, !ran);
  HOTLINE_DETAIL_CHECK(*s, s->seen.size() == 5);
  for (const auto& r : s->seen) {
    HOTLINE_DETAIL_CHECK(*s, r.closed == 0);
    HOTLINE_DETAIL_CHECK(*s, s->drive([&] { return r.peer->closed_by_server(); }));
  }
  HOTLINE_DETAIL_CHECK(*s, s->drive([&] { return knocking->closed_by_server(); }));
}

inline void stop_works_from_every_callback(const factory& fresh) {
  for (int where = 0; where < 6; ++where) {
    const auto s = fresh();
    s->note("from callback " + std::to_string(where));
    bool stopped = false;
    const auto stop = [&] {
      s->stop();
      stopped = true;
    };
    if (where == 0) s->when_open = [&](auto&) { stop(); };
    if (where == 1) s->when_data = [&](auto&, std::span<char>) { stop(); };
    if (where == 2) s->when_writable = [&](auto&) { stop(); };
    if (where == 3) s->when_closed = [&](auto&) { stop(); };
    if (where == 4) s->when_tick = stop;
    auto& r = s->open();
    const auto bystander = s->connect();
    if (where == 1) r.peer->send("a");
    if (where == 2) {
      r.peer->stall(true);
      fill(*s, r);
      r.peer->stall(false);
    }
    if (where == 3) s->abort(r);
    if (where == 5) s->post(stop);
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return stopped; }));
    HOTLINE_DETAIL_CHECK(*s, s->finish());
    HOTLINE_DETAIL_CHECK(*s, s->drive([&] { return r.peer->closed_by_server() && bystander->closed_by_server(); }));
  }
}

}  // namespace hotline::testing::transport_conformance
#endif
