#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 2/6: what the protocol itself says to one client, as text. No I/O here.

#include <hotline/options.hpp>
#include <hotline/protocol/command_id.hpp>
#include <hotline/protocol/json_writer.hpp>
#include <hotline/protocol/timestamp.hpp>
#include <hotline/types.hpp>
#include <hotline/version.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// What a client is told first.
struct connected_info {
  std::string connection_id;
  std::string project_id;
  std::string epoch;
  sequence seq = 0;  ///< the log's end
  bool resumed = false;
  std::string resume_reason;  ///< why a resume was refused; empty when none was asked for or it was granted
  std::string resume_token;   ///< empty: `resume` is left out
  std::chrono::milliseconds resume_window{0};
  std::chrono::milliseconds heartbeat_interval{0};
  std::chrono::milliseconds heartbeat_timeout{0};
  const session_limits* limits = nullptr;                 ///< null: left out
  std::string events;                                     ///< what it hears, as finished JSON; empty: left out
  std::optional<std::chrono::milliseconds> expires_in{};  ///< when its admission ends; nothing: never
};

/// A member's name: one of the protocol's own, which are short literals and need no escapes.
struct member_name {
  static constexpr std::size_t longest = 28;

  template <std::size_t Size>
  consteval member_name(const char (&literal)[Size]) : text(literal, Size - 1) {
    static_assert(Size - 1 <= longest);
  }

  std::string_view text;
};

/// A message under way: `{"type":T,"timestamp":S` and then what is added. Texts that are not UTF-8 get U+FFFD in place
/// of what is not: an answer is always JSON.
class answer_writer {
 public:
  answer_writer(std::string_view type, wall_time now) {
    text_.reserve(256);
    text_.append(std::string_view(R"({"type":")")).append(type).append(std::string_view(R"(","timestamp":)"));
    append_seconds(text_, now);
  }

  answer_writer& member(member_name name, std::string_view value) {
    key(name);
    append_replaced(text_, value);
    return *this;
  }
  answer_writer& member(member_name name, std::uint64_t value) {
    key(name);
    append_number(text_, value);
    return *this;
  }
  answer_writer& flag(member_name name, bool value) { return raw(name, value ? "true" : "false"); }
  answer_writer& seconds(member_name name, std::chrono::milliseconds value) { return raw(name, seconds_text(value)); }
  answer_writer& raw(member_name name, std::string_view finished_json) {
    key(name);
    text_.append(finished_json);
    return *this;
  }
  answer_writer& id(const std::optional<command_id>& id) { return id ? raw("id", id->text()) : *this; }
  answer_writer& begin(member_name name) { return raw(name, "{"); }
  answer_writer& end() {
    text_.push_back('}');
    return *this;
  }
  [[nodiscard]] std::string text() {
    end();
    return std::move(text_);
  }

 private:
  // Put together first: each answer has several.
  void key(member_name name) {
    std::array<char, member_name::longest + 4> piece;
    char* end = piece.data();
    if (text_.back() != '{') *end++ = ',';
    *end++ = '"';
    end = std::copy(name.text.begin(), name.text.end(), end);
    *end++ = '"';
    *end++ = ':';
    text_.append(piece.data(), static_cast<std::size_t>(end - piece.data()));
  }

  std::string text_;
};

[[nodiscard]] inline std::string connected_text(const connected_info& info, wall_time now) {
  answer_writer out("connected", now);
  out.member("connection_id", info.connection_id)
      .member("project_id", info.project_id)
      .member("protocol", std::uint64_t{protocol_version})
      .member("epoch", info.epoch)
      .member("seq", info.seq)
      .flag("resumed", info.resumed);
  if (!info.resume_reason.empty()) out.member("reason", info.resume_reason);
  if (!info.resume_token.empty()) {
    out.begin("resume").member("token", info.resume_token).seconds("window", info.resume_window).end();
  }
  out.begin("heartbeat").seconds("interval", info.heartbeat_interval).seconds("timeout", info.heartbeat_timeout).end();
  if (info.limits != nullptr) {
    out.begin("limits")
        .member("message_bytes", info.limits->message_bytes)
        .member("subscriptions", info.limits->subscriptions)
        .member("commands_in_flight", info.limits->commands_in_flight)
        .end();
  }
  if (!info.events.empty()) out.raw("events", info.events);
  if (info.expires_in) out.seconds("expires_in", *info.expires_in);
  return out.text();
}

/// Events `from` to `to`, both included, will not come.
[[nodiscard]] inline std::string gap_text(sequence from, sequence to, std::string_view reason, wall_time now) {
  return answer_writer("gap", now).member("from", from).member("to", to).member("reason", reason).text();
}

/// `result` is finished JSON.
[[nodiscard]] inline std::string command_response_text(std::string_view command, const std::optional<command_id>& id,
                                                       std::string_view result, wall_time now) {
  return answer_writer("command_response", now).member("command", command).id(id).raw("result", result).text();
}

/// `progress` is finished JSON.
[[nodiscard]] inline std::string command_progress_text(std::string_view command, const std::optional<command_id>& id,
                                                       std::string_view progress, wall_time now) {
  return answer_writer("command_progress", now).member("command", command).id(id).raw("progress", progress).text();
}

[[nodiscard]] inline std::string command_error_text(std::string_view command, const std::optional<command_id>& id,
                                                    std::string_view code, std::string_view message, bool retryable,
                                                    wall_time now) {
  return answer_writer("command_error", now)
      .member("command", command)
      .id(id)
      .begin("error")
      .member("code", code)
      .member("message", message)
      .flag("retryable", retryable)
      .end()
      .text();
}

/// `seq` is the log's end.
[[nodiscard]] inline std::string pong_text(const std::optional<command_id>& id, sequence seq, wall_time now) {
  return answer_writer("pong", now).id(id).member("seq", seq).text();
}

/// Everything up to `seq` that the client hears it has heard: it may go on from there.
[[nodiscard]] inline std::string position_text(sequence seq, wall_time now) {
  return answer_writer("position", now).member("seq", seq).text();
}

/// For what belongs to no command.
[[nodiscard]] inline std::string error_text(std::string_view code, std::string_view message, wall_time now) {
  return answer_writer("error", now).member("code", code).member("message", message).text();
}

/// `retry_after`: how long a client had better wait, when the server has an opinion.
[[nodiscard]] inline std::string disconnected_text(close_code code, std::string_view reason, bool reconnect,
                                                   std::optional<std::chrono::milliseconds> retry_after,
                                                   wall_time now) {
  answer_writer out("disconnected", now);
  out.member("code", static_cast<std::uint64_t>(code)).member("reason", reason).flag("reconnect", reconnect);
  if (retry_after) out.seconds("retry_after", *retry_after);
  return out.text();
}

}  // namespace hotline::detail
#endif
