#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/protocol/command_id.hpp>
#include <hotline/protocol/fields.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <hotline/session/command_origin.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace hotline {

namespace detail {

[[nodiscard]] inline json empty_object() { return *parse_json("{}"); }

}  // namespace detail

/// One command as its handler sees it. Cheap to copy; a copy may be kept and read on any thread. The client wrote the
/// command's name, the id and the payload, and chose the project: print them through `printable`.
class request {
 public:
  request(std::shared_ptr<const command_origin> origin, std::string command, std::optional<command_id> id, json payload)
      : origin_(std::move(origin)), command_(std::move(command)), id_(std::move(id)), payload_(std::move(payload)) {}

  [[nodiscard]] const std::string& connection_id() const noexcept { return origin_->connection_id; }
  [[nodiscard]] const std::string& project() const noexcept { return origin_->project; }
  /// Returns the client's principal, as the host's `authenticate` named it; empty without one.
  [[nodiscard]] const std::string& principal() const noexcept { return origin_->principal; }
  [[nodiscard]] const std::string& command() const noexcept { return command_; }
  [[nodiscard]] const std::optional<command_id>& id() const noexcept { return id_; }
  /// An object, or missing when the client sent none.
  [[nodiscard]] const json& payload() const noexcept { return payload_; }

  /// The payload as a described struct; a failure names the field ("name: expected string"). No payload is as good
  /// as an empty one: then a struct whose fields are all optional is there.
  template <described T>
  [[nodiscard]] result<T> payload_as() const {
    return decode<T>(payload_.is_missing() ? detail::empty_object() : payload_);
  }

 private:
  std::shared_ptr<const command_origin> origin_;
  std::string command_;
  std::optional<command_id> id_;
  json payload_;
};

}  // namespace hotline
#endif
