#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/intrusive_list.hpp>
#include <hotline/transport/socket/peer_address.hpp>
#include <hotline/transport/traffic/plain_layer.hpp>
#include <hotline/transport/traffic/socket_connection.hpp>

#include <cstdint>
#include <system_error>

namespace hotline {

namespace detail {

template <class Layer>
class epoll_traffic;

template <class Connection>
class epoll_turns;

}  // namespace detail

/// One connection of a `basic_epoll_transport`. About 100 bytes; buffers belong to the loop, not to connections.
template <class Layer = detail::plain_layer>
class epoll_connection final : public detail::socket_connection<epoll_connection<Layer>, Layer> {
  using base = detail::socket_connection<epoll_connection, Layer>;
  using traffic_type = detail::epoll_traffic<Layer>;
  friend base;
  friend traffic_type;
  friend detail::epoll_turns<epoll_connection>;
  friend detail::socket_traffic<traffic_type, epoll_connection, Layer>;
  friend detail::dialing_traffic<traffic_type, epoll_connection, Layer>;

  epoll_connection(int descriptor, const detail::peer_address& peer, bool is_local) noexcept
      : base(peer), is_local_(is_local), rereads_(is_local), descriptor_(descriptor) {}

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  /// The connection's work in its next turn.
  enum class step : std::uint8_t {
    read,    ///< or whatever else it awaits
    header,  ///< reads the PROXY header
    open,    ///< was adopted
  };

  step next_ = step::read;
  // The system has reported these once, and does not report them again.
  bool readable_ : 1 = false;  // since the last read that left nothing
  bool hung_up_ : 1 = false;   // the peer's end, which may stand after bytes
  bool broken_ : 1 = false;    // a reset, or the end of both directions
  bool is_local_ : 1;          // a Unix socket
  bool rereads_ : 1;           // more may stand behind a short read, of which nothing is reported again
  bool reports_ : 1 = false;   // its end
  bool watches_output_ : 1 = false;
  int descriptor_;
  detail::list_link<epoll_connection> turn_;  // see epoll_turns
  std::error_code why_;                       // it ends
};

}  // namespace hotline
#endif
