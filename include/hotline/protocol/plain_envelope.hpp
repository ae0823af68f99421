#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The messages that clients send most become commands without a JSON reader. No I/O here.

#include <hotline/options.hpp>
#include <hotline/protocol/command_id.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// `{"command": name, "id"?: string or integer, "payload"?: object}`. Other members are ignored: later versions of the
/// protocol may have them.
struct client_command {
  std::string command;
  std::optional<command_id> id;
  json payload;  ///< an object, or missing
};

/// Returns whether a command can have that name: `[A-Za-z0-9._:-]{1,64}`.
[[nodiscard]] [[gnu::always_inline]] constexpr bool is_command_name(std::string_view text) noexcept {
  return text.size() <= 64 && is_name(text, "._:-");
}

/// Reads a message whose members are `command`, `id` and, as the last one, `payload`, each once, with texts that are ASCII and
/// have no escapes: so clients write them. Only the payload is read as JSON. That takes a tenth of the instructions for a
/// ping, and three quarters for a small payload. All other messages, and all that break a rule or a limit, are left to
/// `read_envelope`, which names what is wrong with them.
class plain_envelope_reader {
 public:
  plain_envelope_reader(std::string_view text, const session_limits& limits) noexcept : text_(text), limits_(limits) {}

  /// Reads the text into `read`, a fresh one. Returns whether it is such a message; `read` is of no use when it is not.
  [[nodiscard]] bool read(client_command& read) {
    if (text_.size() > limits_.message_bytes || limits_.json_depth == 0 || !take('{')) return false;
    std::size_t values = 1;
    do {
      skip_blanks();
      ++values;
      if (take_name(R"("command")")) {
        if (!read.command.empty() || !take(':')) return false;
        skip_blanks();
        const std::string_view name = take_command();
        if (name.empty()) return false;
        read.command = name;
      } else if (take_name(R"("id")")) {
        if (read.id || !take(':')) return false;
        skip_blanks();
        read.id = take_id();
        if (!read.id) return false;
      } else if (take_name(R"("payload")")) {
        if (!take(':')) return false;
        skip_blanks();
        if (!take_payload(read.payload, values)) return false;
        break;  // it is the last one
      } else {
        return false;
      }
    } while (take(','));
    if (read.command.empty() || values > limits_.json_nodes || !take('}')) return false;
    skip_blanks();
    return at_ == text_.size();
  }

 private:
  static constexpr std::size_t longest_token = command_id::max_size + 2;

  [[nodiscard]] static constexpr bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
  }
  [[nodiscard]] static constexpr bool is_plain(char c) noexcept {
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
  }
  [[nodiscard]] static constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

  // The text that is not taken yet.
  [[nodiscard]] std::string_view rest() const noexcept { return {text_.data() + at_, text_.size() - at_}; }
  // As much of it as a string can have.
  [[nodiscard]] std::string_view next_token() const noexcept {
    return {text_.data() + at_, std::min(text_.size() - at_, longest_token)};
  }

  void skip_blanks() noexcept {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  [[nodiscard]] bool take(char c) noexcept {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // A member's name, with its quotes. Inline, so that the compiler knows the name's size.
  [[nodiscard]] [[gnu::always_inline]] bool take_name(std::string_view name) noexcept {
    if (text_.size() - at_ < name.size() || std::memcmp(text_.data() + at_, name.data(), name.size()) != 0)
      return false;
    at_ += name.size();
    return true;
  }

  // Without its quotes; empty when there is none.
  [[nodiscard]] std::string_view take_command() noexcept {
    const std::string_view token = next_token();
    if (token.empty() || token.front() != '"') return {};
    std::size_t size = 1;
    while (size < token.size() && token[size] != '"') ++size;
    const std::string_view name(token.data() + 1, size - 1);
    if (size == token.size() || !is_command_name(name)) return {};
    at_ += size + 1;
    return name;
  }

  // With its quotes; empty when there is none, or one that is not plain.
  [[nodiscard]] std::string_view take_string() noexcept {
    const std::string_view token = next_token();
    if (token.empty() || token.front() != '"') return {};
    std::size_t size = 1;
    while (size < token.size() && is_plain(token[size])) ++size;
    if (size == token.size() || token[size] != '"') return {};
    at_ += size + 1;
    return token.substr(0, size + 1);
  }

  // The token is what an id's text is: an integer in its only form, or a plain string.
  [[nodiscard]] std::optional<command_id> take_id() {
    std::string_view token = take_string();
    if (token.empty()) {
      constexpr std::size_t always_fit = 18;  // digits, in 64 bits
      std::size_t size = 0;
      while (at_ + size < text_.size() && is_digit(text_[at_ + size])) ++size;
      token = text_.substr(at_, size);
      if (size == 0 || size > always_fit || (size > 1 && token.front() == '0')) return std::nullopt;
      at_ += size;
    } else if (token.size() == 2) {
      return std::nullopt;
    }
    return command_id(command_id::plain{token});
  }

  // The last member: what stands before the message's own bracket. All else does not end as an object does, or is no JSON.
  [[nodiscard]] bool take_payload(json& payload, std::size_t values) {
    std::string_view object = rest();
    while (!object.empty() && is_blank(object.back())) object.remove_suffix(1);
    if (!object.ends_with('}')) return false;
    object.remove_suffix(1);
    while (!object.empty() && is_blank(object.back())) object.remove_suffix(1);
    if (!object.starts_with('{') || !object.ends_with('}') || values > limits_.json_nodes) return false;
    result<json> read =
        parse_json(object, {limits_.json_depth - 1, limits_.json_nodes - values + 1, limits_.message_bytes});
    if (!read) return false;
    payload = *std::move(read);
    at_ += object.size();
    return true;
  }

  std::string_view text_;
  const session_limits& limits_;
  std::size_t at_ = 0;
};

}  // namespace hotline::detail
#endif
