#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A plain struct, described once, is read from JSON and written as JSON. No I/O here.

#include <hotline/error.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_object.hpp>
#include <hotline/protocol/json_writer.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hotline {

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

/// An integer, or a std::optional or std::vector of what is one.
template <class T>
inline constexpr bool is_made_of_integers = std::integral<T> && !std::same_as<T, bool>;
template <class T>
inline constexpr bool is_made_of_integers<std::optional<T>> = is_made_of_integers<T>;
template <class T>
inline constexpr bool is_made_of_integers<std::vector<T>> = is_made_of_integers<T>;

struct as_it_is {};

}  // namespace detail

/// The type of `as_text`.
struct as_text_t {
  explicit as_text_t() = default;
};

/// An option of `field`: the integer stands in JSON as text, "9007199254740993", and so do those of a std::optional or
/// a std::vector. JavaScript's numbers are doubles: beyond 2^53 they change an integer that stands there as a number,
/// and say nothing. It is read from text as it is written, and from a number too.
///
///     struct uploaded {
///       std::int64_t bytes;
///       static constexpr auto fields = hotline::fields(hotline::field{"bytes", &uploaded::bytes, hotline::as_text});
///     };
inline constexpr as_text_t as_text{};

/// One member of a described struct and its name on the wire. `Form`: how it stands there, `as_text_t` or as it is.
template <class Struct, class Value, class Form = detail::as_it_is>
struct field {
  std::string_view name;
  Value Struct::*member;
  Form form{};
};

template <class Struct, class Value>
field(const char*, Value Struct::*) -> field<Struct, Value>;
template <class Struct, class Value>
requires detail::is_made_of_integers<Value> field(const char*, Value Struct::*, as_text_t)
->field<Struct, Value, as_text_t>;

namespace detail {

/// A field and where it stands, so that two of one type are two bases.
template <std::size_t Index, class Field>
struct field_at {
  Field field;
};

template <class Indices, class... Field>
struct field_list;

/// A struct's fields; a std::tuple would do, at many times the cost to compile.
template <std::size_t... Index, class... Field>
struct field_list<std::index_sequence<Index...>, Field...> : field_at<Index, Field>... {
  /// Calls `f` with all of them.
  template <class F>
  constexpr decltype(auto) apply(F&& f) const {
    return f(static_cast<const field_at<Index, Field>&>(*this).field...);
  }
};

template <class T>
inline constexpr bool is_field_list = false;
template <class Indices, class... Field>
inline constexpr bool is_field_list<field_list<Indices, Field...>> = true;

}  // namespace detail

/// The description of a struct, in the order in which its members are written. Naming two alike does not compile.
///
///     struct start_task {
///       std::string task;
///       std::optional<int> priority;
///       static constexpr auto fields = hotline::fields(hotline::field{"task", &start_task::task},
///                                                      hotline::field{"priority", &start_task::priority});
///     };
template <class... Struct, class... Value, class... Form>
consteval detail::field_list<std::index_sequence_for<Struct...>, field<Struct, Value, Form>...> fields(
    field<Struct, Value, Form>... described) {
  const std::string_view names[] = {described.name..., {}};
  for (std::size_t i = 0; i < sizeof...(described); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (names[i] == names[j]) throw "hotline: two fields of one name";
    }
  }
  return {{described}...};
}

/// A struct with a `fields` that describes it. Its described members may be bool, integers, float, double, std::string,
/// `json` (any value), described structs, and std::optional and std::vector of these.
template <class T>
concept described = std::is_class_v<T> && std::default_initializable<T> &&
    detail::is_field_list<std::remove_cvref_t<decltype(T::fields)>>;

namespace detail {

/// Why and where a value has not the shape that was asked for. The path grows outwards while the reading unwinds.
struct misfit {
  std::string path;
  std::string_view why;

