#pragma once

#include <hotline/dialer.hpp>
#include <hotline/testing/dialer_conformance.hpp>

#include <catch2_any.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "late_peer.hpp"
#include "socket_peer.hpp"

/// Three addresses of this machine with one port: one at which connections are accepted, one that refuses them, because its
/// socket does not listen, and one that says nothing, because its queue is full. `Acceptor::accepted(descriptor)`
/// makes a `Peer`.
template <class Peer = socket_peer, class Acceptor = Peer>
class socket_places {
 public:
  using place = hotline::testing::dialer_conformance::place;

  socket_places() {
    for (int tries = 0; !bind_all(); ++tries) REQUIRE(tries < 100);  // another program may have the port elsewhere
    REQUIRE(::listen(bound_[0], 128) == 0);
    REQUIRE(::fcntl(bound_[0], F_SETFL, O_NONBLOCK) == 0);
    REQUIRE(::listen(bound_[2], 0) == 0);
    fill_queue();
  }
  socket_places(const socket_places&) = delete;
  socket_places& operator=(const socket_places&) = delete;
  ~socket_places() {
    close_all(bound_);
    close_all(fillers_);
  }

  [[nodiscard]] static std::string address(place which) {
    return "127.0.0." + std::to_string(2 + static_cast<int>(which));
  }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  [[nodiscard]] std::shared_ptr<late_peer<Peer>> expect() { return expected_.expect(); }

  /// Accepts those that have connected; each goes to `f` as well.
  template <class Function>
  bool accept(const Function& f) {
    return accept_from(bound_[0], f);
  }

 protected:
  template <class Function>
  bool accept_from(int listener, const Function& f) {
    bool moved = false;
    for (int made = 0; (made = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; moved = true) {
      auto peer = Acceptor::accepted(made);
      f(peer);
      expected_.arrive(std::move(peer));
    }
    return moved;
  }

 private:
  static constexpr std::size_t places = 3;

  template <class Descriptors>
  static void close_all(Descriptors& descriptors) {
    for (int& d : descriptors)
      if (d >= 0) ::close(std::exchange(d, -1));
  }

  [[nodiscard]] static sockaddr_in at(std::size_t which, std::uint16_t port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_port = htons(port);
    REQUIRE(::inet_pton(AF_INET, address(static_cast<place>(which)).c_str(), &made.sin_addr) == 1);
    return made;
  }

  bool bind_all() {
    close_all(bound_);
    port_ = 0;
    for (std::size_t i = 0; i < places; ++i) {
      bound_[i] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in here = at(i, port_);
      if (::bind(bound_[i], reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) return false;
      socklen_t size = sizeof here;
      REQUIRE(::getsockname(bound_[i], reinterpret_cast<sockaddr*>(&here), &size) == 0);
      port_ = ntohs(here.sin_port);
    }
    return true;
  }

  /// The system keeps one connection more than the backlog, and then ignores the next ones.
  void fill_queue() {
    const sockaddr_in there = at(2, port_);
    fillers_[0] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::connect(fillers_[0], reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0);
    fillers_[1] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(::connect(fillers_[1], reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0);
    REQUIRE(errno == EINPROGRESS);
  }

  std::array<int, places> bound_{-1, -1, -1};
  std::array<int, 2> fillers_{-1, -1};
  std::uint16_t port_ = 0;
  late_peers<Peer> expected_;
};
