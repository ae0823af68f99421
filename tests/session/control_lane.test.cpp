#include <catch2_any.hpp>
#include <hotline/session/control_lane.hpp>

#include <random>
#include <string>

using namespace hotline::detail;

TEST_CASE("a lane holds whole frames in the order they were appended", "[session]") {
  control_lane lane;
  CHECK(lane.empty());
  CHECK(lane.append(opcode::text, "one", 1000));
  CHECK(lane.append(opcode::ping, "", 1000));
  CHECK(lane.pending() == std::string_view("\x81\x03one\x89\x00", 7));
  CHECK(lane.size() == 7);
  lane.consume(7);
  CHECK(lane.empty());
  CHECK(lane.pending().empty());
}

TEST_CASE("what does not fit is refused whole, and fits once the lane is shorter", "[session]") {
  control_lane lane;
  // A frame's header is counted with its most, 10 bytes.
  CHECK_FALSE(lane.append(opcode::text, std::string(91, 'x'), 100));
  CHECK(lane.empty());
  CHECK(lane.append(opcode::text, std::string(90, 'x'), 100));
  CHECK(lane.size() == 92);
  CHECK_FALSE(lane.append(opcode::ping, "", 100));
  CHECK(lane.size() == 92);
  lane.consume(2);
  CHECK(lane.append(opcode::ping, "", 100));
  CHECK(lane.size() == 92);
}

TEST_CASE("the rest of a torn frame goes first and counts towards no limit", "[session]") {
  control_lane lane;
  lane.start_with(std::string(500, 't'));
  CHECK(lane.append(opcode::text, std::string(90, 'a'), 100));
  CHECK_FALSE(lane.append(opcode::text, "b", 100));
  CHECK(lane.pending().substr(0, 500) == std::string(500, 't'));
  // Taking from the torn part makes no room.
  lane.consume(300);
  CHECK_FALSE(lane.append(opcode::text, "b", 100));
  lane.consume(200);
  CHECK_FALSE(lane.append(opcode::text, "b", 100));
  // Taking from the frames does.
  lane.consume(50);
  CHECK(lane.append(opcode::text, "b", 100));
  CHECK(lane.pending() == std::string(42, 'a') + "\x81\x01" + "b");
}

TEST_CASE("however little is taken at a time, every byte comes once and in order", "[session]") {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    control_lane lane;
    std::string expected(random() % 300, 't'), got;
    lane.start_with(expected);
    for (int i = 0; i < 40; ++i) {
      const std::string text(random() % 200, static_cast<char>('a' + i % 26));
      if (lane.append(opcode::text, text, 1000)) append_frame(expected, opcode::text, text);
      const std::size_t taken = random() % (lane.size() + 1);
      got.append(lane.pending().substr(0, taken));
      lane.consume(taken);
      CHECK(got.size() + lane.size() == expected.size());
    }
    got.append(lane.pending());
    CHECK(got == expected);
  }
}

TEST_CASE("clear drops everything, the torn part's allowance too", "[session]") {
  control_lane lane;
  lane.start_with(std::string(500, 't'));
  lane.clear();
  CHECK(lane.empty());
  CHECK(lane.append(opcode::text, std::string(90, 'x'), 100));
  CHECK_FALSE(lane.append(opcode::text, "y", 100));
}

TEST_CASE("frames of another lane come behind what is here, and count like any", "[session]") {
  control_lane lane;
  lane.start_with("head");
  std::string frames;
  append_frame(frames, opcode::text, std::string(80, 'x'));
  lane.append_frames(frames);
  CHECK(lane.pending() == "head" + frames);
  CHECK_FALSE(lane.append(opcode::text, "0123456789", 100));
  lane.consume(4 + frames.size());
  CHECK(lane.append(opcode::text, "0123456789", 100));
}
