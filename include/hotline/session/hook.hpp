#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <functional>
#include <memory>
#include <utility>

namespace hotline::detail {

/// A function of the host's, whatever its type. All hooks share one type of pointer, for each type more costs every file that
/// includes the hub time to compile.
struct callee {
  callee() = default;
  callee(const callee&) = delete;
  callee& operator=(const callee&) = delete;
  virtual ~callee() = default;
};

/// A function of the host's. It may replace itself while it runs: the function that runs is destroyed when it has
/// returned. For one loop.
template <class F>
class hook {
 public:
  /// Sets the function, none for a null one. Throws `std::bad_alloc`, and nothing has changed; never for a null one.
  hook& operator=(std::function<F> f) {
    if (f)
      callee_.reset(static_cast<callee*>(new typed_callee(std::move(f))));
    else
      callee_.reset();
    return *this;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return callee_ != nullptr; }

  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    const std::shared_ptr<callee> running = callee_;
    return static_cast<const typed_callee&>(*running).call(std::forward<Args>(args)...);
  }

 private:
  struct typed_callee final : callee {
    explicit typed_callee(std::function<F> f) noexcept : call(std::move(f)) {}
    const std::function<F> call;
  };

  std::shared_ptr<callee> callee_;
};

}  // namespace hotline::detail
#endif
