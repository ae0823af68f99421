// All that a loop of our own listens at. Nothing is read here.
#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/metrics.hpp>
#include <hotline/transport/epoll/epoll_set.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/socket/adopted_listeners.hpp>
#include <hotline/transport/socket/listening_socket.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/epoll.h>

namespace hotline::detail {

/// The listeners of one epoll set, each with the number of its options. For one loop, but for what says otherwise.
class epoll_listeners {
 public:
  class listener {
   public:
    [[nodiscard]] std::size_t which() const noexcept { return which_; }
    [[nodiscard]] int family() const noexcept { return socket_.family(); }
    [[nodiscard]] bool is_loopback() const noexcept { return socket_.is_loopback(); }

   private:
    friend class epoll_listeners;

    /// The event that a listener waits for.
    enum class state : std::uint8_t {
      report,  ///< a report of the set
      turn,    ///< there may be more clients, of which nothing is reported again
      rest,    ///< the system has no room: the end of the pause
    };

    listening_socket socket_;
    std::size_t which_ = 0;
    state state_ = state::report;
  };

  explicit epoll_listeners(epoll_set& set) noexcept : set_(set) {}

  /// Opens all, or none. The number of its options is that of a listener's door; `adopted` have theirs with them.
  [[nodiscard]] std::error_code open(const std::vector<listen_options>& options, const adopted_listeners& adopted) {
    std::error_code failed;
    try {
      for (std::size_t which = 0; !failed && which < options.size(); ++which)
        if (options[which].listen) failed = open(options[which], which);
      for (const adopted_listeners::entry& e : adopted.entries())
        if (!failed) failed = open(e.options, e.door);
    } catch (...) {
      abandon();
      throw;
    }
    if (failed) abandon();
    return failed;
  }

  /// Opens one more, with the door `which`. Nothing changes when it fails; the options' descriptor is the caller's then.
  [[nodiscard]] std::error_code open(const listen_options& options, std::size_t which) {
    listener& l = listeners_.emplace_back();
    l.which_ = which;
    std::error_code failed;
    try {
      failed = l.socket_.open(options);
    } catch (...) {
      listeners_.pop_back();
      throw;
    }
    if (!failed) {
      failed = set_.add(l.socket_.descriptor(), epoll_set::kind::listener, &l, EPOLLIN);
      if (failed) l.socket_.abandon();
    }
    if (failed)
      listeners_.pop_back();
    else if (port_ == 0)
      port_ = l.socket_.port();
    return failed;
  }

  /// Before anything was accepted: as if nothing had been opened.
  void abandon() noexcept {
    for (listener& l : listeners_) {
      set_.remove(l.socket_.descriptor());
      l.socket_.abandon();
    }
    listeners_.clear();
    port_ = 0;
  }

  void close() noexcept {
    for (listener& l : listeners_) {
      if (!l.socket_.is_open()) continue;
      set_.remove(l.socket_.descriptor());
      l.socket_.close();
    }
  }

  /// The descriptors of all, which listen on, and are the caller's.
  [[nodiscard]] std::vector<int> release() {
    std::vector<int> descriptors;
    descriptors.reserve(listeners_.size());
    for (listener& l : listeners_) {
      if (!l.socket_.is_open()) continue;
      set_.remove(l.socket_.descriptor());
      descriptors.push_back(l.socket_.release());
    }
    return descriptors;
  }

  /// Accepts what `l` has, a turn's worth: each goes to `f(const listener&, int descriptor, const peer_address&)`. Returns
  /// whether it has to rest first, until `rest_ends`.
  template <class Function>
  [[nodiscard]] bool accept(listener& l, steady_time (*now)(), const Function& f) {
    using state = listener::state;
    if (l.state_ == state::rest) return false;
    l.state_ = state::report;
    const auto accepted = [&](int descriptor, const peer_address& peer) { f(std::as_const(l), descriptor, peer); };
    switch (l.socket_.accept_some(turned_away_, accepted)) {
      case listening_socket::outcome::drained:
      case listening_socket::outcome::ended: return false;
      case listening_socket::outcome::more:
        l.state_ = state::turn;
        has_more_ = true;
        return false;
      case listening_socket::outcome::exhausted: break;
    }
    l.state_ = state::rest;
    if (!std::exchange(rests_, true)) rest_ends_ = now() + listening_socket::pause_time;
    return true;
  }

  /// Whether `take_turns` has something to do.
  [[nodiscard]] bool has_more() const noexcept { return has_more_; }

  /// Calls `f(listener&)` for those that have more.
  template <class Function>
  void take_turns(const Function& f) {
    if (!std::exchange(has_more_, false)) return;
    for (std::size_t i = 0; i < listeners_.size(); ++i)  // by number: a callback may adopt one more
      if (listeners_[i].state_ == listener::state::turn) f(listeners_[i]);
  }

  [[nodiscard]] bool rests() const noexcept { return rests_; }
  [[nodiscard]] steady_time rest_ends() const noexcept { return rest_ends_; }

  /// Calls `f(listener&)` for those that have rested.
  template <class Function>
  void end_rest(const Function& f) {
    rests_ = false;
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
      listener& l = listeners_[i];
      if (l.state_ != listener::state::rest) continue;
      l.state_ = listener::state::report;
      l.socket_.go_on();
      f(l);
    }
  }

  /// The first TCP port; 0 without one.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// Any thread. Sockets that were closed at once, for there was no descriptor for them.
  [[nodiscard]] std::uint64_t turned_away() const noexcept { return turned_away_.value(); }

 private:
  epoll_set& set_;
  std::deque<listener> listeners_;  // the set has pointers to them
  counter turned_away_;
  steady_time rest_ends_{};
  std::uint16_t port_ = 0;
  bool has_more_ = false;
  bool rests_ = false;
};

}  // namespace hotline::detail
#endif
