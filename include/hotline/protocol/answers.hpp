#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The messages that the protocol itself has for one client, as text. No I/O here.

#include <hotline/options.hpp>
#include <hotline/protocol/command_id.hpp>
#include <hotline/protocol/json_writer.hpp>
#include <hotline/protocol/timestamp.hpp>
#include <hotline/types.hpp>
#include <hotline/version.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// The content of `connected`, the first message that a client receives.
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
  std::string events;                                     ///< the filter, as finished JSON; empty: left out
  std::optional<std::chrono::milliseconds> expires_in{};  ///< when its admission ends; nothing: never
};

/// A short text that the compiler puts together.
template <std::size_t Longest>
class short_text {
 public:
  static constexpr std::size_t longest = Longest;

  constexpr void append(std::string_view text) {
    for (const char c : text) characters_[size_++] = c;
  }
  /// Writes it to `to`, where it may overwrite `longest` bytes, and returns its size. A copy of a size that the compiler knows
  /// takes a few instructions; one of a size that it does not know is a call.
  std::size_t copy_to(char* to) const noexcept {
    std::memcpy(to, characters_.data(), Longest);
    return size_;
  }

 private:
  std::array<char, Longest> characters_{};
  std::uint8_t size_ = 0;
};

/// How a message begins, up to the value of its timestamp. `type` is one of the protocol's own.
class message_begin {
 public:
  template <std::size_t Size>
  consteval message_begin(const char (&type)[Size]) {
    text_.append(R"({"type":")");
    text_.append({type, Size - 1});
    text_.append(R"(","timestamp":)");
  }

  [[nodiscard]] const auto& text() const noexcept { return text_; }

 private:
  short_text<55> text_;
};

/// A member's name with what stands around it, `"name":`. It is one of the protocol's own, which are short literals and need
/// no escapes.
class member_name {
 public:
  template <std::size_t Size>
  consteval member_name(const char (&name)[Size]) {
    text_.append("\"");
    text_.append({name, Size - 1});
    text_.append("\":");
  }

  [[nodiscard]] const auto& text() const noexcept { return text_; }

 private:
  short_text<31> text_;
};

/// A message under way: `{"type":T,"timestamp":S` and then the members that are added. A text that is not UTF-8 gets U+FFFD
/// in place of the bytes that are not: the message is always JSON.
class answer_writer {
 public:
  /// `bytes` is about how long the message will be.
  answer_writer(const message_begin& begin, wall_time now, std::size_t bytes = 256) : text_(bytes, '\0') {
    size_ = begin.text().copy_to(room(begin.text().longest));
    put(decimal_seconds(since_1970(now)).text());
  }

  answer_writer& member(const member_name& name, std::string_view value) {
    if (kind_of_string(value) != string_kind::plain) return replaced(name, value);
    key(name);
    char* const at = room(value.size() + 2);
    at[0] = '"';
    value.copy(at + 1, value.size());
    at[value.size() + 1] = '"';
    size_ += value.size() + 2;
    return *this;
  }
  answer_writer& member(const member_name& name, std::uint64_t value) {
    std::array<char, 24> digits;
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return raw(name, {digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  answer_writer& flag(const member_name& name, bool value) { return raw(name, value ? "true" : "false"); }
  answer_writer& seconds(const member_name& name, std::chrono::milliseconds value) {
    return raw(name, decimal_seconds(value).shortest());
  }
  answer_writer& raw(const member_name& name, std::string_view finished_json) {
    key(name);
    put(finished_json);
    return *this;
  }
  answer_writer& id(const std::optional<command_id>& id) { return id ? raw("id", id->text()) : *this; }
  answer_writer& begin(const member_name& name) { return raw(name, "{"); }
  answer_writer& end() {
    put("}");
    return *this;
  }
  [[nodiscard]] std::string text() {
    end();
    text_.resize(size_);
    return std::move(text_);
  }

 private:
  void key(const member_name& name) {
    char* at = room(name.text().longest + 1);
    if (at[-1] != '{') *at++ = ',';
    at += name.text().copy_to(at);
    size_ = static_cast<std::size_t>(at - text_.data());
  }

  answer_writer& replaced(const member_name& name, std::string_view value) {
    std::string text;
    append_replaced(text, value);
    return raw(name, text);
  }

  void put(std::string_view piece) {
    piece.copy(room(piece.size()), piece.size());
    size_ += piece.size();
  }

  // Returns the place of the next piece, with room for so many bytes.
  [[nodiscard]] char* room(std::size_t bytes) {
    if (text_.size() - size_ < bytes) text_.resize(size_ + std::max(size_, bytes));
    return text_.data() + size_;
  }

  std::string text_;  // with room at its end
  std::size_t size_ = 0;
};

[[nodiscard]] inline std::string connected_text(const connected_info& info, wall_time now) {
  answer_writer out("connected", now, 640);
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

/// Returns the message that events `from` to `to`, both included, will not come.
[[nodiscard]] inline std::string gap_text(sequence from, sequence to, std::string_view reason, wall_time now) {
  return answer_writer("gap", now).member("from", from).member("to", to).member("reason", reason).text();
}

/// `result` is finished JSON.
[[nodiscard]] inline std::string command_response_text(std::string_view command, const std::optional<command_id>& id,
                                                       std::string_view result, wall_time now) {
  return answer_writer("command_response", now, 256 + result.size())
      .member("command", command)
      .id(id)
      .raw("result", result)
      .text();
}

/// `progress` is finished JSON.
[[nodiscard]] inline std::string command_progress_text(std::string_view command, const std::optional<command_id>& id,
                                                       std::string_view progress, wall_time now) {
  return answer_writer("command_progress", now, 256 + progress.size())
      .member("command", command)
      .id(id)
      .raw("progress", progress)
      .text();
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

/// Returns the message that the client has received all events of its filter up to `seq`: it may go on from there.
[[nodiscard]] inline std::string position_text(sequence seq, wall_time now) {
  return answer_writer("position", now).member("seq", seq).text();
}

/// Returns the message for an error that belongs to no command.
[[nodiscard]] inline std::string error_text(std::string_view code, std::string_view message, wall_time now) {
  return answer_writer("error", now).member("code", code).member("message", message).text();
}

/// `retry_after`: how long the client should wait, when the server recommends a time.
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
