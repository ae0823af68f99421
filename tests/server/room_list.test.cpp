#include <catch2_any.hpp>
#include <hotline/server/room_list.hpp>
#include <server/parts_of_a_hub.hpp>

#include <string>

using namespace hotline;
using detail::connection;
using detail::project_room;
using detail::room_list;
using hotline_test::parts_of_a_hub;

TEST_CASE("a project has one room, from its first connection to its last", "[server]") {
  parts_of_a_hub h;
  room_list& rooms = h.outbound.rooms();
  CHECK(rooms.find("p") == nullptr);
  connection& first = h.open("p");
  connection& second = h.open("p");
  connection& other = h.open("q");
  CHECK(first.room == second.room);
  CHECK(first.room != other.room);
  CHECK(rooms.find("p") == first.room);
  CHECK(first.room->project() == "p");
  CHECK(h.counted.projects.value() == 2);
  rooms.leave(first);
  CHECK(first.room == nullptr);
  CHECK(rooms.find("p") == second.room);
  rooms.leave(first);  // it is in none
  rooms.leave(second);
  CHECK(rooms.find("p") == nullptr);
  CHECK(rooms.find("q") == other.room);
  CHECK(h.counted.projects.value() == 1);
}

TEST_CASE("a flush of all rooms reaches what their logs have by now", "[server]") {
  parts_of_a_hub h;
  connection& p = h.open("p");
  connection& q = h.open("q");
  h.append("p");
  h.append("q");
  h.append("q");
  h.outbound.rooms().flush();
  CHECK(p.room->subscribers().flushed() == 1);
  CHECK(q.room->subscribers().flushed() == 2);
  CHECK(h.sent(q).size() == 2);
}
