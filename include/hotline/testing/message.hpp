#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The oracle's own eyes: frames and JSON as a client reads them. Shares no code with the library that it judges.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::testing {

/// A JSON value, its strings as they are written. Views into the text that it was read from.
struct tree {
  std::string_view name{};  ///< when it is an object's member
  std::string_view text{};  ///< a string without its quotes; a number, `true`, `false`, `null` as they are
  std::vector<tree> children{};
  char kind = '?';  ///< '{', '[', '"', or the first character of anything else; '?' when it is not there

  [[nodiscard]] const tree& operator[](std::string_view member) const noexcept {
    static const tree none;
    for (const tree& child : children)
      if (child.name == member) return child;
    return none;
  }
  [[nodiscard]] explicit operator bool() const noexcept { return kind != '?'; }
  [[nodiscard]] bool is_true() const noexcept { return text == "true"; }
  [[nodiscard]] std::uint64_t number() const noexcept {
    std::uint64_t value = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') break;
      value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
  }
};

/// Reads one JSON text. Trusts that numbers are numbers; finds what is cut off, left over or nested wrongly.
class tree_reader {
 public:
  [[nodiscard]] static std::optional<tree> read(std::string_view text) {
    tree_reader reader(text);
    tree root;
    if (!reader.value(root) || reader.at_ != text.size()) return std::nullopt;
    return root;
  }

 private:
  explicit tree_reader(std::string_view text) : text_(text) {}

  [[nodiscard]] char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] bool take(char c) noexcept { return peek() == c && ++at_; }

  bool string(std::string_view& into) {
    if (!take('"')) return false;
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) return false;
    into = text_.substr(begin, at_++ - begin);
    return true;
  }

  bool value(tree& into) {
    into.kind = peek();
    if (into.kind == '"') return string(into.text);
    if (into.kind == '{' || into.kind == '[') return children(into, into.kind == '{' ? '}' : ']');
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '}' && text_[at_] != ']') ++at_;
    into.text = text_.substr(begin, at_ - begin);
    return at_ > begin;
  }

  bool children(tree& into, char end) {
    ++at_;
    if (take(end)) return true;
    do {
      tree& child = into.children.emplace_back();
      if (end == '}' && (!string(child.name) || !take(':'))) return false;
      if (!value(child)) return false;
    } while (take(','));
    return take(end);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// A frame of a server: unmasked, never fragmented.
struct frame {
  unsigned char first = 0;  ///< FIN and the opcode: 0x81 text, 0x88 close, 0x89 ping, 0x8a pong
  std::string payload{};
};

/// Takes the first frame out of `bytes`; nothing when it is not there whole.
[[nodiscard]] inline std::optional<frame> take_frame(std::string& bytes, std::size_t& begin) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[begin + i]));
  };
  const std::size_t there = bytes.size() - begin;
  if (there < 2) return std::nullopt;
  const std::size_t more = byte(1) == 126 ? 2 : byte(1) == 127 ? 8 : 0;
  if (there < 2 + more) return std::nullopt;
  std::size_t size = more == 0 ? byte(1) : 0;
  for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(2 + i);
  if (there < 2 + more + size) return std::nullopt;
  frame taken{static_cast<unsigned char>(bytes[begin]), bytes.substr(begin + 2 + more, size)};
  begin += 2 + more + size;
  return taken;
}

/// A frame as a client sends it (RFC 6455 section 5.3): masked.
[[nodiscard]] inline std::string masked_frame(unsigned char first, std::string_view payload, std::uint32_t key) {
  std::string made(1, static_cast<char>(first));
  if (payload.size() < 126) {
    made.push_back(static_cast<char>(0x80 | payload.size()));
  } else {
    const bool is_long = payload.size() > 0xFFFF;
    made.push_back(static_cast<char>(0x80 | (is_long ? 127 : 126)));
    for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8)
      made.push_back(static_cast<char>(static_cast<std::uint64_t>(payload.size()) >> shift & 255));
  }
  char mask[4];
  for (int i = 0; i < 4; ++i) mask[i] = static_cast<char>(key >> (8 * i) & 255);
  made.append(mask, 4);
  for (std::size_t i = 0; i < payload.size(); ++i) made.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
  return made;
}

}  // namespace hotline::testing
#endif
