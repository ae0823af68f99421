#pragma once

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

/// A client's end of a real socket, with Asio's calls and none of its waits; it moves when it is pumped and never blocks.
class socket_peer {
 public:
  static std::shared_ptr<socket_peer> tcp(std::uint16_t port) { return tcp_from(1, port); }

  /// From the address 127.0.0.`from`.
  static std::shared_ptr<socket_peer> tcp_from(std::uint8_t from, std::uint16_t port) {
    std::shared_ptr<socket_peer> made(new socket_peer);
    std::error_code failed;
    made->socket_.open(asio::ip::tcp::v4(), failed);
    if (!failed && from != 1) made->socket_.bind(loopback(from, 0), failed);
    if (!failed) made->socket_.connect(loopback(1, port), failed);
    if (!failed) made->socket_.non_blocking(true, failed);
    if (failed) made->drop();
    return made;
  }

  socket_peer(const socket_peer&) = delete;
  socket_peer& operator=(const socket_peer&) = delete;
  ~socket_peer() { drop(); }

  void send(std::string_view bytes) {
    outgoing_.append(bytes);
    pump();
  }
  void close() {
    ending_ = true;
    pump();
  }
  void reset() {
    std::error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    drop();
  }
  void stall(bool on) { window(on ? 0 : std::numeric_limits<std::size_t>::max()); }
  void window(std::size_t bytes) {
    window_ = bytes;
    pump();
  }

  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] bool closed_by_server() const { return ended_ || !socket_.is_open(); }
  [[nodiscard]] bool connected() const { return socket_.is_open(); }

  /// True if anything moved.
  bool pump() {
    const bool went = socket_.is_open() && pump_out();
    const bool came = socket_.is_open() && pump_in();
    return went || came;
  }

 private:
  socket_peer() = default;

  static asio::ip::tcp::endpoint loopback(std::uint8_t last, std::uint16_t port) {
    return {asio::ip::address_v4(asio::ip::address_v4::loopback().to_uint() - 1 + last), port};
  }

  void drop() {
    std::error_code ignored;
    socket_.close(ignored);
  }

  bool pump_out() {
    bool moved = false;
    while (sent_ < outgoing_.size()) {
      std::error_code failed;
      const auto left = std::string_view(outgoing_).substr(sent_);
      const std::size_t n = socket_.send(asio::buffer(left.data(), left.size()), 0, failed);
      if (failed) return moved;
      sent_ += n;
      moved = true;
    }
    if (ending_ && !std::exchange(end_sent_, true)) {
      std::error_code ignored;
      socket_.shutdown(asio::socket_base::shutdown_send, ignored);
      moved = true;
    }
    return moved;
  }

  bool pump_in() {
    bool moved = false;
    char bytes[64 * 1024];
    while (window_ > 0 && !ended_) {
      std::error_code failed;
      const std::size_t n = socket_.receive(asio::buffer(bytes, std::min(sizeof bytes, window_)), 0, failed);
      if (failed == asio::error::would_block) break;
      moved = true;
      if (failed) {
        ended_ = true;
      } else {
        received_.append(bytes, n);
        if (window_ != std::numeric_limits<std::size_t>::max()) window_ -= n;
      }
    }
    return moved;
  }

  asio::io_context io_;
  asio::ip::tcp::socket socket_{io_};
  std::string outgoing_;
  std::size_t sent_ = 0;
  std::string received_;
  std::size_t window_ = std::numeric_limits<std::size_t>::max();
  bool ending_ = false;
  bool end_sent_ = false;
  bool ended_ = false;
};
