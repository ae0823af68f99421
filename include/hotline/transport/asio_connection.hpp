#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/intrusive_list.hpp>
#include <hotline/transport/arrival_queue.hpp>
#include <hotline/transport/asio_plain.hpp>
#include <hotline/transport/asio_socket.hpp>
#include <hotline/transport/peer_address.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/socket_base.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hotline {

namespace detail {

template <class Executor, class Layer>
class asio_traffic;

template <class Connection, class Layer>
class asio_roll;

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

/// Bytes that were read from a socket too early, for example by a host before `adopt`, and how many of them were taken.
class early_input {
 public:
  [[nodiscard]] explicit operator bool() const noexcept { return kept_ != nullptr; }

  std::size_t take(asio::mutable_buffer into) noexcept {
    const std::size_t n = asio::buffer_copy(into, asio::buffer(kept_->bytes) + kept_->taken);
    kept_->taken += n;
    if (kept_->taken == kept_->bytes.size()) kept_.reset();
    return n;
  }

  /// `bytes` come before those that are there: they are new, or the last that were taken.
  void put_back(std::string_view bytes) {
    if (kept_)
      kept_->taken -= bytes.size();
    else
      kept_ = std::make_unique<kept>(kept{std::string(bytes), 0});
  }

  void reset() noexcept { kept_.reset(); }

 private:
  struct kept {
    std::string bytes;
    std::size_t taken;
  };
  std::unique_ptr<kept> kept_;
};

}  // namespace detail

/// One connection of a `basic_asio_transport`. About 200 bytes; buffers belong to the loop, not to connections.
template <class Executor, class Layer = detail::plain_layer>
class asio_connection {
 public:
  using socket_type = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

  asio_connection(const asio_connection&) = delete;
  asio_connection& operator=(const asio_connection&) = delete;

  /// The receiver's own; null at first.
  [[nodiscard]] void*& context() noexcept { return context_; }

  /// "127.0.0.1:40312", "[::1]:40312" or "unix"; also when the peer is gone.
  [[nodiscard]] std::string remote_address() const { return peer_.text(); }

  /// Whether it came to a listener at a loopback address that expects no PROXY header: from this machine, and from a program
  /// that has said nothing of whom it stands for. Never for an adopted socket.
  [[nodiscard]] bool through_loopback() const noexcept { return through_loopback_; }

  /// Whether bytes of the peer, or its end, wait to be read.
  [[nodiscard]] bool has_input() noexcept { return early_ || layer_.has_input() || detail::is_readable(socket_); }

 private:
  friend class detail::asio_traffic<Executor, Layer>;
  friend class detail::connection_reference<asio_connection>;
  friend class detail::arrival_queue<asio_connection>;
  friend class detail::asio_roll<asio_connection, Layer>;
  using traffic_type = detail::asio_traffic<Executor, Layer>;

  asio_connection(std::shared_ptr<traffic_type> traffic, socket_type socket, detail::peer_address peer)
      : traffic_(std::move(traffic)), socket_(std::move(socket)), peer_(peer) {}

  /// The peer's FIN is the end for us too: who sends no more will not answer a close frame either. The end is orderly
  /// unless the peer has left something unread.
  [[nodiscard]] std::error_code end_of_input(std::error_code failed) const noexcept {
    return failed == asio::error::eof && (ended_ || !awaits_output_) ? std::error_code{} : failed;
  }

  /// Its address; empty without memory for it.
  [[nodiscard]] std::string address_or_nothing() const noexcept {
    try {
      return remote_address();
    } catch (...) {
      return {};
    }
  }

  /// The receiver learns no more of it than its end.
  void close() noexcept {
    closing_ = true;
    std::error_code ignored;
    socket_.close(ignored);
  }

  /// Once.
  std::error_code send_fin() {
    std::error_code failed;
    if (!fin_sent_) socket_.shutdown(asio::socket_base::shutdown_send, failed);
    fin_sent_ = true;
    return failed;
  }

  std::shared_ptr<traffic_type> traffic_;  // a connection keeps it alive; its stop() lets go of all connections
  socket_type socket_;
  void* context_ = nullptr;
  detail::list_link<asio_connection> place_;  // in the loop's list of all connections
  detail::early_input early_;
  std::unique_ptr<detail::arrival<asio_connection>> arrival_;  // until the header or handshake that it owes is done
  [[no_unique_address]] Layer layer_;
  detail::peer_address peer_;
  std::atomic<std::uint32_t> references_{0};  // atomic: under a strand, Asio destroys handlers on any of its threads
  bool awaits_input_ = false;
  bool awaits_output_ = false;  // the socket has no room
  bool owes_writable_ = false;  // a write came short
  bool paused_ = false;
  bool ended_ = false;             // no more writes, what comes in is discarded
  bool closing_ = false;           // the receiver gets no more calls than on_closed
  bool untold_ = false;            // and that one at the next tick: there was no memory to do it before
  bool awaits_error_ : 1 = false;  // bits, for with one more byte the connection would take 16
  bool error_told_ : 1 = false;    // that wait has ended without an error, and would again
  bool opened_ : 1 = false;        // the receiver knows of it
  bool fin_sent_ : 1 = false;      // once what was taken is out
  bool through_loopback_ : 1 = false;
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
