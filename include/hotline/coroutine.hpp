#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

/// \file
/// Coroutines of Asio's as command handlers. For hosts whose compiler and Asio have them: without `ASIO_HAS_CO_AWAIT` (clang
/// with Asio 1.22) this header declares nothing. A strand that `awaiting` was given must not outlive its io_context, so a manager
/// whose handlers have one is destroyed before that.

#include <hotline/command/command_result.hpp>
#include <hotline/command/request.hpp>
#include <hotline/command/responder.hpp>
#include <hotline/transport/asio/spawn.hpp>

#if defined(ASIO_HAS_CO_AWAIT)

#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace hotline {

namespace detail {

/// Whether `f(args…)`, or `f(args…, responder)`, is a coroutine whose value answers a command.
template <class F, class... Args>
concept answers_by_coroutine = std::invocable<F&, Args...> && awaitable<std::invoke_result_t<F&, Args...>> &&
    (std::is_void_v<typename awaited<std::invoke_result_t<F&, Args...>>::value> ||
     std::convertible_to<typename awaited<std::invoke_result_t<F&, Args...>>::value, command_result>);

template <class F, class... Args>
concept coroutine_handler = answers_by_coroutine<F, Args...> || answers_by_coroutine<F, Args..., const responder&>;

template <class F, class... Args>
[[nodiscard]] auto call_coroutine(F& f, const responder& answer, const Args&... args) {
  if constexpr (answers_by_coroutine<F, const Args&...>)
    return f(args...);
  else
    return f(args..., answer);
}

/// Runs a host's coroutine and answers with its value. All that the coroutine may refer to is in the frame of this one.
template <class Nothing, class F, class... Args>
[[nodiscard]] Nothing answer_by_coroutine(std::shared_ptr<F> f, responder answer, Args... args) {
  using value = typename awaited<decltype(call_coroutine(*f, answer, args...))>::value;
  std::exception_ptr thrown;
  try {
    if constexpr (std::is_void_v<value>) {
      co_await call_coroutine(*f, answer, args...);
      std::move(answer).answer(command_result());
    } else {
      const command_result told = co_await call_coroutine(*f, answer, args...);
      std::move(answer).answer(told);
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  if (!thrown) co_return;
  if (answer.stop_token().stop_requested() && is_cancelled(thrown))
    std::move(answer).fail({"cancelled", "the command was cancelled", false});
  else
    std::move(answer).fail(std::move(thrown));
}

/// A handler that starts a coroutine for each command.
template <class Executor, class F>
class awaiting_handler {
 public:
  awaiting_handler(Executor executor, F f) : executor_(std::move(executor)), f_(std::make_shared<F>(std::move(f))) {}

  void operator()(const request& q, responder answer) const requires coroutine_handler<F, const request&> {
    start(std::move(answer), q);
  }

  template <class Payload>
  requires coroutine_handler<F, const request&, const Payload&>
  void operator()(const request& q, const Payload& payload, responder answer) const {
    start(std::move(answer), q, payload);
  }

 private:
  template <class... Args>
  void start(responder answer, const Args&... args) const {
    using nothing = typename awaited<decltype(call_coroutine(*f_, answer, args...))>::nothing;
    const std::stop_token stop = answer.stop_token();
    spawn(executor_, answer_by_coroutine<nothing, F, Args...>(f_, std::move(answer), args...), stop);
  }

  Executor executor_;
  std::shared_ptr<F> f_;  // coroutines that are under way use it
};

}  // namespace detail

/// Makes a command handler of a coroutine, for `on_command`: what the coroutine returns answers the command.
///
/// `f(q)` is an `asio::awaitable` of a `command_result`, or of anything that converts to one, or of void, which answers `{}`.
/// With a decoded payload it is `f(q, payload)`. A last parameter of type `const responder&` receives the command's responder,
/// for `progress`. The arguments and `f` itself, with what it captures, stay until the coroutine has ended, so parameters may
/// be references.
///
/// `executor` is an Asio executor or an io_context, and runs the coroutine. It must run one function at a time: that of an
/// io_context that one thread runs, or a strand. It need not be the manager's loop. When it is, the coroutine may call all of
/// the manager's members. The coroutine runs within the handler up to where it waits first, if the handler runs on `executor`.
///
/// An exception of the coroutine's is treated as that of any handler: the client receives `internal_error`, and `on_error`
/// receives the exception. When stop is requested (responder.hpp: the client cancels, its session ends, the deadline has
/// passed, the manager stops) the operation that the coroutine waits for is cancelled, by Asio's terminal cancellation. A
/// coroutine that ends with that error (`asio::error::operation_aborted`) answers `cancelled`; one that catches it may answer
/// what it likes.
///
///     manager.on_command("later", hotline::awaiting(io, [](hotline::request q) -> asio::awaitable<hotline::command_result> {
///       asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::seconds(1));
///       co_await timer.async_wait(asio::use_awaitable);
///       co_return q.payload();
///     }));
template <class Executor, class F>
[[nodiscard]] auto awaiting(Executor&& executor, F f) {
  auto runs = detail::executor_of(executor);
  return detail::awaiting_handler<decltype(runs), F>(std::move(runs), std::move(f));
}

}  // namespace hotline
#endif
#endif
