#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Values become JSON text. No I/O here, and nothing that is not JSON comes out.

#include <hotline/compiled.hpp>
#include <hotline/protocol/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

namespace hotline {

namespace detail {

/// The work that a string needs before it is a JSON string.
enum class string_kind { plain, escapes, not_utf8 };

/// Whether one of eight bytes is a control, a quote, a backslash or part of a longer character.
[[nodiscard]] constexpr bool has_special(std::uint64_t word) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  const auto zero = [](std::uint64_t bytes) { return (bytes - ones) & ~bytes; };  // a top bit tells where there is one
  const std::uint64_t control = (word - ones * 0x20) & ~word;
  const std::uint64_t special = zero(word ^ (ones * '"')) | zero(word ^ (ones * '\\'));
  return ((control | word | special) & tops) != 0;
}

/// The first bytes of `text`, which is not empty, at most eight and in any order; letters in place of those that it does not
/// have.
[[nodiscard]] inline std::uint64_t word_of(std::string_view text) noexcept {
  std::uint64_t word = 0x7878787878787878;
  if (text.size() >= sizeof(word)) {
    std::memcpy(&word, text.data(), sizeof(word));
  } else if (text.size() >= 4) {  // its two ends, which overlap
    std::memcpy(&word, text.data(), 4);
    std::memcpy(reinterpret_cast<char*>(&word) + 4, text.data() + text.size() - 4, 4);
  } else {  // its ends and its middle, which may be the same
    const auto at = [&](std::size_t i) { return static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])); };
    word = 0x7878787878000000 | at(0) << 16 | at(text.size() / 2) << 8 | at(text.size() - 1);
  }
  return word;
}

/// As `kind_of_string`, for a text that has more than plain characters.
[[nodiscard]] string_kind kind_of_special_string(std::string_view text) noexcept;

[[nodiscard]] inline string_kind kind_of_string(std::string_view text) noexcept {
  while (!text.empty()) {
    if (has_special(word_of(text))) return kind_of_special_string(text);
    text.remove_prefix(std::min(text.size(), sizeof(std::uint64_t)));
  }
  return string_kind::plain;
}

/// `text` with each byte that is not UTF-8 replaced by U+FFFD.
[[nodiscard]] std::string utf8_or_replaced(std::string_view text);

/// Appends a finite number: the shortest text, or nearly so, that reads back as the same double.
void append_number(std::string& out, double value);

/// Appends an integer.
template <std::integral Integer>
void append_number(std::string& out, Integer value) {
  std::array<char, 24> digits;
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

/// Appends `text` with its quotes, backslashes and controls escaped, in runs of what needs no escape.
void append_escaped(std::string& out, std::string_view text);

/// Appends `text`, which is UTF-8, as a string.
inline void append_string(std::string& out, std::string_view text, string_kind kind) {
  out.push_back('"');
  if (kind == string_kind::plain) {
    out.append(text);
  } else {
    append_escaped(out, text);
  }
  out.push_back('"');
}

/// Appends `text` as a string in which each byte that is not UTF-8 is U+FFFD.
void append_replaced(std::string& out, std::string_view text);

}  // namespace detail

/// An integer that is a number: no bool, no character.
template <class T>
concept json_integer = std::integral<T> && sizeof(T) <= 8 && !std::same_as<T, bool> && !std::same_as<T, char> &&
                       !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
                       !std::same_as<T, char32_t>;

/// Appends one JSON text to a string, piece by piece. Does not allocate by itself beyond what the string needs.
///
/// It refuses what JSON cannot say: strings that are not UTF-8, NaN and infinities, calls out of order (a value in an
/// object without its `key`, `end_array` for an object), more than 64 levels. Then `ok()` is false and stays so,
/// nothing more is written, and what was written is worthless. While `ok()`, and once `complete()`, the text is JSON.
/// That names differ within an object is the caller's affair; `json_object` sees to it.
class json_writer {
 public:
  /// Appends to `out`, which must outlive the writer and is not to be changed by others meanwhile.
  explicit json_writer(std::string& out) noexcept : text_(out) {}
  json_writer(const json_writer&) = delete;
  json_writer& operator=(const json_writer&) = delete;

