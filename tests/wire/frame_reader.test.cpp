#include <hotline/wire/frame_reader.hpp>
#include <hotline/wire/frame_reader.ipp>  // its functions are inline in both forms

#include "client_frames.hpp"

#include <catch2_any.hpp>

#include <cstddef>
#include <span>
#include <string>

using hotline::detail::frame_reader;
using hotline::detail::opcode;

TEST_CASE("a header is read byte by byte and no byte of the payload is taken", "[wire]") {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65'535U, 65'536U}) {
    const std::string head = wire_tests::frame_head(0x82, size);
    frame_reader reader;
    CHECK(reader.at_start());
    for (std::size_t i = 0; i + 1 < head.size(); ++i) {
      std::string one = head.substr(i, 1);
      std::span<char> bytes(one);
      REQUIRE(reader.read(bytes, false) == frame_reader::state::partial);
      REQUIRE(bytes.empty());
      REQUIRE_FALSE(reader.at_start());
    }
    std::string rest = head.substr(head.size() - 1) + "payload";
    std::span<char> bytes(rest);
    REQUIRE(reader.read(bytes, false) == frame_reader::state::complete);
    CHECK(bytes.size() == 7);
    CHECK(reader.fin());
    CHECK(reader.opcode() == opcode::binary);
    CHECK(reader.payload_size() == size);
    CHECK(reader.masking_key() == wire_tests::test_key);
    CHECK(reader.read(bytes, false) == frame_reader::state::complete);
    CHECK(bytes.size() == 7);
    reader.next();
    CHECK(reader.at_start());
  }
}

TEST_CASE("a refused header stays refused until the next", "[wire]") {
  frame_reader reader;
  std::string wrong = wire_tests::last("continues nothing");
  std::span<char> bytes(wrong);
  CHECK(reader.read(bytes, false) == frame_reader::state::refused);
  const std::size_t left = bytes.size();
  CHECK(reader.read(bytes, true) == frame_reader::state::refused);
  CHECK(bytes.size() == left);
  reader.next();
  CHECK(reader.at_start());
}

TEST_CASE("a header is judged as soon as its first two bytes are there", "[wire]") {
  frame_reader reader;
  std::string wrong = "\x81\x05";  // not masked
  std::span<char> bytes(wrong);
  CHECK(reader.read(bytes, false) == frame_reader::state::refused);
}
