#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace hotline {

namespace detail {

/// A move-only function object, shared so that it can be copied, as `std::function` demands.
template <class F>
struct shared_invocable {
  std::shared_ptr<F> f;

  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    return (*f)(std::forward<Args>(args)...);
  }
};

/// Returns `f` in a form that `std::function` takes.
template <class F>
[[nodiscard]] auto as_copyable(F f) {
  if constexpr (std::is_copy_constructible_v<F>)
    return f;
  else
    return shared_invocable<F>{std::make_shared<F>(std::move(f))};
}

}  // namespace detail

/// A function object as hooks, listeners and `post` take it: any that can be called with the arguments of `Signature`. It
/// needs no copy constructor, so it may own what it captures; nothing that is passed is copied.
///
///     manager.on_http([page = std::make_unique<cache>()](const hotline::http_request& q) { return page->find(q.path); });
///
/// A null function pointer, an empty `std::function` and `nullptr` are no function. A move-only one costs an allocation more. A
/// capture that says that it can be copied, and cannot, a vector of `unique_ptr` say, does not compile: give it away as a
/// `unique_ptr` itself.
template <class Signature>
class any_invocable;

template <class R, class... Args>
class any_invocable<R(Args...)> {
 public:
  // NOLINTBEGIN(google-explicit-constructor): an argument is converted where it is passed
  any_invocable(std::nullptr_t = nullptr) noexcept {}
  any_invocable(std::function<R(Args...)> f) noexcept : f_(std::move(f)) {}
  template <class F>
  requires(!std::is_same_v<F, any_invocable> && std::is_invocable_r_v<R, F&, Args...>) any_invocable(F f)
      : f_(detail::as_copyable(std::move(f))) {}

  /// Gives it away, for the part of the library that keeps it.
  operator std::function<R(Args...)>() && noexcept { return std::move(f_); }
  // NOLINTEND(google-explicit-constructor)

 private:
  std::function<R(Args...)> f_;
};

}  // namespace hotline
#endif
