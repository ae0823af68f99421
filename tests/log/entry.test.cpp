#include <catch2_any.hpp>
#include <hotline/log/entry.hpp>

using namespace hotline;

TEST_CASE("types are hashed by FNV-1a in 32 bits", "[entry]") {
  // The test vectors of http://www.isthe.com/chongo/src/fnv/test_fnv.c
  STATIC_REQUIRE(hash_type("") == 0x811c9dc5U);
  STATIC_REQUIRE(hash_type("a") == 0xe40c292cU);
  STATIC_REQUIRE(hash_type("foobar") == 0xbf9cf968U);
}
