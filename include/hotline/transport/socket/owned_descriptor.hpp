#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/socket/native_types.hpp>

#include <utility>

namespace hotline::detail {

/// A descriptor that is closed at its end; on Windows a socket.
class owned_descriptor {
 public:
  owned_descriptor() = default;
  explicit owned_descriptor(native_handle descriptor) noexcept : descriptor_(descriptor) {}
  owned_descriptor(const owned_descriptor&) = delete;
  owned_descriptor& operator=(const owned_descriptor&) = delete;
  ~owned_descriptor() { reset(); }

  [[nodiscard]] native_handle get() const noexcept { return descriptor_; }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ != none; }
  /// The descriptor is the caller's from here on.
  native_handle release() noexcept { return std::exchange(descriptor_, none); }
  void reset(native_handle descriptor = none) noexcept {
    const native_handle before = std::exchange(descriptor_, descriptor);
    if (before != none) native_socket::close(before);
  }

 private:
  static constexpr native_handle none = static_cast<native_handle>(-1);

  native_handle descriptor_ = none;
};

}  // namespace hotline::detail
#endif
