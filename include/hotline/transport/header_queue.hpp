// Inbound 1/6: sockets whose PROXY header is awaited, how many there may be and for how long. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/transport/connection_list.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/proxy_header.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hotline::detail {

template <class Connection>
class header_queue;

/// A connection has one while its PROXY header is awaited.
template <class Connection>
struct awaited_header {
  explicit awaited_header(header_queue<Connection>& in) noexcept : queue(in) {}

  header_queue<Connection>& queue;  ///< that it is in
  std::uint32_t since = 0;          ///< in ticks of the queue
  proxy_header_reader reader{};
};

/// The connections of one listener whose PROXY header is awaited.
template <class Connection>
class header_queue {
 public:
  explicit header_queue(const listen_options& options)
      : expected_(options.listen && options.proxy_protocol),
        timeout_(options.proxy_header_timeout),
        at_once_(options.proxy_headers_at_once) {}

  /// Whether the listener's connections begin with a header at all.
  [[nodiscard]] bool is_expected() const noexcept { return expected_; }

  /// Its header, `c.awaited_`, is awaited from now on.
  void add(Connection& c) noexcept {
    c.awaited_->since = ticks_;
    waiting_.add(c);
    ++size_;
  }

  void remove(Connection& c) noexcept {
    waiting_.remove(c);
    --size_;
  }

  /// The connection that has waited longest, when there are more than may wait at once; else null.
  [[nodiscard]] Connection* surplus() const noexcept { return size_ > at_once_ ? waiting_.last() : nullptr; }

  void tick() noexcept { ++ticks_; }

  /// A connection whose time is over; null when there is none.
  [[nodiscard]] Connection* late() const noexcept {
    Connection* const oldest = waiting_.last();
    if (oldest == nullptr || (ticks_ - oldest->awaited_->since) * tick_interval <= timeout_) return nullptr;
    return oldest;
  }

  /// The connection that came last, which is in the queue no more; null when there is none.
  [[nodiscard]] Connection* pop() noexcept {
    Connection* const newest = waiting_.first();
    if (newest != nullptr) remove(*newest);
    return newest;
  }

 private:
  connection_list<Connection> waiting_;
  std::size_t size_ = 0;
  std::uint32_t ticks_ = 0;
  bool expected_;
  std::chrono::milliseconds timeout_;
  std::size_t at_once_;
};

}  // namespace hotline::detail
#endif
