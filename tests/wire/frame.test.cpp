#include <hotline/wire/frame.hpp>
#include <hotline/wire/websocketpp.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace hotline::detail;

TEST_CASE("a frame's header is the one that websocketpp makes", "[wire]") {
  namespace theirs = websocketpp::frame;
  std::vector<std::size_t> sizes{16 * 1024 * 1024, 0xFFFFFFFF};
  for (const std::uint64_t size : {std::uint64_t{0x100000000}, std::uint64_t{0x123456789ABCDEF}})
    if (size <= std::numeric_limits<std::size_t>::max()) sizes.push_back(static_cast<std::size_t>(size));
  for (std::size_t size = 0; size < 300; ++size) sizes.push_back(size);
  for (std::size_t size = 65'500; size < 65'600; ++size) sizes.push_back(size);
  for (const opcode op : {opcode::text, opcode::binary, opcode::close, opcode::ping, opcode::pong}) {
    for (const std::size_t size : sizes) {
      const theirs::basic_header basic(static_cast<theirs::opcode::value>(op), size, true, false);
      CHECK(make_frame_header(op, size).view() == theirs::prepare_header(basic, theirs::extended_header(size)));
    }
  }
}

TEST_CASE("a frame's length takes the shortest form", "[wire]") {
  CHECK(make_frame_header(opcode::text, 125).view() == "\x81\x7D");
  CHECK(make_frame_header(opcode::text, 126).view() == std::string("\x81\x7E\0\x7E", 4));
  CHECK(make_frame_header(opcode::text, 65'535).view() == "\x81\x7E\xFF\xFF");
  CHECK(make_frame_header(opcode::text, 65'536).view() == std::string("\x81\x7F\0\0\0\0\0\1\0\0", 10));
}

TEST_CASE("a frame is appended behind what is there", "[wire]") {
  std::string out = "before";
  append_frame(out, opcode::text, "Hello");  // the example of RFC 6455 section 5.7
  append_frame(out, opcode::pong, "");
  CHECK(out == std::string("before\x81\x05Hello\x8A\x00", 15));
}
