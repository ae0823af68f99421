#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/protocol/json_document.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <string_view>

namespace hotline::detail {

/// Allocates an object with so many bytes more after it, in the same piece of memory.
template <class T>
struct with_room {
  using value_type = T;

  std::size_t bytes;
  void** room;  ///< receives where the bytes begin; `allocate` alone uses it

  with_room(std::size_t size, void** begin) noexcept : bytes(size), room(begin) {}
  template <class Other>
  with_room(const with_room<Other>& other) noexcept : bytes(other.bytes), room(other.room) {}

  [[nodiscard]] T* allocate(std::size_t count) {
    static_assert(alignof(json_node) <= alignof(T) && alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    T* const made = static_cast<T*>(::operator new(count * sizeof(T) + bytes));
    *room = made + count;
    return made;
  }
  void deallocate(T* at, std::size_t) noexcept { ::operator delete(at); }
  [[nodiscard]] friend bool operator==(const with_room&, const with_room&) noexcept { return true; }
};

HOTLINE_DETAIL_INLINE std::shared_ptr<json_document> json_document::make(std::string_view text, std::size_t nodes) {
  void* room = nullptr;
  auto made =
      std::allocate_shared<json_document>(with_room<json_document>(nodes * sizeof(json_node) + text.size() + 1, &room));
  made->nodes = static_cast<json_node*>(room);
  char* const copy = reinterpret_cast<char*>(made->nodes + nodes);
  copy[text.copy(copy, text.size())] = '\0';
  made->text = {copy, text.size()};
  return made;
}

}  // namespace hotline::detail
#endif
