#include <catch2_any.hpp>
#include <hotline/connection/subscriber.hpp>

#include <chrono>
#include <cstddef>

using namespace hotline;
using namespace std::chrono_literals;
using detail::moment;
using detail::subscriber;

TEST_CASE("a moment is a point in time or none, in the space of one", "[connection]") {
  static_assert(sizeof(moment) == sizeof(steady_time));
  moment m;
  CHECK_FALSE(m);
  m = steady_time(1h);
  CHECK(m);
  CHECK(*m == steady_time(1h));
  CHECK(m == moment(steady_time(1h)));
  SECTION("time zero is a point in time") {
    m = steady_time();
    CHECK(m);
  }
  SECTION("after a reset it is none") {
    m.reset();
    CHECK_FALSE(m);
    CHECK(m == moment());
  }
}

TEST_CASE("a subscriber begins in no room, with nothing to send", "[connection]") {
  const subscriber s;
  CHECK(s.out.empty());
  CHECK(s.room == nullptr);
  CHECK(s.place.group == nullptr);
  CHECK_FALSE(s.place.late_since);
}

TEST_CASE("a delivery to a subscriber that is up to date reads its first two members", "[connection]") {
  const subscriber s;
  const auto offset_of = [&](const auto& member) {
    return static_cast<std::size_t>(reinterpret_cast<const char*>(&member) - reinterpret_cast<const char*>(&s));
  };
  CHECK(offset_of(s.socket) == 0);
  CHECK(offset_of(s.out) == sizeof(s.socket));
  CHECK(sizeof(s.out) == sizeof(void*));
}
