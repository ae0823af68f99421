#include <catch2_any.hpp>
#include <hotline/connection/outbox.hpp>

#include <random>
#include <string>
#include <string_view>
#include <type_traits>

using namespace hotline::detail;

TEST_CASE("an outbox holds whole frames in the order they were appended", "[connection]") {
  outbox out;
  CHECK(out.empty());
  CHECK(out.append(opcode::text, "one", 1000));
  CHECK(out.append(opcode::ping, "", 1000));
  CHECK(out.pending() == std::string_view("\x81\x03one\x89\x00", 7));
  CHECK(out.size() == 7);
  out.consume(7);
  CHECK(out.empty());
  CHECK(out.pending().empty());
}

TEST_CASE("a frame that does not fit is refused whole, and fits once the outbox is shorter", "[connection]") {
  outbox out;
  // A frame's header is counted with its most, 10 bytes.
  CHECK_FALSE(out.append(opcode::text, std::string(91, 'x'), 100));
  CHECK(out.empty());
  CHECK(out.append(opcode::text, std::string(90, 'x'), 100));
  CHECK(out.size() == 92);
  CHECK_FALSE(out.append(opcode::ping, "", 100));
  CHECK(out.size() == 92);
  out.consume(2);
  CHECK(out.append(opcode::ping, "", 100));
  CHECK(out.size() == 92);
}

TEST_CASE("the rest of a torn frame goes first and counts towards no limit", "[connection]") {
  outbox out;
  out.start_with(std::string(500, 't'));
  CHECK(out.append(opcode::text, std::string(90, 'a'), 100));
  CHECK_FALSE(out.append(opcode::text, "b", 100));
  CHECK(out.pending().substr(0, 500) == std::string(500, 't'));
  // Taking from the torn part makes no room.
  out.consume(300);
  CHECK_FALSE(out.append(opcode::text, "b", 100));
  out.consume(200);
  CHECK_FALSE(out.append(opcode::text, "b", 100));
  // Taking from the frames does.
  out.consume(50);
  CHECK(out.append(opcode::text, "b", 100));
  CHECK(out.pending() == std::string(42, 'a') + "\x81\x01" + "b");
}

TEST_CASE("however little is taken at a time, every byte comes once and in order", "[connection]") {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    outbox out;
    std::string expected(random() % 300, 't'), got;
    out.start_with(expected);
    for (int i = 0; i < 40; ++i) {
      const std::string text(random() % 200, static_cast<char>('a' + i % 26));
      if (out.append(opcode::text, text, 1000)) append_frame(expected, opcode::text, text);
      const std::size_t taken = random() % (out.size() + 1);
      got.append(out.pending().substr(0, taken));
      out.consume(taken);
      CHECK(got.size() + out.size() == expected.size());
    }
    got.append(out.pending());
    CHECK(got == expected);
  }
}

TEST_CASE("clear drops everything, the torn part's allowance too", "[connection]") {
  outbox out;
  out.start_with(std::string(500, 't'));
  out.clear();
  CHECK(out.empty());
  CHECK(out.append(opcode::text, std::string(90, 'x'), 100));
  CHECK_FALSE(out.append(opcode::text, "y", 100));
}

TEST_CASE("finished frames are appended after what is here, and count like any", "[connection]") {
  outbox out;
  out.start_with("head");
  std::string frames;
  append_frame(frames, opcode::text, std::string(80, 'x'));
  out.append_frames(frames);
  CHECK(out.pending() == "head" + frames);
  CHECK_FALSE(out.append(opcode::text, "0123456789", 100));
  out.consume(4 + frames.size());
  CHECK(out.append(opcode::text, "0123456789", 100));
}

TEST_CASE("an outbox that has sent everything has no memory, whatever came before", "[connection]") {
  static_assert(!std::is_copy_constructible_v<outbox> && !std::is_move_constructible_v<outbox>);
  outbox out;
  const auto check_empty = [&] {
    CHECK(out.empty());
    CHECK(out.size() == 0);
    CHECK(out.queued() == 0);
    CHECK(out.pending().empty());
    CHECK(out.pending().data() == nullptr);
  };
  check_empty();
  out.consume(0);
  out.append_frames("");
  out.start_with("");
  check_empty();
  out.append_unbounded(opcode::text, std::string(10000, 'x'));
  out.consume(out.size());
  check_empty();
  out.append_unbounded(opcode::text, "");  // a frame without a payload is a frame
  CHECK(out.size() == 2);
  out.clear();
  check_empty();
}
