#pragma once

#include <hotline/dialer.hpp>

#include <catch2_any.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "late_peer.hpp"
#include "scratch_directory.hpp"
#include "socket_kinds.hpp"
#include "socket_places.hpp"

// Fixtures of the suite of dialers over sockets. `Over` is as in socket_kinds.hpp, with a dialer in the place of a transport.

/// Dials over TCP. `Places` are those of the far ends. `Arguments` of the dialer stand before its options.
template <class Over, class Places = socket_places<>>
class dialing_fixture {
 public:
  using dialer_type = typename Over::transport_type;
  using place = typename Places::place;

  template <class... Arguments>
  explicit dialing_fixture(const Arguments&... arguments) : dialer_(Over::make(loop_, arguments..., own_options())) {
    loop_.watch(dialer_);
  }

  hotline::name_resolver resolve;

  dialer_type& dialer() { return dialer_; }
  [[nodiscard]] std::string address(place which) const { return places_.address(which); }
  [[nodiscard]] std::uint16_t port() const { return places_.port(); }
  [[nodiscard]] hotline::dial_options to(place which) const {
    hotline::dial_options made;
    made.host = address(which);
    made.port = port();
    return made;
  }
  [[nodiscard]] hotline::dial_options accepting() const { return to(place::accepts); }
  /// Options to dial a name, which `resolve` finds.
  [[nodiscard]] hotline::dial_options to(std::string name) const {
    hotline::dial_options made;
    made.host = std::move(name);
    made.port = port();
    return made;
  }
  [[nodiscard]] auto accept() { return places_.expect(); }

  bool step() {
    take();
    return loop_.step();
  }
  template <class Done>
  bool drive(const Done& done) {
    while (!done())
      if (!step()) return false;
    return true;
  }
  void settle() {
    do {
      loop_.settle();
    } while (take());
  }
  bool finish() { return loop_.finish(); }

  [[nodiscard]] Places& places() { return places_; }
  [[nodiscard]] typename Over::loop_type& loop() { return loop_; }

 private:
  hotline::dialer_options own_options() {
    return {.resolve = [this](const std::string& name, hotline::resolve_done done) { resolve(name, std::move(done)); }};
  }
  bool take() {
    return places_.accept([this](const auto& peer) { loop_.peers.add(peer); });
  }

  Places places_;
  typename Over::loop_type loop_;
  dialer_type dialer_;
};

/// A Unix socket that accepts beside the three addresses.
class unix_places : public socket_places<> {
 public:
  unix_places() : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path_.copy(at.sun_path, sizeof at.sun_path - 1);
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(listener_, 128) == 0);
  }
  ~unix_places() { ::close(listener_); }

  [[nodiscard]] const std::string& path() const { return path_; }

  template <class Function>
  bool accept(const Function& f) {
    return accept_from(listener_, f) || socket_places<>::accept(f);
  }

 private:
  scratch_directory directory_;
  std::string path_ = directory_.file("socket");
  int listener_;
};

/// Dials a Unix socket where the suite wants any place that accepts.
template <class Over>
class unix_dialing_fixture : public dialing_fixture<Over, unix_places> {
 public:
  [[nodiscard]] hotline::dial_options accepting() {
    hotline::dial_options made;
    made.unix_path = this->places().path();
    return made;
  }
};
