// Qt's <qtmetamacros.h> and <qforeach.h> leave these behind in every file that includes them.
#define emit
#define signals public
#define slots
#define foreach(variable, container) for (variable : container)
#define forever for (;;)

#include <hotline/hotline.hpp>
#include <hotline/project_events.hpp>
#include <hotline/testing/simulation.hpp>
#include <hotline/transport/memory_transport.hpp>

#if !defined(emit) || !defined(signals) || !defined(slots) || !defined(foreach) || !defined(forever)
#error "including hotline took one of Qt's macros away"
#endif

#include <catch2_any.hpp>

#include <string>

namespace {

struct saved {
  static constexpr std::string_view event_type = "saved";
  std::string name;
  static constexpr auto fields = hotline::fields(hotline::field{"name", &saved::name});
};

struct keyed {
  static constexpr std::string_view event_type = "keyed";
  std::string key;
  static constexpr auto fields = hotline::fields(hotline::field{"key", &keyed::key});
  [[nodiscard]] std::string_view conflation_key() const { return key; }
};

// As a host writes it that includes Qt.
TEST_CASE("publish is emit, by a name that Qt leaves alone", "[qt]") {
  hotline::event_emitter events;
  std::string received;
  const hotline::subscription s =
      events.on("saved", [&](const hotline::event& e) { received += e.fields.member_text("name"); });
  const auto plain = events.publish("p", "saved", {{"name", "x"}});
  const auto typed = events.publish("p", saved{"y"});
  REQUIRE((plain && typed));
  CHECK(*plain == 1);
  CHECK(*typed == 2);
  CHECK(received == "\"x\"\"y\"");
  CHECK(events.publish("", "saved").error().code == hotline::errc::invalid_project);
}

TEST_CASE("publish takes a key, and asks a typed event for one", "[qt]") {
  hotline::event_emitter events;
  const std::string too_long(257, 'k');
  CHECK(events.publish("p", "saved", {}, {.key = too_long}).error().code == hotline::errc::key_too_long);
  CHECK(events.publish("p", keyed{too_long}).error().code == hotline::errc::key_too_long);
  CHECK(events.publish("p", keyed{"k"}, {.key = too_long}).error().code == hotline::errc::key_too_long);
  CHECK(events.publish("p", keyed{"k"}));
}

}  // namespace

// Qt's advice for files that use the word: QT_NO_KEYWORDS, or this.
#undef emit

TEST_CASE("hotline can be included after Qt's macros, and emit used once that one is out of the way", "[qt]") {
  hotline::event_emitter events;
  std::string received;
  const hotline::subscription s =
      events.on("saved", [&](const hotline::event& e) { received = std::string(e.fields.member_text("name")); });
  REQUIRE(events.emit("p", "saved", {{"name", "x"}}));
  CHECK(received == "\"x\"");
  REQUIRE(events.emit("p", hotline::task_cancelled{"t1"}));
}
