#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <functional>
#include <utility>

namespace hotline {

/// Owns a listener's place: while it lives, the listener is called. Move-only.
///
/// Once it is destroyed or `reset()`, no call begins any more; one that is under way on another thread may still be
/// finishing. It may be reset from inside the listener, and may outlive what it was subscribed to.
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

  /// Lets the listener live as long as what it listens to.
  void release() noexcept { end_ = nullptr; }

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(end_); }

 private:
  std::function<void()> end_;
};

}  // namespace hotline
#endif
