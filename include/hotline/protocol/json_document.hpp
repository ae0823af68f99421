#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The memory of a parsed JSON text. No parsing here, no I/O.

#include <hotline/compiled.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hotline {

/// The kind of a `json`. `missing`: there is no such value, unlike a `null` that is there.
enum class json_kind : std::uint8_t { missing, null, boolean, number, string, array, object };

namespace detail {

/// How a node's number or string is held.
enum class json_form : std::uint8_t { none, int64, uint64, real, in_text, unescaped };

/// One value, or one member's name, of a document; they lie in the order of the text (preorder).
struct json_node {
  struct slice {
    std::uint32_t offset;
    std::uint32_t size;
  };
  union content {
    bool boolean;
    std::int64_t int64;
    std::uint64_t uint64;
    double real;
    slice string;         ///< within the text, or within `unescaped`
    std::uint32_t count;  ///< elements or members
  };

  std::uint32_t begin;  ///< offsets of the value's own text
  std::uint32_t end;
  std::uint32_t next;  ///< the node after this one and all that is inside it
  json_kind kind;
  json_form form;
  content value;
};
static_assert(sizeof(json_node) <= 24);

/// A whole parsed text; never changed once it is made, so it may be read from any thread. `json_builder` makes one.
struct alignas(json_node) json_document {
  json_document() = default;
  json_document(const json_document&) = delete;
  json_document& operator=(const json_document&) = delete;

  // After the document lie, in the same piece of memory, room for nodes, its text and a NUL.
  std::string_view text{};
  json_node* nodes = nullptr;     ///< those after the document, or those of `many`
  std::vector<json_node> many{};  ///< when there are more than there is room for after the document
  std::string unescaped{};        ///< the strings that have escapes in the text, one after the other, without them

  /// Returns a document with a copy of the text and room for so many nodes, for one allocation.
  [[nodiscard]] static std::shared_ptr<json_document> make(std::string_view text, std::size_t nodes);

  [[nodiscard]] std::string_view string_of(const json_node& node) const noexcept {
    const char* const from = node.form == json_form::unescaped ? unescaped.data() : text.data();
    return {from + node.value.string.offset, node.value.string.size};
  }
};

}  // namespace detail

}  // namespace hotline

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/protocol/json_document.ipp>
#endif
#endif
