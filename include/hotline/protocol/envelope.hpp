#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A client's message becomes a command, or the named reason why it does not. No I/O here.

#include <hotline/error.hpp>
#include <hotline/expected.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/command_id.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <hotline/protocol/plain_envelope.hpp>
#include <hotline/protocol/refused_message.hpp>
#include <hotline/types.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// Why a message is no command. With an `id` or a `command` the client receives it as `command_error`, without as `error`.
struct protocol_failure {
  std::string_view code;  ///< one of those in `read_envelope`
  std::string message;
  std::optional<command_id> id;  ///< when the message had a valid one, also where its JSON breaks elsewhere
  std::string command;           ///< when the message had a valid one
};

[[nodiscard]] inline std::string_view failure_code_of(const failure& why) noexcept {
  if (why.code == errc::json_too_deep) return "too_deep";
  if (why.code == errc::json_too_many_values) return "too_many_values";
  if (why.code == errc::json_duplicate_name) return "duplicate_key";
  if (why.code == errc::json_number_too_big) return "number_out_of_range";
  if (why.code == errc::json_too_big) return "too_big";
  return "not_json";
}

/// A text without a readable `id` is no command of anybody's, whatever else can be read of it.
[[nodiscard]] inline protocol_failure as_failure(const failure& why, std::string_view text) {
  refused_message known = refused_message_reader(text).read();
  protocol_failure refused{failure_code_of(why), why.message, std::move(known.id), {}};
  if (refused.id && known.command && is_command_name(*known.command)) refused.command = *std::move(known.command);
  return refused;
}

/// Reads one message with the JSON reader, whatever it looks like.
[[nodiscard]] inline expected<client_command, protocol_failure> read_any_envelope(std::string_view text,
                                                                                  const session_limits& limits) {
  auto parsed = parse_json(text, {limits.json_depth, limits.json_nodes, limits.message_bytes});
  if (!parsed) return as_failure(parsed.error(), text);
  if (!parsed->is_object()) return protocol_failure{"not_an_object", "a message is a JSON object", {}, {}};

  const json name = (*parsed)["command"];
  const json id = (*parsed)["id"];
  client_command command{{}, command_id::from(id), (*parsed)["payload"]};
  const auto fail = [&command](std::string_view code, std::string_view message) {
    return protocol_failure{code, std::string(message), std::move(command.id), std::move(command.command)};
  };
  if (!name) return fail("no_command", "command: missing");
  if (!is_command_name(name.as_string().value_or(""))) {
    return fail("invalid_command", "command: expected 1 to 64 of A-Z a-z 0-9 . _ : -");
  }
  command.command = *name.as_string();
  if (id && !command.id) {
    return fail("invalid_id", "id: expected a string of 1 to 64 bytes without control characters, or an integer");
  }
  if (command.payload && !command.payload.is_object()) return fail("invalid_payload", "payload: expected object");
  return command;
}

/// Reads one message. Failure codes: not_json, too_big, too_deep, too_many_values, duplicate_key and
/// number_out_of_range (in any object or array of the message), not_an_object, no_command, invalid_command, invalid_id,
/// invalid_payload.
[[nodiscard]] inline expected<client_command, protocol_failure> read_envelope(std::string_view text,
                                                                              const session_limits& limits) {
  expected<client_command, protocol_failure> read = client_command();
  if (!plain_envelope_reader(text, limits).read(*read)) read = read_any_envelope(text, limits);
  return read;
}

}  // namespace hotline::detail
#endif
