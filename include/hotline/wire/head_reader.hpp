#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Before the upgrade: bytes become a request's head, or a refusal. No I/O here.

#include <hotline/compiled.hpp>
#include <hotline/options.hpp>
#include <hotline/wire/http.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// Reads one HTTP/1.1 head strictly (RFC 9112), looks at each byte once or twice, and refuses the head at its first
/// wrong byte. A server that only upgrades and returns a few pages need not be liberal, and leniency is how requests
/// are smuggled: no bare LF or CR, no folded lines, no space before a colon, no control characters, exactly one Host,
/// which is a host, and no body. One empty line before the request is ignored (section 2.2).
///
/// Refusals: 400 for a head that breaks these rules, for a repeated or malformed Content-Length and for any
/// Transfer-Encoding; 413 for a body that is announced; 431 over `head_bytes` or `headers`; 505 for another HTTP
/// version, and for a request for WebSocket by HTTP/1.0.
class head_reader {
 public:
  enum class state { need_more, ready, refused };

  struct result {
    head_reader::state state;
    std::size_t consumed;  ///< bytes used from the front; the bytes after the head are left
  };

  /// Uses `head_bytes` and `headers`; the caller keeps the time limit.
  explicit head_reader(const handshake_limits& limits) : head_bytes_(limits.head_bytes), headers_(limits.headers) {}

  /// Takes bytes up to the end of the head or the first wrong one. Takes no bytes after `ready` or `refused`.
  [[nodiscard]] result consume(std::string_view bytes);

  /// Returns the request, once, after `ready`. Its `remote_address` is empty.
  [[nodiscard]] http_request take_request() { return std::move(request_); }

  /// Returns the HTTP status of the refusal after `refused`; else 0.
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

  [[nodiscard]] std::size_t take_run(std::string_view bytes);
  [[nodiscard]] std::size_t take_request_line(std::string_view bytes);
  [[nodiscard]] std::size_t take_header_line(std::string_view bytes);
  [[nodiscard]] std::size_t take_rest(std::string& text, std::string_view bytes, std::size_t size);
  void make_room(std::string_view bytes);
  void step(char c);
  void read_method(char c);
  void read_target(char c);
  void end_target();
  void read_version(char c);
  void read_name_start(char c);
  void read_name(char c);
  void read_value(char c);
  void end_header();
  void end_head();
  void take_host_of_target();
  void go(part next) noexcept { part_ = next; }
  void refuse(int status);

  std::size_t head_bytes_;
  std::size_t headers_;
  std::size_t taken_ = 0;
  state state_ = state::need_more;
  part part_ = part::start;
  bool host_ = false;
  bool content_length_ = false;
  int status_ = 0;
  std::string version_;
  std::string authority_;  // that of a target that is a whole URL
  http_request request_;
};

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/wire/head_reader.ipp>
#endif
#endif
