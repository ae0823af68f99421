#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/authority.hpp>
#include <hotline/wire/head_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// Returns how many characters of a header's name `text` begins with.
[[nodiscard]] inline std::size_t token_prefix(std::string_view text) noexcept {
  std::size_t size = 0;
  while (size < text.size() && is_token_char(text[size])) ++size;
  return size;
}

/// Returns how many characters of a header's value `text` begins with. It looks at eight bytes at a time: values are most
/// of a browser's head.
[[nodiscard]] inline std::size_t value_prefix(std::string_view text) noexcept {
  constexpr std::uint64_t each = 0x0101010101010101, high = 0x80 * each;
  // Neither may be wrong about a word that has no such byte; a byte after the first one does not matter.
  const auto has_less_than_space = [](std::uint64_t word) { return (word - 0x20 * each) & ~word & high; };
  const auto has_zero = [](std::uint64_t word) { return (word - each) & ~word & high; };
  std::size_t size = 0;
  while (size < text.size()) {
    std::uint64_t word = 0;
    if (text.size() - size >= sizeof word) {
      std::memcpy(&word, text.data() + size, sizeof word);
      if ((has_less_than_space(word) | has_zero(word ^ (0x7F * each))) == 0) {
        size += sizeof word;
        continue;
      }
    }
    const std::size_t end = std::min(size + sizeof word, text.size());
    for (; size < end; ++size)
      if (!is_value_char(text[size])) return size;
  }
  return size;
}

HOTLINE_DETAIL_INLINE head_reader::result head_reader::consume(std::string_view bytes) {
  std::size_t consumed = 0;
  while (state_ == state::need_more && consumed < bytes.size()) {
    if (taken_ == head_bytes_) {
      refuse(431);
      break;
    }
    const std::size_t run = take_run(bytes.substr(consumed, head_bytes_ - taken_));
    taken_ += run;
    consumed += run;
    if (run > 0) continue;
    ++taken_;
    step(bytes[consumed++]);
  }
  return {state_, consumed};
}

/// Takes at once what is there as a whole: a line, or the rest of a name or value that has begun. All else, and all that is
/// wrong, is left to `step`, so a head is read in one way however it is cut.
HOTLINE_DETAIL_INLINE std::size_t head_reader::take_run(std::string_view bytes) {
  switch (part_) {
    case part::start: return take_request_line(bytes);
    case part::name_start: return take_header_line(bytes);
    case part::name: return take_rest(request_.headers.back().first, bytes, token_prefix(bytes));
    case part::value: {
      std::string& value = request_.headers.back().second;
      return value.empty() ? 0 : take_rest(value, bytes, value_prefix(bytes));
    }
    default: return 0;
  }
}

HOTLINE_DETAIL_INLINE std::size_t head_reader::take_rest(std::string& text, std::string_view bytes, std::size_t size) {
  text.append(bytes.substr(0, size));
  return size;
}

HOTLINE_DETAIL_INLINE std::size_t head_reader::take_request_line(std::string_view bytes) {
  constexpr std::string_view end = " HTTP/1.1\r\n";
  const std::size_t method = token_prefix(bytes);
  if (method == 0 || method == bytes.size() || bytes[method] != ' ') return 0;
  const std::size_t target = method + 1;
  std::size_t after = target;
  while (after < bytes.size() && is_target_char(bytes[after])) ++after;
  if (!bytes.substr(after).starts_with(end)) return 0;
  request_.method.assign(bytes.data(), method);
  request_.target.assign(bytes.data() + target, after - target);
  end_target();
  if (state_ == state::refused) return after + 1;
  version_ = end.substr(1, end.size() - 3);
  go(part::name_start);
  return after + end.size();
}

HOTLINE_DETAIL_INLINE std::size_t head_reader::take_header_line(std::string_view bytes) {
  const std::size_t name = token_prefix(bytes);
  if (name == 0 || name == bytes.size() || bytes[name] != ':' || request_.headers.size() == headers_) return 0;
  const std::string_view rest(bytes.data() + name + 1, bytes.size() - name - 1);
  const std::size_t value = value_prefix(rest);
  if (rest.size() - value < 2 || rest[value] != '\r' || rest[value + 1] != '\n') return 0;
  if (request_.headers.empty()) make_room(bytes);
  request_.headers.emplace_back(std::string_view(bytes.data(), name), trimmed({rest.data(), value}));
  end_header();
  const std::size_t at_return = name + 1 + value;
  if (state_ == state::refused) return at_return + 1;
  go(part::name_start);
  return at_return + 2;
}

/// Makes room at once for the headers whose lines are there.
HOTLINE_DETAIL_INLINE void head_reader::make_room(std::string_view bytes) {
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = bytes.find('\n', at)) != std::string_view::npos; ++at) ++lines;
  request_.headers.reserve(std::min(lines, headers_));
}

