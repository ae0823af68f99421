#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/types.hpp>

#if defined(_WIN32)
#include <hotline/transport/socket/native_types.hpp>

#include <bcrypt.h>
#else
#include <sys/random.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

namespace hotline {

/// The machine's own clocks and randomness. It has no state, so any number of threads may use one at once.
class system_environment final : public environment {
 public:
  [[nodiscard]] steady_time now() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] wall_time wall_now() const override { return std::chrono::system_clock::now(); }

  /// Returns bits from the kernel, good for tokens. A few hundred nanoseconds each time. Nothing is buffered, so a process
  /// and its fork never return the same bits, and it needs no descriptor, of which a server may have none left. Throws
  /// `std::system_error` where the kernel has no getentropy. On Windows they are BCryptGenRandom's.
  [[nodiscard]] std::uint64_t random() override {
    std::uint64_t bits = 0;
    random_words({&bits, 1});
    return bits;
  }

  /// As `random()`, with one call of the kernel for up to 32 words.
  void random_words(std::span<std::uint64_t> words) override {
    constexpr std::size_t most = 256 / sizeof(std::uint64_t);  // getentropy's limit
    while (!words.empty()) {
      const std::span<std::uint64_t> some = words.first(std::min(words.size(), most));
      fill(some);
      words = words.subspan(some.size());
    }
  }

 private:
  static void fill(std::span<std::uint64_t> words) {
#if defined(_WIN32)
    auto* const bytes = reinterpret_cast<unsigned char*>(words.data());
    const auto size = static_cast<::ULONG>(words.size_bytes());
    if (::BCryptGenRandom(nullptr, bytes, size, BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0)
      throw std::system_error(std::make_error_code(std::errc::io_error), "BCryptGenRandom");
#else
    if (::getentropy(words.data(), words.size_bytes()) != 0)
      throw std::system_error(errno, std::generic_category(), "getentropy");
#endif
  }
};

/// Returns the one `system_environment` that is the default of all that takes an environment.
[[nodiscard]] inline std::shared_ptr<environment> default_environment() {
  static const std::shared_ptr<environment> instance = std::make_shared<system_environment>();
  return instance;
}

}  // namespace hotline
#endif
