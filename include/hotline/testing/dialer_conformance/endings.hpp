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
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::testing::dialer_conformance {

// --------------------------------------------------------------------------------------------------------- cancel

inline void check_cancelled(subject& s, dial_id which) {
  s.note("cancel");
  const std::size_t before = s.failures.size();
  HOTLINE_DETAIL_CHECK(s, s.cancel(which));
  HOTLINE_DETAIL_CHECK(s, !s.cancel(which));
  HOTLINE_DETAIL_CHECK(s, s.failures.size() == before);
  HOTLINE_DETAIL_REQUIRE(s, s.drive([&] { return s.failures.size() > before; }));
  s.settle();
  HOTLINE_DETAIL_CHECK(s, s.failures.size() == before + 1);
  HOTLINE_DETAIL_CHECK(s, s.failures.back().id == which);
  HOTLINE_DETAIL_CHECK(s, s.failures.back().why == std::errc::operation_canceled);
  HOTLINE_DETAIL_CHECK(s, s.seen.empty());
}

inline void a_dial_is_cancelled_before_it_began(const factory& fresh) {
  const auto s = fresh();
  check_cancelled(*s, s->begin(s->to(place::accepts)));
}

inline void a_dial_is_cancelled_while_its_name_is_resolved(const factory& fresh) {
  const auto s = fresh();
  resolve_done kept;
  s->resolve([&](const std::string&, resolve_done done) { kept = std::move(done); });
  const dial_id id = s->begin(s->to("name"));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return kept != nullptr; }));
  HOTLINE_DETAIL_CHECK(*s, s->cancel(id));
  kept({}, {s->address(place::accepts)});
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->failures.size() == 1; }));
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, s->failures.size() == 1);
  HOTLINE_DETAIL_CHECK(*s, s->failures[0].why == std::errc::operation_canceled);
  HOTLINE_DETAIL_CHECK(*s, s->seen.empty());
}

inline void a_dial_is_cancelled_while_it_connects(const factory& fresh) {
  const auto s = fresh();
  const dial_id id = s->begin(s->to(place::silent));
  s->settle();
  check_cancelled(*s, id);
}

inline void a_dial_is_cancelled_in_callbacks_of_others(const factory& fresh) {
  const auto s = fresh();
  const dial_id waits = s->begin(s->to(place::silent));
  s->when_failed = [&](const seen_failure& f) {
    if (f.id != waits) HOTLINE_DETAIL_CHECK(*s, s->cancel(waits));
  };
  (void)s->begin(s->to(place::refuses));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->failures.size() == 2; }));
  HOTLINE_DETAIL_CHECK(*s, s->failures[1].why == std::errc::operation_canceled);
}

inline void a_dial_that_is_over_is_not_cancelled(const factory& fresh) {
  const auto s = fresh();
  s->when_failed = [&](const seen_failure& f) { HOTLINE_DETAIL_CHECK(*s, !s->cancel(f.id)); };
  (void)s->begin(s->to(place::refuses));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->failures.size() == 1; }));
  dial_id id{};
  s->when_open = [&](auto&) { HOTLINE_DETAIL_CHECK(*s, !s->cancel(id)); };
  const auto theirs = s->accept();
  id = s->begin(s->to(place::accepts));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 1; }));
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, s->seen[0].closed == 0);
}

// -------------------------------------------------------------------------------------------------------- redials

inline void callbacks_may_dial_again(const factory& fresh) {
  const auto s = fresh();
  std::vector<std::shared_ptr<client_end>> ends;
  s->when_failed = [&](const seen_failure&) {
    ends.push_back(s->accept());
    (void)s->begin(s->to(s->failures.size() < 3 ? place::refuses : place::accepts));
  };
  s->when_closed = [&](connection_record&) {
    ends.push_back(s->accept());
    (void)s->begin(s->to(place::accepts));
  };
  (void)s->begin(s->to(place::refuses));
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 1; }));
  HOTLINE_DETAIL_CHECK(*s, s->failures.size() == 3);
  s->abort(s->seen[0]);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return s->seen.size() == 2; }));
  s->when_closed = [](auto&) {};
}

// -------------------------------------------------------------------------------------------------------- stopping

inline void check_stopped(subject& s) {
  const std::size_t failed = s.failures.size();
  const std::size_t opened = s.seen.size();
  HOTLINE_DETAIL_CHECK(s, s.finish());
  HOTLINE_DETAIL_CHECK(s, s.failures.size() == failed);
  HOTLINE_DETAIL_CHECK(s, s.seen.size() == opened);
  HOTLINE_DETAIL_CHECK(s, !s.dial(s.to(place::accepts)));
}

inline void stop_ends_a_dial_in_each_stage(const factory& fresh) {
  {
    const auto s = fresh();
    (void)s->begin(s->to(place::accepts));
    s->stop();
    check_stopped(*s);
  }
  {
    const auto s = fresh();
    resolve_done kept;
    s->resolve([&](const std::string&, resolve_done done) { kept = std::move(done); });
    (void)s->begin(s->to("name"));
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return kept != nullptr; }));
    kept({}, {s->address(place::accepts)});
    s->stop();
    kept({}, {s->address(place::accepts)});
    check_stopped(*s);
  }
  {
    const auto s = fresh();
    (void)s->begin(s->to(place::silent));
    s->settle();
    s->stop();
    check_stopped(*s);
  }
  {
    const auto s = fresh();
    (void)s->cancel(s->begin(s->to(place::silent)));
    s->stop();
    check_stopped(*s);
  }
}

inline void stop_works_from_every_callback(const factory& fresh) {
  {
    const auto s = fresh();
    s->when_failed = [&](const auto&) { s->stop(); };
    (void)s->begin(s->to(place::refuses));
    (void)s->begin(s->to(place::refuses));
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return !s->failures.empty(); }));
    HOTLINE_DETAIL_CHECK(*s, s->failures.size() == 1);
    check_stopped(*s);
  }
  {
    const auto s = fresh();
    s->when_failed = [&](const auto&) { s->stop(); };
    dial_options options = s->to(place::silent);
    options.timeout = std::chrono::milliseconds(0);
    (void)s->begin(options);
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return !s->failures.empty(); }));
    check_stopped(*s);
  }
  {
    const auto s = fresh();
    s->when_open = [&](auto&) { s->stop(); };
    const auto theirs = s->accept();
    (void)s->begin(s->to(place::accepts));
    (void)s->begin(s->to(place::silent));
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return !s->seen.empty(); }));
    check_stopped(*s);
  }
  {
    const auto s = fresh();
    bool ran = false;
    (void)s->after(std::chrono::nanoseconds(0), [&] {
      ran = true;
      s->stop();
    });
    (void)s->after(std::chrono::nanoseconds(0), [&] { HOTLINE_DETAIL_CHECK(*s, false); });
    (void)s->begin(s->to(place::silent));
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return ran; }));
    check_stopped(*s);
  }
  {
    const auto s = fresh();
    bool asked = false;
    s->resolve([&](const std::string&, const resolve_done& done) {
      asked = true;
      s->stop();
      done(errc::host_not_found, {});
    });
    (void)s->begin(s->to("name"));
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return asked; }));
    check_stopped(*s);
  }
}

}  // namespace hotline::testing::dialer_conformance
#endif
