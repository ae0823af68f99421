#pragma once

// Memory that runs out at a chosen moment, and that is counted. Replaces the global operator new: include it in one file of an executable.

#include <cstddef>
#include <new>
#include <utility>

#include "system_memory.hpp"

namespace hotline_test {

/// The allocations after the one that fails.
enum class shortage {
  momentary,  ///< memory for all others
  lasting,    ///< none, for as long as it is short
};

namespace failing_allocator {

// For this thread alone: others never notice.
inline thread_local std::size_t until_failure = 0;  // this many more succeed, and one; 0: not short of memory
inline thread_local bool lasts = false;
inline thread_local std::size_t failures = 0;
inline thread_local std::ptrdiff_t held = 0;  // bytes that this thread took, less those that it gave back

inline bool refuses() noexcept {
  if (until_failure == 0 || --until_failure > 0) return false;
  if (lasts) until_failure = 1;
  ++failures;
  return true;
}

inline void* allocate_or_null(std::size_t size, std::size_t alignment) noexcept {
  if (refuses()) return nullptr;
  if (size == 0) size = 1;
  void* const taken = system_memory::take(size, alignment);
  held += static_cast<std::ptrdiff_t>(system_memory::size_of(taken));
  return taken;
}

inline void give_back(void* p) noexcept {
  held -= static_cast<std::ptrdiff_t>(system_memory::size_of(p));
  system_memory::give_back(p);
}

inline void* allocate(std::size_t size, std::size_t alignment) {
  void* const p = allocate_or_null(size, alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace failing_allocator

/// Calls `f` while this thread's `nth` allocation from here on fails (1: the first), and answers what it answers.
template <class F>
decltype(auto) while_allocation_fails(std::size_t nth, shortage how, F&& f) {
  struct scope {
    scope(std::size_t count, bool last) noexcept {
      failing_allocator::lasts = last;
      failing_allocator::until_failure = count;
    }
    ~scope() { failing_allocator::until_failure = 0; }
  };
  const scope armed(nth, how == shortage::lasting);
  return std::forward<F>(f)();
}

/// Calls `attempt(short_of_memory)` again and again, with both kinds of shortage: in the first run, the first
/// allocation fails of what is done within `short_of_memory(f)`, then the second, … until none fails any more. Each run
/// makes a world of its own, with memory enough, does the one thing short of memory, and checks what is left; not from
/// inside, for checking takes memory. Answers how many allocations there were to fail.
template <class Attempt>
std::size_t fail_each_allocation(Attempt attempt) {
  std::size_t points = 0;
  for (const shortage how : {shortage::momentary, shortage::lasting}) {
    for (std::size_t nth = 1;; ++nth) {
      const std::size_t before = failing_allocator::failures;
      attempt([&](auto&& f) -> decltype(auto) { return while_allocation_fails(nth, how, f); });
      if (failing_allocator::failures == before) break;
      points = nth;
    }
  }
  return points;
}

/// Whether `f` returned; false when it threw `std::bad_alloc`.
template <class F>
bool had_memory(F&& f) {
  try {
    std::forward<F>(f)();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace hotline_test

// All forms, for one that is not replaced may be a sanitizer's, and then does not go with these.
void* operator new(std::size_t size) { return hotline_test::failing_allocator::allocate(size, 1); }
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return hotline_test::failing_allocator::allocate_or_null(size, 1);
}
void* operator new[](std::size_t size, const std::nothrow_t& nothrow) noexcept { return operator new(size, nothrow); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return hotline_test::failing_allocator::allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) { return operator new(size, alignment); }
void operator delete(void* p) noexcept { hotline_test::failing_allocator::give_back(p); }
void operator delete[](void* p) noexcept { hotline_test::failing_allocator::give_back(p); }
void operator delete(void* p, std::size_t) noexcept { hotline_test::failing_allocator::give_back(p); }
void operator delete[](void* p, std::size_t) noexcept { hotline_test::failing_allocator::give_back(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { hotline_test::failing_allocator::give_back(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { hotline_test::failing_allocator::give_back(p); }
void operator delete(void* p, std::align_val_t) noexcept { hotline_test::failing_allocator::give_back(p); }
void operator delete[](void* p, std::align_val_t) noexcept { hotline_test::failing_allocator::give_back(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { hotline_test::failing_allocator::give_back(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
  hotline_test::failing_allocator::give_back(p);
}
