#include <catch2_any.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/manager/project_room.hpp>
#include <hotline/manager/room_list.hpp>
#include <manager/unwilling_transport.hpp>
#include <silence.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

using namespace hotline;
using hotline_test::unwilling_transport;

namespace {

using room_list = detail::room_list<unwilling_transport>;
using room_type = room_list::room_type;

using hotline_test::silence;

struct stage {
  stage()
      : log(std::make_shared<memory_event_log>(std::make_shared<manual_environment>())),
        mail(std::make_shared<room_type::mailbox_type>(line,
                                                       [this] {
                                                         (void)mail->take();
                                                         while (room_type* const room = mail->next_room()) {
                                                           woken.push_back(room->project);
                                                           room->flush();
                                                         }
                                                       })),
        rooms(log, output, 1000, mail, counted) {}

  room_type& open(const std::string& project) { return rooms.open(project, log->open(project)); }

  void append(const std::string& project) {
    const std::string head = "{\"type\":\"a\",\"seq\":";
    REQUIRE(log->open(project)->append({head, "}", std::string_view(head).substr(9, 1)}));
  }

  unwilling_transport line;
  std::shared_ptr<memory_event_log> log;
  silence output;
  std::shared_ptr<room_type::mailbox_type> mail;
  std::vector<std::string> woken;
  detail::live_metrics counted;
  room_list rooms;
};

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("a room is woken when its log grows, once however much it grows", "[manager]") {
  stage s;
  room_type& p = s.open("p");
  CHECK(&s.open("p") == &p);
  CHECK(s.rooms.find("q") == nullptr);
  s.append("p");
  s.append("p");
  s.append("q");
  s.line.run();
  CHECK(s.woken == names{"p"});
  CHECK(p.listeners.flushed() == 2);
  s.append("p");
  s.line.run();
  CHECK(s.woken == names{"p", "p"});
  CHECK(p.listeners.flushed() == 3);
}

TEST_CASE("a room whose loop could not be woken is woken by the next event, or at a tick", "[manager]") {
  stage s;
  room_type& p = s.open("p");
  s.line.unwilling = true;
  s.append("p");
  s.line.run();
  CHECK(s.woken.empty());
  s.line.unwilling = false;
  SECTION("by the next event") {
    s.append("p");
    s.line.run();
  }
  SECTION("at a tick") { s.mail->open_unannounced(); }
  CHECK(s.woken == names{"p"});
  CHECK(p.listeners.flushed() == s.log->open("p")->bounds().end);
}

TEST_CASE("a room that goes while it waits is not flushed", "[manager]") {
  struct client : detail::session {
    using session::session;
    room_type* room = nullptr;
  };
  stage s;
  const manager_options options;
  client c(options, steady_time(), 1);
  c.room = &s.open("p");
  c.room->listeners.join(c, filter::everything());
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
