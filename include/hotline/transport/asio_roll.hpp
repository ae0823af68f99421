// A transport's connections, and the queues of those that are not ready yet. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/intrusive_list.hpp>
#include <hotline/transport/arrival_queue.hpp>
#include <hotline/transport/asio_connection.hpp>
#include <hotline/transport/door.hpp>
#include <hotline/transport/listen_options.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

namespace hotline::detail {

/// All connections of a transport, each by one of its references, and the queues of those of which something is awaited.
template <class Connection, class Layer>
class asio_roll {
 public:
  using reference = connection_reference<Connection>;
  using layers = typename Layer::shared;

  asio_roll(const std::vector<listen_options>& options, const layers& common) : handshakes_(queue_for(common)) {
    for (const listen_options& o : options) doors_.emplace_back(o);
  }

  /// One for each of the listen_options, in their order.
  [[nodiscard]] std::deque<door<Connection>>& doors() noexcept { return doors_; }
  /// The queue of all doors and of adopted sockets.
  [[nodiscard]] arrival_queue<Connection>& handshakes() noexcept { return handshakes_; }

  /// Takes over a reference that `c` counts already.
  void add(Connection& c) noexcept { connections_.push_back(c); }

  /// Takes `c` out of the queue that it is in, if it is in one.
  void leave_queue(Connection& c) noexcept {
    if (c.arrival_ && c.arrival_->queue != nullptr) c.arrival_->queue->remove(c);
  }

  /// Takes `c` out for good, and returns the reference to it.
  reference strike(Connection& c) noexcept {
    leave_queue(c);
    connections_.remove(c);
    return reference::of_held(c);
  }

  /// Returns a connection whose end the receiver does not know yet; null when there is none.
  [[nodiscard]] Connection* find_untold() const noexcept {
    for (Connection& c : connections_)
      if (c.untold_) return &c;
    return nullptr;
  }

  /// Drops the connections that the receiver does not know, but for adopted sockets of which nothing is awaited.
  void drop_unready(layers& common) noexcept {
    drop_queues(common);
    if constexpr (Layer::shakes_hands) drop_all_but([](const Connection& c) { return c.opened_; });
  }

  void drop_all(layers& common) noexcept {
    drop_queues(common);
    drop_all_but([](const Connection&) { return false; });
  }

 private:
  [[nodiscard]] static arrival_queue<Connection> queue_for(const layers& common) noexcept {
    if constexpr (Layer::shakes_hands)
      return arrival_queue<Connection>(common.limits.timeout, common.limits.at_once);
    else
      return arrival_queue<Connection>(std::chrono::milliseconds::max(), 0);
  }

  void drop_queues(layers& common) noexcept {
    for (door<Connection>& by : doors_) drop(by.headers, common);
    drop(handshakes_, common);
  }

  void drop(arrival_queue<Connection>& queue, layers& common) noexcept {
    while (Connection* const c = queue.pop()) {
      c->layer_.drop(common);
      strike(*c)->close();
    }
  }

  template <class Predicate>
  void drop_all_but(const Predicate& stays) noexcept {
    for (std::size_t left = connections_.size(); left > 0; --left) {
      Connection& c = *connections_.pop_front();
      if (stays(c))
        connections_.push_back(c);
      else
        reference::of_held(c)->close();
    }
  }

  std::deque<door<Connection>> doors_;
  arrival_queue<Connection> handshakes_;
  intrusive_list<Connection, &Connection::place_> connections_;
};

}  // namespace hotline::detail
#endif
