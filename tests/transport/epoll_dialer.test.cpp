#include <hotline/transport/epoll_dialer.hpp>

#include <catch2_any.hpp>

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
