#pragma once

// Memory of the system for a test's own operator new: aligned, and of a size that can be asked for.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#if !defined(_WIN32)
#include <malloc.h>
#endif

namespace hotline_test::system_memory {

#if defined(_WIN32)

// That system's aligned memory has functions of its own, which want the alignment again. So each piece has a note before it.
struct note {
  void* begin;
  std::size_t size;
};

inline void* take(std::size_t size, std::size_t alignment) noexcept {
  const std::size_t grain = std::max(alignment, alignof(std::max_align_t));
  void* const begin = std::malloc(size + sizeof(note) + grain);
  if (begin == nullptr) return nullptr;
  const std::uintptr_t after_note = reinterpret_cast<std::uintptr_t>(begin) + sizeof(note);
  void* const taken = reinterpret_cast<void*>((after_note + grain - 1) / grain * grain);
  static_cast<note*>(taken)[-1] = {begin, (size + 15) / 16 * 16};  // without the note, which other systems do not need
  return taken;
}
/// Returns what the memory at `p` costs, in bytes; 0 for null.
inline std::size_t size_of(void* p) noexcept { return p == nullptr ? 0 : static_cast<note*>(p)[-1].size; }
inline void give_back(void* p) noexcept {
  if (p != nullptr) std::free(static_cast<note*>(p)[-1].begin);
}

#else

inline void* take(std::size_t size, std::size_t alignment) noexcept {
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
/// Returns what the memory at `p` costs, in bytes; 0 for null.
inline std::size_t size_of(void* p) noexcept { return malloc_usable_size(p); }
inline void give_back(void* p) noexcept { std::free(p); }

#endif

}  // namespace hotline_test::system_memory
