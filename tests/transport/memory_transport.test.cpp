#include <hotline/transport/memory_transport.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "conformance.hpp"

using namespace std::chrono_literals;

namespace {

class memory_fixture {
 public:
  using transport_type = hotline::memory_transport;

  hotline::memory_transport& transport() { return transport_; }
  std::shared_ptr<hotline::memory_peer> connect() { return last_peer = transport_.connect(); }

  std::shared_ptr<hotline::memory_peer> last_peer;

  bool step() {
    if (!transport_.run_one()) transport_.advance(100ms);
    return --patience_ > 0;
  }
  void settle() { transport_.run(); }
  bool finish() {
    transport_.run();
    return true;
  }

 private:
  hotline::memory_transport transport_;
  int patience_ = 1'000'000;
};

using subject = conformance::subject_of<memory_fixture>;

/// Both ends, with all that a `memory_peer` can do beyond other clients.
struct opened {
  std::shared_ptr<hotline::memory_peer> peer;
  conformance::connection_record& r;
};

opened open(subject& s) {
  auto& r = s.open();
  return {s.fixture.last_peer, r};
}

}  // namespace

TEST_CASE("memory_transport is a transport", "[transport]") { conformance::run<memory_fixture>(); }

TEST_CASE("a start that is to fail fails once", "[transport]") {
  struct : hotline::transport_receiver<hotline::memory_connection> {
    void on_open(hotline::memory_connection&) override {}
    void on_data(hotline::memory_connection&, std::span<char>) override {}
    void on_writable(hotline::memory_connection&) override {}
    void on_closed(hotline::memory_connection&, std::error_code) override {}
    void on_tick() override {}
  } receiver;
  hotline::memory_transport transport;
  transport.fail_start(std::make_error_code(std::errc::address_in_use));
  CHECK(transport.connect()->was_reset());
  CHECK(transport.start(receiver) == std::errc::address_in_use);
  CHECK(transport.connect()->was_reset());
  CHECK(transport.start(receiver) == std::error_code{});
  CHECK_FALSE(transport.connect()->was_reset());
}

TEST_CASE("each send is a read, and a long one several", "[transport]") {
  subject s;
  const auto [peer, r] = open(s);
  peer->send("abc");
  peer->send("de");
  s.settle();
  CHECK(r.data == "abcde");
  CHECK(r.reads == 2);
  peer->chop(2);
  peer->send("fghij");
  s.settle();
  CHECK(r.data == "abcdefghij");
  CHECK(r.reads == 5);
}

TEST_CASE("actions of clients reach the server in the order in which they were done", "[transport]") {
  subject s;
  std::string order;
  s.when_data = [&](auto&, std::span<char> bytes) { order.append(bytes.data(), bytes.size()); };
  const auto [one, r1] = open(s);
  const auto [two, r2] = open(s);
  two->send("a");
  one->send("b");
  s.post([&] { order += "c"; });
  two->send("d");
  s.settle();
  CHECK(order == "abcd");
}

TEST_CASE("a window lets so many bytes through", "[transport]") {
  subject s;
  const auto [peer, r] = open(s);
  peer->window(5);
  CHECK(s.write(r, "0123456789") == 5);
  CHECK(peer->received() == "01234");
  peer->window(0);
  s.settle();
  CHECK(r.writable == 0);
  peer->window(3);
  s.settle();
  CHECK(r.writable == 1);
  CHECK(s.write(r, "567") == 3);
  CHECK(s.write(r, "8") == 0);
  CHECK(peer->take() == "01234567");
  CHECK(peer->received().empty());
}

TEST_CASE("a line is cut at a byte on its way to the client", "[transport]") {
  subject s;
  const auto [peer, r] = open(s);
  peer->cut_after(4);
  CHECK(s.write(r, "012") == 3);
  s.settle();
  CHECK(r.closed == 0);
  CHECK(s.write(r, "3456789") == 7);  // taken, as by a kernel that does not know yet
  CHECK(s.write(r, "more") == 4);
  CHECK(peer->received() == "0123");
  CHECK(peer->was_reset());
  s.settle();
  CHECK(r.closed == 1);
  CHECK(r.reason == std::errc::connection_reset);
}

TEST_CASE("a line is cut at a byte on its way to the server", "[transport]") {
  subject s;
  const auto [peer, r] = open(s);
  peer->cut_inbound_after(4);
  peer->send("012");
  peer->send("3456");
  peer->send("789");
  CHECK(peer->was_reset());
  s.settle();
  CHECK(r.data == "0123");
  CHECK(r.closed == 1);
  CHECK(r.reason == std::errc::connection_reset);
}

TEST_CASE("a line that is cut at once is dead before anything else is sent", "[transport]") {
  subject s;
  const auto [one, r1] = open(s);
  const auto [two, r2] = open(s);
  one->cut_after(0);
  two->cut_inbound_after(0);
  one->send("lost");
  two->send("lost");
  CHECK(s.write(r1, "lost") == 4);
  s.settle();
  CHECK(r1.closed + r2.closed == 2);
  CHECK(r1.data + r2.data + one->received() + two->received() == "");
}

TEST_CASE("the clock stops at every tick on its way", "[transport]") {
  const auto env = std::make_shared<hotline::manual_environment>();
  struct : hotline::transport_receiver<hotline::memory_connection> {
    hotline::environment* env = nullptr;
    std::vector<hotline::steady_time> ticks;
    void on_open(hotline::memory_connection&) override {}
    void on_data(hotline::memory_connection&, std::span<char>) override {}
    void on_writable(hotline::memory_connection&) override {}
    void on_closed(hotline::memory_connection&, std::error_code) override {}
    void on_tick() override { ticks.push_back(env->now()); }
  } receiver, other;
  receiver.env = other.env = env.get();
  hotline::memory_transport transport(env);
  hotline::memory_transport second(env);
  CHECK(transport.start(receiver) == std::error_code{});
  CHECK(second.start(other) == std::error_code{});
  const auto begin = env->now();
  transport.advance(499ms);
  CHECK(receiver.ticks.empty());
  transport.advance(1'001ms);
  CHECK(env->now() == begin + 1'500ms);
  CHECK(receiver.ticks == std::vector{begin + 500ms, begin + 1'000ms, begin + 1'500ms});
  second.run();
  second.run();
  CHECK(other.ticks == std::vector{begin + 1'500ms});  // one, however late
  transport.stop();
  transport.advance(2s);
  CHECK(env->now() == begin + 3'500ms);
  CHECK(receiver.ticks.size() == 3);
}

TEST_CASE("a peer outlives its transport", "[transport]") {
  std::shared_ptr<hotline::memory_peer> peer;
  {
    subject s;
    peer = open(s).peer;
  }
  CHECK(peer->closed_by_server());
  peer->send("nobody there");
  peer->stall(true);
  peer->window(5);
  peer->close();
  peer->reset();
  CHECK(peer->received().empty());
}

TEST_CASE("a moved memory_transport goes on", "[transport]") {
  hotline::memory_transport first;
  hotline::memory_transport second(std::move(first));
  int ran = 0;
  second.post([&] { ++ran; });
  second.run();
  CHECK(ran == 1);
}
