#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <asio/version.hpp>

#if ASIO_VERSION < 102600 && !defined(ASIO_NO_TYPEID)
#include <typeinfo>
#endif

namespace hotline::detail {

/// Returns the `Target` that an `asio::any_io_executor` holds, or null where it holds another executor. `target` itself
/// looks at the type since Asio 1.26.
template <class Target, class Any>
[[nodiscard]] const Target* target_of(const Any& any) noexcept {
#if ASIO_VERSION >= 102600
  return any.template target<Target>();
#elif defined(ASIO_NO_TYPEID)
  // Those versions have a number for each type then, which only their own classes can ask for.
  struct numbered : Any {
    static const void* number() noexcept { return numbered::template target_type_ex<Target>(); }
  };
  return any.target_type() == numbered::number() ? any.template target<Target>() : nullptr;
#else
  return any.target_type() == typeid(Target) ? any.template target<Target>() : nullptr;
#endif
}

}  // namespace hotline::detail
#endif
