#include <catch2_any.hpp>
#include <connection/lone_connection.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/server/project_room.hpp>
#include <hotline/server/room_list.hpp>
#include <server/fake_carrier.hpp>
#include <silence.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

using namespace hotline;
using detail::project_room;

namespace {

/// A loop whose rooms send nothing.
struct silent_rooms {
  project_room& open(const std::string& project) { return rooms.open(project, log->open(project)); }

  void append(const std::string& project) {
    const std::string head = "{\"type\":\"a\",\"seq\":";
    REQUIRE(log->open(project)->append({head, "}", std::string_view(head).substr(9, 1)}));
  }

  std::vector<std::string> woken;
  hotline_test::fake_carrier line;
  std::shared_ptr<memory_event_log> log = std::make_shared<memory_event_log>(line.shared_clock());
  hotline_test::silence output;
  hotline_test::open_mailbox mail{line, [this](detail::mailbox_room& next) {
                                    project_room& room = static_cast<project_room&>(next);
                                    woken.push_back(room.project());
                                    room.flush();
                                  }};
  detail::live_metrics counted;
  detail::room_list rooms{log, output, 1000, mail.shared(), counted};
};

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("a room is woken when its log grows, once however much it grows", "[server]") {
  silent_rooms s;
  project_room& p = s.open("p");
  CHECK(&s.open("p") == &p);
  CHECK(s.rooms.find("q") == nullptr);
  s.append("p");
  s.append("p");
  s.append("q");
  s.line.run();
  CHECK(s.woken == names{"p"});
  CHECK(p.subscribers().flushed() == 2);
  s.append("p");
  s.line.run();
  CHECK(s.woken == names{"p", "p"});
  CHECK(p.subscribers().flushed() == 3);
}

TEST_CASE("a room whose loop could not be woken is woken by the next event, or at a tick", "[server]") {
  silent_rooms s;
  project_room& p = s.open("p");
  s.line.out_of_memory = true;
  s.append("p");
  s.line.run();
  CHECK(s.woken.empty());
  s.line.out_of_memory = false;
  SECTION("by the next event") {
    s.append("p");
    s.line.run();
  }
  SECTION("at a tick") { s.mail->open_unannounced(); }
  CHECK(s.woken == names{"p"});
  CHECK(p.subscribers().flushed() == s.log->open("p")->bounds().end);
}

TEST_CASE("a room that goes while it waits is not flushed", "[server]") {
  silent_rooms s;
  hotline_test::lone_connection one;
  detail::connection& c = one.c;
  c.room = &s.open("p");
  c.room->subscribers().join(c, filter::everything());
  s.append("p");
  s.rooms.leave(c);
  CHECK(c.room == nullptr);
  CHECK(s.rooms.find("p") == nullptr);
  s.line.run();
  CHECK(s.woken.empty());
  s.append("p");
  s.line.run();
  CHECK(s.woken.empty());
}
