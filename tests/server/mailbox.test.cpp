#include <catch2_any.hpp>
#include <hotline/server/mailbox.hpp>
#include <server/fake_carrier.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace hotline;
using detail::mailbox_room;

namespace {

/// A loop with its mailbox, and what was found there.
struct loop_with_mail {
  [[nodiscard]] std::function<void()> note(std::string text) {
    return [this, text] { texts.push_back(text); };
  }
  void run() { line.run(); }

  std::vector<mailbox_room*> rooms;
  std::vector<std::string> texts;
  hotline_test::fake_carrier line;
  hotline_test::open_mailbox box{line, [this](mailbox_room& room) { rooms.push_back(&room); }};
};

using found = std::vector<mailbox_room*>;

}  // namespace

TEST_CASE("a loop is woken once for all that waits, rooms once each", "[server]") {
  loop_with_mail s;
  mailbox_room a, b;
  int ran = 0;
  CHECK(s.box->wake(b));
  CHECK(s.box->wake(a));
  CHECK(s.box->wake(b));
  s.box->post(s.note("text"));
  s.box->post([&] { ++ran; });
  CHECK(s.line.posts == 1);
  s.run();
  CHECK(s.box.looks() == 1);
  CHECK(s.rooms == found{&b, &a});
  CHECK(s.texts == std::vector<std::string>{"text"});
  CHECK(ran == 1);
  s.run();
  CHECK(s.box.looks() == 1);
  CHECK(s.box->wake(b));
  s.run();
  CHECK(s.rooms == found{&b, &a, &b});
}

TEST_CASE("mail that comes while the loop cannot be woken is found when it can", "[server]") {
  loop_with_mail s;
  mailbox_room a, b;
  s.line.out_of_memory = true;
  CHECK_FALSE(s.box->wake(a));
  CHECK_NOTHROW(s.box->post(s.note("text")));
  CHECK_NOTHROW(s.box->post([] {}));
  s.run();
  CHECK(s.box.looks() == 0);
  s.line.out_of_memory = false;

  SECTION("by the next who puts something in") { CHECK(s.box->wake(b)); }
  SECTION("by who comes again") { CHECK(s.box->wake(a)); }
  s.run();
  if (s.box.looks() == 0) s.box->open_unannounced();  // or at a tick
  CHECK(s.box.looks() == 1);
  CHECK(s.rooms.front() == &a);
  CHECK(s.texts == std::vector<std::string>{"text"});
}

TEST_CASE("at its ticks a loop looks only for what it was not woken for", "[server]") {
  loop_with_mail s;
  mailbox_room a;
  s.box->open_unannounced();
  CHECK(s.box.looks() == 0);
  CHECK(s.box->wake(a));
  s.box->open_unannounced();
  CHECK(s.box.looks() == 0);  // it will look in its turn
  s.run();
  CHECK(s.box.looks() == 1);
  s.box->keep(a);
  s.run();
  CHECK(s.box.looks() == 1);
  s.box->open_unannounced();
  CHECK(s.box.looks() == 2);
  CHECK(s.rooms == found{&a, &a});
}

TEST_CASE("a room that goes is not found, whether it waits or its turn is next", "[server]") {
  loop_with_mail s;
  mailbox_room a, b, c;
  for (mailbox_room* const room : {&a, &b, &c}) CHECK(s.box->wake(*room));
  s.box->forget(b);
  (void)s.box->take();
  s.box->forget(a);
  CHECK(s.box->next_room() == &c);
  CHECK(s.box->next_room() == nullptr);
}

TEST_CASE("rooms whose turn did not come, because something failed, are next", "[server]") {
  loop_with_mail s;
  mailbox_room a, b, c;
  CHECK(s.box->wake(a));
  CHECK(s.box->wake(b));
  (void)s.box->take();
  CHECK(s.box->next_room() == &a);
  CHECK(s.box->wake(c));
  CHECK(s.box->wake(a));
  s.box->open_unannounced();
  CHECK(s.box.looks() == 0);
  s.run();
  CHECK(s.rooms == found{&b, &c, &a});

  CHECK(s.box->wake(b));
  (void)s.box->take();
  s.box->open_unannounced();
  CHECK(s.rooms.back() == &b);
}

TEST_CASE("a closed mailbox takes nothing and wakes nobody", "[server]") {
  loop_with_mail s;
  mailbox_room a, b;
  CHECK(s.box->wake(a));
  int ran = 0;
  s.box->post([&] { ++ran; });
  s.box->close();
  CHECK(s.box->is_closed());
  CHECK(s.box->wake(b));
  s.box->keep(b);
  s.box->post([&] { ++ran; });
  s.box->post(s.note("text"));
  s.run();
  s.box->open_unannounced();
  CHECK(s.box.looks() == 0);
  CHECK(ran == 0);
  CHECK(s.line.posts == 1);
  (void)s.box->take();
  CHECK(s.box->next_room() == nullptr);
}

TEST_CASE("a room that waits for nothing may be forgotten, and again", "[server]") {
  loop_with_mail s;
  mailbox_room a, b;
  s.box->forget(a);
  CHECK(s.box->wake(a));
  CHECK(s.box->wake(b));
  s.box->forget(a);
  s.box->forget(a);
  s.run();
  CHECK(s.rooms == found{&b});
  CHECK(s.box->wake(a));
  s.run();
  CHECK(s.rooms == found{&b, &a});
}

TEST_CASE("a mailbox tells the calendar's time until it is closed", "[server]") {
  loop_with_mail s;
  CHECK(s.box->wall_now() == s.line.clock().wall_now());
  s.box->close();
  CHECK(s.box->wall_now() == wall_time());
}

TEST_CASE("a task that is dropped may own something that posts when it goes", "[server]") {
  loop_with_mail s;
  int posts = 0;
  const auto task = [&] {
    const auto post = [&](void*) {
      ++posts;
      s.box->post(s.note("late"));  // would never return under the lock
    };
    return [kept = std::shared_ptr<void>(nullptr, post)] { (void)kept; };
  };
  s.box->post(task());
  s.box->close();
  CHECK(posts == 1);
  s.box->post(task());
  CHECK(posts == 2);
  s.run();
  CHECK(s.texts.empty());
}
