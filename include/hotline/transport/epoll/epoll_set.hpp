// The descriptors of a loop of our own: what it watches, how it is woken, and when its time is over.
#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/socket/owned_descriptor.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <iterator>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace hotline::detail {

/// Returns `time`, as far as it is not negative, as the system's waits take it.
[[nodiscard]] inline int as_wait(std::chrono::milliseconds time) noexcept {
  constexpr std::chrono::milliseconds longest{std::numeric_limits<int>::max()};
  return static_cast<int>(std::clamp(time, time.zero(), longest).count());
}

/// An edge-triggered epoll set with an eventfd, which any thread may ring, and a timerfd. The set reports each
/// event once (epoll(7)). After that it is not readable for a loop that watches it, whatever a caller has left undone, so such
/// a caller rings.
class epoll_set {
 public:
  /// The object behind an event. Its low bits are free, so the kind of the object stands there.
  enum class kind : std::uintptr_t { connection, listener, bell, timer };
  static constexpr std::uintptr_t kinds = 3;

  struct report {
    kind what;
    void* object;
    std::uint32_t events;
  };

  /// Nothing is open after a failure.
  [[nodiscard]] std::error_code open() noexcept {
    set_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!set_.is_open()) return last_error();
    bell_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!bell_.is_open()) return failure();
    timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!timer_.is_open()) return failure();
    if (add(bell_.get(), kind::bell, this, EPOLLIN) || add(timer_.get(), kind::timer, this, EPOLLIN)) return failure();
    return {};
  }

  /// -1 while it is not open.
  [[nodiscard]] int descriptor() const noexcept { return set_.get(); }

  /// `object` is aligned to 4 bytes at least. Its `kind` and the object come with each report.
  [[nodiscard]] std::error_code add(int descriptor, kind what, void* object, std::uint32_t events) noexcept {
    return control(EPOLL_CTL_ADD, descriptor, what, object, events);
  }

  /// Reports once more what is there.
  void change(int descriptor, kind what, void* object, std::uint32_t events) noexcept {
    (void)control(EPOLL_CTL_MOD, descriptor, what, object, events);
  }

  /// Before the descriptor is closed: a set goes on to report one that another process has as well.
  void remove(int descriptor) noexcept { (void)::epoll_ctl(set_.get(), EPOLL_CTL_DEL, descriptor, nullptr); }

  /// Returns how many of `room` are reported, after at most `wait`; a negative one is without end.
  [[nodiscard]] std::size_t poll(std::span<::epoll_event> room, int wait) noexcept {
    const int n = ::epoll_wait(set_.get(), room.data(), static_cast<int>(room.size()), wait);
    return n < 0 ? 0 : static_cast<std::size_t>(n);  // interrupted: the host polls again
  }

  /// Takes all reports, so that the set is not readable for a host that still waits for it.
  void quieten() noexcept {
    ::epoll_event room[4];
    while (poll(room, 0) == std::size(room)) {
    }
  }

  [[nodiscard]] static report read(const ::epoll_event& event) noexcept {
    const std::uintptr_t what = reinterpret_cast<std::uintptr_t>(event.data.ptr) & kinds;
    return {static_cast<kind>(what), static_cast<char*>(event.data.ptr) - what, event.events};
  }

  /// Whether `events`, which are not empty, report the bell and nothing else.
  [[nodiscard]] static bool is_bell_alone(std::span<const ::epoll_event> events) noexcept {
    return events.size() == 1 && read(events.front()).what == kind::bell;
  }

  /// Any thread. The set is readable until it is polled. The count in the eventfd is never read: each addition is an edge.
  void ring() noexcept {
    const std::uint64_t one = 1;
    (void)!::write(bell_.get(), &one, sizeof one);
  }

  /// The timer reports once, at `when` of the system's steady clock; an earlier time is replaced.
  void set_timer(steady_time when) noexcept {
    const auto time = when.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    ::itimerspec spec{};
    spec.it_value.tv_sec = static_cast<std::time_t>(seconds.count());
    spec.it_value.tv_nsec = static_cast<long>(std::chrono::nanoseconds(time - seconds).count());
    (void)::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  void stop_timer() noexcept {
    const ::itimerspec never{};
    (void)::timerfd_settime(timer_.get(), 0, &never, nullptr);
  }

 private:
  [[nodiscard]] std::error_code control(int how, int descriptor, kind what, void* object,
                                        std::uint32_t events) noexcept {
    ::epoll_event event{};
    event.events = events | EPOLLET;
    event.data.ptr = static_cast<char*>(object) + static_cast<std::uintptr_t>(what);
    return ::epoll_ctl(set_.get(), how, descriptor, &event) == 0 ? std::error_code{} : last_error();
  }

  std::error_code failure() noexcept {
    const std::error_code why = last_error();
    set_.reset();
    bell_.reset();
    timer_.reset();
    return why;
  }

  owned_descriptor set_, bell_, timer_;
};

}  // namespace hotline::detail
#endif
