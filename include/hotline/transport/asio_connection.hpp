#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/peer_address.hpp>
#include <hotline/transport/plain_layer.hpp>
#include <hotline/transport/socket_connection.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/generic/stream_protocol.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace hotline {

namespace detail {

template <class Executor, class Layer>
class asio_traffic;

template <class Connection>
class connection_reference;

/// Room for one pending operation of Asio's. An operation that does not fit goes to the heap.
template <std::size_t Bytes>
class operation_room {
 public:
  /// `alignment`: of the operation; a power of two.
  void* take(std::size_t bytes, std::size_t alignment) {
    if (bytes > sizeof room_ || alignment > alignof(operation_room) || taken_) return ::operator new(bytes);
    taken_ = true;
    return room_;
  }

  void give_back(void* p) noexcept {
    if (p == room_) {
      taken_ = false;
    } else {
      ::operator delete(p);
    }
  }

 private:
  alignas(void*) std::byte room_[Bytes];
  bool taken_ = false;
};

/// The bytes of Asio's operation for one wait: 64 of its own, which is `reactor_op` on systems of 64 bits, its handler, and a
/// copy of the executor.
template <class Executor>
inline constexpr std::size_t wait_bytes(std::size_t handler) noexcept {
  return 64 + handler + (sizeof(Executor) + 7) / 8 * 8;
}

/// Room for a connection's wait for input. Each idle connection has one, so it is as small as can be.
template <class Executor>
using input_room = operation_room<wait_bytes<Executor>(sizeof(void*))>;

/// Room for a listener's wait, or a timer's, whose handler has up to three pointers.
template <class Executor>
using wait_room = operation_room<wait_bytes<Executor>(3 * sizeof(void*))>;

/// Hands an `operation_room` to Asio; the handler that carries it keeps the connection, and so the room, alive.
template <class T, class Room>
struct operation_allocator {
  using value_type = T;

  explicit operation_allocator(Room& r) noexcept : room(&r) {}
  template <class U>
  operation_allocator(const operation_allocator<U, Room>& other) noexcept : room(other.room) {}

  [[nodiscard]] T* allocate(std::size_t n) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return static_cast<T*>(room->take(n * sizeof(T), alignof(T)));
  }
  void deallocate(T* p, std::size_t) noexcept { room->give_back(p); }

  template <class U>
  bool operator==(const operation_allocator<U, Room>& other) const noexcept {
    return room == other.room;
  }

  Room* room;
};

/// A handler whose pending operation has a room of its own: to wait again takes no memory, and cannot fail for it.
template <class Room, class Function>
struct in_room {
  using allocator_type = operation_allocator<void, Room>;

  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(*room); }
  template <class... Args>
  void operator()(Args&&... args) {
    f(std::forward<Args>(args)...);
  }

  Room* room;  // kept alive by what `f` holds
  Function f;
};
template <class Room, class Function>
in_room(Room*, Function) -> in_room<Room, Function>;

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
  friend detail::connection_reference<asio_connection>;

  asio_connection(std::shared_ptr<traffic_type> traffic, socket_type socket, const detail::peer_address& peer)
      : base(peer), traffic_(std::move(traffic)), socket_(std::move(socket)) {}

  [[nodiscard]] int descriptor() noexcept { return socket_.native_handle(); }

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
