#include <hotline/transport/epoll_dialer.hpp>
#include <hotline/transport/socket/owned_descriptor.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

#include <poll.h>
#include <sys/socket.h>

#include "../patience.hpp"
#include "dialer_conformance.hpp"
#include "dialing_fixture.hpp"
#include "socket_kinds.hpp"

namespace {

using over_dialer = over_epoll_with<hotline::epoll_dialer>;

/// One event a turn: whatever a turn leaves must wake the host again.
struct over_short_turns : over_dialer {
  struct loop_type : epoll_loop<hotline::epoll_dialer> {
    loop_type() : epoll_loop(1) {}
  };
  template <class... Arguments>
  [[nodiscard]] static hotline::epoll_dialer make(loop_type&, Arguments&&... arguments) {
    return hotline::epoll_dialer(std::forward<Arguments>(arguments)...);
  }
};

}  // namespace

TEST_CASE("epoll_dialer is a dialer", "[dialer]") { dialer_conformance::run<dialing_fixture<over_dialer>>(); }

TEST_CASE("epoll_dialer with one event a turn is a dialer", "[dialer]") {
  dialer_conformance::run<dialing_fixture<over_short_turns>>();
}

TEST_CASE("epoll_dialer over Unix sockets is a dialer", "[dialer]") {
  dialer_conformance::run<unix_dialing_fixture<over_dialer>>();
}

TEST_CASE("a timer that throws keeps no socket's bytes back", "[dialer]") {
  struct reader : hotline::dialer_receiver<hotline::epoll_dialer::connection_type> {
    using connection = hotline::epoll_dialer::connection_type;
    void on_open(connection&) override { is_open = true; }
    void on_data(connection&, std::span<char> bytes) override { data.append(bytes.data(), bytes.size()); }
    void on_writable(connection&) override {}
    void on_closed(connection&, std::error_code) override {}
    void on_tick() override {}
    void on_dial_failed(const hotline::dial_failure&) override { FAIL(); }
    bool is_open = false;
    std::string data;
  } r;
  const own_listener listener;
  hotline::epoll_dialer dialer;
  REQUIRE_FALSE(dialer.start(r));
  REQUIRE(dialer.dial({.host = "127.0.0.1", .port = listener.port()}));
  while (!r.is_open) dialer.wait_ready(patience);
  const hotline::detail::owned_descriptor peer(::accept(listener.descriptor(), nullptr, nullptr));
  REQUIRE(peer.is_open());
  while (dialer.run_ready(256)) {
  }
  // The timer is the first of one batch, the bytes are the second.
  (void)dialer.after(std::chrono::nanoseconds(0), [] { throw std::runtime_error("a host's"); });
  ::pollfd due{dialer.fd(), POLLIN, 0};
  REQUIRE(::poll(&due, 1, -1) == 1);
  REQUIRE(::send(peer.get(), "hello", 5, MSG_NOSIGNAL) == 5);
  CHECK_THROWS_AS(dialer.run_ready(256), std::runtime_error);
  while (r.data != "hello") dialer.wait_ready(patience);
}
