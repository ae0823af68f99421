#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/intrusive_list.hpp>

#include <cstddef>

namespace hotline::detail {

/// The connections of an epoll loop that have a turn, have ended or are gone. A connection is in one of these lists at a time,
/// or in none, through `Connection::turn_`, so no step takes memory.
template <class Connection>
class epoll_turns {
 public:
  epoll_turns() = default;
  epoll_turns(const epoll_turns&) = delete;
  epoll_turns& operator=(const epoll_turns&) = delete;
  ~epoll_turns() { free_graves(); }

  /// `c` has a turn: the system has reported something of it, and reports that no more.
  void add(Connection& c) noexcept {
    if (!list::is_linked(c)) waiting_.push_back(c);
  }

  /// `c` has ended. It has no turn any more, and its receiver is to be notified.
  void add_ended(Connection& c) noexcept {
    leave(c);
    c.reports_ = true;
    ended_.push_back(c);
  }

  [[nodiscard]] bool empty() const noexcept { return waiting_.empty() && ended_.empty(); }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
  [[nodiscard]] std::size_t ended() const noexcept { return ended_.size(); }
  /// Takes the first out and returns it; null when there is none.
  [[nodiscard]] Connection* pop_waiting() noexcept { return waiting_.pop_front(); }
  [[nodiscard]] Connection* pop_ended() noexcept { return ended_.pop_front(); }

  /// `c` is gone, and is destroyed by `free_graves`: until the turn is over a batch of events may name it, and a caller use it.
  void bury(Connection& c) noexcept {
    leave(c);
    graves_.push_back(c);
  }

  /// Buries a connection at its end.
  class burial {
   public:
    burial(epoll_turns& turns, Connection& c) noexcept : turns_(turns), c_(c) {}
    burial(const burial&) = delete;
    ~burial() { turns_.bury(c_); }

   private:
    epoll_turns& turns_;
    Connection& c_;
  };

  void free_graves() noexcept {
    while (Connection* const c = graves_.pop_front()) delete c;
  }

 private:
  using list = intrusive_list<Connection, &Connection::turn_>;

  void leave(Connection& c) noexcept {
    if (!list::is_linked(c)) return;
    (c.reports_ ? ended_ : waiting_).remove(c);
  }

  list waiting_, ended_, graves_;
};

}  // namespace hotline::detail
#endif
