#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <functional>
#include <memory>
#include <utility>

namespace hotline::detail {

/// A function of the host's, whatever its type. All hooks share one type of pointer: each more would cost every file that
/// includes the hub.
struct hooked {
  hooked() = default;
  hooked(const hooked&) = delete;
  hooked& operator=(const hooked&) = delete;
  virtual ~hooked() = default;
};

/// A function of the host's. It may replace itself while it runs: the function that runs is destroyed when it has
/// returned. For one loop.
template <class F>
class hook {
 public:
  hook& operator=(std::function<F> f) {
    hooked* const kept = f ? new function(std::move(f)) : nullptr;
    held_ = std::shared_ptr<hooked>(kept);
    return *this;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return held_ != nullptr; }

  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    const std::shared_ptr<hooked> running = held_;
    return static_cast<const function&>(*running).call(std::forward<Args>(args)...);
  }

 private:
  struct function final : hooked {
    explicit function(std::function<F> f) noexcept : call(std::move(f)) {}
    const std::function<F> call;
  };

  std::shared_ptr<hooked> held_;
};

}  // namespace hotline::detail
#endif
