// How a coroutine of Asio's is started and cancelled. Empty where Asio has no coroutines.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <asio/detail/config.hpp>

#if defined(ASIO_HAS_CO_AWAIT)

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

namespace hotline::detail {

template <class>
struct awaited {};

template <class T, class Executor>
struct awaited<asio::awaitable<T, Executor>> {
  using value = T;
  using nothing = asio::awaitable<void, Executor>;  ///< a coroutine that waits for it and returns nothing
};

/// The type that a coroutine returns when it is called.
template <class A>
concept awaitable = requires {
  typename awaited<A>::value;
};

/// Whether the exception is that of an operation of Asio's that was cancelled.
[[nodiscard]] inline bool is_cancelled(const std::exception_ptr& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

/// Returns the executor of an execution context, and an executor as it is.
template <class Executor>
[[nodiscard]] auto executor_of(Executor& executor) {
  if constexpr (requires { executor.get_executor(); })
    return executor.get_executor();
  else
    return executor;
}

/// Cancels a coroutine when stop is requested. Its signal is used on the coroutine's executor alone.
template <class Executor>
class coroutine_stop : public std::enable_shared_from_this<coroutine_stop<Executor>> {
 public:
  explicit coroutine_stop(const Executor& executor) : executor_(executor) {}

  [[nodiscard]] asio::cancellation_slot slot() noexcept { return signal_.slot(); }

  void follow(const std::stop_token& stop) {
    requested_.emplace(stop, [this] { cancel(); });
  }

 private:
  // An exception would end the program here. Without memory the coroutine goes on to its own end.
  void cancel() noexcept {
    try {
      asio::post(executor_, [self = this->weak_from_this()] {
        if (const auto there = self.lock()) there->signal_.emit(asio::cancellation_type::terminal);
      });
    } catch (...) {
    }
  }

  Executor executor_;
  asio::cancellation_signal signal_;
  std::optional<std::stop_callback<std::function<void()>>> requested_;
};

/// Starts a coroutine, which returns nothing and throws nothing that anybody needs to know. It is cancelled when stop is
/// requested. `executor` runs one function at a time.
template <class Executor, class Executor2>
void spawn(const Executor& executor, asio::awaitable<void, Executor2> coroutine, const std::stop_token& stop) {
  const auto canceller = std::make_shared<coroutine_stop<Executor>>(executor);
  asio::co_spawn(executor, std::move(coroutine),
                 asio::bind_cancellation_slot(canceller->slot(), [canceller](const std::exception_ptr&) {}));
  canceller->follow(stop);
}

}  // namespace hotline::detail
#endif
#endif
