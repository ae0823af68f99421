#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Writes what is rare in a JSON text, and doubles with RapidJSON's writer. No I/O here.

#include <hotline/protocol/json_writer.hpp>

#include <hotline/utf8.hpp>

#include <rapidjson/writer.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hotline::detail {

/// The stream that RapidJSON's writer writes to.
struct string_stream {
  using Ch = char;
  std::string& text;

  void Put(char c) { text.push_back(c); }
  void Flush() {}
};

/// The part of RapidJSON's writer that writes a double. Its own levels are not used, because they cost an allocation
/// for every text and end the process when an object is closed as an array; nor its strings, because it copies byte by
/// byte and reads past the end of a view that ends inside a character.
class double_writer : rapidjson::Writer<string_stream> {
 public:
  explicit double_writer(string_stream& stream) : Writer(stream) {}
  void write(double value) { WriteDouble(value); }
};

HOTLINE_DETAIL_INLINE void append_number(std::string& out, double value) {
  string_stream stream{out};
  double_writer(stream).write(value);
}

[[gnu::noinline]] HOTLINE_DETAIL_INLINE string_kind kind_of_special_string(std::string_view text) noexcept {
  string_kind kind = string_kind::plain;
  while (!text.empty()) {
    if (!has_special(word_of(text))) {
      text.remove_prefix(std::min(text.size(), sizeof(std::uint64_t)));
      continue;
    }
    const std::size_t size = utf8_sequence(text);
    if (size == 0) return string_kind::not_utf8;
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte < 0x20 || byte == '"' || byte == '\\') kind = string_kind::escapes;
    text.remove_prefix(size);
  }
  return kind;
}

HOTLINE_DETAIL_INLINE std::string utf8_or_replaced(std::string_view text) {
  std::string clean;
  clean.reserve(text.size() + 8);
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text);
    clean.append(size != 0 ? text.substr(0, size) : "\xEF\xBF\xBD");
    text.remove_prefix(size != 0 ? size : 1);
  }
  return clean;
}

HOTLINE_DETAIL_INLINE void append_escaped(std::string& out, std::string_view text) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out.append(text, begin, i - begin);
    begin = i + 1;
    switch (byte) {
      case '"': out.append("\\\""); break;
      case '\\': out.append("\\\\"); break;
      case '\b': out.append("\\b"); break;
      case '\f': out.append("\\f"); break;
      case '\n': out.append("\\n"); break;
      case '\r': out.append("\\r"); break;
      case '\t': out.append("\\t"); break;
      default: {
        constexpr std::string_view digits = "0123456789abcdef";
        out.append("\\u00").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
      }
    }
  }
  out.append(text, begin);
}

HOTLINE_DETAIL_INLINE void append_replaced(std::string& out, std::string_view text) {
  const string_kind kind = kind_of_string(text);
  if (kind == string_kind::not_utf8) {
    append_string(out, utf8_or_replaced(text), string_kind::escapes);
  } else {
    append_string(out, text, kind);
  }
}

}  // namespace hotline::detail
#endif
