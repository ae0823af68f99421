#pragma once

#include <hotline/concepts.hpp>

#include <catch2_any.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "conformance_subject.hpp"

/// \file
/// The promises of every model of `hotline::transport`, as tests over any of them; one's own too:
///
///   TEST_CASE("my transport is a transport") { conformance::run<my_fixture>(); }
///
/// Notation: `F` the fixture, `f` an `F`, `p` a `std::shared_ptr` to a client's end.
///
/// | expression              | meaning |
/// |-------------------------|---------|
/// | `F()`                   | a fresh transport, not started, and a loop to run it |
/// | `F::transport_type`     | the model |
/// | `f.transport()`         | `transport_type&` |
/// | `f.connect()`           | a new client's end, after start; the loop need not have run |
/// | `f.step()`              | run what is ready; with nothing ready, wait a moment for something, or let time pass. False: out of patience |
/// | `f.settle()`            | run until all that is under way has arrived |
/// | `f.finish()`            | after `stop()`: run what is left and do not wait; whether no work remains |
/// | `p->send(bytes)`        | queue bytes to the server |
/// | `p->received()`         | the bytes that came from the server so far, `std::string` |
/// | `p->window(n)`          | read `n` more bytes and no further |
/// | `p->stall(on)`          | on: read no more, off: read everything (as at first) |
/// | `p->close()`            | FIN after what was sent |
/// | `p->reset()`            | RST |
/// | `p->closed_by_server()` | the server's direction has ended, all it sent was received |

namespace conformance {

using namespace std::string_view_literals;

/// Makes a started transport with everything around it.
using factory = std::function<std::unique_ptr<subject>()>;

/// `size` bytes in which no stretch repeats soon.
inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t x = 12345;
  for (char& c : bytes) c = static_cast<char>((x = x * 1664525U + 1013904223U) >> 24U);
  return bytes;
}

/// Writes until a write comes short; what was taken.
inline std::string fill(subject& s, connection_record& r) {
  const std::string block = pattern(1024 * 1024);
  std::string taken;
  for (int i = 0; i < 64; ++i) {
    const std::size_t n = s.write(r, block);
    taken.append(block, 0, n);
    if (n < block.size()) return taken;
  }
  FAIL("64 MiB were taken for a peer that reads nothing");
  return taken;
}

// ------------------------------------------------------------------------------------------------------- start

inline void starting_twice_is_refused(const factory& fresh) {
  const auto s = fresh();
  CHECK(s->start() != std::error_code{});
  auto& r = s->open();
  CHECK(r.closed == 0);
}

inline void stopped_means_stopped(const factory& fresh) {
  const auto s = fresh();
  s->stop();
  CHECK(s->start() != std::error_code{});
}

inline void clocks_and_chance_are_there(const factory& fresh) {
  const auto s = fresh();
  hotline::environment& env = s->env();
  const auto before = env.now();
  CHECK(env.now() >= before);
  CHECK(env.wall_now().time_since_epoch().count() > 0);
  CHECK(env.random() != env.random());
}

// ------------------------------------------------------------------------------------------------------- bytes

inline void bytes_go_both_ways_unchanged(const factory& fresh) {
  const auto s = fresh();
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  auto& r = s->open();
  r.peer->send(all);
  REQUIRE(s->drive([&] { return r.data.size() == all.size(); }));
  CHECK(r.data == all);
  CHECK(s->write(r, all) == all.size());
  REQUIRE(s->drive([&] { return r.peer->received().size() == all.size(); }));
  CHECK(r.peer->received() == all);
}

inline void many_spans_are_one_stream(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  const std::string bytes = pattern(5000);
  std::vector<std::string_view> spans;
  for (std::size_t at = 0; at < bytes.size(); at += 5) {
    spans.push_back(std::string_view(bytes).substr(at, 5));
    if (at % 3 == 0) spans.emplace_back();
  }
  CHECK(s->write(r, spans) == bytes.size());
  CHECK(s->write(r, std::span<const std::string_view>{}) == 0);
  CHECK(s->write(r, ""sv) == 0);
  REQUIRE(s->drive([&] { return r.peer->received().size() >= bytes.size(); }));
  s->settle();
  CHECK((r.peer->received() == bytes));
  CHECK(r.writable == 0);
}

