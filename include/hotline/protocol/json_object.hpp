#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The JSON that a host puts into its events and answers. No I/O here.

#include <hotline/error.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_writer.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline {

class json_array;
class json_input;
class json_object;

/// A type that a `json_input` can be made from.
template <class T>
concept json_value = std::convertible_to<const T&, json_input>;

namespace detail {

/// A finished object or array that is opened at its end for one more; closed again at the end of the scope, without
/// what was written meanwhile unless that is to be kept.
class open_text {
 public:
  open_text(std::string& text, bool comma) : text_(text), size_(text.size() - 1), bracket_(text.back()) {
    text_.back() = ',';
    if (!comma) text_.pop_back();
  }
  open_text(const open_text&) = delete;
  open_text& operator=(const open_text&) = delete;
  ~open_text() {
    if (!keep_) text_.resize(size_);
    text_.push_back(bracket_);
  }
  void keep() {
    text_.reserve(text_.size() + 1);  // so that the destructor does not throw
    keep_ = true;
  }

 private:
  std::string& text_;
  std::size_t size_;
  char bracket_;
  bool keep_ = false;
};

}  // namespace detail

/// Something that can stand in a JSON text, as an argument: booleans, numbers, strings, nullptr, `json`, `json_object`,
/// `json_array`, and optionals (empty ones are null) and vectors of these. It may refer to what it was made from, so it
/// is good until the end of the statement: take one as a parameter, never keep one.
class json_input {
 public:
  json_input(std::nullptr_t) noexcept {}
  template <std::same_as<bool> Bool>
  json_input(Bool value) noexcept : kind_(kind::boolean), boolean_(value) {}
  template <json_integer Integer>
  json_input(Integer value) noexcept {
    if constexpr (std::signed_integral<Integer>) {
      kind_ = kind::integer;
      integer_ = value;
    } else {
      kind_ = kind::natural;
      natural_ = value;
    }
  }
  template <std::floating_point Real>
  json_input(Real value) noexcept : kind_(kind::real), real_(static_cast<double>(value)) {}
  /// A null pointer is null.
  json_input(const char* value) noexcept {
    if (value != nullptr) *this = json_input(std::string_view(value));
  }
  json_input(std::string_view value) noexcept : kind_(kind::string), view_(value) {}
  json_input(const std::string& value) noexcept : json_input(std::string_view(value)) {}
  /// A missing value is null.
  json_input(const json& value) noexcept {
    if (value.is_missing()) return;
    // A string is taken unescaped and escaped again, so that equal strings have equal text, however they were written.
    kind_ = value.is_string() ? kind::string : kind::finished;
    view_ = value.is_string() ? *value.as_string() : value.text();
  }
  json_input(const json_object& value) noexcept;
  json_input(const json_array& value) noexcept;
  template <json_value Value>
  json_input(const std::optional<Value>& value) : json_input(value ? json_input(*value) : json_input(nullptr)) {}
  template <json_value Value>
  json_input(const std::vector<Value>& values) : kind_(kind::made) {
    json_writer out(made_);
    out.begin_array();
    for (const auto& value : values) json_input(static_cast<const Value&>(value)).write(out);
    out.end_array();
    if (!out.complete()) made_.clear();
  }

  /// The value's own JSON; empty when it is none that JSON can say.
  [[nodiscard]] std::string text() const {
    std::string text;
    json_writer out(text);
    write(out);
    if (!out.complete()) text.clear();
    return text;
  }

  /// About how long the value's text is; it may be more.
  [[nodiscard]] std::size_t size_hint() const noexcept {
    switch (kind_) {
      case kind::string: return view_.size() + 2;
      case kind::finished: return view_.size();
      case kind::made: return made_.size();
      default: return 6;
    }
  }

  /// Whether the value is part of that text, which then must not change before it is written.
  [[nodiscard]] bool lies_in(const std::string& text) const noexcept {
    const char* const at = view_.data();
    return at != nullptr && !std::less<>{}(at, text.data()) && std::less<>{}(at, text.data() + text.size());
  }

