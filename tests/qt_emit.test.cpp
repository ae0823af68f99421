// Qt's <qobjectdefs.h> leaves this behind in every file that includes it.
#define emit

#include <hotline/hotline.hpp>
#include <hotline/project_events.hpp>

#ifndef emit
#error "including hotline took Qt's macro away"
#endif

// Qt's advice for libraries that use the word: QT_NO_KEYWORDS, or this.
#undef emit

#include <catch2_any.hpp>

#include <string>

TEST_CASE("hotline can be included behind Qt's emit macro, and used once it is out of the way", "[qt]") {
  hotline::event_emitter events;
  std::string heard;
  const hotline::subscription s =
      events.on("saved", [&](const hotline::event& e) { heard = std::string(e.fields.member_text("name")); });
  REQUIRE(events.emit("p", "saved", {{"name", "x"}}));
  CHECK(heard == "\"x\"");
  REQUIRE(events.emit("p", hotline::task_cancelled{"t1"}));
}
