#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The meaning of a JSON text, for its readers. No parsing here (that is json_reader.hpp), no I/O.

#include <hotline/protocol/json_document.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline {

namespace detail {

class json_builder;

}  // namespace detail

class json_elements;
class json_members;

/// An immutable JSON value, read without any JSON library; made by `parse_json`.
///
/// A `json` is a place in a shared document: cheap to copy, and it keeps the whole document alive. Asking for what is
/// not there gives a missing value or `nullopt`, never an error: `message["a"][3]["b"].as_int64()` is always fine.
/// Texts with the same name twice in an object are refused when parsed. May be read from any thread.
class json {
 public:
  /// A missing value.
  json() = default;

  [[nodiscard]] json_kind kind() const noexcept { return document_ ? node().kind : json_kind::missing; }
  [[nodiscard]] bool is_missing() const noexcept { return document_ == nullptr; }
  [[nodiscard]] bool is_null() const noexcept { return kind() == json_kind::null; }
  [[nodiscard]] bool is_boolean() const noexcept { return kind() == json_kind::boolean; }
  [[nodiscard]] bool is_number() const noexcept { return kind() == json_kind::number; }
  [[nodiscard]] bool is_string() const noexcept { return kind() == json_kind::string; }
  [[nodiscard]] bool is_array() const noexcept { return kind() == json_kind::array; }
  [[nodiscard]] bool is_object() const noexcept { return kind() == json_kind::object; }
  /// Whether there is a value at all, `null` and `false` included.
  [[nodiscard]] explicit operator bool() const noexcept { return !is_missing(); }

  [[nodiscard]] std::optional<bool> as_bool() const noexcept {
    if (!is_boolean()) return std::nullopt;
    return node().value.boolean;
  }

  /// Only for a number written without fraction and exponent (`1.0` and `1e3` are not integers; `-0` is 0) that fits.
  [[nodiscard]] std::optional<std::int64_t> as_int64() const noexcept {
    if (!is_number() || node().form != detail::json_form::int64) return std::nullopt;
    return node().value.int64;
  }

  /// As `as_int64`, for 0 to 2^64-1.
  [[nodiscard]] std::optional<std::uint64_t> as_uint64() const noexcept {
    if (!is_number()) return std::nullopt;
    if (node().form == detail::json_form::uint64) return node().value.uint64;
    if (node().form == detail::json_form::int64 && node().value.int64 >= 0) {
      return static_cast<std::uint64_t>(node().value.int64);
    }
    return std::nullopt;
  }

  /// Any number. An integer over 2^53 gives the nearest double.
  [[nodiscard]] std::optional<double> as_double() const noexcept {
    if (!is_number()) return std::nullopt;
    switch (node().form) {
      case detail::json_form::int64: return static_cast<double>(node().value.int64);
      case detail::json_form::uint64: return static_cast<double>(node().value.uint64);
      default: return node().value.real;
    }
  }

  /// The string without its quotes and escapes: valid UTF-8, which may contain NUL.
  /// The view lives as long as any `json` of the same document.
  [[nodiscard]] std::optional<std::string_view> as_string() const noexcept {
    if (!is_string()) return std::nullopt;
    return document_->string_of(node());
  }

  /// How many elements or members; 0 for everything that is neither array nor object.
  [[nodiscard]] std::size_t size() const noexcept { return is_array() || is_object() ? node().value.count : 0; }

  /// The member of that name; missing when there is none or this is no object. Looks at one member after the other.
  [[nodiscard]] json operator[](std::string_view name) const noexcept {
    if (!is_object()) return {};
    const detail::json_document& document = *document_;
    const detail::json_node* const nodes = document.nodes;
    const std::uint32_t end = nodes[index_].next;
    for (std::uint32_t at = index_ + 1; at != end; at = nodes[at + 1].next) {
      if (document.string_of(nodes[at]) == name) return {document_, at + 1};
    }
    return {};
  }

  /// The element at that position; missing when there is none or this is no array. Passes by all before it: to see
  /// every element, use `elements()`.
  [[nodiscard]] json operator[](std::size_t position) const noexcept {
    if (!is_array() || position >= size()) return {};
    std::uint32_t at = index_ + 1;
    while (position-- > 0) at = document_->nodes[at].next;
    return {document_, at};
  }

  /// The elements of an array, in order; empty for everything else.
  [[nodiscard]] json_elements elements() const;
  /// The members of an object as pairs of name and value, in the order of the text; empty for everything else.
  [[nodiscard]] json_members members() const;

  /// This value's own JSON text, exactly as it was written, for a host with a JSON library of its own; empty when
  /// missing. The view lives as long as any `json` of the same document.
  [[nodiscard]] std::string_view text() const noexcept {
    if (!document_) return {};
    return document_->text.substr(node().begin, node().end - node().begin);
  }

 private:
  friend class detail::json_builder;
  friend class json_elements;
  friend class json_members;

  json(std::shared_ptr<const detail::json_document> document, std::uint32_t index) noexcept
      : document_(std::move(document)), index_(index) {}

  [[nodiscard]] const detail::json_node& node() const noexcept { return document_->nodes[index_]; }

  std::shared_ptr<const detail::json_document> document_;
  std::uint32_t index_ = 0;
};

/// The elements of an array, for range-for. Iterators live as long as the range they came from.
class json_elements {
 public:
  class iterator {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = json;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = json;

    iterator() = default;
    [[nodiscard]] json operator*() const { return {array_->document_, at_}; }
    iterator& operator++() {
      at_ = array_->document_->nodes[at_].next;
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++*this;
      return before;
    }
    [[nodiscard]] friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.at_ == b.at_; }

   private:
    friend class json_elements;
    iterator(const json* array, std::uint32_t at) noexcept : array_(array), at_(at) {}

    const json* array_ = nullptr;
    std::uint32_t at_ = 0;
  };

  [[nodiscard]] iterator begin() const noexcept { return {&array_, array_ ? array_.index_ + 1 : 0}; }
  [[nodiscard]] iterator end() const noexcept { return {&array_, array_ ? array_.node().next : 0}; }

 private:
  friend class json;
  explicit json_elements(json array) noexcept : array_(std::move(array)) {}

  json array_;
};

/// The members of an object, for range-for: `for (auto [name, value] : message.members())`. Iterators live as long as
/// the range they came from, names as long as any `json` of the document.
class json_members {
 public:
  class iterator {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = std::pair<std::string_view, json>;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = value_type;

    iterator() = default;
    [[nodiscard]] value_type operator*() const {
      const auto& document = object_->document_;
      return {document->string_of(document->nodes[at_]), json(document, at_ + 1)};
    }
    iterator& operator++() {
      at_ = object_->document_->nodes[at_ + 1].next;
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++*this;
      return before;
    }
    [[nodiscard]] friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.at_ == b.at_; }

   private:
    friend class json_members;
    iterator(const json* object, std::uint32_t at) noexcept : object_(object), at_(at) {}

    const json* object_ = nullptr;
    std::uint32_t at_ = 0;
  };

  [[nodiscard]] iterator begin() const noexcept { return {&object_, object_ ? object_.index_ + 1 : 0}; }
  [[nodiscard]] iterator end() const noexcept { return {&object_, object_ ? object_.node().next : 0}; }

 private:
  friend class json;
  explicit json_members(json object) noexcept : object_(std::move(object)) {}

  json object_;
};

inline json_elements json::elements() const { return json_elements(is_array() ? *this : json()); }

inline json_members json::members() const { return json_members(is_object() ? *this : json()); }

}  // namespace hotline
#endif
