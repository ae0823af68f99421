#include <hotline/transport/asio_dialer.hpp>
#include <hotline/transport/asio_resolver.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "dialer_conformance.hpp"
#include "socket_loop.hpp"
#include "socket_places.hpp"

using namespace std::chrono_literals;

namespace {

using dialer_conformance::place;

/// A loop of Asio's whose peers are accepted.
class asio_fixture {
 public:
  using dialer_type = hotline::asio_dialer;

  hotline::name_resolver resolve;

  dialer_type& dialer() { return dialer_; }
  [[nodiscard]] std::string address(place which) const { return places_.address(which); }
  [[nodiscard]] std::uint16_t port() const { return places_.port(); }
  [[nodiscard]] hotline::dial_options accepting() const {
    hotline::dial_options made;
    made.host = address(place::accepts);
    made.port = port();
    return made;
  }
  [[nodiscard]] auto accept() { return places_.expect(); }

  bool step() {
    take();
    return loop_.step();
  }
  void settle() {
    do {
      loop_.settle();
    } while (take());
  }
  bool finish() { return loop_.finish(); }

 private:
  bool take() {
    return places_.accept([this](const auto& peer) { loop_.peers.add(peer); });
  }

  socket_places<> places_;
  socket_loop loop_;
  dialer_type dialer_{loop_.io, {.resolve = [this](const std::string& name, hotline::resolve_done done) {
                        resolve(name, std::move(done));
                      }}};
};

}  // namespace

TEST_CASE("asio_dialer is a dialer", "[dialer]") { dialer_conformance::run<asio_fixture>(); }
