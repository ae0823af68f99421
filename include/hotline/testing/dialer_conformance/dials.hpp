#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/dialer.hpp>
#include <hotline/error.hpp>
#include <hotline/testing/check.hpp>
#include <hotline/testing/dialer_conformance/subject.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::testing::dialer_conformance {

// ------------------------------------------------------------------------------------------------------ outcomes

inline void a_dial_becomes_a_connection_with_its_context(const factory& fresh) {
  const auto s = fresh();
  int mark = 0;
  s->expected_context = &mark;
  dial_options options = s->to(place::accepts);
  options.context = &mark;
  const auto theirs = s->accept();
  const dial_id id = s->begin(options);
  HOTLINE_DETAIL_CHECK(*s, s->seen.empty());
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 1; }));
  HOTLINE_DETAIL_CHECK(*s, s->failures.empty());
  HOTLINE_DETAIL_CHECK(*s, !s->cancel(id));
  theirs->send("hello");
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen[0].data == "hello"; }));
  HOTLINE_DETAIL_CHECK(*s, s->write(s->seen[0], "good day") == 8);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return theirs->received() == "good day"; }));
}

inline void a_peer_may_send_at_once(const factory& fresh) {
  const auto s = fresh();
  const auto theirs = s->accept();
  theirs->send("welcome");
  theirs->close();
  (void)s->begin(s->to(place::accepts));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 1 && s->seen[0].closed == 1; }));
  HOTLINE_DETAIL_CHECK(*s, s->seen[0].data == "welcome");
  HOTLINE_DETAIL_CHECK(*s, !s->seen[0].reason);
}

inline void a_refused_dial_fails_once_and_later(const factory& fresh) {
  const auto s = fresh();
  int mark = 0;
  dial_options options = s->to(place::refuses);
  options.context = &mark;
  const dial_id id = s->begin(options);
  HOTLINE_DETAIL_CHECK(*s, s->failures.empty());
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return !s->failures.empty(); }));
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, s->failures.size() == 1);
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].id == id);
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].context == &mark);
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].stage == dial_stage::connecting);
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].why == std::errc::connection_refused);
  HOTLINE_DETAIL_CHECK(*s, !s->cancel(id));
  HOTLINE_DETAIL_CHECK(*s, s->seen.empty());
}

inline void silence_is_over_at_the_deadline(const factory& fresh) {
  const auto s = fresh();
  dial_options options = s->to(place::silent);
  options.timeout = std::chrono::milliseconds(120);
  const steady_time begun = s->env().now();
  (void)s->begin(options);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return !s->failures.empty(); }));
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].why == std::errc::timed_out);
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].stage == dial_stage::connecting);
  HOTLINE_DETAIL_CHECK(*s, s->env().now() - begun >= options.timeout);
}

inline void no_time_is_over_at_once(const factory& fresh) {
  const auto s = fresh();
  dial_options options = s->to(place::silent);
  options.timeout = std::chrono::milliseconds(-1);
  (void)s->begin(options);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return !s->failures.empty(); }));
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].why == std::errc::timed_out);
}

inline void options_that_make_no_sense_fail_later(const factory& fresh) {
  const auto s = fresh();
  dial_options no_port = s->to(place::accepts);
  no_port.port = 0;
  dial_options no_host = s->to(place::accepts);
  no_host.host.clear();
  dial_options no_address = s->to(place::accepts);
  no_address.host = "10.0.0.1.2";
  dial_options endless = s->to(place::refuses);
  endless.timeout = std::chrono::milliseconds::max();
  endless.attempt_delay = std::chrono::milliseconds::max();
  for (const dial_options& options : {no_port, no_host, no_address, endless}) (void)s->begin(options);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->failures.size() == 4; }));
  for (std::size_t i = 0; i < 2; ++i) HOTLINE_DETAIL_CHECK(*s, s->failures[i].why == std::errc::invalid_argument);
}

inline void a_dialer_that_does_not_run_dials_nothing(const factory& fresh) {
  const auto s = fresh();
  s->stop();
  const auto begun = s->dial(s->to(place::accepts));
  HOTLINE_DETAIL_REQUIRE(*s, !begun);
  HOTLINE_DETAIL_CHECK(*s, begun.error().code == errc::not_running);
  HOTLINE_DETAIL_CHECK(*s, !s->cancel(dial_id{1}));
  HOTLINE_DETAIL_CHECK(*s, !s->cancel(s->after(std::chrono::nanoseconds(0), [] {})));
}

inline void many_dials_are_made_at_once(const factory& fresh) {
  const auto s = fresh();
  std::vector<std::shared_ptr<client_end>> ends;
  for (int i = 0; i < 50; ++i) {
    ends.push_back(s->accept());
    (void)s->begin(s->to(place::accepts));
    (void)s->begin(s->to(place::refuses));
  }
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 50 && s->failures.size() == 50; }));
  for (const auto& theirs : ends) theirs->send("x");
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] {
    for (const auto& r : s->seen)
      if (r.data != "x") return false;
    return true;
  }));
}

