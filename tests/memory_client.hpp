#pragma once

// The client of the installed test kit, over the manager that is compiled once for all tests.

#include <catch2_any.hpp>
#include <hotline/testing/memory_client.hpp>
#include <manager_over_memory.hpp>

#include <string>
#include <string_view>

namespace hotline_test {

using hotline::testing::memory_client;

/// Frames as a client sends them: masked with a fixed key.
inline std::string client_frame(unsigned char first_byte, std::string_view payload) {
  return hotline::testing::masked_frame(first_byte, payload, 0x78563412);
}

}  // namespace hotline_test
