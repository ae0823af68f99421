#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/testing/check.hpp>
#include <hotline/testing/transport_conformance/subject.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace hotline::testing::transport_conformance {

// ------------------------------------------------------------------------------------------------------- start

inline void starting_twice_is_refused(const factory& fresh) {
  const auto s = fresh();
  HOTLINE_DETAIL_CHECK(*s, s->start() != std::error_code{});
  auto& r = s->open();
  HOTLINE_DETAIL_CHECK(*s, r.closed == 0);
}

inline void stopped_means_stopped(const factory& fresh) {
  const auto s = fresh();
  s->stop();
  HOTLINE_DETAIL_CHECK(*s, s->start() != std::error_code{});
}

inline void clocks_and_chance_are_there(const factory& fresh) {
  const auto s = fresh();
  hotline::environment& env = s->env();
  const auto before = env.now();
  HOTLINE_DETAIL_CHECK(*s, env.now() >= before);
  HOTLINE_DETAIL_CHECK(*s, env.wall_now().time_since_epoch().count() > 0);
  HOTLINE_DETAIL_CHECK(*s, env.random() != env.random());
}

// ------------------------------------------------------------------------------------------------------- bytes

inline void bytes_go_both_ways_unchanged(const factory& fresh) {
  const auto s = fresh();
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  auto& r = s->open();
  r.peer->send(all);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.data.size() == all.size(); }));
  HOTLINE_DETAIL_CHECK(*s, r.data == all);
  HOTLINE_DETAIL_CHECK(*s, s->write(r, all) == all.size());
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.peer->received().size() == all.size(); }));
  HOTLINE_DETAIL_CHECK(*s, r.peer->received() == all);
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
  HOTLINE_DETAIL_CHECK(*s, s->write(r, spans) == bytes.size());
  HOTLINE_DETAIL_CHECK(*s, s->write(r, std::span<const std::string_view>{}) == 0);
  HOTLINE_DETAIL_CHECK(*s, s->write(r, std::string_view()) == 0);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.peer->received().size() >= bytes.size(); }));
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, r.peer->received() == bytes);
  HOTLINE_DETAIL_CHECK(*s, r.writable == 0);
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
  HOTLINE_DETAIL_REQUIRE(
      *s, s->drive([&] { return one.peer->received().size() == 5 && two.peer->received().size() == 5; }));
  HOTLINE_DETAIL_CHECK(*s, one.peer->received() == "HELLO");
  HOTLINE_DETAIL_CHECK(*s, two.peer->received() == "world");
}

inline void a_short_write_is_followed_by_on_writable(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  r.peer->stall(true);
  std::string taken = fill(*s, r);
  HOTLINE_DETAIL_CHECK(*s, r.writable == 0);
  r.peer->stall(false);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.writable > 0; }));
  taken += "the end";
  HOTLINE_DETAIL_CHECK(*s, s->write(r, "the end") == 7);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.peer->received().size() >= taken.size(); }));
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, r.peer->received() == taken);
  HOTLINE_DETAIL_CHECK(*s, r.closed == 0);
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
  HOTLINE_DETAIL_CHECK(*s, at < bytes.size());
  for (std::size_t i = 1; r.peer->received().size() < bytes.size(); i = i * 7 % 1'000'003) {
    const std::size_t before = r.peer->received().size();
    r.peer->window(i);
    HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.peer->received().size() > before; }));
  }
  HOTLINE_DETAIL_CHECK(*s, r.peer->received() == bytes);
  HOTLINE_DETAIL_CHECK(*s, r.writable > 0);
}

inline void ten_megabytes_keep_their_order_into_a_receiver_that_pauses(const factory& fresh) {
  const auto s = fresh();
  const std::string bytes = pattern(10'000'000);
  s->when_data = [&](auto& x, std::span<char>) {
    if (x.reads % 3 != 0) return;
    s->pause(x);
    s->post([&s, &x, reads = x.reads] {
      HOTLINE_DETAIL_CHECK(*s, x.reads == reads);
      s->resume(x);
    });
  };
  auto& r = s->open();
  r.peer->send(bytes);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.data.size() >= bytes.size(); }));
  HOTLINE_DETAIL_CHECK(*s, r.data == bytes);
  HOTLINE_DETAIL_CHECK(*s, r.reads > 3);
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
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return other.data == "x"; }));
  r.peer->send("two");
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, r.data.empty());
  HOTLINE_DETAIL_CHECK(*s, s->write(r, "writing goes on") == 15);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.peer->received() == "writing goes on"; }));
  s->resume(r);
  s->resume(r);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.data == "onetwo"; }));
  r.peer->send("three");
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.data == "onetwothree"; }));
}

inline void pausing_holds_from_inside_a_callback(const factory& fresh) {
  const auto s = fresh();
  s->when_open = [&](auto& x) { s->pause(x); };
  s->when_data = [&](auto& x, std::span<char>) { s->pause(x); };
  auto& r = s->open();
  r.peer->send("a");
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, r.data.empty());
  s->resume(r);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.data == "a"; }));
  r.peer->send("b");
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, r.data == "a");
  s->resume(r);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.data == "ab"; }));
}

inline void a_reset_is_noticed_while_paused(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->pause(r);
  s->settle();
  r.peer->stall(true);
  s->write(r, "unread");
  r.peer->reset();
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
  HOTLINE_DETAIL_CHECK(*s, r.reason);
}

inline void an_end_waits_behind_a_pause(const factory& fresh) {
  const auto s = fresh();
  auto& r = s->open();
  s->pause(r);
  r.peer->send("last words");
  r.peer->close();
  s->settle();
  HOTLINE_DETAIL_CHECK(*s, r.closed == 0);
  s->resume(r);
  HOTLINE_DETAIL_REQUIRE(*s, s->drive([&] { return r.closed > 0; }));
  HOTLINE_DETAIL_CHECK(*s, r.data == "last words");
  HOTLINE_DETAIL_CHECK(*s, !r.reason);
}

}  // namespace hotline::testing::transport_conformance
#endif
