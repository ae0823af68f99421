#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/command/command_result.hpp>
#include <hotline/command/registry.hpp>
#include <hotline/command/request.hpp>
#include <hotline/command/responder.hpp>
#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/fwd.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/manager/checked_options.hpp>
#include <hotline/manager/core.hpp>
#include <hotline/manager/hooks.hpp>
#include <hotline/manager/status.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/event_message.hpp>
#include <hotline/protocol/json_object.hpp>
#include <hotline/session/admission.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/session/heartbeat.hpp>
#include <hotline/subscription.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/http.hpp>

#include <algorithm>
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline {

/// Keeps the screens of a service's users live: takes their connections, runs their commands, and sends them the
/// events of their project that they subscribe to.
///
/// A manager belongs to one loop, its transport's; there it calls handlers and hooks. Unless a member says "any
/// thread", call it there, before the loop runs, or after it has ended. A call from another thread changes nothing: it
/// returns `errc::wrong_thread`, or, where the member returns no error, `on_error` receives the member's name and a
/// `std::system_error` of `wrong_thread`. This is noticed once the loop has run, where the transport can tell.
/// Handlers and hooks may call any member, and destroy the manager; what they throw goes to `on_error`. Several managers,
/// each with a loop of its own, may share one log. A manager can be neither copied nor moved: a member is initialised
/// from `make_ws_manager(…)` in its class's constructor.
///
///     asio::io_context io;
///     hotline::event_emitter events;
///     auto manager = hotline::make_ws_manager(io, events, {.port = 8080});
///     manager.on_command("greet", [](const hotline::request& q) { return hotline::json_object{{"hello", q.project()}}; });
///     if (auto failed = manager.start()) return report(failed);
///     io.run();
template <class Transport, class Heartbeat>
class ws_manager {
  static_assert(transport<Transport>, "hotline: ws_manager needs a model of hotline::transport");
  static_assert(heartbeat_policy<Heartbeat>, "hotline: ws_manager needs a model of hotline::heartbeat_policy");

 public:
  using transport_type = Transport;

  /// Sends what `emitter`, and whoever else writes to its log, emits. Throws `std::invalid_argument` for options with
  /// which nobody could be served; options.hpp names them.
  ws_manager(Transport transport, event_emitter& emitter, manager_options options = {}, Heartbeat heartbeat = {})
      : ws_manager(std::move(transport), emitter.log(), std::move(options), std::move(heartbeat)) {}

  /// Over a log that emitters and other managers share.
  ws_manager(Transport transport, std::shared_ptr<memory_event_log> log, manager_options options = {},
             Heartbeat heartbeat = {})
      : core_(new core_type(std::move(transport), std::move(log), detail::checked(std::move(options)),
                            std::move(heartbeat))) {}

  ws_manager(const ws_manager&) = delete;
  ws_manager& operator=(const ws_manager&) = delete;

  // ------------------------------------------------------------------------------------------- start and stop

  /// Listens. The error is the transport's (`address_in_use`, …), and then nothing has started; or `already_running`, or
  /// `wrong_thread`.
  [[nodiscard]] std::error_code start() { return core_->start(); }

  /// Ends in good order: no new connections; clients get what was accepted for them, then `disconnected` and 1001;
  /// then their sockets end, at the latest after `manager_options::drain_timeout`. `done` is the last call that comes
  /// from here, and may destroy the manager. Destroying a manager that was not stopped ends everything at once: no handler
  /// or hook is called any more; from inside one, connections end when it has returned.
  void stop(std::function<void()> done = {}) {
    if (!core_->refuses_here("stop")) core_->stop(std::move(done));
  }

  /// Whether it has started and not begun to stop; on the loop.
  [[nodiscard]] bool is_running() const noexcept {
    (void)core_->refuses_here("is_running");  // the answer is true all the same, but it may be old already
    return core_->is_running();
  }

  /// Any thread: calls `f` on the loop, where it may destroy the manager; not when the manager stops first.
  void post(std::function<void()> f) { core_->post(std::move(f)); }

  /// The transport that it was given: what it listens on, what it can adopt.
  [[nodiscard]] Transport& transport() noexcept { return core_->carrier(); }

  // ------------------------------------------------------------------------------------------------- commands

  /// What runs when a client sends the command `name`. The last handler for a name counts. The built-in `ping`,
  /// `subscribe`, `unsubscribe` and `cancel` cannot be replaced, nor `refresh` once there is `reauthenticate`.
  template <command_handler F>
  void on_command(std::string name, F handler) {
    if (core_->refuses_here("on_command")) return;
    core_->desk.handlers.set(std::move(name), detail::registry::wrap(std::move(handler)));
  }

  /// The handler gets the payload decoded; a payload that does not fit is answered with `invalid_payload`.
  template <class Payload, typed_command_handler<Payload> F>
  void on_command(std::string name, F handler) {
    if (core_->refuses_here("on_command")) return;
    core_->desk.handlers.set(std::move(name), detail::registry::wrap_typed<Payload>(std::move(handler)));
  }

  /// From here on `name` is `unknown_command`; commands under way go on.
  void remove_command(std::string_view name) {
    if (!core_->refuses_here("remove_command")) core_->desk.handlers.erase(name);
  }

  /// Asked before each command that is not built in; an error that it returns (code `forbidden` unless it names one)
  /// is the answer. The last function counts.
  void authorize_commands(std::function<std::optional<command_error>(const connection_info&, const request&)> f) {
    if (!core_->refuses_here("authorize_commands")) core_->desk.authorize(std::move(f));
  }

  /// Asked before a client hears an event type that it did not hear, with the type, or "*" for all; an error (code
  /// `forbidden` unless it names one) is the answer to its `subscribe`, of which then nothing holds. Asked as well when
  /// it connects, with "*" if that is the default, when it comes back and when it was reauthenticated, with all that it
  /// hears; it no longer hears what is refused then. `connected` tells it. The last function counts.
  void authorize_subscriptions(
      std::function<std::optional<command_error>(const connection_info&, std::string_view type)> f) {
    if (!core_->refuses_here("authorize_subscriptions")) core_->desk.filters.authorize = std::move(f);
  }

  // --------------------------------------------------------------------------------------------------- hooks

  // Those that observe (`on_connect`, `on_disconnect`, `on_resumed`, `on_session_expired`, `on_error`, `on_log`) are all
  // kept and called in the order in which they were added. Each lives as long as the subscription that is returned, which
  // may end on any thread, inside a call too, and may outlive the manager; `.release()` lets the hook live as long as the
  // manager. One that throws keeps no other from being called. The last one that decides counts.

  /// A client has connected; what is sent to it from here comes behind its `connected`.
  [[nodiscard]] subscription on_connect(std::function<void(const connection_info&)> f) {
    return core_->refuses_here("on_connect") ? subscription() : core_->calls.on_connect.add(std::move(f));
  }

  /// A client's socket has ended, or its session goes on over a newer one (4009, then `on_resumed` follows at once, whatever
  /// still becomes of the old socket). Each call stands against one of `on_connect` or `on_resumed` before it.
  /// `disconnection::may_resume` tells whether the session is still there.
  [[nodiscard]] subscription on_disconnect(std::function<void(const connection_info&, const disconnection&)> f) {
    return core_->refuses_here("on_disconnect") ? subscription() : core_->calls.on_disconnect.add(std::move(f));
  }

  /// A client has come back to its session, over a new socket; called in place of `on_connect`.
  [[nodiscard]] subscription on_resumed(std::function<void(const connection_info&)> f) {
    return core_->refuses_here("on_resumed") ? subscription() : core_->calls.on_resumed.add(std::move(f));
  }

  /// A session that waited for its client has ended: `resume_options::window` is over, others needed its place, its client
  /// came back and it could not go on (`evicted`, `epoch_changed`, or more answered than is kept), or the manager stops.
  [[nodiscard]] subscription on_session_expired(std::function<void(const connection_info&)> f) {
    return core_->refuses_here("on_session_expired") ? subscription()
                                                     : core_->calls.on_session_expired.add(std::move(f));
  }

  /// Answers HTTP requests outside the route's prefix (a page, a health check, a browser's CORS preflight), of anybody:
  /// neither `authenticate` nor `origins` is asked. The method is GET, HEAD, for which the body is left out, or OPTIONS. When
  /// the hook returns nothing, and without one, GET and HEAD get 404, OPTIONS gets 204 with `Allow`. The last function counts.
  void on_http(std::function<std::optional<http_response>(const http_request&)> f) {
    if (!core_->refuses_here("on_http")) core_->calls.on_http = std::move(f);
  }

  /// Says from its request whom a client stands for when it comes through a proxy: the address that the proxy names, such as
  /// `q.forwarded_for(1)`. Only where each client comes through that proxy: anybody else can send the header too. It is what
  /// `connection_limits::per_address`, `connection_limits::handshakes` and `resume_options::per_address` count by, and what
  /// `connection_info::remote_address` and `on_log` tell. Asked about each request whose host is served, pages too. Without the
  /// hook, and when it returns an empty text, that is the peer's own. With it, a listener at a loopback address serves any name
  /// (`manager_options::hosts`). The last function counts.
  void client_address(std::function<std::string(const http_request&)> f) {
    if (!core_->refuses_here("client_address")) core_->calls.client_address = std::move(f);
  }

  /// Says from its request what a client speaks when a proxy ends TLS for it: "https" or "http", such as
  /// `std::string(q.header("X-Forwarded-Proto"))`. It is what `http_request::scheme` tells, and a page whose origin has
  /// another scheme is not of the same origin then. Without the hook, and when it returns an empty text, the scheme is what
  /// the transport knows: "https" with TLS, else unknown, and the origin's own is taken for it. The last function counts.
  void client_scheme(std::function<std::string(const http_request&)> f) {
    if (!core_->refuses_here("client_scheme")) core_->calls.client_scheme = std::move(f);
  }

  /// Decides who may connect, from the request (its headers, its query) and the project's id, before the upgrade and at
  /// every connect anew, resumes included, but for who is over a limit of connections: a session goes on only for the
  /// principal that it began with. `f(request,
  /// project)` returns an `admission`; `f(request, project, responder)` answers through an `admission_responder`, now or
  /// later, from any thread, within `handshake_limits::timeout` (else the client gets 503). Both arguments are gone when
  /// `f` has returned. When `f` throws or gives no answer, the client gets 500. Without it everybody may connect, as
  /// nobody in particular. The last function counts.
  template <class F>
  requires detail::admits_now<F, const http_request&, std::string_view> ||
      detail::admits_later<F, const http_request&, std::string_view>
  void authenticate(F f) {
    if (core_->refuses_here("authenticate")) return;
    core_->calls.authenticate = detail::as_admitter<const http_request&, std::string_view>(std::move(f));
  }

  /// Offers permessage-deflate (RFC 7692) to clients that ask for it, such as browsers: `hotline::permessage_deflate` of
  /// <hotline/deflate.hpp>. What goes to many is compressed once for all of them; answers to one client are sent as they
  /// are. Before `start`.
  void compress(std::unique_ptr<message_compression> compression) {
    if (!core_->refuses_here("compress")) core_->outbound.compress_with(std::move(compression));
  }

  /// Decides, by the token that a client sends with the built-in command `refresh`, whether it is still who it was, and
  /// until when: `f(connection, token)` or `f(connection, token, responder)`, answered as in `authenticate`. A refusal, an
  /// admission of somebody else and what `f` throws are an error for the client and change nothing. Without it there is no
  /// such command, and the name is the host's. The last function counts.
  template <class F>
  requires detail::admits_now<F, const connection_info&, std::string_view> ||
      detail::admits_later<F, const connection_info&, std::string_view>
  void reauthenticate(F f) {
    if (core_->refuses_here("reauthenticate")) return;
    core_->desk.reauthenticate = detail::as_admitter<const connection_info&, std::string_view>(std::move(f));
  }

  /// Told of what handlers and hooks throw, with the name of the command (a client's text) or hook, and of memory that was short
  /// ("connection": one was ended for it). Told as well, with the member's name, of a call from a wrong thread.
  [[nodiscard]] subscription on_error(std::function<void(std::string_view where, std::exception_ptr)> f) {
    return core_->refuses_here("on_error") ? subscription() : core_->calls.on_error.add(std::move(f));
  }

  /// Told what a log would want to know, a line each: all text of strangers in it has gone through `printable`.
  [[nodiscard]] subscription on_log(std::function<void(log_level, std::string_view)> f) {
    return core_->refuses_here("on_log") ? subscription() : core_->calls.on_log.add(std::move(f));
  }

  // ------------------------------------------------------------------------------------------------- sending

  /// Any thread. Sends an object with a `type` of its own to every connection of the project that hears that type; it
  /// is logged and numbered like an event. Answers its number, or: `invalid_project`, `invalid_event_type` (no proper
  /// `type`), `reserved_type`, `reserved_field`, `invalid_json`, `event_too_big`, `log_full`, `too_many_projects`,
  /// `out_of_memory`.
  [[nodiscard]] result<sequence> broadcast_to_project(std::string_view project, const json_object& message) {
    if (project.empty()) return errc::invalid_project;
    try {
      return append(project, message, [&](const log_record& r) { return core_->log().append(project, r); });
    } catch (const std::bad_alloc&) {
      return errc::out_of_memory;
    }
  }

  /// Any thread. As `broadcast_to_project`, for every project that has a log now, with connections or without. Answers how many those
  /// were: at most `log_options::projects`, of which strangers may have named all.
  [[nodiscard]] result<std::size_t> broadcast_to_all(const json_object& message) {
    std::size_t projects = 0;
    std::optional<failure> refused;
    try {
      core_->log().for_each([&](std::string_view project, memory_stream& stream) {
        if (refused) return;
        const result<sequence> sent = append(project, message, [&](const log_record& r) { return stream.append(r); });
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

  /// Sends an object with a `type` of its own to one connection, whatever it subscribes to. Not logged, not numbered.
  /// Fails with `no_such_connection` (a session that waits included), `invalid_event_type`, `reserved_type`,
  /// `reserved_field`, `invalid_json`, `out_of_memory`, `wrong_thread`, or `control_lane_full`: then the client is closed with 4008.
  [[nodiscard]] std::error_code send_to(std::string_view connection_id, const json_object& message) {
    if (core_->runs_elsewhere()) return errc::wrong_thread;
    auto* const c = core_->outbound.clients.find(connection_id);
    if (c == nullptr) return errc::no_such_connection;
    try {
      std::string text;
      const auto now = core_->log().env().wall_now();
      if (const std::error_code refused = detail::direct_message(text, c->origin()->project, message, now))
        return refused;
      core_->outbound.send(*c, text);
    } catch (const std::bad_alloc&) {
      return errc::out_of_memory;
    }
    return c->is_open() ? std::error_code() : errc::control_lane_full;
  }

  /// Closes a connection with a `disconnected` message and the close handshake. `on_disconnect` comes when its socket
  /// has ended. With a code by which clients may not come back (`may_reconnect`) its session is over at once.
  /// Fails with `no_such_connection` or `wrong_thread`.
  [[nodiscard]] std::error_code disconnect(std::string_view connection_id, close_code code = close_code::normal,
                                           std::string_view reason = {}) {
    if (core_->runs_elsewhere()) return errc::wrong_thread;
    auto* const c = core_->outbound.clients.find(connection_id);
    if (c == nullptr) return errc::no_such_connection;
    core_->outbound.close(*c, code, reason);
    return {};
  }

  // ------------------------------------------------------------------------------------------------- pacing

  /// Tells how the project's listeners keep up with what is emitted: a producer that can wait, such as the reader of a
  /// pipe, pauses at `behind` and goes on at `caught_up`, so that they miss nothing. `f` is called on the loop, whenever
  /// that changes for this manager's connections; it begins as `caught_up`. With several managers over one log, ask each.
  /// The last function for a project counts, a null one ends it.
  void on_pace(std::string project, pace_marks marks, std::function<void(pace)> f) {
    if (core_->refuses_here("on_pace")) return;
    core_->outbound.paces.watch(std::move(project), marks, std::move(f));
  }

  // -------------------------------------------------------------------------------------------------- status

  /// Any thread. How many connections there are, in all and by project.
  [[nodiscard]] manager_status status() const {
    std::map<std::string_view, std::size_t> counts;
    manager_status told;
    core_->outbound.clients.read([&](const auto& c) {
      ++told.connections;
      ++counts[c.origin()->project];
    });
    for (const auto& [project, connections] : counts) told.projects.push_back({std::string(project), connections});
    return told;
  }

  /// Any thread. What it has counted; `to_prometheus` of <hotline/prometheus.hpp> makes a page of it.
  [[nodiscard]] manager_metrics metrics() const { return core_->metrics(); }

  /// Any thread. The connections of a project, the oldest first; of all projects when it is empty.
  [[nodiscard]] std::vector<connection_info> connections(std::string_view project = {}) const {
    std::vector<connection_info> found;
    core_->outbound.clients.read([&](const auto& c) {
      if (project.empty() || c.origin()->project == project) found.push_back(c.info());
    });
    std::sort(found.begin(), found.end(), [](const connection_info& a, const connection_info& b) {
      return a.connected_at != b.connected_at ? a.connected_at < b.connected_at : a.id < b.id;
    });
    return found;
  }

  /// That connection while it is open; on the loop. From other threads: `connections()`.
  [[nodiscard]] std::optional<connection_info> connection(std::string_view connection_id) const {
    if (core_->refuses_here("connection")) return std::nullopt;
    const auto* const c = core_->outbound.clients.find(connection_id);
    return c == nullptr ? std::nullopt : std::optional(c->info());
  }

 private:
  template <class Append>
  result<sequence> append(std::string_view project, const json_object& message, Append to_log) {
    detail::split_text text;
    const auto now = core_->log().env().wall_now();
    if (const std::error_code refused = detail::split_message(text, project, message, now))
      return failure{refused, refused.message()};
    return to_log(log_record{text.head, text.tail, detail::type_in(text)});
  }

  using core_type = detail::manager_core<Transport, Heartbeat>;
  struct end_core {
    void operator()(core_type* core) const { core_type::end(core); }
  };

  const std::unique_ptr<core_type, end_core> core_;
};

}  // namespace hotline
#endif
