#pragma once

// Common parts of the fuzz targets. Each target is one file with the function that libFuzzer calls; a broken promise traps.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define HOTLINE_FUZZ_MEMORY 1
#include <sanitizer/msan_interface.h>
#endif
#endif

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

inline void promise(bool kept) {
  if (!kept) __builtin_trap();
}

/// MemorySanitizer does not see what zlib writes, which is not compiled with it.
inline void initialised([[maybe_unused]] std::string_view written) {
#ifdef HOTLINE_FUZZ_MEMORY
  __msan_unpoison(written.data(), written.size());
#endif
}

/// The input, read from its front; zeros when it is used up.
class input {
 public:
  input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const char first = rest_.front();
    rest_.remove_prefix(1);
    return static_cast<std::uint8_t>(first);
  }
  [[nodiscard]] std::string_view bytes(std::size_t most) {
    const std::string_view front = rest_.substr(0, most);
    rest_.remove_prefix(front.size());
    return front;
  }
  [[nodiscard]] std::string_view rest() { return std::exchange(rest_, {}); }

 private:
  std::string_view rest_;
};

}  // namespace fuzz
