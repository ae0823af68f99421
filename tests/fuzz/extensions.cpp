// Which offer of permessage-deflate is taken, and what it is answered, held against a reading of RFC 6455 section 9.1 and
// RFC 7692 section 7.1 that shares no code with the library's: by whole lists of offers, where that goes by characters.

#include "input.hpp"

#include <hotline/wire/handshake.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace hotline::detail;

namespace {

struct extension {
  std::string name;
  std::vector<std::pair<std::string, std::optional<std::string>>> parameters;
};

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t end = text.find(at);; end = text.find(at)) {
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool a_token(std::string_view text) {
  static constexpr std::string_view no = "()<>@,;:\\\"/[]?={} \t";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < '\x7f' && no.find(c) == std::string_view::npos;
  });
}

// Nothing for what breaks the grammar. A quoted value may hold no more than a token may, so no separator is in one.
std::optional<std::vector<extension>> read_list(std::string_view text) {
  std::vector<extension> list;
  for (const std::string_view element : split(text, ',')) {
    extension& made = list.emplace_back();
    const std::vector<std::string_view> parts = split(element, ';');
    for (const std::string_view& part : parts) {
      const std::vector<std::string_view> sides = split(part, '=');
      const std::string name(without_blanks(sides[0]));
      if (!a_token(name) || sides.size() > 2) return std::nullopt;
      std::optional<std::string> value;
      if (sides.size() == 2) {
        value = without_blanks(sides[1]);
        if (value->size() > 2 && value->front() == '"' && value->back() == '"')
          value = value->substr(1, value->size() - 2);
        if (!a_token(*value)) return std::nullopt;
      }
      if (&part != &parts[0])
        made.parameters.emplace_back(name, value);
      else if (value)
        return std::nullopt;
      else
        made.name = name;
    }
  }
  return list;
}

// The offers that section 7.1 lets a server take that has one window of 2^15 for all and keeps no context.
bool may_be_taken(const extension& offer) {
  if (offer.name != "permessage-deflate") return false;
  static constexpr std::array<std::string_view, 8> windows{"8", "9", "10", "11", "12", "13", "14", "15"};
  for (const auto& [name, value] : offer.parameters) {
    if (std::count_if(offer.parameters.begin(), offer.parameters.end(),
                      [&one = name](const auto& other) { return other.first == one; }) > 1)
      return false;
    if (name == "server_no_context_takeover" || name == "client_no_context_takeover") {
      if (value) return false;
    } else if (name == "client_max_window_bits") {
      if (value && std::find(windows.begin(), windows.end(), *value) == windows.end()) return false;
    } else if (name != "server_max_window_bits" || value != "15") {
      return false;
    }
  }
  return true;
}

bool has(const extension& e, std::string_view name) {
  return std::any_of(e.parameters.begin(), e.parameters.end(), [&](const auto& p) { return p.first == name; });
}

// Whether a client that made this offer may take this answer (sections 7.1.1 and 7.1.2).
bool fits(const extension& offer, const extension& answer) {
  if (answer.name != "permessage-deflate") return false;
  for (const auto& [name, value] : answer.parameters) {
    if (name == "server_max_window_bits" ? value != "15" : value.has_value()) return false;
    // Only these may be answered to one who did not offer them; `server_max_window_bits` too, but to no purpose.
    if (name != "server_no_context_takeover" && name != "client_no_context_takeover" && !has(offer, name)) return false;
  }
  // Those are taken by being answered, or the offer is not taken.
  for (const std::string_view name : {"server_no_context_takeover", "server_max_window_bits"})
    if (has(offer, name) && !has(answer, name)) return false;
  return true;
}

http_request request_with(const std::vector<std::string>& offers) {
  http_request request{.method = "GET", .target = "/", .path = "/"};
  request.headers = {{"Host", "h"},
                     {"Upgrade", "websocket"},
                     {"Connection", "Upgrade"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                     {"Sec-WebSocket-Version", "13"}};
  for (const std::string& offer : offers) request.headers.emplace_back("sec-websocket-EXTENSIONS", offer);
  return request;
}

// Nothing when no extension is answered.
std::optional<std::string> answered(const std::vector<std::string>& offers) {
  const upgrade made = accept_upgrade(request_with(offers), true);
  fuzz::promise(made.status == 101);
  constexpr std::string_view name = "\r\nSec-WebSocket-Extensions: ";
  const std::size_t at = made.response_head.find(name);
  fuzz::promise(made.deflate == (at != std::string::npos));
  if (!made.deflate) return std::nullopt;
  fuzz::promise(made.response_head.find(name, at + 1) == std::string::npos);
  const std::size_t begin = at + name.size();
  return made.response_head.substr(begin, made.response_head.find("\r\n", begin) - begin);
}

constexpr std::array<std::string_view, 24> pieces{"permessage-deflate",
                                                  "permessage-deflate",
                                                  "; ",
                                                  ";",
                                                  ", ",
                                                  ",",
                                                  "=",
                                                  "\n",
                                                  "server_no_context_takeover",
                                                  "client_no_context_takeover",
                                                  "server_max_window_bits",
                                                  "client_max_window_bits",
                                                  "server_max_window_bits=15",
                                                  "client_max_window_bits=8",
                                                  "15",
                                                  "10",
                                                  "08",
                                                  "16",
                                                  "271",
                                                  "\"15\"",
                                                  "\"",
                                                  " ",
                                                  "\t",
                                                  "x-webkit-deflate-frame"};

// Either as it is, or each byte a piece of an offer: so most of what a fuzzer makes is nearly one.
std::string text_of(fuzz::input& in) {
  if ((in.byte() & 1) == 0) return std::string(in.rest());
  std::string text;
  while (!in.empty()) text += pieces[in.byte() % pieces.size()];
  return text;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1000) return 0;
  fuzz::input in(data, size);
  std::vector<std::string> offers;
  // As a head's reader leaves them: trimmed, and without control characters.
  const std::string text = text_of(in);
  for (const std::string_view line : split(text, '\n')) {
    std::string& value = offers.emplace_back();
    for (const char c : without_blanks(line))
      if (is_value_char(c)) value.push_back(c);
  }

  std::vector<extension> all;
  bool sound = true;
  for (const std::string& offer : offers) {
    const auto list = read_list(offer);
    sound = sound && list;
    if (list) all.insert(all.end(), list->begin(), list->end());
  }
  const auto first = std::find_if(all.begin(), all.end(), may_be_taken);
  const std::optional<std::string> answer = answered(offers);
  const upgrade without = accept_upgrade(request_with(offers), false);
  fuzz::promise(!without.deflate && without.response_head.find("Extensions") == std::string::npos);
  fuzz::promise(answer.has_value() == (sound && first != all.end()));
  if (!answer) return 0;
  const auto told = read_list(*answer);
  fuzz::promise(told && told->size() == 1 && fits(*first, told->front()));

  // The neighbours of an offer change neither whether it is taken nor the answer.
  fuzz::promise(answered({"x-before; a=\"b\"; permessage-deflate, permessage-deflate; client_max_window_bits=7",
                          *answer}) == answered({*answer}));
  std::vector<std::string> more = offers;
  more.insert(more.begin(), "x-before, permessage-deflate; server_no_context_takeover; server_max_window_bits=8");
  more.push_back("permessage-deflate; server_no_context_takeover; server_max_window_bits=15");
  fuzz::promise(answered(more) == answer);
  return 0;
}
