#pragma once

// The output of a room without subscribers: a flush goes through the log all the same.

#include <hotline/room/room_output.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hotline_test {

struct silence : hotline::detail::room_output {
  std::size_t write(hotline::detail::subscriber&, std::span<const std::string_view>) noexcept override { return 0; }
  bool allows_gap(hotline::detail::subscriber&) override { return true; }
  std::string gap_message(hotline::sequence, hotline::sequence) override { return {}; }
  void give_up(hotline::detail::subscriber&) noexcept override {}
  hotline::message_compression* compression() noexcept override { return nullptr; }
};

}  // namespace hotline_test
