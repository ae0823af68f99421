#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/loop/operation_room.hpp>
#include <hotline/transport/socket/native_types.hpp>
#include <hotline/transport/socket/peer_address.hpp>
#include <hotline/transport/traffic/plain_layer.hpp>
#include <hotline/transport/traffic/socket_connection.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/generic/stream_protocol.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace hotline {

namespace detail {

template <class Executor, class Layer>
class asio_traffic;

template <class Connection>
class connection_reference;

}  // namespace detail

/// One connection of a `basic_asio_transport`. About 200 bytes; buffers belong to the loop, not to connections.
template <class Executor, class Layer = detail::plain_layer>
class asio_connection final : public detail::socket_connection<asio_connection<Executor, Layer>, Layer> {
 public:
  using socket_type = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

 private:
  using base = detail::socket_connection<asio_connection, Layer>;
  using traffic_type = detail::asio_traffic<Executor, Layer>;
  friend base;
  friend traffic_type;
  friend detail::socket_traffic<traffic_type, asio_connection, Layer>;
  friend detail::dialing_traffic<traffic_type, asio_connection, Layer>;
  friend detail::connection_reference<asio_connection>;

  asio_connection(std::shared_ptr<traffic_type> traffic, socket_type socket, const detail::peer_address& peer)
      : base(peer), traffic_(std::move(traffic)), socket_(std::move(socket)) {}

  [[nodiscard]] detail::native_handle descriptor() noexcept { return socket_.native_handle(); }

  std::atomic<std::uint32_t> references_{
      1};  // the list's first; atomic: under a strand, Asio destroys handlers on any thread
  std::shared_ptr<traffic_type> traffic_;  // a connection keeps it alive; its stop() lets go of all connections
  socket_type socket_;
  detail::input_room<Executor> room_;
};

namespace detail {

/// Holds a connection; what `std::shared_ptr` would do with 8 bytes, for handlers that are made once per read.
template <class Connection>
class connection_reference {
 public:
  explicit connection_reference(Connection& c) noexcept : connection_(&c) {
    c.references_.fetch_add(1, std::memory_order_relaxed);
  }
  /// Takes over a hold that `c` counts already.
  [[nodiscard]] static connection_reference of_held(Connection& c) noexcept { return {c, held{}}; }

  connection_reference(connection_reference&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)) {}
  connection_reference& operator=(connection_reference&&) = delete;
  ~connection_reference() {
    if (connection_ == nullptr || connection_->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    delete connection_;
  }

  [[nodiscard]] Connection& operator*() const noexcept { return *connection_; }
  [[nodiscard]] Connection* operator->() const noexcept { return connection_; }

 private:
  struct held {};
  connection_reference(Connection& c, held) noexcept : connection_(&c) {}

  Connection* connection_;
};

}  // namespace detail
}  // namespace hotline
#endif
