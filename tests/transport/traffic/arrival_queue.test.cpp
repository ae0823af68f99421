#include <hotline/transport/traffic/arrival_queue.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <memory>

namespace {

using namespace std::chrono_literals;
using hotline::tick_interval;
using hotline::detail::peer_address;

struct fake_connection {
  explicit fake_connection(char last_byte_of_address) {
    const char address[4] = {'\x0a', 0, 0, last_byte_of_address};
    peer_ = peer_address::v4(address, 40000);
  }

  peer_address peer_;
  std::unique_ptr<hotline::detail::arrival<fake_connection>> arrival_ =
      std::make_unique<hotline::detail::arrival<fake_connection>>();
};

using queue = hotline::detail::arrival_queue<fake_connection>;

}  // namespace

TEST_CASE("an arrival that waits longer than the timeout is late, the oldest first") {
  queue waiting(2 * tick_interval, 10);
  fake_connection early(1), later(2);
  CHECK(waiting.add(early) == nullptr);
  waiting.tick();
  CHECK(waiting.add(later) == nullptr);
  waiting.tick();
  CHECK(waiting.late() == nullptr);
  waiting.tick();
  REQUIRE(waiting.late() == &early);
  waiting.remove(early);
  CHECK(early.arrival_->queue == nullptr);
  CHECK(waiting.late() == nullptr);
  waiting.tick();
  CHECK(waiting.late() == &later);
  waiting.remove(later);
}

TEST_CASE("one arrival too many sends away the oldest of the network that has most") {
  queue waiting(1min, 2);
  fake_connection first_of_many(1), second_of_many(1), lone(2);
  CHECK(waiting.add(first_of_many) == nullptr);
  CHECK(waiting.add(second_of_many) == nullptr);
  CHECK(waiting.add(lone) == &first_of_many);
  waiting.remove(first_of_many);
  CHECK(waiting.pop() == &second_of_many);
  CHECK(waiting.pop() == &lone);
  CHECK(waiting.pop() == nullptr);
}

TEST_CASE("a queue that allows none sends each arrival away") {
  queue waiting(1min, 0);
  fake_connection c(1);
  CHECK(waiting.add(c) == &c);
  waiting.remove(c);
}
