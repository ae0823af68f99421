#include <hotline/transport/door.hpp>

#include <catch2_any.hpp>

using hotline::detail::is_loopback_address;

TEST_CASE("loopback addresses are known in each way to write them") {
  for (const char* const here : {"127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1", "::0001"}) {
    CAPTURE(here);
    CHECK(is_loopback_address(here));
  }
  for (const char* const elsewhere :
       {"0.0.0.0", "::", "128.0.0.1", "::2", "::ffff:10.0.0.1", "1::1", "::127.0.0.1", "localhost", "", "127.1"}) {
    CAPTURE(elsewhere);
    CHECK_FALSE(is_loopback_address(elsewhere));
  }
}
