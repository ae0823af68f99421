#include <catch2_any.hpp>
#include <hotline/manager/room_queue.hpp>

#include <vector>

using hotline::detail::room_link;
using hotline::detail::room_queue;

namespace {

struct stub : room_link {};
using queue = room_queue<stub>;

std::vector<stub*> all_of(queue& q) {
  std::vector<stub*> rooms;
  while (stub* const room = q.pop()) rooms.push_back(room);
  return rooms;
}

}  // namespace

TEST_CASE("rooms leave a queue in the order in which they came, each once", "[manager]") {
  stub a, b, c;
  queue q;
  CHECK(q.empty());
  CHECK(q.pop() == nullptr);
  for (stub* const room : {&a, &b, &a, &c, &b}) q.push(*room);
  CHECK_FALSE(q.empty());
  CHECK(all_of(q) == std::vector<stub*>{&a, &b, &c});
  q.push(b);
  CHECK(all_of(q) == std::vector<stub*>{&b});
}

TEST_CASE("a room may leave a queue from anywhere", "[manager]") {
  stub a, b, c;
  for (stub* const gone : {&a, &b, &c}) {
    queue q;
    for (stub* const room : {&a, &b, &c}) q.push(*room);
    queue::remove(*gone);
    queue::remove(*gone);
    std::vector<stub*> rest;
    for (stub* const room : {&a, &b, &c})
      if (room != gone) rest.push_back(room);
    CHECK(all_of(q) == rest);
  }
}

TEST_CASE("a queue takes over another's rooms behind its own", "[manager]") {
  stub a, b, c, d;
  queue q, others;
  q.take_over(others);
  CHECK(q.empty());
  others.push(a);
  others.push(b);
  q.take_over(others);
  CHECK(others.empty());
  others.push(a);  // waits already, and keeps its place
  others.push(c);
  others.push(d);
  q.take_over(others);
  queue::remove(c);
  CHECK(all_of(q) == std::vector<stub*>{&a, &b, &d});
  CHECK(others.empty());
}
