// The target of a request, from its first line to the project's id: the target is cut into the same path however it is
// written, decoded once, let in by the host's rule alone, and means what its encoding means.

#include "input.hpp"

#include <hotline/server/route.hpp>
#include <hotline/utf8.hpp>
#include <hotline/wire/head_reader.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>

using namespace hotline;
using namespace hotline::detail;

namespace {

constexpr std::string_view digits = "0123456789abcdef0123456789ABCDEF";

std::string encoded(std::string_view id, bool upper, bool everything) {
  std::string text;
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    const std::string_view one(&c, 1);
    if (!everything && is_project_id("x" + std::string(one))) {
      text += c;
    } else {
      text += '%';
      text += digits[byte / 16 + (upper ? 16U : 0U)];
      text += digits[byte % 16 + (upper ? 16U : 0U)];
    }
  }
  return text;
}

// By a table of all encodings, where the library computes.
std::optional<std::string> decoded(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    if (text.front() != '%') {
      bytes += text.front();
      text.remove_prefix(1);
      continue;
    }
    const std::size_t high = text.size() < 3 ? std::string_view::npos : digits.find(text[1]);
    const std::size_t low = text.size() < 3 ? std::string_view::npos : digits.find(text[2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes += static_cast<char>(high % 16 * 16 + low % 16);
    text.remove_prefix(3);
  }
  return bytes;
}

std::optional<http_request> read(const std::string& target) {
  head_reader reader({.head_bytes = 5000, .headers = 20});
  const auto step = reader.consume("GET " + target +
                                   " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  if (step.state != head_reader::state::ready) return std::nullopt;
  return reader.take_request();
}

// Rules that hosts may choose; the last one lets in any id.
struct world {
  manager_options options;
  std::optional<std::string> asked;  // the id that the rule was called with
  int times = 0;

  explicit world(std::uint8_t choice) {
    static constexpr std::array<std::string_view, 4> prefixes{"/ws/", "/", "/a/b/", "/%70/"};
    options.route_prefix = prefixes[choice & 3U];
    options.valid_project = [this, rule = choice >> 2 & 3](std::string_view id) {
      asked = std::string(id);
      ++times;
      switch (rule) {
        case 0: return is_project_id(id);
        case 1: return is_utf8(id) && id.size() < 40;
        case 2: return id.find('/') == std::string_view::npos;
        default: return true;
      }
    };
    if (choice & 0x80) options.valid_project = nullptr;
  }
};

void check_default(std::string_view id) {
  fuzz::promise(!id.empty() && id.size() <= 128 && id != "." && id != "..");
  for (const char c : id)
    fuzz::promise(c > ' ' && c < '\x7f' && std::string_view("/\\%?#&;:@").find(c) == std::string_view::npos);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1000) return 0;
  fuzz::input in(data, size);
  const std::uint8_t choice = in.byte();
  world w(choice);
  const bool behind_prefix = (choice & 0x40) != 0, absolute = (choice & 0x20) != 0;
  std::string target = (absolute ? "http://h" : "") + (behind_prefix ? w.options.route_prefix : "");
  target += in.rest();

  if (target.find("\r\n") != std::string::npos) return 0;  // ends the request line, so it is no target
  const std::optional<http_request> request = read(target);
  if (!request) return 0;
  fuzz::promise(request->target == target && request->path.starts_with('/'));
  fuzz::promise(request->path.find_first_of("?# ") == std::string::npos);
  // Nothing is lost or moved by the cut: path and query are the target's end.
  const std::size_t mark = target.find('?');
  fuzz::promise(request->query == (mark == std::string::npos ? "" : target.substr(mark + 1)));
  const std::string before = target.substr(0, mark);
  fuzz::promise(before.ends_with(request->path) || (request->path == "/" && !before.starts_with('/')));
  fuzz::promise(!target.starts_with('/') || before == request->path);

  const std::optional<std::string> project = project_in(request->path, w.options);
  const bool routed = request->path.starts_with(w.options.route_prefix);
  const std::optional<std::string> meant =
      routed ? decoded(std::string_view(request->path).substr(w.options.route_prefix.size())) : std::nullopt;
  const bool there = meant && !meant->empty();
  const bool has_rule = static_cast<bool>(w.options.valid_project);
  // The rule is asked about just what the client gets, once, or not at all.
  fuzz::promise(w.times == (there && has_rule ? 1 : 0) && (w.times == 0 || w.asked == meant));
  fuzz::promise(project == (there && (!has_rule || w.options.valid_project(*meant)) ? meant : std::nullopt));
  if (project && (choice & 0x8c) == 0) check_default(*project);

  live_metrics counted;
  hooks none(counted);
  const reception answer = receive_request(*request, w.options, none, true);
  if (answer.upgraded()) {
    fuzz::promise(answer.project == project);
  } else {
    const bool bad_query = answer.response.starts_with("HTTP/1.1 400 ");
    fuzz::promise(bad_query ? project.has_value() : answer.response.starts_with("HTTP/1.1 404 ") && !project);
  }
  if (!project) return 0;

  // However an id is encoded, it is the same one; and encoded twice it is another, or none.
  for (const bool upper : {false, true})
    for (const bool everything : {false, true}) {
      const std::string once = encoded(*project, upper, everything);
      const auto again = read(w.options.route_prefix + once);
      fuzz::promise(again && project_in(again->path, w.options) == project);
      if (once == *project) continue;
      const auto twice = project_in(w.options.route_prefix + encoded(once, upper, everything), w.options);
      fuzz::promise(!twice || twice == once);
    }
  return 0;
}
