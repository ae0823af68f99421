#pragma once

#include <hotline/concepts.hpp>

#include <span>
#include <string>
#include <system_error>
#include <vector>

/// A receiver that keeps the connections that are open, and what they sent.
template <class Kind>
struct list_of_open final : hotline::transport_receiver<typename Kind::transport_type::connection_type> {
  using connection = typename Kind::transport_type::connection_type;

  std::vector<connection*> open;
  std::string data;

  void on_open(connection& c) override { open.push_back(&c); }
  void on_data(connection&, std::span<char> bytes) override { data.append(bytes.data(), bytes.size()); }
  void on_writable(connection&) override {}
  void on_closed(connection& c, std::error_code) override { std::erase(open, &c); }
  void on_tick() override {}
};
