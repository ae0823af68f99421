#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/manager.hpp>
#include <hotline/protocol/event_message.hpp>
#include <hotline/server/checked_options.hpp>
#include <hotline/server/hub.hpp>

#include <algorithm>
#include <map>
#include <new>

namespace hotline {

namespace detail {

/// Gives `to_log(record)` a host's message as a record; returns its answer, or why the message is none.
template <class Append>
result<sequence> append_message(hub& h, std::string_view project, const json_object& message, Append to_log) {
  split_text text;
  const auto now = h.log().env().wall_now();
  if (const std::error_code refused = split_message(text, project, message, now))
    return failure{refused, refused.message()};
  return to_log(log_record{text.head, text.tail, type_in(text)});
}

}  // namespace detail

HOTLINE_DETAIL_INLINE manager::manager(std::unique_ptr<detail::carrier> transport,
                                       std::shared_ptr<memory_event_log> log, manager_options options,
                                       detail::any_heartbeat heartbeat)
    : hub_(new detail::hub(std::move(transport), std::move(log), detail::checked(std::move(options)),
                           std::move(heartbeat))) {}

HOTLINE_DETAIL_INLINE manager::~manager() { detail::hub::end(hub_); }

HOTLINE_DETAIL_INLINE detail::carrier& manager::carrier() const noexcept { return hub_->out(); }

HOTLINE_DETAIL_INLINE bool manager::refuses_here(const char* member) const noexcept {
  return hub_->refuses_here(member);
}

// --------------------------------------------------------------------------------------------- start and stop

HOTLINE_DETAIL_INLINE std::error_code manager::start() { return hub_->start(); }

HOTLINE_DETAIL_INLINE void manager::stop(any_invocable<void()> done) {
  if (!refuses_here("stop")) hub_->stop(std::move(done));
}

HOTLINE_DETAIL_INLINE bool manager::is_running() const noexcept {
  (void)refuses_here("is_running");  // the answer is true all the same, but it may be old already
  return hub_->is_running();
}

HOTLINE_DETAIL_INLINE void manager::post(any_invocable<void()> f) { hub_->post(std::move(f)); }

// --------------------------------------------------------------------------------------------------- commands

HOTLINE_DETAIL_INLINE void manager::set_handler(std::string name, detail::registry::handler handler) {
  if (!refuses_here("on_command")) hub_->commands().handlers().set(std::move(name), std::move(handler));
}

HOTLINE_DETAIL_INLINE void manager::remove_command(std::string_view name) {
  if (!refuses_here("remove_command")) hub_->commands().handlers().erase(name);
}

HOTLINE_DETAIL_INLINE void manager::authorize_commands(
    any_invocable<std::optional<command_error>(const connection_info&, const request&)> f) {
  if (!refuses_here("authorize_commands")) hub_->commands().authorize(std::move(f));
}

HOTLINE_DETAIL_INLINE void manager::authorize_subscriptions(
    any_invocable<std::optional<command_error>(const connection_info&, std::string_view type)> f) {
  if (!refuses_here("authorize_subscriptions")) hub_->commands().filters().authorize(std::move(f));
}

HOTLINE_DETAIL_INLINE void manager::set_reauthenticator(detail::admitter<const connection_info&, std::string_view> f) {
  if (!refuses_here("reauthenticate")) hub_->commands().reauthenticate(std::move(f));
}

// ------------------------------------------------------------------------------------------------------ hooks

HOTLINE_DETAIL_INLINE subscription manager::on_connect(any_invocable<void(const connection_info&)> f) {
  return refuses_here("on_connect") ? subscription() : hub_->calls().on_connect.add(std::move(f));
}

HOTLINE_DETAIL_INLINE subscription
manager::on_disconnect(any_invocable<void(const connection_info&, const disconnection&)> f) {
  return refuses_here("on_disconnect") ? subscription() : hub_->calls().on_disconnect.add(std::move(f));
}

HOTLINE_DETAIL_INLINE subscription manager::on_resumed(any_invocable<void(const connection_info&)> f) {
  return refuses_here("on_resumed") ? subscription() : hub_->calls().on_resumed.add(std::move(f));
}

HOTLINE_DETAIL_INLINE subscription manager::on_session_expired(any_invocable<void(const connection_info&)> f) {
  return refuses_here("on_session_expired") ? subscription() : hub_->calls().on_session_expired.add(std::move(f));
}

HOTLINE_DETAIL_INLINE subscription
manager::on_error(any_invocable<void(std::string_view where, std::exception_ptr)> f) {
  return refuses_here("on_error") ? subscription() : hub_->calls().on_error.add(std::move(f));
}

HOTLINE_DETAIL_INLINE subscription manager::on_log(any_invocable<void(log_level, std::string_view)> f) {
  return refuses_here("on_log") ? subscription() : hub_->calls().on_log.add(std::move(f));
}

HOTLINE_DETAIL_INLINE void manager::on_http(any_invocable<std::optional<http_response>(const http_request&)> f) {
  if (!refuses_here("on_http")) hub_->calls().on_http = std::move(f);
}

HOTLINE_DETAIL_INLINE void manager::client_address(any_invocable<std::string(const http_request&)> f) {
  if (!refuses_here("client_address")) hub_->calls().client_address = std::move(f);
}

HOTLINE_DETAIL_INLINE void manager::client_scheme(any_invocable<std::string(const http_request&)> f) {
  if (!refuses_here("client_scheme")) hub_->calls().client_scheme = std::move(f);
}

HOTLINE_DETAIL_INLINE void manager::set_authenticator(detail::admitter<const http_request&, std::string_view> f) {
  if (!refuses_here("authenticate")) hub_->calls().authenticate = std::move(f);
}

HOTLINE_DETAIL_INLINE void manager::compress(std::unique_ptr<message_compression> compression) {
  if (!refuses_here("compress")) hub_->outbound().compress_with(std::move(compression));
}

// ---------------------------------------------------------------------------------------------------- sending

HOTLINE_DETAIL_INLINE result<sequence> manager::broadcast_to_project(std::string_view project,
                                                                     const json_object& message) {
  if (project.empty()) return errc::invalid_project;
  try {
    return detail::append_message(*hub_, project, message,
                                  [&](const log_record& r) { return hub_->log().append(project, r); });
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  }
}

HOTLINE_DETAIL_INLINE result<std::size_t> manager::broadcast_to_all(const json_object& message) {
  std::size_t projects = 0;
  std::optional<failure> refused;
  try {
    hub_->log().for_each([&](std::string_view project, memory_stream& stream) {
      if (refused) return;
      const result<sequence> sent =
          detail::append_message(*hub_, project, message, [&](const log_record& r) { return stream.append(r); });
      if (sent)
        ++projects;
      else
        refused = sent.error();
    });
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  }
  if (refused) return *refused;
  return projects;
}

HOTLINE_DETAIL_INLINE std::error_code manager::send_to(std::string_view connection_id, const json_object& message) {
  if (hub_->runs_elsewhere()) return errc::wrong_thread;
  detail::session* const s = hub_->sessions().find_open(connection_id);
  if (s == nullptr) return errc::no_such_connection;
  try {
    std::string text;
    const auto now = hub_->log().env().wall_now();
    if (const std::error_code refused = detail::direct_message(text, s->project(), message, now)) return refused;
    hub_->outbound().send(*s, text);
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  }
  return s->is_open() ? std::error_code() : errc::control_lane_full;
}

HOTLINE_DETAIL_INLINE result<std::size_t> manager::send_to_principal(std::string_view project,
                                                                     std::string_view principal,
                                                                     const json_object& message) {
  if (hub_->runs_elsewhere()) return errc::wrong_thread;
  try {
    std::string text;
    const auto now = hub_->log().env().wall_now();
    if (const std::error_code refused = detail::direct_message(text, project, message, now))
      return failure{refused, refused.message()};
    return hub_->outbound().send_to_principal(project, principal, text);
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  }
}

HOTLINE_DETAIL_INLINE std::error_code manager::disconnect(std::string_view connection_id, close_code code,
                                                          std::string_view reason) {
  if (hub_->runs_elsewhere()) return errc::wrong_thread;
  detail::session* const s = hub_->sessions().find_open(connection_id);
  if (s == nullptr) return errc::no_such_connection;
  hub_->outbound().close(*s->connection(), code, reason);
  return {};
}

HOTLINE_DETAIL_INLINE void manager::on_pace(std::string project, pace_marks marks, any_invocable<void(pace)> f) {
  if (!refuses_here("on_pace")) hub_->outbound().paces().watch(std::move(project), marks, std::move(f));
}

// ----------------------------------------------------------------------------------------------------- status

HOTLINE_DETAIL_INLINE manager_status manager::status() const {
  std::map<std::string, std::size_t> counts;  // copies: a session may be gone once the lock is left
  manager_status told;
  hub_->sessions().read([&](const detail::session& s) {
    ++told.connections;
    ++counts[s.project()];
  });
  for (const auto& [project, connections] : counts) told.projects.push_back({project, connections});
  return told;
}

HOTLINE_DETAIL_INLINE manager_metrics manager::metrics() const { return hub_->metrics(); }

HOTLINE_DETAIL_INLINE std::vector<connection_info> manager::connections(std::string_view project) const {
  std::vector<connection_info> found;
  hub_->sessions().read([&](const detail::session& s) {
    if (project.empty() || s.project() == project) found.push_back(hub_->outbound().info(s));
  });
  std::sort(found.begin(), found.end(), [](const connection_info& a, const connection_info& b) {
    return a.connected_at != b.connected_at ? a.connected_at < b.connected_at : a.id < b.id;
  });
  return found;
}

HOTLINE_DETAIL_INLINE std::optional<connection_info> manager::connection(std::string_view connection_id) const {
  if (refuses_here("connection")) return std::nullopt;
  const detail::session* const s = hub_->sessions().find_open(connection_id);
  return s == nullptr ? std::nullopt : std::optional(hub_->outbound().info(*s));
}

}  // namespace hotline
#endif
