#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <functional>
#include <utility>

namespace hotline {

/// Owns the registration of a hook or a listener, which is called while this object lives. Move-only.
///
/// After its destruction or `reset()` no call begins any more; a call that is under way on another thread may still be
/// finishing. It may be reset inside the listener, on any thread, and may outlive the emitter or manager.
class [[nodiscard]] subscription {
 public:
  subscription() = default;
  explicit subscription(std::function<void()> end) : end_(std::move(end)) {}
  subscription(subscription&& other) noexcept : end_(std::exchange(other.end_, nullptr)) {}
  subscription& operator=(subscription&& other) noexcept {
    if (this != &other) {
      reset();
      end_ = std::exchange(other.end_, nullptr);
    }
    return *this;
  }
  ~subscription() { reset(); }

  /// Ends it, as destroying it does.
  void reset() noexcept {
    if (const auto end = std::exchange(end_, nullptr)) end();
  }

  /// Keeps the listener for as long as the emitter or manager lives.
  void release() noexcept { end_ = nullptr; }

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(end_); }

 private:
  std::function<void()> end_;
};

}  // namespace hotline
#endif
