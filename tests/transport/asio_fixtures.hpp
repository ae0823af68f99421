#pragma once

#include <hotline/transport/asio_transport.hpp>

#include <asio/io_context.hpp>
#include <asio/strand.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "conformance.hpp"
#include "socket_loop.hpp"
#include "socket_peer.hpp"

// The transport over Asio as the tests of it have it.

/// Small buffers in the kernel, so that slow readers are noticed soon.
inline hotline::listen_options small_buffers() { return {.socket_send_buffer = 64 * 1024}; }

template <class Executor>
Executor executor_of(asio::io_context& io) {
  if constexpr (std::constructible_from<Executor, asio::io_context::executor_type>) {
    return Executor(io.get_executor());
  } else {
    return asio::make_strand(io.get_executor());
  }
}

template <class Executor>
class tcp_fixture : public socket_loop {
 public:
  using transport_type = hotline::basic_asio_transport<Executor>;

  transport_type& transport() { return transport_; }
  auto connect() { return peers.add(socket_peer::tcp(transport_.port())); }

 private:
  transport_type transport_{executor_of<Executor>(io), small_buffers()};
};

using plain_executor = asio::io_context::executor_type;
using plain_fixture = tcp_fixture<plain_executor>;
using subject = conformance::subject_of<plain_fixture>;
using connection = hotline::asio_transport::connection_type;

/// A receiver for tests that bring a transport of their own.
struct listener final : hotline::transport_receiver<connection> {
  std::vector<connection*> open;
  std::string data;
  std::vector<std::size_t> reads;
  int closed = 0;
  int ticks = 0;
  std::error_code reason;
  std::function<void(connection&)> when_open = [](connection&) {};
  std::function<void()> when_data = [] {};

  void on_open(connection& c) override {
    open.push_back(&c);
    when_open(c);
  }
  void on_data(connection&, std::span<char> bytes) override {
    data.append(bytes.data(), bytes.size());
    reads.push_back(bytes.size());
    when_data();
  }
  void on_writable(connection&) override {}
  void on_closed(connection& c, std::error_code why) override {
    std::erase(open, &c);
    ++closed;
    reason = why;
  }
  void on_tick() override { ++ticks; }
};
