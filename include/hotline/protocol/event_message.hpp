#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// An event becomes text, once for all of its subscribers. No I/O here.

#include <hotline/error.hpp>
#include <hotline/protocol/json_object.hpp>
#include <hotline/protocol/json_writer.hpp>
#include <hotline/protocol/timestamp.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace hotline::detail {

/// A message that still lacks its number, which only the log knows: `head`, the decimal digits of its `seq`, `tail`.
/// Keep one and use it again: its memory then serves every event.
struct split_text {
  std::string head;
  std::string tail;
  std::size_t type_offset = 0;  ///< within `head`: what filters match
  std::size_t type_size = 0;
};

[[nodiscard]] inline std::string_view type_in(const split_text& text) noexcept {
  return std::string_view(text.head).substr(text.type_offset, text.type_size);
}

/// The names that the envelope of an event uses, so that the event's own fields may not.
inline constexpr std::array<std::string_view, 5> event_envelope_names{"type", "timestamp", "event_type", "project_id",
                                                                      "seq"};

/// The `type`s that are the protocol's own.
inline constexpr std::array<std::string_view, 10> protocol_types{
    "event", "gap",   "connected", "disconnected", "command_response", "command_error", "command_progress",
    "pong",  "error", "position"};

[[nodiscard]] constexpr bool is_protocol_type(std::string_view type) noexcept {
  return std::find(protocol_types.begin(), protocol_types.end(), type) != protocol_types.end();
}

/// Appends `"project_id":"…"`. False when the id is not UTF-8.
[[nodiscard]] inline bool append_project_id(std::string& out, std::string_view project_id) {
  out.append(std::string_view("\"project_id\":"));
  json_writer writer(out);
  writer.value(project_id);
  return writer.ok();
}

/// Appends `,` and the members, unless there are none.
inline void append_members(std::string& out, std::string_view members) {
  if (!members.empty()) out.append(1, ',').append(members);
}

/// `{"type":"event","event_type":T,"project_id":P,"seq":`, N, `,"timestamp":S,…the fields…}`
///
/// `invalid_event_type`, `invalid_project` (an id that is not UTF-8), `invalid_json` (fields that are not valid),
/// `reserved_field`; then what is in `out` is worthless.
[[nodiscard]] inline std::error_code split_event(split_text& out, std::string_view event_type,
                                                 std::string_view project_id, const json_object& fields,
                                                 wall_time now) {
  if (!is_event_type(event_type)) return errc::invalid_event_type;
  if (!fields.valid()) return errc::invalid_json;
  for (const std::string_view name : event_envelope_names) {
    if (fields.has_member(name)) return errc::reserved_field;
  }
  constexpr std::string_view opening = R"({"type":"event","event_type":")";
  out.type_offset = opening.size();
  out.type_size = event_type.size();
  // Views: nothing counts the length of a literal each time.
  out.head.assign(opening).append(event_type).append(std::string_view("\","));
  if (!append_project_id(out.head, project_id)) return errc::invalid_project;
  out.head.append(std::string_view(",\"seq\":"));
  out.tail.assign(std::string_view(",\"timestamp\":"));
  append_seconds(out.tail, now);
  append_members(out.tail, fields.body());
  out.tail.append(1, '}');
  return {};
}

/// Checks a message that the host made itself, with a `type` of its own, and writes its beginning up to the project id.
[[nodiscard]] inline std::error_code begin_message(std::string& head, std::string_view& type,
                                                   std::string_view project_id, const json_object& message) {
  if (!message.valid()) return errc::invalid_json;
  type = message.member_text("type");  // with quotes, and without escapes when it is a type
  if (type.size() < 2 || type.front() != '"' || !is_event_type(type.substr(1, type.size() - 2))) {
    return errc::invalid_event_type;
  }
  type = type.substr(1, type.size() - 2);
  if (is_protocol_type(type)) return errc::reserved_type;
  for (const std::string_view name : {"timestamp", "project_id", "seq"}) {
    if (message.has_member(name)) return errc::reserved_field;
  }
  head.assign("{\"type\":\"").append(type).append("\",");
  return append_project_id(head, project_id) ? std::error_code() : errc::invalid_project;
}

/// Appends `"timestamp":S,…the message's other members…}`.
inline void end_message(std::string& out, const json_object& message, wall_time now) {
  out.append("\"timestamp\":");
  append_seconds(out, now);
  const auto [before, after] = message.body_without("type");
  append_members(out, before);
  append_members(out, after);
  out.append(1, '}');
}

/// `{"type":T,"project_id":P,"seq":`, N, `,"timestamp":S,…the message's other members…}`
///
/// `invalid_event_type` (no `type`, or none that is an event type), `reserved_type`, `reserved_field` (a `seq`,
/// `timestamp` or `project_id` of its own), `invalid_project`, `invalid_json`; then what is in `out` is worthless.
[[nodiscard]] inline std::error_code split_message(split_text& out, std::string_view project_id,
                                                   const json_object& message, wall_time now) {
  std::string_view type;
  if (const std::error_code refused = begin_message(out.head, type, project_id, message)) return refused;
  out.type_offset = std::string_view("{\"type\":\"").size();
  out.type_size = type.size();
  out.head.append(",\"seq\":");
  out.tail.assign(1, ',');
  end_message(out.tail, message, now);
  return {};
}

/// As `split_message`, whole and without `seq`: for one client alone, beside the log.
[[nodiscard]] inline std::error_code direct_message(std::string& out, std::string_view project_id,
                                                    const json_object& message, wall_time now) {
  std::string_view type;
  if (const std::error_code refused = begin_message(out, type, project_id, message)) return refused;
  out.append(1, ',');
  end_message(out, message, now);
  return {};
}

}  // namespace hotline::detail
#endif
