#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/log_level.hpp>
#include <hotline/metrics.hpp>
#include <hotline/observers.hpp>
#include <hotline/printable.hpp>
#include <hotline/session/admission.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/session/hook.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/http.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hotline {

namespace detail {

/// The hooks of a manager's host. All are called on the manager's loop; what they throw goes to `on_error`.
struct hooks {
  // They observe: each is called.
  observers<const connection_info&> on_connect;
  observers<const connection_info&> on_resumed;
  observers<const connection_info&> on_session_expired;
  observers<const connection_info&, const disconnection&> on_disconnect;
  observers<std::string_view, std::exception_ptr> on_error;
  observers<log_level, std::string_view> on_log;

  // They decide: the last counts.
  hook<std::optional<http_response>(const http_request&)> on_http;
  hook<std::string(const http_request&)> client_address;
  hook<std::string(const http_request&)> client_scheme;
  hook<std::optional<admission>(const http_request&, std::string_view project, admission_source&)> authenticate;

  explicit hooks(live_metrics& c) noexcept : counted(&c) {}

  /// Counts a failure of the host's and calls `on_error`.
  void report(std::string_view where, const std::exception_ptr& thrown) noexcept {
    counted->host_failures.add();
    on_error.call([](const std::exception_ptr&) { /* An error hook that fails has nobody left to tell. */ }, where,
                  thrown);
  }

  /// Calls `f`, and reports what it throws. Returns whether `f` returned.
  template <class F>
  bool guard(std::string_view where, F&& f) noexcept {
    try {
      std::forward<F>(f)();
      return true;
    } catch (...) {
      report(where, std::current_exception());
      return false;
    }
  }

  /// Calls all hooks that observe an event.
  template <class... Args>
  void tell(std::string_view where, const observers<Args...>& told, std::type_identity_t<Args>... args) noexcept {
    told.call([&](const std::exception_ptr& thrown) { report(where, thrown); }, args...);
  }

  /// Calls `on_log`, with strangers' text made printable.
  void log(log_level level, std::string_view line) noexcept {
    if (on_log) guard("on_log", [&] { tell("on_log", on_log, level, printable(line)); });
  }

  /// Drops every hook, so that nothing of the host's is called any more.
  void forget_host() noexcept {
    on_connect.clear();
    on_resumed.clear();
    on_session_expired.clear();
    on_disconnect.clear();
    on_error.clear();
    on_log.clear();
    on_http = nullptr;
    client_address = nullptr;
    client_scheme = nullptr;
    authenticate = nullptr;
    are_gone = true;
  }

  /// Returns the host's page; `without` as a status when it has none, or 500 when it threw or made more than
  /// `most_bytes`.
  [[nodiscard]] http_response answer_http(const http_request& request, std::size_t most_bytes, int without = 404) {
    if (!on_http) return plain_response(without);
    std::optional<http_response> page;
    if (!guard("on_http", [&] { page = on_http(request); })) return plain_response(500);
    if (!page) return plain_response(without);
    if (page->body.size() <= most_bytes) return std::move(*page);
    counted->limits[limit::http_response_bytes].add();
    log(log_level::warning, "a page is over http_response_bytes");
    return plain_response(500);
  }

  live_metrics* counted;
  bool are_gone = false;  ///< the manager is; then the rules of its options are not asked either
};

}  // namespace detail

}  // namespace hotline
#endif
