// A transport's connections, by how far they have come. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/arrival_queue.hpp>
#include <hotline/transport/asio_connection.hpp>
#include <hotline/transport/connection_list.hpp>
#include <hotline/transport/door.hpp>
#include <hotline/transport/listen_options.hpp>

#include <chrono>
#include <deque>
#include <vector>

namespace hotline::detail {

/// Each of them holds its place here by one of its references.
template <class Connection, class Layer>
class asio_roll {
 public:
  using reference = connection_reference<Connection>;

  asio_roll(const std::vector<listen_options>& options, const typename Layer::shared& common)
      : handshakes(queue_for(common)) {
    for (const listen_options& o : options) doors.emplace_back(o);
  }

  void take_out(Connection& c) noexcept {
    if (c.arrival_ && c.arrival_->queue != nullptr)
      c.arrival_->queue->remove(c);
    else
      (c.opened_ ? opened : arriving).remove(c);
  }

  /// The same, for good.
  reference strike(Connection& c) noexcept {
    take_out(c);
    return reference::of_held(c);
  }

  /// Those that the receiver does not know, but for adopted sockets of which nothing is awaited.
  void drop_unready(typename Layer::shared& layers) noexcept {
    for (door<Connection>& by : doors) drop(by.headers, layers);
    drop(handshakes, layers);
    if constexpr (Layer::shakes_hands) drop(arriving);
  }

  void drop_all(typename Layer::shared& layers) noexcept {
    drop_unready(layers);
    drop(arriving);
    drop(opened);
  }

  std::deque<door<Connection>> doors;    ///< one for each of the listen_options
  arrival_queue<Connection> handshakes;  ///< all doors' and adopted sockets'
  connection_list<Connection> arriving;  ///< not known to the receiver yet, and in no queue
  connection_list<Connection> opened;

 private:
  [[nodiscard]] static arrival_queue<Connection> queue_for(const typename Layer::shared& common) noexcept {
    if constexpr (Layer::shakes_hands)
      return arrival_queue<Connection>(common.limits.timeout, common.limits.at_once);
    else
      return arrival_queue<Connection>(std::chrono::milliseconds::max(), 0);
  }

  void drop(arrival_queue<Connection>& queue, typename Layer::shared& layers) noexcept {
    while (Connection* const c = queue.pop()) {
      c->layer_.drop(layers);
      reference::of_held(*c)->close();
    }
  }

  void drop(connection_list<Connection>& list) noexcept {
    while (list.first() != nullptr) strike(*list.first())->close();
  }
};

}  // namespace hotline::detail
#endif
