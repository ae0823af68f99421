#pragma once

#include <iostream>
#include <mutex>

/// Held by the thread that prints. One for all lines, whatever their parts.
inline std::mutex printing;

/// Prints the parts and the end of a line, and flushes. Lines of several threads come one after the other, each whole. (Pieces
/// that go into `std::cout` one by one mix with those of other threads, and a test then waits for a line that never came.)
template <class... Part>
void print_line(const Part&... part) {
  const std::lock_guard alone(printing);
  (std::cout << ... << part) << std::endl;
}