  bool because(std::string_view reason) {
    why = reason;
    return false;
  }
  bool inside(std::string_view name) {
    path.insert(0, path.empty() || path.front() == '[' ? "" : ".").insert(0, name);
    return false;
  }
  bool inside(std::size_t index) { return inside("[" + std::to_string(index) + "]"); }
};

inline bool read_value(const json& from, json& to, misfit&) {
  to = from;
  return true;
}

inline bool read_value(const json& from, std::string& to, misfit& wrong) {
  const auto text = from.as_string();
  if (!text) return wrong.because("expected string");
  to = *text;
  return true;
}

template <class T>
requires std::is_arithmetic_v<T>
bool read_value(const json& from, T& to, misfit& wrong) {
  if constexpr (std::same_as<T, bool>) {
    if (!from.is_boolean()) return wrong.because("expected boolean");
    to = *from.as_bool();
  } else if constexpr (std::floating_point<T>) {
    const auto number = from.as_double();
    if (!number) return wrong.because("expected number");
    if (*number > static_cast<double>(std::numeric_limits<T>::max()) ||
        *number < static_cast<double>(std::numeric_limits<T>::lowest())) {
      return wrong.because("out of range");
    }
    to = static_cast<T>(*number);
  } else {
    const auto number = from.as_int64();
    const auto natural = from.as_uint64();
    if (number && std::in_range<T>(*number)) {
      to = static_cast<T>(*number);
    } else if (natural && std::in_range<T>(*natural)) {
      to = static_cast<T>(*natural);
    } else {
      return wrong.because(number || natural ? "out of range" : "expected integer");
    }
  }
  return true;
}

template <described T>
bool read_value(const json& from, T& to, misfit& wrong);
template <class T>
bool read_value(const json& from, std::optional<T>& to, misfit& wrong);
template <class T>
bool read_value(const json& from, std::vector<T>& to, misfit& wrong);

/// A missing or null value is none.
template <class T>
bool read_value(const json& from, std::optional<T>& to, misfit& wrong) {
  if (from.is_missing() || from.is_null()) {
    to.reset();
    return true;
  }
  return read_value(from, to.emplace(), wrong);
}

/// `read(element, value)` reads one.
template <class T, class Read>
bool read_elements(const json& from, std::vector<T>& to, misfit& wrong, Read read) {
  if (!from.is_array()) return wrong.because("expected array");
  to.clear();
  to.reserve(from.size());
  std::size_t index = 0;
  for (const json& element : from.elements()) {
    T value{};
    if (!read(element, value)) return wrong.inside(index);
    to.push_back(std::move(value));
    ++index;
  }
  return true;
}

template <class T>
bool read_value(const json& from, std::vector<T>& to, misfit& wrong) {
  return read_elements(from, to, wrong, [&](const json& one, T& value) { return read_value(one, value, wrong); });
}

template <class T>
bool read_form(as_it_is, const json& from, T& to, misfit& wrong) {
  return read_value(from, to, wrong);
}

/// An integer from text, as `to_chars` writes it and no other way.
template <class T>
bool read_form(as_text_t form, const json& from, T& to, misfit& wrong) {
  if constexpr (is_optional<T>) {
    if (from.is_missing() || from.is_null()) return read_value(from, to, wrong);
    return read_form(form, from, to.emplace(), wrong);
  } else if constexpr (is_vector<T>) {
    return read_elements(from, to, wrong,
                         [&](const json& one, auto& value) { return read_form(form, one, value, wrong); });
  } else {
    const auto text = from.as_string();
    if (!text) return read_value(from, to, wrong);
    const char* const end = text->data() + text->size();
    const auto [stopped, failed] = std::from_chars(text->data(), end, to);
    if (failed == std::errc::result_out_of_range && stopped == end) return wrong.because("out of range");
    if (failed != std::errc() || std::to_string(to) != *text) return wrong.because("expected integer");
    return true;
  }
}

template <class Struct, class Value, class Form>
bool read_member(const json& from, Struct& to, const field<Struct, Value, Form>& description, misfit& wrong) {
  const json value = from[description.name];
  if (!value && !is_optional<Value> && !std::same_as<Value, json>) {
    wrong.because("missing");
    return wrong.inside(description.name);
  }
  return read_form(description.form, value, to.*description.member, wrong) || wrong.inside(description.name);
}

template <described T>
bool read_value(const json& from, T& to, misfit& wrong) {
  if (!from.is_object()) return wrong.because("expected object");
  return T::fields.apply([&](const auto&... each) { return (read_member(from, to, each, wrong) && ...); });
}

inline void write_value(json_writer& out, const std::string& value) { out.value(std::string_view(value)); }
inline void write_value(json_writer& out, const json& value) { out.value(value); }
template <class T>
requires std::is_arithmetic_v<T>
void write_value(json_writer& out, T value) { out.value(value); }
template <described T>
void write_value(json_writer& out, const T& value);
template <class T>
void write_value(json_writer& out, const std::vector<T>& values);

template <class T>
void write_value(json_writer& out, const std::optional<T>& value) {
  if (value) {
    write_value(out, *value);
  } else {
    out.value(nullptr);
  }
}

template <class T>
void write_value(json_writer& out, const std::vector<T>& values) {
  out.begin_array();
  for (const auto& value : values) write_value(out, static_cast<const T&>(value));
  out.end_array();
}

template <class T>
void write_form(json_writer& out, as_it_is, const T& value) {
  write_value(out, value);
}

template <class T>
void write_form(json_writer& out, as_text_t form, const T& value) {
  if constexpr (is_optional<T>) {
    if (value) return write_form(out, form, *value);
    out.value(nullptr);
  } else if constexpr (is_vector<T>) {
    out.begin_array();
    for (const auto& one : value) write_form(out, form, one);
    out.end_array();
  } else {
    out.value(std::string_view(std::to_string(value)));
  }
}

/// Whether a member is written at all: an empty optional and a missing `json` are left out.
template <class T>
[[nodiscard]] bool is_there(const T& value) noexcept {
  if constexpr (is_optional<T>) {
    return value.has_value();
  } else if constexpr (std::same_as<T, json>) {
    return !value.is_missing();
  } else {
    return true;
  }
}

/// About how long a member's text is.
template <class T>
[[nodiscard]] std::size_t size_hint(const T& value) noexcept {
  if constexpr (std::same_as<T, std::string>) {
    return value.size() + 2;
  } else {
    return 8;
  }
}

template <described T>
void write_value(json_writer& out, const T& value) {
  const auto write_member = [&](const auto& description) {
    const auto& member = value.*description.member;
    if (!is_there(member)) return;
    out.key(description.name);
    write_form(out, description.form, member);
  };
  out.begin_object();
  T::fields.apply([&](const auto&... each) { (write_member(each), ...); });
  out.end_object();
}

}  // namespace detail

