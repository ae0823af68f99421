// A transport's connections, and the queues of those that are not ready yet. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/intrusive_list.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/traffic/arrival_queue.hpp>
#include <hotline/transport/traffic/door.hpp>
#include <hotline/transport/traffic/socket_connection.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

namespace hotline::detail {

/// All connections of a transport, and the queues of those of which something is awaited. A connection that leaves is its
/// owner's: the traffic.
template <class Connection, class Layer>
class socket_roll {
 public:
  using layers = typename Layer::shared;

  socket_roll(const std::vector<listen_options>& options, const layers& common) : handshakes_(queue_for(common)) {
    for (const listen_options& o : options) doors_.emplace_back(o);
  }

  /// One for each of the listen_options, in their order; an element stays where it is.
  [[nodiscard]] std::deque<door<Connection>>& doors() noexcept { return doors_; }
  /// The queue of all doors and of adopted sockets.
  [[nodiscard]] arrival_queue<Connection>& handshakes() noexcept { return handshakes_; }

  void add(Connection& c) noexcept { connections_.push_back(c); }

  /// Takes `c` out of the queue that it is in, if it is in one.
  void leave_queue(Connection& c) noexcept {
    if (c.arrival_ && c.arrival_->queue != nullptr) c.arrival_->queue->remove(c);
  }

  /// Takes `c` out for good.
  void strike(Connection& c) noexcept {
    leave_queue(c);
    connections_.remove(c);
  }

  /// Returns a connection whose end the receiver does not know yet; null when there is none.
  [[nodiscard]] Connection* find_untold() const noexcept {
    for (Connection& c : connections_)
      if (c.untold_) return &c;
    return nullptr;
  }

  /// Takes out a connection that owes a header or a handshake, and returns it; null when there is none.
  [[nodiscard]] Connection* pop_unready(layers& common) noexcept {
    for (door<Connection>& by : doors_)
      if (Connection* const c = pop(by.headers, common)) return c;
    return pop(handshakes_, common);
  }

  /// Takes out any connection, and returns it; null when there is none.
  [[nodiscard]] Connection* pop() noexcept { return connections_.pop_front(); }

  [[nodiscard]] std::size_t size() const noexcept { return connections_.size(); }

 private:
  [[nodiscard]] static arrival_queue<Connection> queue_for(const layers& common) noexcept {
    if constexpr (Layer::shakes_hands)
      return arrival_queue<Connection>(common.limits.timeout, common.limits.at_once);
    else
      return arrival_queue<Connection>(std::chrono::milliseconds::max(), 0);
  }

  [[nodiscard]] Connection* pop(arrival_queue<Connection>& queue, layers& common) noexcept {
    Connection* const c = queue.pop();
    if (c == nullptr) return nullptr;
    c->layer_.drop(common);
    connections_.remove(*c);
    return c;
  }

  std::deque<door<Connection>> doors_;
  arrival_queue<Connection> handshakes_;
  intrusive_list<Connection, &Connection::place_> connections_;
};

}  // namespace hotline::detail
#endif
