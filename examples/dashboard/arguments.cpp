#include "arguments.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <numeric>
#include <system_error>
#include <utility>

namespace dashboard {

const std::string_view help_text = R"(usage: dashboard [--port N] [--repo DIR] [--tasks FILE]

Shows a folder and what its tasks print, live, to every browser that opens the address it prints.

  --port N      listen on this port of 127.0.0.1, 0 to 65535; 0 takes any free one. Default: 8080
  --repo DIR    the folder to show; branches need it to be in a git repository. Default: the current folder
  --tasks FILE  the tasks to offer, a JSON object: {"build": {"argv": ["make", "-j2"], "cwd": "src",
                "gate": "lint", "signals": {"warning": "warning:"}}, "lint": ["make", "lint"]}.
                Default: git's log, status, diff and files, the folder's tests if it has some, and a count to 30
  -h, --help    print this

--name=value works too. Of an argument that is given twice, the last one counts. Ctrl-C ends it.
)";

namespace {

struct known_argument {
  std::string_view name;
  std::string_view value;  // the name of the value after it; empty: none
};
constexpr std::array<known_argument, 4> known{{{"--port", "a number from 0 to 65535 (0: any free port)"},
                                               {"--repo", "a folder"},
                                               {"--tasks", "a file of tasks"},
                                               {"--help", ""}}};

hotline::failure wrong(std::string message) {
  return {std::make_error_code(std::errc::invalid_argument), std::move(message)};
}

std::string text(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  return all;
}

// How many letters must be put in, taken out or replaced to make one word of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// The argument that was probably meant, or nothing.
std::string_view nearest(std::string_view typed) {
  const auto letters = [](std::string_view name) {
    return name.substr(std::min(name.find_first_not_of('-'), name.size()));
  };
  const std::string_view word = letters(typed).substr(0, 32);
  if (word.empty()) return {};
  std::pair<std::size_t, std::string_view> best{3, {}};
  for (const known_argument& each : known) {
    const std::string_view name = letters(each.name);
    const bool begins_alike = name.starts_with(word) || word.starts_with(name);
    best = std::min(best, {begins_alike ? 0 : distance(word, name), each.name});
  }
  return best.second;
}

}  // namespace

hotline::result<arguments> parse_arguments(const std::vector<std::string_view>& words) {
  arguments read;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::string_view name = word == "-h" ? "--help" : word.substr(0, word.find('='));
    if (!word.starts_with('-'))
      return wrong(text({"unexpected '", word, "': each value follows the name of an argument, as in --repo DIR"}));
    const auto* const found =
        std::find_if(known.begin(), known.end(), [&](const known_argument& each) { return each.name == name; });
    if (found == known.end()) {
      const std::string_view meant = nearest(name);
      return wrong(text({"unknown argument ", name, meant.empty() ? "" : "; did you mean ", meant,
                         meant.empty() ? "; --help lists all" : "?"}));
    }
    if (found->value.empty()) {
      if (name != word && word != "-h") return wrong(text({name, ": takes no value"}));
      read.help = true;
      continue;
    }
    std::string_view value;
    if (name.size() < word.size())
      value = word.substr(name.size() + 1);
    else if (i + 1 < words.size() && !words[i + 1].starts_with("--"))
      value = words[++i];
    if (value.empty()) return wrong(text({name, ": expected ", found->value, " after it"}));
    if (name == "--repo") read.folder = value;
    if (name == "--tasks") read.tasks = value;
    if (name == "--port") {
      const auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), read.port);
      if (bad != std::errc() || end != value.data() + value.size())
        return wrong(text({name, " ", value, ": expected ", found->value}));
    }
  }
  return read;
}

}  // namespace dashboard
