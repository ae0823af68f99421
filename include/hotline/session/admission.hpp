#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/any_invocable.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace hotline {

/// A host's decision on a client that wants to connect, or to stay: its principal, or the HTTP status that turns it
/// away.
struct admission {
  /// The owner of the session: no other principal can resume it. Where it comes from the request, hooks receive a
  /// stranger's text.
  std::string principal{};
  int refusal = 0;  ///< such as 401 or 403; 0: let it in
  /// When the client must have been admitted again, or the connection is closed with 4001; nothing: never. Calendar
  /// time, as tokens have it; it becomes a span when the admission comes, so a clock that is set later moves no
  /// deadline.
  std::optional<wall_time> expires_at{};

  /// Turns the client away with this HTTP status.
  [[nodiscard]] static admission refuse(int status) { return {{}, status, {}}; }
};

/// The right to admit one client, once, now or later, from any thread. Move-only; answering uses it up. Destroyed
/// without an answer it turns the client away with 500. It may outlive its client and its manager: then the answer is
/// dropped.
class admission_responder {
 public:
  /// Any thread; nothing when there was no answer.
  using receiver = std::function<void(std::optional<admission>)>;

  explicit admission_responder(receiver answered) : answered_(std::move(answered)) {}

  admission_responder(admission_responder&& other) noexcept : answered_(std::exchange(other.answered_, nullptr)) {}
  admission_responder& operator=(admission_responder&& other) noexcept {
    if (this != &other) {
      abandon();
      answered_ = std::exchange(other.answered_, nullptr);
    }
    return *this;
  }
  ~admission_responder() { abandon(); }

  /// Lets the client in, or turns it away, as `told` says.
  void answer(admission told) && {
    if (const receiver answered = std::exchange(answered_, nullptr)) answered(std::move(told));
  }
  /// As `answer`, with a refusal.
  void refuse(int status) && { std::move(*this).answer(admission::refuse(status)); }

 private:
  void abandon() noexcept {
    try {
      if (const receiver answered = std::exchange(answered_, nullptr)) answered(std::nullopt);
    } catch (...) {
      // Out of memory, and nobody to tell: the client is turned away when its time is over.
    }
  }

  receiver answered_;
};

namespace detail {

/// Whether it ends at all, and has by now: such an admission is none.
[[nodiscard]] inline bool has_expired(const admission& told, wall_time now) noexcept {
  return told.expires_at && *told.expires_at <= now;
}

/// When it will be `until` on the clock that never jumps; the maximum for never.
[[nodiscard]] inline steady_time deadline_of(std::optional<wall_time> until, wall_time wall, steady_time now) noexcept {
  if (!until) return steady_time::max();
  return later(now, std::chrono::duration_cast<std::chrono::milliseconds>(*until - std::min(wall, *until)));
}

template <class F, class... Args>
concept admits_now = std::is_invocable_r_v<admission, F&, Args...>;

template <class F, class... Args>
concept admits_later = std::invocable<F&, Args..., admission_responder> &&
    std::is_void_v<std::invoke_result_t<F&, Args..., admission_responder>>;

/// Makes the responder of an admission; asked only by hooks that want one.
class admission_source {
 public:
  [[nodiscard]] virtual admission_responder make() = 0;

 protected:
  ~admission_source() = default;
};

/// Either form of a hook that admits. Nothing when the answer comes through the responder.
template <class... Args>
using admitter = std::function<std::optional<admission>(Args..., admission_source&)>;

template <class... Args, class F>
[[nodiscard]] admitter<Args...> as_admitter(F f) {
  return as_copyable([f = std::move(f)](Args... args, admission_source& source) mutable -> std::optional<admission> {
    if constexpr (admits_now<F, Args...>) {
      return f(args...);
    } else {
      f(args..., source.make());
      return std::nullopt;
    }
  });
}

}  // namespace detail

}  // namespace hotline
#endif
