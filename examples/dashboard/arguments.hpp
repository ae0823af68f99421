#pragma once

#include <hotline/error.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The arguments of the program.

namespace dashboard {

struct arguments {
  bool help = false;
  std::uint16_t port = 8080;
  std::string folder = ".";          ///< not yet looked at
  std::optional<std::string> tasks;  ///< a tasks file, not yet looked at
};

/// Every argument, for people.
extern const std::string_view help_text;

/// Reads `--name value` and `--name=value`; of a name that is given twice, the last value counts. Failures are a sentence
/// that names the argument and says what is expected.
[[nodiscard]] hotline::result<arguments> parse_arguments(const std::vector<std::string_view>& words);

}  // namespace dashboard