  /// Writes the value; `out` is no longer ok when it is none that JSON can say.
  void write(json_writer& out) const {
    switch (kind_) {
      case kind::null: return out.value(nullptr);
      case kind::boolean: return out.value(boolean_);
      case kind::integer: return out.value(integer_);
      case kind::natural: return out.value(natural_);
      case kind::real: return out.value(real_);
      case kind::string: return out.value(view_);
      case kind::finished: return out.raw(view_);
      case kind::made: return out.raw(made_);
    }
  }

 private:
  /// `finished`: JSON that somebody else holds, `made`: in `made_`; empty when it was invalid.
  enum class kind : std::uint8_t { null, boolean, integer, natural, real, string, finished, made };

  kind kind_ = kind::null;
  union {
    bool boolean_;
    std::int64_t integer_;
    std::uint64_t natural_ = 0;
    double real_;
  };
  std::string_view view_;
  std::string made_;
};

/// One member of a `json_object`, while it is being made.
struct json_member {
  std::string_view name;
  json_input value;
};

/// A finished JSON object: the fields of an event, the result of a command.
///
///     json_object{{"task_id", id}, {"exit_code", 0}, {"tags", json_array{"a", "b"}}, {"by", json_object{{"name", name}}}}
///
/// A member that JSON cannot say (a string that is not UTF-8, NaN) or whose name was used before is left out, and the
/// object is no longer `valid()`; who sends it, refuses it. `text()` is JSON in any case. A value: copy and move
/// freely.
class json_object {
 public:
  json_object() = default;
  json_object(std::initializer_list<json_member> members) {
    std::size_t bytes = 2;
    for (const json_member& member : members) bytes += member.name.size() + 4 + member.value.size_hint();
    reserve(members.size(), bytes);
    for (const json_member& member : members) append(member.name, member.value);
  }

  /// An object that was parsed; errc::not_an_object for every other value.
  [[nodiscard]] static result<json_object> from(const json& value) {
    if (!value.is_object()) return errc::not_an_object;
    json_object object;
    object.reserve(value.size(), value.text().size());
    for (const auto& [name, member] : value.members()) {
      const json_input input = member;
      object.append_new(name, [&input](json_writer& out) { input.write(out); });  // a parsed object names none twice
    }
    return object;
  }

  /// Makes room for that many members and bytes of text, so that adding them does not allocate.
  void reserve(std::size_t members, std::size_t bytes) {
    members_.reserve(members);
    text_.reserve(bytes);
  }

  /// Adds a member at the end.
  void append(std::string_view name, const json_input& value) {
    if (value.lies_in(text_)) {
      return append_with(name, [copy = value.text()](json_writer& out) { out.raw(copy); });
    }
    append_with(name, [&value](json_writer& out) { value.write(out); });
  }

  /// Adds a member whose value `write` writes, exactly one, with the `json_writer` that it is called with.
  template <std::invocable<json_writer&> Write>
  void append_with(std::string_view name, Write&& write) {
    if (find(name) != nullptr) {
      valid_ = false;
      return;
    }
    append_new(name, write);
  }

  /// The object's JSON.
  [[nodiscard]] const std::string& text() const& noexcept { return text_; }
  [[nodiscard]] std::string text() && noexcept { return std::move(text_); }
  /// `text()` without its braces: what goes into an object that has other members already.
  [[nodiscard]] std::string_view body() const noexcept { return std::string_view(text_).substr(1, text_.size() - 2); }

