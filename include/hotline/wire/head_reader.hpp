// Inbound, before the upgrade: bytes become a request's head, or a refusal. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/authority.hpp>
#include <hotline/options.hpp>
#include <hotline/wire/http.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// Reads one HTTP/1.1 head strictly (RFC 9112), looking at each byte once or twice and refusing at the first that is
/// wrong.
/// A server that only upgrades and answers a few GETs need not be liberal, and leniency is how requests are smuggled:
/// no bare LF or CR, no folded lines, no space before a colon, no control characters, one Host that is one, no body. One
/// empty line before the request is passed over (section 2.2).
///
/// Refusals: 400 for what is no such head, for a repeated or malformed Content-Length and for any Transfer-Encoding;
/// 413 when a body is announced; 431 over `head_bytes` or `headers`; 505 for another HTTP version, and for asking for
/// WebSocket by HTTP/1.0.
class head_reader {
 public:
  enum class state { need_more, ready, refused };

  struct result {
    head_reader::state state;
    std::size_t consumed;  ///< bytes used from the front; what follows the head is left
  };

  /// Uses `head_bytes` and `headers`; the time limit is the caller's to keep.
  explicit head_reader(const handshake_limits& limits) : head_bytes_(limits.head_bytes), headers_(limits.headers) {}

  /// Takes bytes up to the end of the head or the first wrong one. Once `ready` or `refused`, takes nothing more.
  [[nodiscard]] result consume(std::string_view bytes) {
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

  /// Once `ready`: the request, to be taken once. Its `remote_address` is left empty.
  [[nodiscard]] http_request take_request() { return std::move(request_); }

  /// Once `refused`: the HTTP status to answer; else 0.
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  enum class part : std::uint8_t {
    start,
    empty_line_feed,
    method,
    target,
    version,
    line_feed,
    name_start,
    name,
    value,
    last_line_feed
  };

  /// Most of a head is names and values: takes what goes on with the one that has begun, all at once.
  [[nodiscard]] std::size_t take_run(std::string_view bytes) {
    const auto append = [&](std::string& text, auto&& belongs) {
      const auto size = static_cast<std::size_t>(std::find_if_not(bytes.begin(), bytes.end(), belongs) - bytes.begin());
      text.append(bytes.substr(0, size));
      return size;
    };
    if (part_ == part::name) return append(request_.headers.back().first, is_token_char);
    if (part_ != part::value || request_.headers.back().second.empty()) return 0;
    return append(request_.headers.back().second, is_value_char);
  }

  void step(char c) {
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

  void read_method(char c) {
    if (is_token_char(c)) {
      request_.method.push_back(c);
    } else if (c == ' ' && !request_.method.empty()) {
      go(part::target);
    } else {
      refuse(400);
    }
  }

  void read_target(char c) {
    if (c == ' ') return end_target();
    const bool visible = c > 0x20 && c < 0x7F;
    if (!visible || c == '#') return refuse(400);  // a fragment is never sent
    request_.target.push_back(c);
  }

  /// RFC 9112 section 3.2: a path, or a whole URL as if to a proxy, without a user; the forms of OPTIONS and CONNECT have no
  /// path.
  void end_target() {
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

  void read_version(char c) {
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

  void read_name_start(char c) {
    if (c == '\r') return go(part::last_line_feed);
    if (!is_token_char(c)) return refuse(400);  // a folded line begins with a space, so it ends here
    if (request_.headers.size() == headers_) return refuse(431);
    request_.headers.emplace_back(std::string(1, c), std::string());
    go(part::name);
  }

  void read_name(char c) {
    if (c == ':') return go(part::value);
    if (!is_token_char(c)) return refuse(400);
    request_.headers.back().first.push_back(c);
  }

  void read_value(char c) {
    std::string& value = request_.headers.back().second;
    if (c == '\r') {
      value.erase(value.find_last_not_of(" \t") + 1);
      return end_header();
    }
    if (!is_value_char(c)) return refuse(400);
    const bool blank = c == ' ' || c == '\t';
    if (!blank || !value.empty()) value.push_back(c);
  }

  void end_header() {
    const auto& [name, value] = request_.headers.back();
    if (equal_ignoring_case(name, "Host")) {
      // A ',' may stand in a name, but what has one are two hosts that somebody joined.
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

  void end_head() {
    const bool old = version_ == "HTTP/1.0";
    if (!old && !host_) return refuse(400);
    if (old && request_.is_upgrade()) return refuse(505);
    if (!authority_.empty()) take_host_of_target();
    state_ = state::ready;
  }

  void take_host_of_target() {
    for (auto& [name, value] : request_.headers)
      if (equal_ignoring_case(name, "Host")) value = authority_;
    if (!host_) request_.headers.emplace_back("Host", authority_);
  }

  void go(part next) { part_ = next; }

  void refuse(int status) {
    status_ = status;
    state_ = state::refused;
    request_ = {};
  }

  std::size_t head_bytes_;
  std::size_t headers_;
  std::size_t taken_ = 0;
  state state_ = state::need_more;
  part part_ = part::start;
  bool host_ = false;
  bool content_length_ = false;
  int status_ = 0;
  std::string version_;
  std::string authority_;  // of a target that is a whole URL
  http_request request_;
};

}  // namespace hotline::detail
#endif
