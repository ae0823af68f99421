#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/asio/executor_target.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/io_context.hpp>
#include <asio/query.hpp>
#include <asio/strand.hpp>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace hotline::detail {

template <class Executor>
[[nodiscard]] asio::io_context* io_context_of(const Executor& executor) noexcept;

/// The io_context behind an `any_io_executor` that holds an `Executor`.
template <class Executor>
[[nodiscard]] asio::io_context* io_context_within(const asio::any_io_executor& any) noexcept {
  const Executor* const held = target_of<Executor>(any);
  return held != nullptr ? io_context_of(*held) : nullptr;
}

/// The same for all executors of an io_context (they differ in what was required of them), and strands over those.
template <std::uintptr_t... Required>
[[nodiscard]] asio::io_context* io_context_of_any(const asio::any_io_executor& any,
                                                  std::integer_sequence<std::uintptr_t, Required...>) noexcept {
  asio::io_context* found = nullptr;
  const auto look = [&](auto within) { return (found = within(any)) != nullptr; };
  (void)(... ||
         (look(io_context_within<asio::io_context::basic_executor_type<std::allocator<void>, Required>>) ||
          look(
              io_context_within<asio::strand<asio::io_context::basic_executor_type<std::allocator<void>, Required>>>)));
  if (found == nullptr) found = io_context_within<asio::strand<asio::any_io_executor>>(any);
  return found;
}

/// The io_context that `executor` runs on; null where it is another context, or none that can be known.
template <class Executor>
[[nodiscard]] asio::io_context* io_context_of(const Executor& executor) noexcept {
  using context = decltype(asio::query(executor, asio::execution::context));
  if constexpr (std::is_same_v<context, asio::io_context&>)
    return &asio::query(executor, asio::execution::context);
  else if constexpr (std::is_same_v<Executor, asio::any_io_executor>)
    return io_context_of_any(executor, std::make_integer_sequence<std::uintptr_t, 8>());
  else if constexpr (requires { executor.get_inner_executor(); })
    return io_context_of(executor.get_inner_executor());
  else
    return nullptr;
}

/// An io_context that ran out of work before we had any would run none of ours. Inside of its own `run` it is about to
/// end because the host has said so, and may not be restarted.
template <class Executor>
void restart_if_stopped(const Executor& executor) {
  asio::io_context* const io = io_context_of(executor);
  if (io != nullptr && io->stopped() && !io->get_executor().running_in_this_thread()) io->restart();
}

}  // namespace hotline::detail
#endif
