#include <hotline/transport/loop/timer_queue.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;
using hotline::steady_time;
using hotline::timer_id;
using hotline::detail::timer_queue;

namespace {

constexpr steady_time start{1h};

void run(timer_queue& queue, steady_time now) {
  queue.run(now, [] { return true; });
}

/// A timer that its owner sets, and how often it was called.
struct lasting {
  explicit lasting(timer_queue& queue)
      : timer(
            queue, [](void* self) { ++static_cast<lasting*>(self)->calls; }, this) {}
  int calls = 0;
  timer_queue::timer timer;
};

}  // namespace

TEST_CASE("timers are called in the order of their times, then of their setting", "[dialer]") {
  timer_queue queue;
  CHECK(queue.next() == steady_time::max());
  std::vector<int> order;
  queue.add(start + 2ms, [&] { order.push_back(4); });
  queue.add(start + 1ms, [&] { order.push_back(2); });
  queue.add(start + 1ms, [&] { order.push_back(3); });
  queue.add(start, [&] { order.push_back(1); });
  CHECK(queue.next() == start);
  run(queue, start - 1ns);
  CHECK(order.empty());
  run(queue, start + 1ms);
  CHECK(order == std::vector{1, 2, 3});
  CHECK(queue.next() == start + 2ms);
  run(queue, start + 1h);
  CHECK(order == std::vector{1, 2, 3, 4});
  CHECK(queue.next() == steady_time::max());
}

TEST_CASE("a timer that is set while others are called waits for the next time", "[dialer]") {
  timer_queue queue;
  int calls = 0;
  queue.add(start, [&] {
    queue.add(start - 1h, [&] { ++calls; });
    queue.add(start, [&] { ++calls; });
  });
  queue.add(start, [&] { calls += 10; });
  run(queue, start);
  CHECK(calls == 10);
  CHECK(queue.next() == start - 1h);
  run(queue, start);
  CHECK(calls == 12);
}

TEST_CASE("a lasting timer is set and set again", "[dialer]") {
  timer_queue queue;
  lasting one(queue);
  CHECK_FALSE(one.timer.is_armed());
  one.timer.disarm();
  one.timer.arm(start);
  one.timer.arm(start + 1ms);
  CHECK(one.timer.is_armed());
  run(queue, start);
  CHECK(one.calls == 0);
  run(queue, start + 1ms);
  CHECK(one.calls == 1);
  CHECK_FALSE(one.timer.is_armed());
  one.timer.arm(start);
  one.timer.disarm();
  run(queue, start + 1h);
  CHECK(one.calls == 1);
  one.timer.arm(start);
  {
    lasting other(queue);
    other.timer.arm(start);
  }
  queue.clear();  // the owner's stay
  run(queue, start);
  CHECK(one.calls == 2);
}

TEST_CASE("a function that is cancelled is destroyed uncalled", "[dialer]") {
  timer_queue queue;
  const auto watched = std::make_shared<int>();
  lasting one(queue);
  one.timer.arm(start);
  const timer_id id = queue.add(start, [watched] { FAIL(); });
  CHECK(watched.use_count() == 2);
  CHECK(queue.cancel(id));
  CHECK(watched.use_count() == 1);
  CHECK_FALSE(queue.cancel(id));
  CHECK_FALSE(queue.cancel(timer_id{start, id.number - 1}));  // the owner's cannot be cancelled
  run(queue, start);
  CHECK(one.calls == 1);
}

TEST_CASE("functions whose destructors cancel others are destroyed once", "[dialer]") {
  timer_queue queue;
  struct canceller {
    timer_queue* queue;
    timer_id* other;
    ~canceller() { queue->cancel(*other); }
  };
  timer_id ids[4];
  for (std::size_t i = 0; i < 4; ++i)
    ids[i] = queue.add(start + std::chrono::milliseconds(i),
                       [kept = std::make_shared<canceller>(canceller{&queue, &ids[3 - i]})] {});
  queue.clear();
  CHECK(queue.next() == steady_time::max());
}

TEST_CASE("a function that throws ends the turn, and the others stay", "[dialer]") {
  timer_queue queue;
  int calls = 0;
  queue.add(start, [] { throw std::runtime_error("a host's"); });
  queue.add(start, [&] { ++calls; });
  CHECK_THROWS_AS(run(queue, start), std::runtime_error);
  CHECK(calls == 0);
  run(queue, start);
  CHECK(calls == 1);
}

TEST_CASE("timers are called for as long as they are wanted", "[dialer]") {
  timer_queue queue;
  int calls = 0;
  for (int i = 0; i < 3; ++i) queue.add(start, [&] { ++calls; });
  queue.run(start, [&] { return calls < 2; });
  CHECK(calls == 2);
}

TEST_CASE("a timer without a function does nothing when it is due", "[dialer]") {
  timer_queue queue;
  int calls = 0;
  queue.add(start, nullptr);
  queue.add(start, [&] { ++calls; });
  run(queue, start);
  CHECK(calls == 1);
}
