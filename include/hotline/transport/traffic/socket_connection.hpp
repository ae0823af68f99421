#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/intrusive_list.hpp>
#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/socket/peer_address.hpp>
#include <hotline/transport/traffic/arrival_queue.hpp>
#include <hotline/transport/traffic/early_input.hpp>

#include <memory>
#include <string>
#include <system_error>
#include <type_traits>

namespace hotline::detail {

template <class Traffic, class Connection, class Layer>
class socket_traffic;

template <class Traffic, class Connection, class Layer>
class dialing_traffic;

/// All that is done with the connections of a loop: they come, or they are dialed.
template <class Traffic, class Connection, class Layer>
using traffic_over = std::conditional_t<Layer::dials, dialing_traffic<Traffic, Connection, Layer>,
                                        socket_traffic<Traffic, Connection, Layer>>;

template <class Connection, class Layer>
class socket_roll;

/// The part of a connection that does not depend on how its socket is watched. `Connection` is the class that derives from
/// it, and has `descriptor()`. No buffers: those belong to the loop.
template <class Connection, class Layer>
class socket_connection {
 public:
  socket_connection(const socket_connection&) = delete;
  socket_connection& operator=(const socket_connection&) = delete;

  /// The receiver's own; null at first.
  [[nodiscard]] void*& context() noexcept { return context_; }

  /// "127.0.0.1:40312", "[::1]:40312" or "unix"; also when the peer is gone.
  [[nodiscard]] std::string remote_address() const { return peer_.text(); }

  /// Whether it came to a listener at a loopback address that expects no PROXY header: from this machine, and from a program
  /// that has said nothing of whom it stands for. Never for an adopted socket.
  [[nodiscard]] bool through_loopback() const noexcept { return through_loopback_; }

  /// Whether bytes of the peer, or its end, wait to be read.
  [[nodiscard]] bool has_input() noexcept {
    return early_ || layer_.has_input() || native_socket::is_readable(static_cast<Connection&>(*this).descriptor());
  }

 protected:
  explicit socket_connection(const peer_address& peer) noexcept : peer_(peer) {}
  ~socket_connection() = default;

 private:
  template <class Traffic, class C, class L>
  friend class socket_traffic;
  template <class Traffic, class C, class L>
  friend class dialing_traffic;
  friend class arrival_queue<Connection>;
  friend class socket_roll<Connection, Layer>;
  friend Connection;

  /// Its address; empty without memory for it.
  [[nodiscard]] std::string address_or_nothing() const noexcept {
    try {
      return remote_address();
    } catch (...) {
      return {};
    }
  }

  void* context_ = nullptr;
  list_link<Connection> place_;  // in the loop's list of all connections
  early_input early_;
  std::unique_ptr<arrival<Connection>> arrival_;  // until the header or handshake that it owes is done
  [[no_unique_address]] Layer layer_;
  peer_address peer_;
  // Bits, for each idle connection has them.
  bool awaits_input_ : 1 = false;
  bool awaits_output_ : 1 = false;  // the socket has no room
  bool owes_writable_ : 1 = false;  // a write came short
  bool paused_ : 1 = false;
  bool ended_ : 1 = false;         // no more writes, what comes in is discarded
  bool closing_ : 1 = false;       // the receiver gets no more calls than on_closed
  bool untold_ : 1 = false;        // and that one at the next tick: there was no memory to do it before
  bool awaits_error_ : 1 = false;  // while it is paused
  bool error_told_ : 1 = false;    // that wait has ended without an error, and would again
  bool opened_ : 1 = false;        // the receiver knows of it
  bool fin_sent_ : 1 = false;      // once what was taken is out
  bool through_loopback_ : 1 = false;
};

}  // namespace hotline::detail
#endif
