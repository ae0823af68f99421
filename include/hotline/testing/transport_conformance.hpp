#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/testing/check.hpp>
#include <hotline/testing/transport_conformance/bytes.hpp>
#include <hotline/testing/transport_conformance/endings.hpp>
#include <hotline/testing/transport_conformance/loop.hpp>
#include <hotline/testing/transport_conformance/subject.hpp>

#include <cstddef>
#include <memory>
#include <vector>

/// \file
/// The promises of every model of `hotline::transport`, as tests over any of them; one's own too. They need no test
/// framework, and fit into each:
///
///     namespace conformance = hotline::testing::transport_conformance;
///
///     for (const conformance::test& each : conformance::tests())
///       conformance::run<my_fixture>(each, [&](const hotline::testing::failed_check& failed) {
///         std::cerr << each.name << ": " << failed.what() << '\n';
///       });
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
///
/// Two of the tests start threads, which call the transport's `post`.

namespace hotline::testing::transport_conformance {

/// A promise of every transport, and the test of it.
struct test {
  const char* name;
  void (*run)(const factory&);
};

/// Returns the suite. A test's name is a sentence, and no two are the same.
[[nodiscard]] inline const std::vector<test>& tests() {
  static const std::vector<test> all{
      {"starting twice is refused", starting_twice_is_refused},
      {"stopped means stopped", stopped_means_stopped},
      {"clocks and chance are there", clocks_and_chance_are_there},
      {"bytes go both ways unchanged", bytes_go_both_ways_unchanged},
      {"many spans are one stream", many_spans_are_one_stream},
      {"bytes that were read may be changed in place", what_was_read_may_be_changed_in_place},
      {"a short write is followed by on writable", a_short_write_is_followed_by_on_writable},
      {"ten megabytes keep their order through a slow reader", ten_megabytes_keep_their_order_through_a_slow_reader},
      {"ten megabytes keep their order into a receiver that pauses",
       ten_megabytes_keep_their_order_into_a_receiver_that_pauses},
      {"a paused connection receives nothing until it is resumed", a_paused_connection_hears_nothing_until_resumed},
      {"pausing holds from inside a callback", pausing_holds_from_inside_a_callback},
      {"a reset is noticed while paused", a_reset_is_noticed_while_paused},
      {"an end waits until a paused connection is resumed", an_end_waits_behind_a_pause},
      {"a peer that ends is an orderly end", a_peer_that_ends_is_an_orderly_end},
      {"shutdown sends what was taken and waits for the peer", shutdown_sends_what_was_taken_and_waits_for_the_peer},
      {"shutdown does not wait for a resume", shutdown_does_not_wait_for_a_resume},
      {"abort is followed by on closed", abort_is_followed_by_on_closed},
      {"abort works from every callback", abort_works_from_every_callback},
      {"abort ends a shutdown that the peer does not answer", abort_ends_a_shutdown_that_the_peer_does_not_answer},
      {"a reset has a reason", a_reset_has_a_reason},
      {"a peer that goes without reading has a reason", a_peer_that_goes_without_reading_has_a_reason},
      {"a connection closes once, at whichever end it begins", a_connection_closes_once_whoever_ends_it},
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

/// Runs one test over the model that `Fixture` brings. `report` receives what does not hold. Returns how much that is; 0
/// for a test that passes.
template <class Fixture>
std::size_t run(const test& which, const reporter& report) {
  static_assert(hotline::transport<typename Fixture::transport_type>);
  std::size_t failures = 0;
  const auto counted = [&](const failed_check& failed) {
    ++failures;
    report(failed);
  };
  try {
    which.run([&] { return std::make_unique<subject_of<Fixture>>(counted); });
  } catch (const failed_check& failed) {
    counted(failed);
  } catch (const std::exception& thrown) {
    counted(failed_check(__FILE__, __LINE__, thrown.what(), which.name));
  }
  return failures;
}

}  // namespace hotline::testing::transport_conformance
#endif
