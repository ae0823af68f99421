#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// JSON text becomes a value, or the reason why it does not. No I/O here.

#include <hotline/compiled.hpp>
#include <hotline/error.hpp>
#include <hotline/protocol/json.hpp>

#include <cstddef>
#include <string_view>

namespace hotline {

/// How much JSON is read from one text. All of it is checked while reading: what is over a limit is never stored.
struct json_limits {
  std::size_t depth = 32;           ///< arrays and objects within each other; over it: errc::json_too_deep
  std::size_t nodes = 8192;         ///< values, the outermost one included; over it: errc::json_too_many_values
  std::size_t bytes = 1024 * 1024;  ///< bytes of text, at most 4 GiB - 1; over it: errc::json_too_big
};

/// Reads one JSON text (RFC 8259), the whole of it: white space may surround the value, nothing else.
///
/// Stricter than the RFC where it leaves a choice: no byte order mark, no name twice in one object, no integer that
/// fits neither int64 nor uint64 and no number over the range of double (a number too small for one is 0), no half of
/// a surrogate pair. The text is copied. Failures name the place, "offset 17: expected ':'", and are one of
/// errc::invalid_json, json_too_big, json_too_deep, json_too_many_values, json_duplicate_name, json_number_too_big.
[[nodiscard]] result<json> parse_json(std::string_view text, json_limits limits = {});

}  // namespace hotline

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/protocol/json_reader.ipp>
#endif
#endif
