#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The name that a client gives to one command. No I/O here.

#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_writer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hotline {

namespace detail {

class plain_envelope_reader;

}  // namespace detail

/// A client's name for one command: a string of 1 to 64 bytes without control characters, or an integer that fits
/// int64. A response carries it back as it came. 7 and "7" are two ids.
class command_id {
 public:
  static constexpr std::size_t max_size = 64;

  explicit command_id(std::int64_t number) { detail::append_number(text_, number); }

  /// Returns nothing when the text is empty, too long, not UTF-8 or has control characters (NUL among them).
  [[nodiscard]] static std::optional<command_id> from(std::string_view text) {
    if (text.empty() || text.size() > max_size) return std::nullopt;
    const detail::string_kind kind = detail::kind_of_string(text);
    if (kind == detail::string_kind::not_utf8 || text.find('\x7F') != std::string_view::npos) return std::nullopt;
    if (kind == detail::string_kind::escapes)  // control characters have escapes
      for (const char c : text)
        if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
    command_id made;
    detail::append_string(made.text_, text, kind);
    return made;
  }

  /// Returns nothing when the value is neither such a string nor such an integer.
  [[nodiscard]] static std::optional<command_id> from(const json& value) {
    if (const auto text = value.as_string()) return from(*text);
    if (const auto number = value.as_int64()) return command_id(*number);
    return std::nullopt;
  }

  /// Returns the id as JSON: a string with its quotes, or a number.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

  [[nodiscard]] std::size_t hash() const noexcept { return std::hash<std::string>{}(text_); }

  [[nodiscard]] friend bool operator==(const command_id&, const command_id&) = default;

 private:
  friend class detail::plain_envelope_reader;

  // A JSON token that is already as this class writes it.
  struct plain {
    std::string_view token;
  };

  command_id() = default;
  explicit command_id(plain made) : text_(made.token) {}

  std::string text_;  // one writer wrote them all, so equal ids have equal text
};

}  // namespace hotline

template <>
struct std::hash<hotline::command_id> {
  [[nodiscard]] std::size_t operator()(const hotline::command_id& id) const noexcept { return id.hash(); }
};
#endif
