#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/testing/check.hpp>
#include <hotline/testing/transport_conformance/subject.hpp>

#include <span>
#include <string>

namespace hotline::testing::transport_conformance {

// ------------------------------------------------------------------------------------------------------ endings

inline void a_peer_that_ends_is_an_orderly_end(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  r.peer->send("last words");
  r.peer->close();
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
  HOTLINE_DETAIL_CHECK(*s, r.data == "last words");
  HOTLINE_DETAIL_CHECK(*s, !r.reason);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.peer->closed_by_server(); }));
}

inline void shutdown_sends_what_was_taken_and_waits_for_the_peer(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  r.peer->stall(true);
  const std::string taken = fill(*s, r);
  s->shutdown(r);
  s->shutdown(r);
  HOTLINE_DETAIL_CHECK(*s, s->write(r, "too late") == 0);
  r.peer->send("unheard");
  r.peer->stall(false);
  HOTLINE_DETAIL_REQUIRE(
      *s, s->drive([&] { return r.peer->received().size() >= taken.size() && r.peer->closed_by_server(); }));
  HOTLINE_DETAIL_CHECK(*s, r.peer->received() == taken);
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, r.closed == 0);
  r.peer->send(pattern(300'000));
  r.peer->close();
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
  HOTLINE_DETAIL_CHECK(*s, r.data.empty());
  HOTLINE_DETAIL_CHECK(*s, !r.reason);
}

inline void shutdown_does_not_wait_for_a_resume(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->pause(r);
  r.peer->send("unheard");
  s->settle();
  s->shutdown(r);
  r.peer->close();
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
  HOTLINE_DETAIL_CHECK(*s, r.data.empty());
  HOTLINE_DETAIL_CHECK(*s, !r.reason);
}

inline void abort_is_followed_by_on_closed(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  r.peer->send("unheard");
  s->abort(r);
  HOTLINE_DETAIL_CHECK(*s, r.closed == 0);
  s->abort(r);
  HOTLINE_DETAIL_CHECK(*s, s->write(r, "too late") == 0);
  s->pause(r);
  s->resume(r);
  s->shutdown(r);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
  HOTLINE_DETAIL_CHECK(*s, r.data.empty());
  HOTLINE_DETAIL_CHECK(*s, r.reason);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.peer->closed_by_server(); }));
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, r.closed == 1);
}

inline void abort_works_from_every_callback(const factory& fresh) {
  {
    const auto s = fresh();
    s->when_open = [&](auto& x) { s->abort(x); };
    auto& r = s->open();
    r.peer->send("unheard");
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
    HOTLINE_DETAIL_CHECK(*s, r.data.empty());
  }
  {
    const auto s = fresh();
    s->when_data = [&](auto& x, std::span<char>) { s->abort(x); };
    auto& r = s->open();
    r.peer->send("a");
    r.peer->close();
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
    HOTLINE_DETAIL_CHECK(*s, r.reason);
  }
  {
    const auto s = fresh();
    s->when_writable = [&](auto& x) { s->abort(x); };
    auto& r = s->open();
    r.peer->stall(true);
    fill(*s, r);
    r.peer->stall(false);
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
    HOTLINE_DETAIL_CHECK(*s, r.writable == 1);
  }
  {
    const auto s = fresh();
    auto& r = s->open();
    s->when_tick = [&] {
      if (r.closed == 0) s->abort(r);
    };
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
  }
  {
    const auto s = fresh();  // one connection's callback ends another
    auto& one = s->open();
    auto& two = s->open();
    s->when_data = [&](auto& x, std::span<char>) { s->abort(&x == &one ? two : one); };
    one.peer->send("a");
    two.peer->send("b");
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return one.closed + two.closed > 0; }));
    s->settle();
    HOTLINE_DETAIL_CHECK(*s, one.closed + two.closed == 1);
    HOTLINE_DETAIL_CHECK(*s, one.data.size() + two.data.size() == 1);
  }
}

inline void abort_ends_a_shutdown_that_the_peer_does_not_answer(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->shutdown(r);
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, r.closed == 0);
  s->abort(r);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
  HOTLINE_DETAIL_CHECK(*s, r.reason);
}

inline void a_reset_has_a_reason(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  r.peer->stall(true);
  s->write(r, "unread");
  r.peer->reset();
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
  HOTLINE_DETAIL_CHECK(*s, r.reason);
}

inline void a_peer_that_goes_without_reading_has_a_reason(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->when_writable = [&](auto& x) { fill(*s, x); };  // a kernel may find room for more
  r.peer->stall(true);
  fill(*s, r);
  r.peer->close();
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
  HOTLINE_DETAIL_CHECK(*s, r.reason);
}

inline void a_connection_closes_once_whoever_ends_it(const factory& fresh) {
  const auto s = fresh();
  for (int way = 0; way < 6; ++way) {
    s->note("way " + std::to_string(way));
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
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
    s->settle();
    HOTLINE_DETAIL_CHECK(*s, r.closed == 1);
  }
}

}  // namespace hotline::testing::transport_conformance
#endif
