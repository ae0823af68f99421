#include <catch2_any.hpp>
#include <hotline/manager/mailbox.hpp>
#include <manager/unwilling_transport.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace hotline;
using hotline_test::unwilling_transport;

namespace {

struct stub : detail::room_link {};
using mailbox = detail::mailbox<unwilling_transport, stub>;

// A loop, and what it found in its mailbox, each time.
struct stage {
  stage()
      : box(std::make_shared<mailbox>(line, [this] {
          ++looks;
          detail::mail mail = box->take();
          while (stub* const room = box->next_room()) rooms.push_back(room);
          for (auto& message : mail.messages) texts.push_back(std::move(message.text));
          for (const auto& task : mail.tasks) task();
        })) {}
  ~stage() { box->close(); }

  void run() { line.run(); }

  unwilling_transport line;
  std::shared_ptr<mailbox> box;
  int looks = 0;
  std::vector<stub*> rooms;
  std::vector<std::string> texts;
};

using found = std::vector<stub*>;

}  // namespace

TEST_CASE("a loop is woken once for all that waits, rooms once each", "[manager]") {
  stage s;
  stub a, b;
  int ran = 0;
  CHECK(s.box->wake(b));
  CHECK(s.box->wake(a));
  CHECK(s.box->wake(b));
  s.box->deliver({.serial = 2, .text = "text"});
  s.box->post([&] { ++ran; });
  CHECK(s.line.posts == 1);
  s.run();
  CHECK(s.looks == 1);
  CHECK(s.rooms == found{&b, &a});
  CHECK(s.texts == std::vector<std::string>{"text"});
  CHECK(ran == 1);
  s.run();
  CHECK(s.looks == 1);
  CHECK(s.box->wake(b));
  s.run();
  CHECK(s.rooms == found{&b, &a, &b});
}

TEST_CASE("what is put in while the loop cannot be woken is found when it can", "[manager]") {
  stage s;
  stub a, b;
  s.line.unwilling = true;
  CHECK_FALSE(s.box->wake(a));
  CHECK_NOTHROW(s.box->deliver({.serial = 2, .text = "text"}));
  CHECK_NOTHROW(s.box->post([] {}));
  s.run();
  CHECK(s.looks == 0);
  s.line.unwilling = false;

  SECTION("by the next who puts something in") { CHECK(s.box->wake(b)); }
  SECTION("by who comes again") { CHECK(s.box->wake(a)); }
  s.run();
  if (s.looks == 0) s.box->open_unannounced();  // or at a tick
  CHECK(s.looks == 1);
  CHECK(s.rooms.front() == &a);
  CHECK(s.texts == std::vector<std::string>{"text"});
}

TEST_CASE("at its ticks a loop looks only for what it was not woken for", "[manager]") {
  stage s;
  stub a;
  s.box->open_unannounced();
  CHECK(s.looks == 0);
  CHECK(s.box->wake(a));
  s.box->open_unannounced();
  CHECK(s.looks == 0);  // it will look in its turn
  s.run();
  CHECK(s.looks == 1);
  s.box->keep(a);
  s.run();
  CHECK(s.looks == 1);
  s.box->open_unannounced();
  CHECK(s.looks == 2);
  CHECK(s.rooms == found{&a, &a});
}

TEST_CASE("a room that goes is not found, whether it waits or its turn is next", "[manager]") {
  stage s;
  stub a, b, c;
  for (stub* const room : {&a, &b, &c}) CHECK(s.box->wake(*room));
  s.box->forget(b);
  (void)s.box->take();
  s.box->forget(a);
  CHECK(s.box->next_room() == &c);
  CHECK(s.box->next_room() == nullptr);
}

TEST_CASE("rooms whose turn did not come, because something failed, are next", "[manager]") {
  stage s;
  stub a, b, c;
  CHECK(s.box->wake(a));
  CHECK(s.box->wake(b));
  (void)s.box->take();
  CHECK(s.box->next_room() == &a);
  CHECK(s.box->wake(c));
  CHECK(s.box->wake(a));
  s.box->open_unannounced();
  CHECK(s.looks == 0);
  s.run();
  CHECK(s.rooms == found{&b, &c, &a});

  CHECK(s.box->wake(b));
  (void)s.box->take();
  s.box->open_unannounced();
  CHECK(s.rooms.back() == &b);
}

TEST_CASE("a closed mailbox takes nothing and wakes nobody", "[manager]") {
  stage s;
  stub a, b;
  CHECK(s.box->wake(a));
  int ran = 0;
  s.box->post([&] { ++ran; });
  s.box->close();
  CHECK(s.box->is_closed());
  CHECK(s.box->wake(b));
  s.box->keep(b);
  s.box->post([&] { ++ran; });
  s.box->deliver({.serial = 2, .text = "text"});
  s.run();
  s.box->open_unannounced();
  CHECK(s.looks == 0);
  CHECK(ran == 0);
  CHECK(s.line.posts == 1);
  (void)s.box->take();
  CHECK(s.box->next_room() == nullptr);
}
