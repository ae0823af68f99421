#include <catch2_any.hpp>
#include <connection/lone_connection.hpp>
#include <hotline/server/connections.hpp>

#include <cstdint>
#include <memory>
#include <vector>

using namespace hotline;
using detail::connection;
using detail::connections;

namespace {

/// Connections that nobody else needs.
struct owned_connections {
  connection& add(std::uint64_t number) {
    return all.add(std::make_unique<connection>(options, hotline_test::no_socket(), number, "", steady_time()));
  }
  [[nodiscard]] std::vector<std::uint64_t> walk() const {
    std::vector<std::uint64_t> found;
    for (const connection& c : all) found.push_back(c.arriving()->number);
    return found;
  }

  manager_options options;
  connections all;
};

using numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("connections are walked through, the oldest first", "[server]") {
  owned_connections o;
  CHECK(o.all.empty());
  (void)o.add(1);
  connection& second = o.add(2);
  (void)o.add(3);
  CHECK(o.walk() == numbers{1, 2, 3});
  o.all.remove(second);
  CHECK(o.walk() == numbers{1, 3});
  CHECK_FALSE(o.all.empty());
}

TEST_CASE("a connection that comes during a walk is reached", "[server]") {
  owned_connections o;
  (void)o.add(1);
  numbers found;
  for (const connection& c : o.all) {
    found.push_back(c.arriving()->number);
    if (c.arriving()->number < 3) (void)o.add(c.arriving()->number + 1);
  }
  CHECK(found == numbers{1, 2, 3});
}
