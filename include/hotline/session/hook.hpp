#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <functional>
#include <memory>
#include <utility>

namespace hotline::detail {

/// A function of the host's. It may replace itself while it runs: the function that runs is destroyed when it has
/// returned. For one loop.
template <class F>
class hook {
 public:
  hook& operator=(std::function<F> f) {
    held_ = f ? std::make_shared<const std::function<F>>(std::move(f)) : nullptr;
    return *this;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return held_ != nullptr; }

  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    const auto running = held_;
    return (*running)(std::forward<Args>(args)...);
  }

 private:
  std::shared_ptr<const std::function<F>> held_;
};

}  // namespace hotline::detail
#endif
