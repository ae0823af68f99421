#pragma once

// Names that a stranger finds in no time, all of which have one FNV-1a hash.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline_test {

/// 1,024 names. Each piece has two forms that take the hash from one state to one other (Joux, "Multicollisions in iterated
/// hash functions", 2004); with 32 bits some eighty thousand tries find such a pair.
inline std::vector<std::string> colliding_names() {
  static constexpr std::string_view pieces[][2] = {
      {"hryif1", "qhd0mk"}, {"mf4i3a", "pgyjn0"}, {"qy23ns", "zysc14"}, {"1xfrsb", "dqo1ti"}, {"p25i3y", "bchla2"},
      {"a4zsne", "zp5o3j"}, {"u2ijgm", "d2fxnz"}, {"hvm40h", "kgggi2"}, {"idk3dw", "pkm2dl"}, {"pm21yg", "xscjzt"}};
  std::vector<std::string> names{""};
  for (const auto& piece : pieces) {
    std::vector<std::string> longer;
    for (const std::string& name : names)
      for (const std::string_view form : piece) longer.push_back(name + std::string(form));
    names = std::move(longer);
  }
  return names;
}

}  // namespace hotline_test
