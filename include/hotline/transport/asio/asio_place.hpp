#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/asio/executor_place.hpp>
#include <hotline/transport/asio/executor_target.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/io_context.hpp>
#include <asio/query.hpp>
#include <asio/strand.hpp>

#include <concepts>

namespace hotline::detail {

template <class Executor>
[[nodiscard]] executor_place place_of(const Executor& executor);

/// Whether `any` holds a `Target`, and then its place.
template <class Target, class Any>
bool place_of_target(const Any& any, executor_place& found) {
  const Target* const held = target_of<Target>(any);
  if (held == nullptr) return false;
  found = place_of(*held);
  return true;
}

template <class Executor>
[[nodiscard]] executor_place place_of(const Executor& executor) {
  constexpr bool is_any = requires { executor.template target<asio::io_context::executor_type>(); };
  constexpr bool knows_thread = requires {
    { executor.running_in_this_thread() } -> std::convertible_to<bool>;
  };
  if constexpr (is_any) {
    executor_place found = executor_place::unknown;
    using plain = asio::io_context::executor_type;
    (void)(place_of_target<plain>(executor, found) || place_of_target<asio::strand<plain>>(executor, found) ||
           place_of_target<asio::strand<asio::any_io_executor>>(executor, found));
    return found;
  } else if constexpr (!knows_thread) {
    return executor_place::unknown;
  } else if (executor.running_in_this_thread()) {
    return executor_place::inside;
  } else if constexpr (requires { executor.get_inner_executor(); }) {
    const executor_place inner = place_of(executor.get_inner_executor());
    if (inner == executor_place::inside) return executor_place::beside;
    return inner == executor_place::unknown ? executor_place::outside : inner;
  } else if constexpr (requires { asio::query(executor, asio::execution::context).stopped(); }) {
    return asio::query(executor, asio::execution::context).stopped() ? executor_place::ended : executor_place::outside;
  } else {
    return executor_place::outside;
  }
}

}  // namespace hotline::detail
#endif
