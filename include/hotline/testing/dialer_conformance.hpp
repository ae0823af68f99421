#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/dialer.hpp>
#include <hotline/testing/check.hpp>
#include <hotline/testing/dialer_conformance/dials.hpp>
#include <hotline/testing/dialer_conformance/endings.hpp>
#include <hotline/testing/dialer_conformance/subject.hpp>
#include <hotline/testing/dialer_conformance/timers.hpp>
#include <hotline/testing/transport_conformance.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string_view>
#include <vector>

/// \file
/// The promises of every model of `hotline::dialer`, as tests over any of them; one's own too. A connection that was dialed
/// keeps those of `transport` as well, so the suite of <hotline/testing/transport_conformance.hpp> belongs to it. They need no
/// test framework:
///
///     namespace conformance = hotline::testing::dialer_conformance;
///
///     for (const conformance::test& each : conformance::tests())
///       conformance::run<my_fixture>(each, [&](const hotline::testing::failed_check& failed) {
///         std::cerr << each.name << ": " << failed.what() << '\n';
///       });
///
/// Notation: `F` the fixture, `f` an `F`, `w` a `place`, `p` a `std::shared_ptr` to the far end of a connection.
///
/// | expression              | meaning |
/// |-------------------------|---------|
/// | `F()`                   | a fresh dialer, not started, and a loop to run it. Its resolver calls `f.resolve` |
/// | `F::dialer_type`        | the model |
/// | `f.dialer()`            | `dialer_type&` |
/// | `f.resolve`             | a member, a `name_resolver`; empty at first |
/// | `f.address(w)`          | a numeric address at which connections are accepted, are refused, or have no answer at all |
/// | `f.port()`              | the port of all three |
/// | `f.accepting()`         | `dial_options` that reach a place that accepts |
/// | `f.accept()`            | `p`, the far end of the next connection that is accepted. It may be used at once |
/// | `p->has_arrived()`      | it was accepted |
/// | `f.step()`, `f.settle()`, `f.finish()`, `p->…` | as of a transport's fixture |
///
/// Two of the tests start threads, which call the dialer's `post`.

namespace hotline::testing::dialer_conformance {

/// A promise of every dialer, or of its connections, and the test of it.
struct test {
  const char* name;
  void (*run)(const factory&);  ///< null for a promise of connections
  void (*run_of_transport)(const transport_conformance::factory&) = nullptr;
};

/// Returns the suite. A test's name is a sentence, and no two are the same.
[[nodiscard]] inline const std::vector<test>& tests() {
  static const std::vector<test> all = [] {
    std::vector<test> made{
        {"a dial becomes a connection with its context", a_dial_becomes_a_connection_with_its_context},
        {"a peer may send at once", a_peer_may_send_at_once},
        {"a refused dial fails once and later", a_refused_dial_fails_once_and_later},
        {"silence is over at the deadline", silence_is_over_at_the_deadline},
        {"no time is over at once", no_time_is_over_at_once},
        {"options that make no sense fail later", options_that_make_no_sense_fail_later},
        {"a dialer that does not run dials nothing", a_dialer_that_does_not_run_dials_nothing},
        {"many dials are made at once", many_dials_are_made_at_once},
        {"a name is resolved", a_name_is_resolved},
        {"a name without an address fails", a_name_without_an_address_fails},
        {"a resolver may be late and may repeat itself", a_resolver_may_be_late_and_may_repeat_itself},
        {"the next address is tried when one refuses", the_next_address_is_tried_when_one_refuses},
        {"the next address is tried when one is slow", the_next_address_is_tried_when_one_is_slow},
        {"the first address that connects wins", the_first_address_that_connects_wins},
        {"a dial fails when no address is left", a_dial_fails_when_no_address_is_left},
        {"a dial is cancelled before it began", a_dial_is_cancelled_before_it_began},
        {"a dial is cancelled while its name is resolved", a_dial_is_cancelled_while_its_name_is_resolved},
        {"a dial is cancelled while it connects", a_dial_is_cancelled_while_it_connects},
        {"a dial is cancelled in callbacks of others", a_dial_is_cancelled_in_callbacks_of_others},
        {"a dial that is over is not cancelled", a_dial_that_is_over_is_not_cancelled},
        {"callbacks may dial again", callbacks_may_dial_again},
        {"stop ends a dial in each stage", stop_ends_a_dial_in_each_stage},
        {"stop works from the callbacks of dials and timers", stop_works_from_every_callback},
        {"a timer is called once and never early", a_timer_is_called_once_and_never_early},
        {"timers are finer than the tick", timers_are_finer_than_the_tick},
        {"timers are called in order", timers_are_called_in_order},
        {"many timers are called in order", many_timers_are_called_in_order},
        {"a timer that is cancelled is not called", a_timer_that_is_cancelled_is_not_called},
        {"a timer may cancel others and not itself", a_timer_may_cancel_others_and_not_itself},
        {"stop destroys timers without a call", stop_destroys_timers_without_a_call},
    };
    for (const transport_conformance::test& each : transport_conformance::tests())
      if (each.run != &transport_conformance::stop_accepting_lets_nobody_in_and_keeps_the_others)
        made.push_back({each.name, nullptr, each.run});
    return made;
  }();
  return all;
}

/// Runs one test over the model that `Fixture` brings. `report` receives what does not hold. Returns how much that is; 0
/// for a test that passes.
template <class Fixture>
std::size_t run(const test& which, const reporter& report) {
  static_assert(hotline::dialer<typename Fixture::dialer_type>);
  std::size_t failures = 0;
  const auto counted = [&](const failed_check& failed) {
    ++failures;
    report(failed);
  };
  try {
    if (which.run != nullptr)
      which.run([&] { return std::make_unique<subject_of<Fixture>>(counted); });
    else
      which.run_of_transport([&] { return std::make_unique<subject_of<Fixture>>(counted); });
  } catch (const failed_check& failed) {
    counted(failed);
  } catch (const std::exception& thrown) {
    counted(failed_check(__FILE__, __LINE__, thrown.what(), which.name));
  }
  return failures;
}

}  // namespace hotline::testing::dialer_conformance
#endif
