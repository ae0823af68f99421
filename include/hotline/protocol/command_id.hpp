#pragma once
// Inbound 4/6: the name that a client gives to one command. No I/O here.

#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_writer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace hotline {

/// A client's name for one command: a string of 1 to 64 bytes without control characters, or an integer that fits
/// int64. Answers carry it back as it came. 7 and "7" are two ids.
class command_id {
 public:
  static constexpr std::size_t max_size = 64;

  explicit command_id(std::int64_t number) noexcept : value_(number) {}

  // The string is copied before the variant is made: a variant whose copy throws half-way is not safe to destroy with
  // every compiler.
  command_id(const command_id& other) : value_(copy_of(other.value_)) {}
  command_id(command_id&&) noexcept = default;
  command_id& operator=(const command_id& other) { return *this = command_id(other); }
  command_id& operator=(command_id&&) noexcept = default;
  ~command_id() = default;

  /// Nothing when the text is empty, too long, not UTF-8 or has control characters (NUL among them).
  [[nodiscard]] static std::optional<command_id> from(std::string_view text) {
    if (text.empty() || text.size() > max_size) return std::nullopt;
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return std::nullopt;
    }
    if (detail::kind_of_string(text) == detail::string_kind::not_utf8) return std::nullopt;
    return command_id(std::string(text));
  }

  /// Nothing when the value is neither such a string nor such an integer.
  [[nodiscard]] static std::optional<command_id> from(const json& value) {
    if (const auto text = value.as_string()) return from(*text);
    if (const auto number = value.as_int64()) return command_id(*number);
    return std::nullopt;
  }

  /// The id as JSON: a string with its quotes, or a number.
  [[nodiscard]] std::string text() const {
    std::string text;
    json_writer out(text);
    write(out);
    return text;
  }

  void write(json_writer& out) const {
    std::visit([&out](const auto& held) { out.value(held); }, value_);
  }

  [[nodiscard]] std::size_t hash() const noexcept {
    return std::hash<std::variant<std::int64_t, std::string>>{}(value_);
  }

  [[nodiscard]] friend bool operator==(const command_id&, const command_id&) = default;

 private:
  using value = std::variant<std::int64_t, std::string>;

  explicit command_id(std::string text) noexcept : value_(std::move(text)) {}

  [[nodiscard]] static value copy_of(const value& other) {
    if (const auto* const number = std::get_if<std::int64_t>(&other)) return *number;
    std::string text = *std::get_if<std::string>(&other);
    return value(std::in_place_type<std::string>, std::move(text));
  }

  value value_;
};

}  // namespace hotline

template <>
struct std::hash<hotline::command_id> {
  [[nodiscard]] std::size_t operator()(const hotline::command_id& id) const noexcept { return id.hash(); }
};
