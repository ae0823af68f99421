#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The members that can still be read of a message that was refused. No I/O here.

#include <hotline/protocol/command_id.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// The members of a message by which its sender knows what was refused.
struct refused_message {
  std::optional<command_id> id;
  std::optional<std::string> command;  ///< any string, a command's name or not
};

/// Reads `id` and `command` from the outermost object of a text that `parse_json` refuses: because the JSON ends or
/// breaks somewhere, or because of a limit. It looks at each byte once, and at those of the two members again, takes no
/// more memory than the text has, and reads up to the first byte with which the text can be no object any more. A break
/// within another member's value does not matter, as long as its strings and brackets close. A member that the object
/// has twice, with two values, is not read: nobody knows which one was meant.
class refused_message_reader {
 public:
  explicit refused_message_reader(std::string_view text) noexcept : text_(text) {}

  [[nodiscard]] refused_message read() {
    if (!take('{')) return {};
    while (read_member() && take(',')) {
    }
    refused_message known;
    known.id = command_id::from(meaning(id_.token));
    const json command = meaning(command_.token);
    if (const auto name = command.as_string()) known.command = *name;
    return known;
  }

 private:
  // A member's value as it stands in the text.
  struct member {
    std::string_view token{};
    bool is_ambiguous = false;

    void note(std::string_view value) {
      is_ambiguous = is_ambiguous || (!token.empty() && token != value && !is_same_text(token, value));
      token = is_ambiguous ? std::string_view() : value;
    }
  };

  // The longest token of a text that is an id or a command's name: all of it escapes, between quotes.
  static constexpr std::size_t longest_escape = 6;
  static constexpr std::size_t longest_token = command_id::max_size * longest_escape + 2;

  // Returns the value of a token; missing for one that breaks a rule, and for one that is neither an id nor a name.
  [[nodiscard]] static json meaning(std::string_view token) {
    if (token.empty() || token.size() > longest_token || token.front() == '{' || token.front() == '[') return {};
    const result<json> read = parse_json(token);
    return read ? *read : json();
  }

  // Two spellings of one text: "/" and "\/".
  [[nodiscard]] static bool is_same_text(std::string_view a, std::string_view b) {
    const json left = meaning(a), right = meaning(b);
    return left.is_string() && right.is_string() && left.as_string() == right.as_string();
  }

  [[nodiscard]] static constexpr bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
  }

  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }

  void skip_blanks() noexcept {
    while (!at_end() && is_blank(text_[at_])) ++at_;
  }

  [[nodiscard]] bool take(char c) noexcept {
    skip_blanks();
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  [[nodiscard]] bool read_member() {
    skip_blanks();
    const std::string_view name = take_string();
    if (name.empty() || !take(':')) return false;
    skip_blanks();
    const std::string_view value = take_value();
    if (value.empty()) return false;
    if (names(name, "id")) id_.note(value);
    if (names(name, "command")) command_.note(value);
    return true;
  }

  // With its escapes, for "\u0069d" is a name for "id" too.
  [[nodiscard]] static bool names(std::string_view token, std::string_view name) {
    if (token.substr(1, token.size() - 2) == name) return true;
    if (token.size() > name.size() * longest_escape + 2 || token.find('\\') == std::string_view::npos) return false;
    return meaning(token).as_string() == name;
  }

  // With its quotes; empty when there is none, or when it does not end.
  [[nodiscard]] std::string_view take_string() noexcept {
    const std::size_t begin = at_;
    if (at_end() || text_[at_] != '"') return {};
    for (++at_; !at_end(); ++at_) {
      if (text_[at_] == '\\') {
        if (++at_ == text_.size()) return {};
      } else if (text_[at_] == '"') {
        ++at_;
        return text_.substr(begin, at_ - begin);
      }
    }
    return {};
  }

  // Empty when it does not end: of a number nobody knows what the next digit would have been.
  [[nodiscard]] std::string_view take_value() {
    if (at_end()) return {};
    if (text_[at_] == '"') return take_string();
    if (text_[at_] == '{' || text_[at_] == '[') return take_nested();
    const std::size_t begin = at_;
    while (!at_end() && !is_blank(text_[at_]) &&
           std::string_view(",}]\"{[:").find(text_[at_]) == std::string_view::npos)
      ++at_;
    return at_end() ? std::string_view() : text_.substr(begin, at_ - begin);
  }

  [[nodiscard]] std::string_view take_nested() {
    const std::size_t begin = at_;
    std::string awaited;  // the brackets that close what is open, the innermost last
    while (!at_end()) {
      const char c = text_[at_];
      if (c == '"') {
        if (take_string().empty()) return {};
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') awaited.push_back(c == '{' ? '}' : ']');
      if (c != '}' && c != ']') continue;
      if (awaited.back() != c) return {};
      awaited.pop_back();
      if (awaited.empty()) return text_.substr(begin, at_ - begin);
    }
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  member id_;
  member command_;
};

}  // namespace hotline::detail
#endif
