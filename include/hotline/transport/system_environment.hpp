#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/types.hpp>

#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <system_error>

namespace hotline {

/// The machine's own clocks and randomness. Has no state, so any number of threads may use one at once.
class system_environment final : public environment {
 public:
  [[nodiscard]] steady_time now() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] wall_time wall_now() const override { return std::chrono::system_clock::now(); }

  /// Straight from the kernel each time, good for tokens. A few hundred nanoseconds; in return nothing is buffered
  /// that a fork could hand out twice, and no descriptor is needed, which a server may have run out of. Throws
  /// `std::system_error` where the kernel has no getentropy.
  [[nodiscard]] std::uint64_t random() override {
    std::uint64_t bits = 0;
    if (::getentropy(&bits, sizeof bits) != 0) throw std::system_error(errno, std::generic_category(), "getentropy");
    return bits;
  }
};

/// The one `system_environment` that everything uses which was not given another.
[[nodiscard]] inline std::shared_ptr<environment> default_environment() {
  static const std::shared_ptr<environment> instance = std::make_shared<system_environment>();
  return instance;
}

}  // namespace hotline
#endif
