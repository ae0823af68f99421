#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// The output of programs, as lines that people and JSON can take.

namespace dashboard {

/// Turns bytes into lines of valid UTF-8: push what was read, then ask `next` until it says no.
/// "\n" and "\r\n" end a line. A longer line than `longest` comes in pieces, so a program that never ends its line
/// costs no more memory than that; invalid bytes become U+FFFD, so a line always fits into JSON.
class line_splitter {
 public:
  static constexpr std::size_t longest = 8 * 1024;  ///< bytes of a line as they were read

  void push(std::string_view bytes);
  /// Nothing follows: what stands without a newline is a line too.
  void finish() { finished_ = true; }
  /// The next whole line, or nothing until more is pushed.
  [[nodiscard]] std::optional<std::string> next();

 private:
  std::string buffer_;
  std::size_t scanned_ = 0;  // bytes of buffer_ that hold no newline
  bool continued_ = false;   // the last piece was cut from a line whose end is still to come
  bool finished_ = false;
};

/// `text` with every byte that is not UTF-8 replaced by U+FFFD, as browsers replace it.
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace dashboard