inline void what_was_read_may_be_changed_in_place(const factory& fresh) {
  const auto s = fresh();
  s->when_data = [&](auto& x, std::span<char> bytes) {
    for (char& b : bytes) b = static_cast<char>(b ^ 0x20);
    s->write(x, std::string_view(bytes.data(), bytes.size()));
  };
  auto& one = s->open();
  auto& two = s->open();
  one.peer->send("hello");
  two.peer->send("WORLD");
  REQUIRE(s->drive([&] { return one.peer->received().size() == 5 && two.peer->received().size() == 5; }));
  CHECK(one.peer->received() == "HELLO");
  CHECK(two.peer->received() == "world");
}

inline void a_short_write_is_followed_by_on_writable(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  r.peer->stall(true);
  std::string taken = fill(*s, r);
  CHECK(r.writable == 0);
  r.peer->stall(false);
  REQUIRE(s->drive([&] { return r.writable > 0; }));
  taken += "the end";
  CHECK(s->write(r, "the end") == 7);
  REQUIRE(s->drive([&] { return r.peer->received().size() >= taken.size(); }));
  s->settle();
  CHECK((r.peer->received() == taken));
  CHECK(r.closed == 0);
}

inline void ten_megabytes_keep_their_order_through_a_slow_reader(const factory& fresh) {
  const auto s = fresh();
  const std::string bytes = pattern(10'000'000);
  std::size_t at = 0;
  const auto go_on = [&](auto& x) {
    while (at < bytes.size()) {
      const auto rest = std::string_view(bytes).substr(at, 300'007);
      const std::array spans{rest.substr(0, rest.size() / 3), rest.substr(rest.size() / 3)};
      const std::size_t n = s->write(x, spans);
      at += n;
      if (n < rest.size()) return;
    }
  };
  s->when_writable = go_on;
  auto& r = s->open();
  r.peer->stall(true);
  go_on(r);
  CHECK(at < bytes.size());
  for (std::size_t i = 1; r.peer->received().size() < bytes.size(); i = i * 7 % 1'000'003) {
    const std::size_t before = r.peer->received().size();
    r.peer->window(i);
    REQUIRE(s->drive([&] { return r.peer->received().size() > before; }));
  }
  CHECK((r.peer->received() == bytes));
  CHECK(r.writable > 0);
}

inline void ten_megabytes_keep_their_order_into_a_receiver_that_pauses(const factory& fresh) {
  const auto s = fresh();
  const std::string bytes = pattern(10'000'000);
  s->when_data = [&](auto& x, std::span<char>) {
    if (x.reads % 3 != 0) return;
    s->pause(x);
    s->post([&s, &x, reads = x.reads] {
      CHECK(x.reads == reads);
      s->resume(x);
    });
  };
  auto& r = s->open();
  r.peer->send(bytes);
  REQUIRE(s->drive([&] { return r.data.size() >= bytes.size(); }));
  CHECK((r.data == bytes));
  CHECK(r.reads > 3);
}

// ----------------------------------------------------------------------------------------------------- pausing

inline void a_paused_connection_hears_nothing_until_resumed(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->pause(r);
  s->pause(r);
  r.peer->send("one");
  auto& other = s->open();
  other.peer->send("x");
  REQUIRE(s->drive([&] { return other.data == "x"; }));
  r.peer->send("two");
  s->settle();
  CHECK(r.data.empty());
  CHECK(s->write(r, "writing goes on") == 15);
  REQUIRE(s->drive([&] { return r.peer->received() == "writing goes on"; }));
  s->resume(r);
  s->resume(r);
  REQUIRE(s->drive([&] { return r.data == "onetwo"; }));
  r.peer->send("three");
  REQUIRE(s->drive([&] { return r.data == "onetwothree"; }));
}

inline void pausing_holds_from_inside_a_callback(const factory& fresh) {
  const auto s = fresh();
  s->when_open = [&](auto& x) { s->pause(x); };
  s->when_data = [&](auto& x, std::span<char>) { s->pause(x); };
  auto& r = s->open();
  r.peer->send("a");
  s->settle();
  CHECK(r.data.empty());
  s->resume(r);
  REQUIRE(s->drive([&] { return r.data == "a"; }));
  r.peer->send("b");
  s->settle();
  CHECK(r.data == "a");
  s->resume(r);
  REQUIRE(s->drive([&] { return r.data == "ab"; }));
}

inline void a_reset_is_noticed_while_paused(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->pause(r);
  s->settle();
  r.peer->stall(true);
  s->write(r, "unread");
  r.peer->reset();
  REQUIRE(s->drive([&] { return r.closed > 0; }));
  CHECK(r.reason);
}

inline void an_end_waits_behind_a_pause(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->pause(r);
  r.peer->send("last words");
  r.peer->close();
  s->settle();
  CHECK(r.closed == 0);
  s->resume(r);
  REQUIRE(s->drive([&] { return r.closed > 0; }));
  CHECK(r.data == "last words");
  CHECK_FALSE(r.reason);
}

// ------------------------------------------------------------------------------------------------------ endings

inline void a_peer_that_ends_is_an_orderly_end(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  r.peer->send("last words");
  r.peer->close();
  REQUIRE(s->drive([&] { return r.closed > 0; }));
  CHECK(r.data == "last words");
  CHECK_FALSE(r.reason);
  REQUIRE(s->drive([&] { return r.peer->closed_by_server(); }));
}

inline void shutdown_sends_what_was_taken_and_waits_for_the_peer(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  r.peer->stall(true);
  const std::string taken = fill(*s, r);
  s->shutdown(r);
  s->shutdown(r);
  CHECK(s->write(r, "too late") == 0);
  r.peer->send("unheard");
  r.peer->stall(false);
  REQUIRE(s->drive([&] { return r.peer->received().size() >= taken.size() && r.peer->closed_by_server(); }));
  CHECK((r.peer->received() == taken));
  s->settle();
  CHECK(r.closed == 0);
  r.peer->send(pattern(300'000));
  r.peer->close();
  REQUIRE(s->drive([&] { return r.closed > 0; }));
  CHECK(r.data.empty());
  CHECK_FALSE(r.reason);
}

inline void shutdown_does_not_wait_for_a_resume(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->pause(r);
  r.peer->send("unheard");
  s->settle();
  s->shutdown(r);
  r.peer->close();
  REQUIRE(s->drive([&] { return r.closed > 0; }));
  CHECK(r.data.empty());
  CHECK_FALSE(r.reason);
}

inline void abort_is_followed_by_on_closed(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  r.peer->send("unheard");
  s->abort(r);
  CHECK(r.closed == 0);
  s->abort(r);
  CHECK(s->write(r, "too late") == 0);
  s->pause(r);
  s->resume(r);
  s->shutdown(r);
  REQUIRE(s->drive([&] { return r.closed > 0; }));
  CHECK(r.data.empty());
  CHECK(r.reason);
  REQUIRE(s->drive([&] { return r.peer->closed_by_server(); }));
  s->settle();
  CHECK(r.closed == 1);
}

inline void abort_works_from_every_callback(const factory& fresh) {
  {
    const auto s = fresh();
    s->when_open = [&](auto& x) { s->abort(x); };
    auto& r = s->open();
    r.peer->send("unheard");
    REQUIRE(s->drive([&] { return r.closed > 0; }));
    CHECK(r.data.empty());
  }
  {
    const auto s = fresh();
    s->when_data = [&](auto& x, std::span<char>) { s->abort(x); };
    auto& r = s->open();
    r.peer->send("a");
    r.peer->close();
    REQUIRE(s->drive([&] { return r.closed > 0; }));
    CHECK(r.reason);
  }
  {
    const auto s = fresh();
    s->when_writable = [&](auto& x) { s->abort(x); };
    auto& r = s->open();
    r.peer->stall(true);
    fill(*s, r);
    r.peer->stall(false);
    REQUIRE(s->drive([&] { return r.closed > 0; }));
    CHECK(r.writable == 1);
  }
  {
    const auto s = fresh();
    auto& r = s->open();
    s->when_tick = [&] {
      if (r.closed == 0) s->abort(r);
    };
    REQUIRE(s->drive([&] { return r.closed > 0; }));
  }
  {
    const auto s = fresh();  // one connection's callback ends another
    auto& one = s->open();
    auto& two = s->open();
    s->when_data = [&](auto& x, std::span<char>) { s->abort(&x == &one ? two : one); };
    one.peer->send("a");
    two.peer->send("b");
    REQUIRE(s->drive([&] { return one.closed + two.closed > 0; }));
    s->settle();
    CHECK(one.closed + two.closed == 1);
    CHECK(one.data.size() + two.data.size() == 1);
  }
}

inline void abort_ends_a_shutdown_that_the_peer_does_not_answer(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->shutdown(r);
  s->settle();
  CHECK(r.closed == 0);
  s->abort(r);
  REQUIRE(s->drive([&] { return r.closed > 0; }));
  CHECK(r.reason);
}

inline void a_reset_has_a_reason(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  r.peer->stall(true);
  s->write(r, "unread");
  r.peer->reset();
  REQUIRE(s->drive([&] { return r.closed > 0; }));
  CHECK(r.reason);
}

inline void a_peer_that_goes_without_reading_has_a_reason(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->when_writable = [&](auto& x) { fill(*s, x); };  // a kernel may find room for more
  r.peer->stall(true);
  fill(*s, r);
  r.peer->close();
  REQUIRE(s->drive([&] { return r.closed > 0; }));
  CHECK(r.reason);
}

inline void a_connection_closes_once_whoever_ends_it(const factory& fresh) {
  const auto s = fresh();
  for (int way = 0; way < 6; ++way) {
    CAPTURE(way);
    auto& r = s->open();
    switch (way) {
      case 0: r.peer->close(), s->abort(r); break;
      case 1: r.peer->reset(), s->abort(r); break;
      case 2: r.peer->close(), s->shutdown(r); break;
      case 3: r.peer->reset(), s->shutdown(r); break;
      case 4: s->shutdown(r), s->abort(r), r.peer->reset(); break;
      case 5:
        r.peer->reset();
        for (int i = 0; i < 3; ++i) s->write(r, "into the void");
        break;
      default: break;
    }
    REQUIRE(s->drive([&] { return r.closed > 0; }));
    s->settle();
    CHECK(r.closed == 1);
  }
}

// -------------------------------------------------------------------------------------------- posting and ticks

inline void posted_functions_run_in_order_and_later(const factory& fresh) {
  const auto s = fresh();
  std::vector<int> order;
  s->post([&] {
    order.push_back(1);
    s->post([&] { order.push_back(3); });
  });
  s->post([&] { order.push_back(2); });
  CHECK(order.empty());
  REQUIRE(s->drive([&] { return order.size() == 3; }));
  CHECK(order == std::vector{1, 2, 3});
}

inline void any_thread_may_post(const factory& fresh) {
  const auto s = fresh();
  constexpr int each = 1000;
  std::array<int, 4> next{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < next.size(); ++t)
    threads.emplace_back([&s, &next, t] {
      for (int i = 0; i < each; ++i)
        s->do_post([&next, t, i] {
          CHECK(next[t] == i);
          next[t] = i + 1;
        });
    });
  const bool all = s->drive([&] { return next == std::array{each, each, each, each}; });
  for (std::thread& t : threads) t.join();
  CHECK(all);
}

inline void posting_goes_on_while_it_stops(const factory& fresh) {
  std::atomic<bool> done = false, stopped = false;
  std::atomic<int> posted = 0, ran = 0;
  const auto s = fresh();
  std::thread thread([&] {
    while (!done) {
      if (!stopped && posted - ran > 100) {
        std::this_thread::yield();  // or a loop that is slower than this would never be done
        continue;
      }
      s->do_post([&] { ++ran; });
      ++posted;
    }
  });
  CHECK(s->drive([&] { return ran > 10; }));
  s->stop();
  stopped = true;
  const int after_stop = ran;
  const int so_far = posted;
  CHECK(s->drive([&] { return posted > so_far + 10; }));
  CHECK(s->finish());
  CHECK(ran == after_stop);
  done = true;
  thread.join();
}

inline void ticks_come_by_themselves(const factory& fresh) {
  const auto s = fresh();
  CHECK(s->ticks == 0);
  REQUIRE(s->drive([&] { return s->ticks == 1; }));
  s->stop_accepting();
  REQUIRE(s->drive([&] { return s->ticks == 2; }));
}

// ------------------------------------------------------------------------------------------------------ stopping

inline void stop_accepting_lets_nobody_in_and_keeps_the_others(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  const auto knocking = s->connect();
  s->stop_accepting();
  s->stop_accepting();
  const auto late = s->connect();
  REQUIRE(s->drive([&] { return knocking->closed_by_server() && late->closed_by_server(); }));
  CHECK(s->seen.size() == 1);
  r.peer->send("still here");
  REQUIRE(s->drive([&] { return r.data == "still here"; }));
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
  CHECK(s->finish());
  CHECK_FALSE(ran);
  CHECK(s->seen.size() == 5);
  for (const auto& r : s->seen) {
    CHECK(r.closed == 0);
    CHECK(s->drive([&] { return r.peer->closed_by_server(); }));
  }
  CHECK(s->drive([&] { return knocking->closed_by_server(); }));
}

inline void stop_works_from_every_callback(const factory& fresh) {
  for (int where = 0; where < 6; ++where) {
    CAPTURE(where);
    const auto s = fresh();
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
    REQUIRE(s->drive([&] { return stopped; }));
    CHECK(s->finish());
    CHECK(s->drive([&] { return r.peer->closed_by_server() && bystander->closed_by_server(); }));
  }
}

// ---------------------------------------------------------------------------------------------------- the suite

struct test {
  const char* name;
  void (*run)(const factory&);
};

inline const std::vector<test>& tests() {
  static const std::vector<test> all{
      {"starting twice is refused", starting_twice_is_refused},
      {"stopped means stopped", stopped_means_stopped},
      {"clocks and chance are there", clocks_and_chance_are_there},
      {"bytes go both ways unchanged", bytes_go_both_ways_unchanged},
      {"many spans are one stream", many_spans_are_one_stream},
      {"what was read may be changed in place", what_was_read_may_be_changed_in_place},
      {"a short write is followed by on writable", a_short_write_is_followed_by_on_writable},
      {"ten megabytes keep their order through a slow reader", ten_megabytes_keep_their_order_through_a_slow_reader},
      {"ten megabytes keep their order into a receiver that pauses",
       ten_megabytes_keep_their_order_into_a_receiver_that_pauses},
      {"a paused connection hears nothing until resumed", a_paused_connection_hears_nothing_until_resumed},
      {"pausing holds from inside a callback", pausing_holds_from_inside_a_callback},
      {"a reset is noticed while paused", a_reset_is_noticed_while_paused},
      {"an end waits behind a pause", an_end_waits_behind_a_pause},
      {"a peer that ends is an orderly end", a_peer_that_ends_is_an_orderly_end},
      {"shutdown sends what was taken and waits for the peer", shutdown_sends_what_was_taken_and_waits_for_the_peer},
      {"shutdown does not wait for a resume", shutdown_does_not_wait_for_a_resume},
      {"abort is followed by on closed", abort_is_followed_by_on_closed},
      {"abort works from every callback", abort_works_from_every_callback},
      {"abort ends a shutdown that the peer does not answer", abort_ends_a_shutdown_that_the_peer_does_not_answer},
      {"a reset has a reason", a_reset_has_a_reason},
      {"a peer that goes without reading has a reason", a_peer_that_goes_without_reading_has_a_reason},
      {"a connection closes once whoever ends it", a_connection_closes_once_whoever_ends_it},
      {"posted functions run in order and later", posted_functions_run_in_order_and_later},
      {"any thread may post", any_thread_may_post},
      {"posting goes on while it stops", posting_goes_on_while_it_stops},
      {"ticks come by themselves", ticks_come_by_themselves},
      {"stop accepting lets nobody in and keeps the others", stop_accepting_lets_nobody_in_and_keeps_the_others},
      {"stop ends everything without a callback", stop_ends_everything_without_a_callback},
      {"stop works from every callback", stop_works_from_every_callback},
  };
  return all;
}

/// Everything above, each test a section, over the model that `Fixture` brings.
template <class Fixture>
void run() {
  static_assert(hotline::transport<typename Fixture::transport_type>);
  for (const test& t : tests()) DYNAMIC_SECTION(t.name) {
      t.run([] { return std::make_unique<subject_of<Fixture>>(); });
    }
}

}  // namespace conformance
