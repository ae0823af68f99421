#include <hotline/transport/asio_dialer.hpp>

#include <catch2_any.hpp>

#include "dialer_conformance.hpp"
#include "dialing_fixture.hpp"
#include "socket_kinds.hpp"

namespace {

using over_dialer = over_asio_with<hotline::asio_dialer>;

}  // namespace

TEST_CASE("asio_dialer is a dialer", "[dialer]") { dialer_conformance::run<dialing_fixture<over_dialer>>(); }

TEST_CASE("asio_dialer over Unix sockets is a dialer", "[dialer]") {
  dialer_conformance::run<unix_dialing_fixture<over_dialer>>();
}