/// Reads a described struct from an object. A failure is errc::invalid_payload and names the field: "task: missing",
/// "name: expected string", "items[3].count: out of range". A std::optional member may be missing or null, a `json`
/// missing; all others must be there. Members of the object that the struct does not describe are ignored.
template <described T>
[[nodiscard]] result<T> decode(const json& from) {
  T value{};
  detail::misfit wrong;
  if (detail::read_value(from, value, wrong)) return value;
  return failure{make_error_code(errc::invalid_payload),
                 wrong.path + (wrong.path.empty() ? "" : ": ") + std::string(wrong.why)};
}

/// Writes a described struct. Empty optionals and missing `json`s are left out; in a vector they are null. The object
/// is not `valid()` when a string is not UTF-8 or a number is not finite.
template <described T>
[[nodiscard]] json_object encode(const T& value) {
  json_object object;
  T::fields.apply([&](const auto&... each) {
    object.reserve(sizeof...(each), ((each.name.size() + 4 + detail::size_hint(value.*each.member)) + ... + 2));
  });
  const auto append = [&](const auto& description) {
    const auto& member = value.*description.member;
    if (!detail::is_there(member)) return;
    object.append_with(description.name, [&](json_writer& out) { detail::write_form(out, description.form, member); });
  };
  T::fields.apply([&](const auto&... each) { (append(each), ...); });
  return object;
}

}  // namespace hotline
#endif