// ------------------------------------------------------------------------------------------------------- addresses

inline void a_name_is_resolved(const factory& fresh) {
  const auto s = fresh();
  std::string asked;
  s->resolve([&, there = s->address(place::accepts)](const std::string& name, const resolve_done& done) {
    asked = name;
    done({}, {there});
  });
  const auto theirs = s->accept();
  (void)s->begin(s->to("a-name"));
  HOTLINE_DETAIL_CHECK(*s, asked.empty());
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 1; }));
  HOTLINE_DETAIL_CHECK(*s, asked == "a-name");
}

inline void a_name_without_an_address_fails(const factory& fresh) {
  const auto s = fresh();
  s->resolve([](const std::string& name, const resolve_done& done) {
    if (name == "unknown") return done(errc::host_not_found, {});
    if (name == "empty") return done({}, {});
    throw std::bad_alloc();
  });
  for (const char* const name : {"unknown", "empty", "throws"}) (void)s->begin(s->to(name));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->failures.size() == 3; }));
  for (const seen_failure& f : s->failures) {
    HOTLINE_DETAIL_CHECK(*s, f.stage == dial_stage::resolving);
    HOTLINE_DETAIL_CHECK(*s, f.why == errc::host_not_found || f.why == std::errc::not_enough_memory);
  }
}

inline void a_resolver_may_be_late_and_may_repeat_itself(const factory& fresh) {
  const auto s = fresh();
  std::vector<resolve_done> kept;
  s->resolve([&](const std::string&, resolve_done done) { kept.push_back(std::move(done)); });
  dial_options options = s->to("slow");
  options.timeout = std::chrono::milliseconds(60);
  (void)s->begin(options);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->failures.size() == 1; }));
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].stage == dial_stage::resolving);
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].why == std::errc::timed_out);
  const auto theirs = s->accept();
  (void)s->begin(s->to("slow"));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return kept.size() == 2; }));
  kept[0]({}, {s->address(place::accepts)});  // belongs to the dial that is over
  kept[1]({}, {s->address(place::accepts)});
  kept[1](errc::host_not_found, {});
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 1; }));
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, s->seen.size() == 1);
  HOTLINE_DETAIL_CHECK(*s, s->failures.size() == 1);
  (void)s->begin(s->to("slow"));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return kept.size() == 3; }));
  s->stop();
  kept[2]({}, {s->address(place::accepts)});
}

inline void the_next_address_is_tried_when_one_refuses(const factory& fresh) {
  const auto s = fresh();
  s->resolve_to({place::refuses, place::refuses, place::accepts});
  const auto theirs = s->accept();
  dial_options options = s->to("name");
  options.attempt_delay = std::chrono::hours(1);
  options.timeout = std::chrono::hours(1);
  (void)s->begin(options);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 1; }));
  HOTLINE_DETAIL_CHECK(*s, s->failures.empty());
}

inline void the_next_address_is_tried_when_one_is_slow(const factory& fresh) {
  const auto s = fresh();
  s->resolve_to({place::silent, place::accepts});
  const auto theirs = s->accept();
  const steady_time begun = s->env().now();
  dial_options options = s->to("name");
  options.attempt_delay = std::chrono::milliseconds(60);
  options.timeout = std::chrono::hours(1);
  (void)s->begin(options);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 1; }));
  HOTLINE_DETAIL_CHECK(*s, s->env().now() - begun >= options.attempt_delay);
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, s->seen.size() == 1);
  HOTLINE_DETAIL_CHECK(*s, s->failures.empty());
}

inline void the_first_address_that_connects_wins(const factory& fresh) {
  const auto s = fresh();
  s->resolve_to({place::accepts, place::silent, place::refuses});
  const auto theirs = s->accept();
  dial_options options = s->to("name");
  options.attempt_delay = std::chrono::milliseconds(0);
  (void)s->begin(options);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 1; }));
  theirs->send("it is this one");
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen[0].data == "it is this one"; }));
  HOTLINE_DETAIL_CHECK(*s, s->failures.empty());
}

inline void a_dial_fails_when_no_address_is_left(const factory& fresh) {
  const auto s = fresh();
  s->resolve_to({place::refuses, place::refuses});
  (void)s->begin(s->to("name"));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->failures.size() == 1; }));
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].why == std::errc::connection_refused);
  s->resolve([](const std::string&, const resolve_done& done) { done({}, {"no address"}); });
  (void)s->begin(s->to("name"));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->failures.size() == 2; }));
}

}  // namespace hotline::testing::dialer_conformance
#endif
