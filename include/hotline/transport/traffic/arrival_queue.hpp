// Sockets that owe a PROXY header or a TLS handshake before `on_open`: how many there may be and for how long. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/crowd.hpp>
#include <hotline/intrusive_list.hpp>
#include <hotline/transport/socket/peer_address.hpp>
#include <hotline/transport/traffic/proxy_header.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace hotline::detail {

template <class Connection>
class arrival_queue;

/// A connection has one while its PROXY header is awaited, or its TLS handshake.
template <class Connection>
struct arrival : crowd::member {
  Connection* connection = nullptr;
  arrival_queue<Connection>* queue = nullptr;  ///< that it is in
  list_link<arrival> place{};                  ///< there
  std::uint32_t since = 0;                     ///< in ticks of the queue
  std::optional<proxy_header_reader> header{};
};

/// Connections of which the same is awaited: the PROXY header at one listener, or the TLS handshake at all listeners.
template <class Connection>
class arrival_queue {
 public:
  /// A `timeout` passes in whole ticks. `at_once` connections may wait; 0 allows none.
  arrival_queue(std::chrono::milliseconds timeout, std::size_t at_once) noexcept
      : timeout_(timeout), at_once_(at_once) {}

  /// Appends `c`, by its `c.arrival_`, which is in no queue. Returns the connection that has to go because there are too many,
  /// which may be `c`; null when there is none. Nothing has changed when it throws `std::bad_alloc`.
  [[nodiscard]] Connection* add(Connection& c) {
    arrival<Connection>& arrived = *c.arrival_;
    const std::string network = c.peer_.network();
    const auto* const other = waiting_.size() < at_once_ ? nullptr : crowd_.gives_way_to(network);
    crowd_.add(arrived, network);
    crowd_.await(arrived);
    arrived.connection = &c;
    arrived.queue = this;
    arrived.since = ticks_;
    waiting_.push_back(arrived);
    if (waiting_.size() <= at_once_) return nullptr;
    return other == nullptr ? &c : static_cast<const arrival<Connection>*>(other)->connection;
  }

  /// Removes `c`, which is in this queue.
  void remove(Connection& c) noexcept {
    crowd_.remove(*c.arrival_);
    c.arrival_->queue = nullptr;
    waiting_.remove(*c.arrival_);
  }

  void tick() noexcept { ++ticks_; }

  /// Returns a connection whose time is over; null when there is none.
  [[nodiscard]] Connection* late() const noexcept {
    const arrival<Connection>* const oldest = waiting_.front();
    if (oldest == nullptr || (ticks_ - oldest->since) * tick_interval <= timeout_) return nullptr;
    return oldest->connection;
  }

  /// Removes the connection that has waited longest, and returns it; null when there is none.
  [[nodiscard]] Connection* pop() noexcept {
    const arrival<Connection>* const oldest = waiting_.front();
    if (oldest == nullptr) return nullptr;
    remove(*oldest->connection);
    return oldest->connection;
  }

 private:
  intrusive_list<arrival<Connection>, &arrival<Connection>::place> waiting_;
  crowd crowd_;
  std::uint32_t ticks_ = 0;
  std::chrono::milliseconds timeout_;
  std::size_t at_once_;
};

}  // namespace hotline::detail
#endif
