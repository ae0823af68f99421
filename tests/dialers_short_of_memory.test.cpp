// A dialer over sockets while memory is short: for any allocation that fails, a dial may fail, and has one outcome all the same.
// With memory again, dials and timers work.

#include <hotline/transport/asio_dialer.hpp>
#include <hotline/transport/epoll_dialer.hpp>

#include <catch2_any.hpp>
#include <failing_allocator.hpp>
#include <transport/dialing_fixture.hpp>
#include <transport/socket_kinds.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

using hotline_test::fail_each_allocation;

namespace {

using place = socket_places<>::place;

/// Counts, and takes no memory for it.
template <class Dialer>
struct counting final : hotline::dialer_receiver<typename Dialer::connection_type> {
  using connection = typename Dialer::connection_type;

  void on_open(connection&) override { ++opened; }
  void on_data(connection&, std::span<char>) override {}
  void on_writable(connection&) override {}
  void on_closed(connection&, std::error_code) override { ++closed; }
  void on_tick() override {}
  void on_dial_failed(const hotline::dial_failure& failed) override {
    ++failures;
    why = failed.why;
  }

  std::size_t opened = 0;
  std::size_t closed = 0;
  std::size_t failures = 0;
  std::error_code why{};
};

template <class Over>
struct world : dialing_fixture<Over> {
  world() {
    REQUIRE(this->dialer().start(receiver) == std::error_code{});
    this->resolve = [addresses = std::vector{this->address(place::refuses), this->address(place::accepts)}](
                        const std::string&, const hotline::resolve_done& done) { done({}, addresses); };
  }

  [[nodiscard]] std::size_t outcomes() const { return receiver.opened + receiver.failures; }
  bool dials_again() {
    const std::size_t before = receiver.opened;
    bool fired = false;
    (void)this->dialer().after(std::chrono::milliseconds(1), [&] { fired = true; });
    return this->dialer().dial(this->accepting()).has_value() &&
           this->drive([&] { return receiver.opened == before + 1 && fired; });
  }

  counting<typename Over::transport_type> receiver;
};

using over_asio_dialer = over_asio_with<hotline::asio_dialer>;
using over_epoll_dialer = over_epoll_with<hotline::epoll_dialer>;

}  // namespace

TEMPLATE_TEST_CASE("memory that is short while a dialer dials costs the dial at most", "[memory]", over_asio_dialer,
                   over_epoll_dialer) {
  const std::size_t points = fail_each_allocation([](const auto& short_of_memory) {
    world<TestType> w;
    hotline::dial_options options = w.to("a name that is too long for a string's own room");
    options.timeout = std::chrono::milliseconds(500);
    bool begun = false;
    short_of_memory([&] {
      const auto dialed = w.dialer().dial(options);
      begun = dialed.has_value();
      for (int i = 0; i < 6; ++i) w.loop().run_ready();
    });
    REQUIRE(w.drive([&] { return w.outcomes() == (begun ? 1U : 0U); }));
    // The addresses of a resolver may come from any thread, and are lost there.
    if (w.receiver.failures > 0)
      CHECK((w.receiver.why == std::errc::not_enough_memory || w.receiver.why == std::errc::timed_out));
    CHECK(w.dials_again());
    CHECK(w.receiver.closed == 0);
  });
  CHECK(points >= 5);
}

TEMPLATE_TEST_CASE("memory that is short keeps no dialer from cancelling, or from stopping", "[memory]",
                   over_asio_dialer, over_epoll_dialer) {
  fail_each_allocation([](const auto& short_of_memory) {
    world<TestType> w;
    const auto id = *w.dialer().dial(w.to(place::silent));
    w.settle();
    bool cancelled = false;
    short_of_memory([&] {
      cancelled = w.dialer().cancel(id);
      for (int i = 0; i < 3; ++i) w.loop().run_ready();
    });
    CHECK(cancelled);
    REQUIRE(w.drive([&] { return w.receiver.failures == 1; }));
    CHECK(w.receiver.why == std::errc::operation_canceled);
    CHECK(w.dials_again());
    REQUIRE(w.dialer().dial(w.to(place::silent)));
    short_of_memory([&] { w.dialer().stop(); });
    CHECK(w.finish());
  });
}

TEMPLATE_TEST_CASE("a timer for which there is no memory changes nothing", "[memory]", over_asio_dialer,
                   over_epoll_dialer) {
  fail_each_allocation([](const auto& short_of_memory) {
    world<TestType> w;
    int calls = 0;
    bool set = false;
    short_of_memory([&] {
      set = hotline_test::had_memory([&] { (void)w.dialer().after(std::chrono::milliseconds(1), [&] { ++calls; }); });
      for (int i = 0; i < 3; ++i) w.loop().run_ready();
    });
    if (set) CHECK(w.drive([&] { return calls == 1; }));
    CHECK(w.dials_again());
    CHECK(calls == (set ? 1 : 0));
  });
}