  [[nodiscard]] bool empty() const noexcept { return members_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
  /// Whether every member that was given is in it.
  [[nodiscard]] bool valid() const noexcept { return valid_; }
  [[nodiscard]] bool has_member(std::string_view name) const { return find(name) != nullptr; }

  /// The JSON text of the member of that name, strings with their quotes; empty when there is none.
  [[nodiscard]] std::string_view member_text(std::string_view name) const {
    const member_place* const place = find(name);
    return place != nullptr ? std::string_view(text_).substr(place->value, end_of(*place) - place->value)
                            : std::string_view();
  }

  /// `body()` without the member of that name, in the two parts before and after it (with no comma at either's ends).
  [[nodiscard]] std::pair<std::string_view, std::string_view> body_without(std::string_view name) const {
    const member_place* const place = find(name);
    if (place == nullptr) return {body(), {}};
    const std::string_view text = text_;
    const std::size_t end = end_of(*place);
    return {place->name > 1 ? text.substr(1, place->name - 2) : std::string_view(),
            end + 1 < text.size() ? text.substr(end + 1, text.size() - end - 2) : std::string_view()};
  }

 private:
  /// Offsets within the text: of the name's opening quote and of the value.
  struct member_place {
    std::uint32_t name;
    std::uint32_t value;
  };

  /// Adds a member of a name that is not there yet.
  template <class Write>
  void append_new(std::string_view name, Write&& write) {
    detail::open_text open(text_, !empty());
    member_place place{static_cast<std::uint32_t>(text_.size()), 0};
    const detail::string_kind kind = detail::kind_of_string(name);
    detail::append_string(text_, name, kind);
    text_.push_back(':');
    place.value = static_cast<std::uint32_t>(text_.size());
    json_writer out(text_);
    write(out);
    if (kind != detail::string_kind::not_utf8 && out.complete() &&
        text_.size() < std::numeric_limits<std::uint32_t>::max()) {
      members_.push_back(place);
      open.keep();
    } else {
      valid_ = false;
    }
  }

  [[nodiscard]] std::size_t end_of(const member_place& place) const noexcept {
    const auto next = static_cast<std::size_t>(&place - members_.data()) + 1;
    return next < members_.size() ? members_[next].name - 1 : text_.size() - 1;
  }

  /// Names are compared as they are written: the same writer wrote them all, so equal names have equal text.
  [[nodiscard]] const member_place* find(std::string_view name) const {
    if (members_.empty()) return nullptr;
    if (detail::kind_of_string(name) != detail::string_kind::plain) {
      std::string written;
      detail::append_escaped(written, name);
      return find_written(written);
    }
    return find_written(name);
  }

  [[nodiscard]] const member_place* find_written(std::string_view name) const noexcept {
    for (const member_place& place : members_) {
      // "name": between the places of name and value stand two quotes and a colon.
      if (place.value - place.name == name.size() + 3 && text_.compare(place.name + 1, name.size(), name) == 0) {
        return &place;
      }
    }
    return nullptr;
  }

  std::string text_ = "{}";
  std::vector<member_place> members_;
  bool valid_ = true;
};

/// A finished JSON array: `json_array{"a", 2, true}`, or one element after the other with `append`.
///
/// `json_array{other}` with one array is a copy of it; an array of just one array is made with `append`.
/// An element that JSON cannot say is left out, and the array is no longer `valid()`.
class json_array {
 public:
  json_array() = default;
  template <class First, class... Rest>
  explicit json_array(const First& first, const Rest&... rest) {
    append(first);
    (append(rest), ...);
  }

  /// Adds an element at the end.
  void append(const json_input& value) {
    if (value.lies_in(text_)) {
      return append_with([copy = value.text()](json_writer& out) { out.raw(copy); });
    }
    append_with([&value](json_writer& out) { value.write(out); });
  }

  /// Adds an element that `write` writes, exactly one, with the `json_writer` that it is called with.
  template <std::invocable<json_writer&> Write>
  void append_with(Write&& write) {
    detail::open_text open(text_, !empty());
    json_writer out(text_);
    write(out);
    if (out.complete()) {
      ++size_;
      open.keep();
    } else {
      valid_ = false;
    }
  }

  [[nodiscard]] const std::string& text() const& noexcept { return text_; }
  [[nodiscard]] std::string text() && noexcept { return std::move(text_); }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool valid() const noexcept { return valid_; }

 private:
  std::string text_ = "[]";
  std::size_t size_ = 0;
  bool valid_ = true;
};

inline json_input::json_input(const json_object& value) noexcept
    : kind_(kind::finished), view_(value.valid() ? std::string_view(value.text()) : std::string_view()) {}

inline json_input::json_input(const json_array& value) noexcept
    : kind_(kind::finished), view_(value.valid() ? std::string_view(value.text()) : std::string_view()) {}

}  // namespace hotline
#endif
