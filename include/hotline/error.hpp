#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/expected.hpp>

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hotline {

/// The errors of hotline's own functions. Comparable with any `std::error_code`: `if (failed == errc::log_full)`.
/// `out_of_memory` is also `std::errc::not_enough_memory`.
///
/// A program that loads hotline in several shared objects may have a category of `errc` in each. A code of one of them is
/// equal to an `errc`, and to an `error_condition`, of any other; not to a `std::error_code`, which the standard compares by
/// its category's address. Compare with the `errc`, or with `other.default_error_condition()`.
enum class errc {
  invalid_event_type = 1,   ///< an event type must match [A-Za-z0-9._:-]{1,128}
  reserved_field,           ///< an event's field would overwrite an envelope name
  reserved_type,            ///< a broadcast message may not pose as one of the protocol's own
  invalid_project,          ///< a project id that is empty or not UTF-8
  event_too_big,            ///< the finished message is over the log's limit
  not_an_object,            ///< a JSON object is needed, and this is something else
  invalid_json,             ///< not JSON, or not what hotline accepts as JSON; the message names the reason
  no_such_connection,       ///< the connection is not, or no longer, here
  not_running,              ///< the transport has not started or has stopped
  already_running,          ///< start() was called before; a manager runs once
  control_lane_full,        ///< the client does not read its answers
  json_too_big,             ///< more bytes of JSON than allowed
  json_too_deep,            ///< more levels of arrays and objects than allowed
  json_too_many_values,     ///< more JSON values than allowed
  json_duplicate_name,      ///< an object names a member twice
  json_number_too_big,      ///< an integer over 64 bits, or a number over the range of double
  key_too_long,             ///< a conflation key of more than 256 bytes
  invalid_payload,          ///< JSON of another shape than expected; the message names the field
  log_full,                 ///< events that other threads append take all the room of the log; try again
  out_of_memory,            ///< the system has no memory; nothing has happened
  wrong_thread,             ///< called on another thread than the loop's; nothing has happened
  too_many_projects,        ///< the log knows as many as it may, and all are in use; try again
  no_resolver,              ///< a host is named, and the dialer was made without a way to resolve names
  host_not_found,           ///< the host's name has no address
  certificate_not_trusted,  ///< no issuer that we trust has signed the peer's certificate
  certificate_wrong_name,   ///< the peer's certificate is for another host
  certificate_expired,      ///< the peer's certificate is not valid any more, or not yet
};

namespace detail {

// Default visibility: copies of this object in shared objects built with -fvisibility=hidden become one object where the
// linker can merge them. It cannot for objects that dlopen(RTLD_LOCAL) loads, nor where an executable exports nothing, so
// categories are compared by name as well.
#if defined(__GNUC__)
#define HOTLINE_DETAIL_EXPORT __attribute__((visibility("default")))
#else
#define HOTLINE_DETAIL_EXPORT
#endif

/// A category of which there may be several objects that mean the same.
class HOTLINE_DETAIL_EXPORT named_category : public std::error_category {
 public:
  [[nodiscard]] bool is_same(const std::error_category& other) const noexcept {
    return other == *this || std::string_view(other.name()) == name();
  }

  [[nodiscard]] bool equivalent(int value, const std::error_condition& condition) const noexcept override {
    return default_error_condition(value) == condition || (condition.value() == value && is_same(condition.category()));
  }

  [[nodiscard]] bool equivalent(const std::error_code& code, int condition) const noexcept override {
    return code.value() == condition && is_same(code.category());
  }
};

class HOTLINE_DETAIL_EXPORT error_category final : public named_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "hotline"; }

  [[nodiscard]] bool equivalent(int value, const std::error_condition& condition) const noexcept override {
    if (value == static_cast<int>(errc::out_of_memory) && condition == std::errc::not_enough_memory) return true;
    return named_category::equivalent(value, condition);
  }
  using named_category::equivalent;

  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::invalid_event_type: return "invalid event type";
      case errc::reserved_field: return "field overwrites an envelope name";
      case errc::reserved_type: return "message type is the protocol's own";
      case errc::invalid_project: return "invalid project id";
      case errc::event_too_big: return "event too big";
      case errc::not_an_object: return "not a JSON object";
      case errc::invalid_json: return "invalid JSON";
      case errc::no_such_connection: return "no such connection";
      case errc::not_running: return "not running";
      case errc::already_running: return "already running";
      case errc::control_lane_full: return "control lane full";
      case errc::json_too_big: return "too much JSON";
      case errc::json_too_deep: return "JSON nested too deep";
      case errc::json_too_many_values: return "too many JSON values";
      case errc::json_duplicate_name: return "duplicate name in a JSON object";
      case errc::json_number_too_big: return "JSON number out of range";
      case errc::key_too_long: return "conflation key too long";
      case errc::invalid_payload: return "invalid payload";
      case errc::log_full: return "log full";
      case errc::out_of_memory: return "out of memory";
      case errc::wrong_thread: return "called from another thread than the loop's";
      case errc::too_many_projects: return "too many projects";
      case errc::no_resolver: return "no resolver for host names";
      case errc::host_not_found: return "host not found";
      case errc::certificate_not_trusted: return "certificate not trusted";
      case errc::certificate_wrong_name: return "certificate for another host";
      case errc::certificate_expired: return "certificate expired or not yet valid";
    }
    return "unknown hotline error";
  }
};

HOTLINE_DETAIL_EXPORT inline const named_category& category_instance() noexcept {
  static const error_category instance;
  return instance;
}

#undef HOTLINE_DETAIL_EXPORT

}  // namespace detail

/// The category of `errc`, called "hotline": one object in each program or shared object that contains hotline, or in
/// all of them together. So never compare its address, nor a `std::error_code` with another one.
[[nodiscard]] inline const std::error_category& error_category() noexcept { return detail::category_instance(); }

[[nodiscard]] inline std::error_code make_error_code(errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}

/// Whether the code has that meaning, also if it comes from another shared object with a category of its own.
[[nodiscard]] inline bool operator==(const std::error_code& code, errc e) noexcept {
  return code.value() == static_cast<int>(e) && detail::category_instance().is_same(code.category());
}

/// A failure with its kind and a sentence for a person that names the place ("name: expected string").
struct failure {
  std::error_code code;
  std::string message;
};

/// A value, or the `failure` in its place; an expected outcome, so never thrown.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value) : state_(std::move(value)) {}
  result(failure why) : state_(std::move(why)) {}
  result(errc code) : result(failure{make_error_code(code), make_error_code(code).message()}) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.has_value(); }
  [[nodiscard]] explicit operator bool() const noexcept { return state_.has_value(); }

  /// Only when `has_value()`.
  [[nodiscard]] T& operator*() & noexcept { return *state_; }
  [[nodiscard]] const T& operator*() const& noexcept { return *state_; }
  [[nodiscard]] T&& operator*() && noexcept { return *std::move(state_); }
  [[nodiscard]] T* operator->() noexcept { return state_.operator->(); }
  [[nodiscard]] const T* operator->() const noexcept { return state_.operator->(); }

  /// Only when not `has_value()`.
  [[nodiscard]] const failure& error() const noexcept { return state_.error(); }

 private:
  detail::expected<T, failure> state_;
};

}  // namespace hotline

template <>
struct std::is_error_code_enum<hotline::errc> : std::true_type {};
#endif
