#include <hotline/transport/traffic/early_input.hpp>

#include <catch2_any.hpp>

#include <array>
#include <string>
#include <string_view>

using hotline::detail::early_input;

namespace {

std::string take(early_input& early, std::size_t most) {
  std::array<char, 16> room{};
  const std::size_t n = early.take(std::span(room).first(most));
  return {room.data(), n};
}

}  // namespace

TEST_CASE("bytes that were read early are taken in pieces") {
  early_input early;
  CHECK_FALSE(early);
  early.put_back("0123456789");
  CHECK(early);
  CHECK(take(early, 4) == "0123");
  CHECK(take(early, 16) == "456789");
  CHECK_FALSE(early);
}

TEST_CASE("the last bytes that were taken come again after they were put back") {
  early_input early;
  early.put_back("0123456789");
  CHECK(take(early, 6) == "012345");
  early.put_back("45");
  CHECK(take(early, 3) == "456");
  early.reset();
  CHECK_FALSE(early);
}
