#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// At the upgrade: one of a client's offers of permessage-deflate is taken. No I/O here.

#include <hotline/authority.hpp>
#include <hotline/wire/http.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// The response to an offer that is taken (RFC 7692 section 7.1.1): neither side carries a context from one message
/// to the next.
inline constexpr std::string_view deflate_answer =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The same for an offer that names the server's window: the response takes it by naming the window (section 7.1.2.1).
inline constexpr std::string_view deflate_answer_with_window =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";

/// Reads one value of Sec-WebSocket-Extensions (RFC 6455 section 9.1), a part at a time.
class extension_reader {
 public:
  explicit extension_reader(std::string_view text) : rest_(text) {}

  /// Takes blanks, then `c`. Returns false, and takes nothing more, when something else is there.
  bool take(char c) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// Takes blanks, then a token (RFC 9110 section 5.6.2), and returns it; empty when there is none.
  std::string_view take_token() {
    skip_blanks();
    return token_here();
  }

  /// Takes a token, or one in quotes and nothing else in them, and returns it: section 9.1 wants no more of a quoted string.
  std::string_view take_value() {
    if (!take('"')) return token_here();
    const std::string_view value = token_here();
    if (!rest_.starts_with('"')) return {};
    rest_.remove_prefix(1);
    return value;
  }

  [[nodiscard]] bool at_end() {
    skip_blanks();
    return rest_.empty();
  }

 private:
  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  std::string_view token_here() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), [](char c) { return is_token_char(c); });
    const auto token = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(token.size());
    return token;
  }

  std::string_view rest_;
};

/// One offer of permessage-deflate, as far as the server must know to keep it (RFC 7692 section 7.1).
class deflate_offer {
 public:
  /// Adds a parameter. Returns false when it is unknown, comes again or has a value that it must not have: such an offer is
  /// declined.
  bool add(std::string_view name, bool has_value, std::string_view value) {
    static constexpr std::array names{
        std::string_view("server_no_context_takeover"), std::string_view("client_no_context_takeover"),
        std::string_view("server_max_window_bits"), std::string_view("client_max_window_bits")};
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end() || std::exchange(seen_[static_cast<std::size_t>(found - names.begin())], true))
      return false;
    switch (found - names.begin()) {
      case server_window: return value == "15";  // ours is compressed once for all, a smaller one for one can't be had
      case 3: return !has_value || is_window(value);
      default: return !has_value;
    }
  }

  [[nodiscard]] std::string_view answer() const {
    return seen_[server_window] ? deflate_answer_with_window : deflate_answer;
  }

 private:
  static constexpr std::size_t server_window = 2;

  static bool is_window(std::string_view bits) {
    if (bits.size() == 1) return bits == "8" || bits == "9";
    return bits.size() == 2 && bits[0] == '1' && bits[1] >= '0' && bits[1] <= '5';
  }

  std::array<bool, 4> seen_{};
};

/// Returns the response to the first of the request's offers that can be taken; empty when there is none. A header that
/// breaks the grammar offers nothing.
[[nodiscard]] inline std::string_view answer_to_deflate_offers(const http_request& request) {
  std::string_view answer;
  for (const auto& [name, text] : request.headers) {
    if (!equal_ignoring_case(name, "Sec-WebSocket-Extensions")) continue;
    extension_reader reader(text);
    do {
      const std::string_view extension = reader.take_token();
      if (extension.empty()) return {};
      bool ours = extension == "permessage-deflate";
      deflate_offer offer;
      while (reader.take(';')) {
        const std::string_view parameter = reader.take_token();
        const bool has_value = reader.take('=');
        const std::string_view value = has_value ? reader.take_value() : std::string_view();
        if (parameter.empty() || (has_value && value.empty())) return {};
        ours = ours && offer.add(parameter, has_value, value);
      }
      if (ours && answer.empty()) answer = offer.answer();
    } while (reader.take(','));
    if (!reader.at_end()) return {};
  }
  return answer;
}

}  // namespace hotline::detail
#endif