HOTLINE_DETAIL_INLINE void head_reader::step(char c) {
  switch (part_) {
    case part::start:
      if (c == '\r') return go(part::empty_line_feed);
      go(part::method);
      return read_method(c);
    case part::empty_line_feed: return c == '\n' ? go(part::method) : refuse(400);
    case part::method: return read_method(c);
    case part::target: return read_target(c);
    case part::version: return read_version(c);
    case part::line_feed: return c == '\n' ? go(part::name_start) : refuse(400);
    case part::name_start: return read_name_start(c);
    case part::name: return read_name(c);
    case part::value: return read_value(c);
    case part::last_line_feed: return c == '\n' ? end_head() : refuse(400);
  }
}

HOTLINE_DETAIL_INLINE void head_reader::read_method(char c) {
  if (is_token_char(c)) {
    request_.method.push_back(c);
  } else if (c == ' ' && !request_.method.empty()) {
    go(part::target);
  } else {
    refuse(400);
  }
}

HOTLINE_DETAIL_INLINE void head_reader::read_target(char c) {
  if (c == ' ') return end_target();
  if (!is_target_char(c)) return refuse(400);
  request_.target.push_back(c);
}

/// RFC 9112 section 3.2: a path, or a whole URL as if to a proxy, without a user; the forms of OPTIONS and CONNECT have no
/// path.
HOTLINE_DETAIL_INLINE void head_reader::end_target() {
  std::string_view rest = request_.target;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(rest.substr(0, scheme.size()), scheme)) continue;
    rest.remove_prefix(scheme.size());
    const std::size_t size = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view named = rest.substr(0, size);
    if (named.empty() || !parse_authority(named)) return refuse(400);
    authority_ = named;
    rest.remove_prefix(size);
    if (rest.empty() || rest.front() == '?') request_.path = "/";
  }
  const bool has_path = !rest.empty() && rest.front() == '/';
  const bool pathless = (request_.method == "OPTIONS" && rest == "*") ||
                        (request_.method == "CONNECT" && !rest.empty()) || !request_.path.empty();
  if (!has_path && !pathless) return refuse(400);
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  if (request_.path.empty()) request_.path = rest.substr(0, mark);
  request_.query = rest.substr(std::min(mark + 1, rest.size()));
  go(part::version);
}

HOTLINE_DETAIL_INLINE void head_reader::read_version(char c) {
  constexpr std::string_view pattern = "HTTP/0.0";
  if (c == '\r' && version_.size() == pattern.size()) {
    if (version_ != "HTTP/1.1" && version_ != "HTTP/1.0") return refuse(505);
    return go(part::line_feed);
  }
  if (version_.size() == pattern.size()) return refuse(400);
  const char expected = pattern[version_.size()];
  const bool fits = expected == '0' ? c >= '0' && c <= '9' : c == expected;
  if (!fits) return refuse(400);
  version_.push_back(c);
}

HOTLINE_DETAIL_INLINE void head_reader::read_name_start(char c) {
  if (c == '\r') return go(part::last_line_feed);
  if (!is_token_char(c)) return refuse(400);  // a folded line begins with a space, so it ends here
  if (request_.headers.size() == headers_) return refuse(431);
  request_.headers.emplace_back(std::string(1, c), std::string());
  go(part::name);
}

HOTLINE_DETAIL_INLINE void head_reader::read_name(char c) {
  if (c == ':') return go(part::value);
  if (!is_token_char(c)) return refuse(400);
  request_.headers.back().first.push_back(c);
}

HOTLINE_DETAIL_INLINE void head_reader::read_value(char c) {
  std::string& value = request_.headers.back().second;
  if (c == '\r') {
    value.erase(value.find_last_not_of(" \t") + 1);
    return end_header();
  }
  if (!is_value_char(c)) return refuse(400);
  const bool blank = c == ' ' || c == '\t';
  if (!blank || !value.empty()) value.push_back(c);
}

HOTLINE_DETAIL_INLINE void head_reader::end_header() {
  const auto& [name, value] = request_.headers.back();
  if (equal_ignoring_case(name, "Host")) {
    // A ',' may stand in a name, but a value with one is two hosts that somebody joined.
    if (std::exchange(host_, true) || value.find(',') != std::string::npos || !parse_authority(value))
      return refuse(400);
  } else if (equal_ignoring_case(name, "Content-Length")) {
    const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
    if (!number || std::exchange(content_length_, true)) return refuse(400);
    if (value.find_first_not_of('0') != std::string::npos) return refuse(413);
  } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
    return refuse(400);
  }
  go(part::line_feed);
}

HOTLINE_DETAIL_INLINE void head_reader::end_head() {
  const bool old = version_ == "HTTP/1.0";
  if (!old && !host_) return refuse(400);
  if (old && request_.is_upgrade()) return refuse(505);
  if (!authority_.empty()) take_host_of_target();
  state_ = state::ready;
}

HOTLINE_DETAIL_INLINE void head_reader::take_host_of_target() {
  for (auto& [name, value] : request_.headers)
    if (equal_ignoring_case(name, "Host")) value = authority_;
  if (!host_) request_.headers.emplace_back(std::string("Host"), authority_);
}

HOTLINE_DETAIL_INLINE void head_reader::refuse(int status) {
  status_ = status;
  state_ = state::refused;
  request_ = {};
}

}  // namespace hotline::detail
#endif
