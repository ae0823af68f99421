#include <catch2_any.hpp>
#include <hotline/log/slab.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

using namespace hotline;
using detail::slab;

static_assert(!std::is_copy_constructible_v<slab> && !std::is_move_constructible_v<slab>);

namespace {

constexpr sequence first = 10;
constexpr std::uint64_t position = 5000;
constexpr std::size_t capacity = 400;
constexpr std::size_t frame_size = 100;
constexpr std::size_t type_begin = 3;

void append(slab& block, char fill) {
  const std::string head(40, fill);
  const std::string tail(frame_size - head.size(), fill);
  const std::array<std::string_view, 4> parts{head, tail, "", ""};
  block.append(parts, type_begin, std::string(4, fill), 7, steady_time(std::chrono::seconds(fill)));
}

}  // namespace

TEST_CASE("a slab keeps frames back to back, and where each of them is", "[slab]") {
  slab block(first, position, capacity);
  CHECK(block.first() == first);
  CHECK(block.count() == 0);
  CHECK(block.end_position() == position);

  append(block, 'a');
  append(block, 'b');

  CHECK(block.count() == 2);
  CHECK(block.end_position() == position + 2 * frame_size);
  const slab::entry& a = block.at(first);
  const slab::entry& b = block.at(first + 1);
  CHECK(block.frame(a) == std::string(frame_size, 'a'));
  CHECK(block.frame(b) == std::string(frame_size, 'b'));
  CHECK(block.frame(a).data() + frame_size == block.frame(b).data());
  CHECK(block.frame(b).substr(b.type_begin, b.type_size) == "bbbb");
  CHECK(b.type_begin == type_begin);
  CHECK(b.type_hash == 7);
  CHECK(b.at == steady_time(std::chrono::seconds('b')));
  CHECK(block.end_position(a) == position + frame_size);
  CHECK(block.end() - block.begin() == 2);
}

TEST_CASE("a slab is full by its bytes, or by its index", "[slab]") {
  SECTION("by bytes") {
    slab block(first, position, capacity);
    for (char c = 'a'; c < 'e'; ++c) {
      REQUIRE(block.has_room(frame_size));
      append(block, c);
    }
    CHECK_FALSE(block.has_room(1));
    CHECK(block.frame(block.at(first + 3)) == std::string(frame_size, 'd'));
  }
  SECTION("by its index, which is for frames of 96 bytes") {
    slab block(first, position, 192);
    const std::array<std::string_view, 4> small{"x", "", "", ""};
    block.append(small, 0, "x", 1, {});
    CHECK(block.has_room(1));
    block.append(small, 0, "x", 1, {});
    CHECK_FALSE(block.has_room(1));
  }
  SECTION("one entry always fits, however small the slab") {
    slab block(first, position, 1);
    CHECK(block.has_room(1));
    CHECK_FALSE(block.has_room(2));
  }
}

TEST_CASE("an entry is superseded without the others", "[slab]") {
  slab block(first, position, capacity);
  append(block, 'a');
  append(block, 'b');
  block.supersede(first);
  CHECK(block.at(first).superseded);
  CHECK_FALSE(block.at(first + 1).superseded);
}

TEST_CASE("a slab's footprint has its bytes and its index", "[slab]") {
  const slab block(first, position, capacity);
  CHECK(block.footprint() == slab::footprint_of(capacity));
  CHECK(block.footprint() >= capacity + (capacity / 96) * sizeof(slab::entry) + sizeof(slab));
}
