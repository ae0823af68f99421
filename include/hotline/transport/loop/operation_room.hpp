// Memory for the operations of Asio, or Boost.Asio, of which one is pending at a time.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <cstddef>
#include <new>
#include <utility>

namespace hotline::detail {

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

/// The bytes of Asio's operation for one wait that are its own, on systems of 64 bits.
#if defined(_WIN32)
inline constexpr std::size_t plain_wait_bytes = 112;  // win_iocp_wait_op
#else
inline constexpr std::size_t plain_wait_bytes = 64;  // reactor_op
#endif

/// The bytes of Asio's operation for one wait: its own, its handler, and a copy of the executor.
template <class Executor>
inline constexpr std::size_t wait_bytes(std::size_t handler) noexcept {
  return plain_wait_bytes + handler + (sizeof(Executor) + 7) / 8 * 8;
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

}  // namespace hotline::detail
#endif