  void begin_object() { begin('{', true); }
  void end_object() { end('}', true); }
  void begin_array() { begin('[', false); }
  void end_array() { end(']', false); }

  /// The name of the member whose value comes next.
  void key(std::string_view name) {
    if (!ok_ || !in_object() || after_key_) return refuse();
    if (!first_) text_.push_back(',');
    first_ = false;
    string(name);
    text_.push_back(':');
    after_key_ = true;
  }

  void value(std::nullptr_t) { literal("null"); }
  void value(std::same_as<bool> auto value) { literal(value ? "true" : "false"); }

  template <json_integer Integer>
  void value(Integer value) {
    if (before_value()) detail::append_number(text_, value);
  }

  /// The shortest text, or nearly so, that reads back as the same double.
  void value(std::floating_point auto value) {
    const auto number = static_cast<double>(value);
    const bool is_finite =
        number >= std::numeric_limits<double>::lowest() && number <= std::numeric_limits<double>::max();
    if (!is_finite) return refuse();
    if (before_value()) detail::append_number(text_, number);
  }

  void value(std::string_view value) {
    if (before_value()) string(value);
  }
  void value(const char* value) { this->value(std::string_view(value)); }

  /// A copy of a parsed value; a missing one is written as null.
  void value(const json& value) { literal(value.is_missing() ? std::string_view("null") : value.text()); }

  /// A string in which each byte that is not UTF-8 becomes U+FFFD: for texts that are for people.
  void replaced_value(std::string_view value) {
    if (before_value()) detail::append_replaced(text_, value);
  }

  /// A whole JSON value that is finished already. The caller vouches for it; only an empty one is refused.
  void raw(std::string_view finished_json) {
    if (finished_json.empty()) return refuse();
    literal(finished_json);
  }

  /// Whether nothing was refused so far.
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  /// Whether one whole value was written and nothing was refused.
  [[nodiscard]] bool complete() const noexcept { return ok_ && depth_ == 0 && !first_; }

 private:
  [[nodiscard]] bool in_object() const noexcept { return depth_ > 0 && (objects_ & 1) != 0; }

  void refuse() noexcept { ok_ = false; }

  /// Writes the comma that the next value needs. False when no value may stand here.
  bool before_value() {
    if (in_object() ? !after_key_ : depth_ == 0 && !first_) ok_ = false;
    if (!ok_) return false;
    if (!after_key_ && !first_) text_.push_back(',');
    first_ = after_key_ = false;
    return true;
  }

  void literal(std::string_view text) {
    if (before_value()) text_.append(text);
  }

  void begin(char bracket, bool object) {
    if (depth_ == 64) return refuse();
    if (!before_value()) return;
    text_.push_back(bracket);
    objects_ = (objects_ << 1) | (object ? 1U : 0U);
    ++depth_;
    first_ = true;
  }

  void end(char bracket, bool object) {
    if (!ok_ || depth_ == 0 || after_key_ || in_object() != object) return refuse();
    text_.push_back(bracket);
    objects_ >>= 1;
    --depth_;
    first_ = false;
  }

  void string(std::string_view value) {
    const detail::string_kind kind = detail::kind_of_string(value);
    if (kind == detail::string_kind::not_utf8) return refuse();
    detail::append_string(text_, value, kind);
  }

  std::string& text_;
  std::uint64_t objects_ = 0;  ///< one bit for each level, the innermost lowest: object or array
  unsigned depth_ = 0;
  bool first_ = true;  ///< nothing stands yet where we are
  bool after_key_ = false;
  bool ok_ = true;
};

}  // namespace hotline

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/protocol/json_writer.ipp>
#endif
#endif
