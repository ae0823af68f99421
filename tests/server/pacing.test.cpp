#include <catch2_any.hpp>
#include <hotline/server/pacing.hpp>
#include <server/parts_of_a_hub.hpp>
#include <session/fake_loop.hpp>

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;
using detail::connection;
using detail::pacing;
using hotline_test::fake_loop;
using hotline_test::parts_of_a_hub;

namespace {

using paces = std::vector<pace>;

/// A project with one subscriber that was caught up, and whose producer wants to know how it keeps up.
struct paced_project : parts_of_a_hub {
  static constexpr std::size_t event_bytes = 1000;
  static constexpr pace_marks marks{.behind = 5 * event_bytes, .caught_up = event_bytes};

  paced_project() : c(open("p")) {
    watch();
    measure();
  }

  void watch() {
    producers.watch("p", marks, [this](pace p) { heard.push_back(p); });
  }
  void fall_behind() {
    socket_of(c).takes = 0;
    for (int i = 0; i < 10; ++i) append("p", std::string(event_bytes, 'x'));
    line.run();
  }
  void measure() { producers.measure(*c.room, now()); }
  paces run() {
    loop->run();
    return std::exchange(heard, {});
  }

  std::shared_ptr<fake_loop> loop = std::make_shared<fake_loop>();
  pacing producers{loop, counted, detail::hash_key{}};
  connection& c;
  paces heard;
};

}  // namespace

TEST_CASE("a producer learns on the loop that a subscriber lags, and that it has caught up", "[server]") {
  paced_project p;
  CHECK(p.run().empty());
  p.fall_behind();
  p.measure();
  p.measure();
  CHECK(p.heard.empty());
  CHECK(p.run() == paces{pace::behind});
  p.writable(p.c);
  p.producers.measure_relief(*p.c.room, p.now());
  CHECK(p.run() == paces{pace::caught_up});
  p.producers.measure_relief(*p.c.room, p.now());
  CHECK(p.run().empty());
}

TEST_CASE("a producer learns that its project has no subscribers here any more", "[server]") {
  paced_project p;
  p.fall_behind();
  p.measure();
  CHECK(p.run() == paces{pace::behind});
  p.producers.lose("p", p.c, p.now());
  p.producers.measure_nobody("p");
  CHECK(p.run() == paces{pace::caught_up});
}

TEST_CASE("a pace for which there was no memory reaches its producer after the next measure", "[server]") {
  paced_project p;
  p.fall_behind();
  p.loop->be_out_of_memory(true);
  p.measure();
  p.loop->be_out_of_memory(false);
  CHECK(p.run().empty());
  p.measure();
  CHECK(p.run() == paces{pace::behind});
}

TEST_CASE("a producer that does not ask any more does not receive what was on its way", "[server]") {
  paced_project p;
  p.fall_behind();
  p.measure();
  SECTION("because it said so") { p.producers.watch("p", {}, nullptr); }
  SECTION("because the manager is gone") { p.producers.clear(); }
  CHECK(p.producers.empty());
  CHECK(p.run().empty());
}

TEST_CASE("other projects' producers learn nothing", "[server]") {
  paced_project p;
  paces others;
  p.producers.watch("q", paced_project::marks, [&](pace got) { others.push_back(got); });
  p.fall_behind();
  p.measure();
  p.producers.measure_nobody("unknown");
  CHECK(p.run() == paces{pace::behind});
  CHECK(others.empty());
}
