#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/protocol/json_document.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <string_view>

namespace hotline::detail {

/// The allocator of a document with so many bytes after it.
template <class T>
struct with_room {
  using value_type = T;

  std::size_t bytes;

  explicit with_room(std::size_t room) noexcept : bytes(room) {}
  template <class Other>
  with_room(const with_room<Other>& other) noexcept : bytes(other.bytes) {}

  [[nodiscard]] T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T) + bytes)); }
  void deallocate(T* at, std::size_t) noexcept { ::operator delete(at); }
  [[nodiscard]] friend bool operator==(const with_room&, const with_room&) noexcept { return true; }
};

HOTLINE_DETAIL_INLINE std::shared_ptr<json_document> json_document::make(std::string_view text, std::size_t nodes) {
  static_assert(alignof(json_node) <= alignof(json_document));
  const std::size_t room = nodes * sizeof(json_node) + text.size() + 1;
  auto made = std::allocate_shared<json_document>(with_room<json_document>(room));
  made->nodes = reinterpret_cast<json_node*>(made.get() + 1);
  char* const copy = reinterpret_cast<char*>(made->nodes + nodes);
  copy[text.copy(copy, text.size())] = '\0';
  made->text = {copy, text.size()};
  return made;
}

}  // namespace hotline::detail
#endif
