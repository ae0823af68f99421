#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/any_invocable.hpp>
#include <hotline/command/command_result.hpp>
#include <hotline/command/registry.hpp>
#include <hotline/command/request.hpp>
#include <hotline/command/responder.hpp>
#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/log_level.hpp>
#include <hotline/manager_status.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/printable.hpp>
#include <hotline/protocol/json_object.hpp>
#include <hotline/session/admission.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/subscription.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/http.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline {

class memory_event_log;

namespace detail {

class any_heartbeat;
class carrier;
class hub;

}  // namespace detail

/// A manager whatever its transport: all of `ws_manager` but what depends on the transport's type. Code that needs to
/// know no transport takes a `manager&`.
///
/// A manager belongs to one loop, its transport's; there it calls handlers and hooks. Unless a member says "any
/// thread", call it there, before the loop runs, or after it has ended. A call from another thread changes nothing: it
/// returns `errc::wrong_thread`, or, where the member returns no error, `on_error` receives the member's name and a
/// `std::system_error` of `wrong_thread`. This is noticed once the loop has run, where the transport can tell.
/// Handlers and hooks may call any member, and destroy the manager; what they throw goes to `on_error`.
///
///     void show_health(hotline::manager& m) {
///       m.on_http([&m](const hotline::http_request&) { return page(m.status().connections); });
///     }
class manager {
 public:
  manager(const manager&) = delete;
  manager& operator=(const manager&) = delete;

  // ------------------------------------------------------------------------------------------- start and stop

  /// Listens. Returns the transport's error (`address_in_use`, …), and then nothing has started; or `already_running`,
  /// or `wrong_thread`.
  [[nodiscard]] std::error_code start();

  /// Ends in good order: no new connections; clients receive what was accepted for them, then `disconnected` and 1001;
  /// then their sockets end, at the latest after `manager_options::drain_timeout`. `done` is the last call that comes
  /// from here, and may destroy the manager. A manager that is destroyed without `stop` ends everything at once: no
  /// handler or hook is called any more; from inside one, connections end when it has returned.
  void stop(any_invocable<void()> done = {});

  /// On the loop: returns whether it has started and not begun to stop.
  [[nodiscard]] bool is_running() const noexcept;

  /// Any thread: calls `f` on the loop, where it may destroy the manager; not when the manager stops first. Throws
  /// `std::bad_alloc`, and then `f` is not called.
  void post(any_invocable<void()> f);

  // ------------------------------------------------------------------------------------------------- commands

  /// Sets the handler of the command `name`; the last handler of a name counts. The built-in `ping`, `subscribe`,
  /// `unsubscribe` and `cancel` cannot be replaced, nor `refresh` once there is `reauthenticate`.
  template <command_handler F>
  void on_command(std::string name, F handler) {
    set_handler(std::move(name), detail::registry::wrap(std::move(handler)));
  }

  /// Sets a handler that receives the payload decoded; a payload that does not fit is answered with `invalid_payload`.
  template <class Payload, typed_command_handler<Payload> F>
  void on_command(std::string name, F handler) {
    set_handler(std::move(name), detail::registry::wrap_typed<Payload>(std::move(handler)));
  }

  /// Makes `name` an `unknown_command` from here on; commands under way go on.
  void remove_command(std::string_view name);

  /// Sets a function that is asked before each command that is not built in. An error that it returns (code `forbidden`
  /// unless it names one) is the answer. The last function counts; a null one lets all commands run.
  void authorize_commands(any_invocable<std::optional<command_error>(const connection_info&, const request&)> f);

  /// Sets a function that is asked before a client subscribes to an event type that it did not receive, with the type,
  /// or "*" for all. An error that it returns (code `forbidden` unless it names one) is the answer to the `subscribe`,
  /// of which then nothing applies. It is also asked when a client connects, with "*" if that is the default, when it
  /// comes back and when it was reauthenticated, with all that it subscribes to; what is refused then ends, and
  /// `connected` says so. The last function counts.
  void authorize_subscriptions(
      any_invocable<std::optional<command_error>(const connection_info&, std::string_view type)> f);

  // --------------------------------------------------------------------------------------------------- hooks

  // Those that observe (`on_connect`, `on_disconnect`, `on_resumed`, `on_session_expired`, `on_error`, `on_log`) are
  // all kept and called in the order in which they were added. Each lives as long as the subscription that is returned,
  // which may end on any thread, inside a call too, and may outlive the manager; `.release()` lets the hook live as
  // long as the manager. One that throws keeps no other from being called. The last one of the functions that decide
  // counts.

  /// Adds a hook that receives each new connection. A message that is sent to the client from there comes after its
  /// `connected`.
  [[nodiscard]] subscription on_connect(any_invocable<void(const connection_info&)> f);

  /// Adds a hook that receives each end of a connection: its socket has ended, or its session goes on over a newer
  /// socket (4009; then `on_resumed` follows at once, whatever still becomes of the old socket). Each call follows one
  /// of `on_connect` or `on_resumed`. `disconnection::may_resume` says whether the session is still there.
  [[nodiscard]] subscription on_disconnect(any_invocable<void(const connection_info&, const disconnection&)> f);

  /// Adds a hook that receives each client that has come back to its session, over a new socket; called in place of
  /// `on_connect`.
  [[nodiscard]] subscription on_resumed(any_invocable<void(const connection_info&)> f);

  /// Adds a hook that receives each detached session that has ended: `resume_options::window` is over, others needed
  /// its place, its client came back and it could not go on (`evicted`, `epoch_changed`, or more answers than are
  /// kept), or the manager stops.
  [[nodiscard]] subscription on_session_expired(any_invocable<void(const connection_info&)> f);

  /// Sets the function that answers HTTP requests outside the route's prefix (a page, a health check, a browser's CORS
  /// preflight), of any client: neither `authenticate` nor `origins` is asked. The method is GET, HEAD, for which the
  /// body is left out, or OPTIONS. When it returns nothing, and without it, GET and HEAD get 404, OPTIONS gets 204 with
  /// `Allow`. The last function counts.
  void on_http(any_invocable<std::optional<http_response>(const http_request&)> f);

  /// Sets the function that says from its request which address a client stands for when it comes through a proxy: the
  /// one that the proxy names, such as `q.forwarded_for(1)`. Only where each client comes through that proxy: any other
  /// can send the header too. `connection_limits::per_address`, `connection_limits::handshakes` and
  /// `resume_options::per_address` count by it, and `connection_info::remote_address` and `on_log` have it. It is asked
  /// about each request whose host is served, pages too. Without it, and when it returns an empty text, the address is
  /// the peer's own. With it, a listener at a loopback address serves any name (`manager_options::hosts`). The last
  /// function counts.
  void client_address(any_invocable<std::string(const http_request&)> f);

  /// Sets the function that says from its request what a client speaks when a proxy ends TLS for it: "https" or "http",
  /// such as `std::string(q.header("X-Forwarded-Proto"))`. `http_request::scheme` has it, and a page whose origin has
  /// another scheme is not of the same origin then. Without it, and when it returns an empty text, the scheme is what
  /// the transport knows: "https" with TLS, else unknown, and the origin's own is taken for it. The last function
  /// counts.
  void client_scheme(any_invocable<std::string(const http_request&)> f);

  /// Sets the function that decides which client may connect, from the request (its headers, its query) and the
  /// project's id, before the upgrade and again at every connect, resumes included, except for a client that is over a
  /// limit of connections: a session goes on only for the principal that it began with. `f(request, project)` returns
  /// an `admission`; `f(request, project, responder)` answers through an `admission_responder`, now or later, from any
  /// thread, within `handshake_limits::timeout` (else the client gets 503). Both arguments are gone when `f` has
  /// returned. When `f` throws or gives no answer, the client gets 500. Without it every client may connect, with an
  /// empty principal. The last function counts.
  template <class F>
  requires detail::admits_now<F, const http_request&, std::string_view> ||
      detail::admits_later<F, const http_request&, std::string_view>
  void authenticate(F f) {
    set_authenticator(detail::as_admitter<const http_request&, std::string_view>(std::move(f)));
  }

  /// Offers permessage-deflate (RFC 7692) to clients that ask for it, such as browsers: `hotline::permessage_deflate`
  /// of <hotline/deflate.hpp>. An event is compressed once for all of its subscribers; answers to one client are sent
  /// as they are. Before `start`.
  void compress(std::unique_ptr<message_compression> compression);

  /// Sets the function that decides, by the token that a client sends with the built-in command `refresh`, whether it
  /// is still the same principal, and until when: `f(connection, token)` or `f(connection, token, responder)`, answered
  /// as in `authenticate`. A refusal, an admission of another principal and what `f` throws are an error for the client
  /// and change nothing. Without it there is no such command, and the name is the host's. The last function counts.
  template <class F>
  requires detail::admits_now<F, const connection_info&, std::string_view> ||
      detail::admits_later<F, const connection_info&, std::string_view>
  void reauthenticate(F f) {
    set_reauthenticator(detail::as_admitter<const connection_info&, std::string_view>(std::move(f)));
  }

  /// Adds a hook that receives what handlers and hooks throw, with the name of the command (a client's text) or hook;
  /// memory that was short ("connection": one was ended for it); and the name of a member that was called from a wrong
  /// thread.
  [[nodiscard]] subscription on_error(any_invocable<void(std::string_view where, std::exception_ptr)> f);

  /// Adds a hook that receives lines for a log: all text of strangers in them has gone through `printable`.
  [[nodiscard]] subscription on_log(any_invocable<void(log_level, std::string_view)> f);

  // ------------------------------------------------------------------------------------------------- sending

  /// Any thread. Sends an object with a `type` of its own to every connection of the project that subscribes to that
  /// type; it is logged and numbered like an event. Returns its number, or: `invalid_project`, `invalid_event_type` (no
  /// proper `type`), `reserved_type`, `reserved_field`, `invalid_json`, `event_too_big`, `log_full`,
  /// `too_many_projects`, `out_of_memory`.
  [[nodiscard]] result<sequence> broadcast_to_project(std::string_view project, const json_object& message);

  /// Any thread. As `broadcast_to_project`, for every project that has a log now, with connections or without. Returns
  /// how many those were: at most `log_options::projects`, of which strangers may have named all.
  [[nodiscard]] result<std::size_t> broadcast_to_all(const json_object& message);

  /// Sends an object with a `type` of its own to one connection, whatever it subscribes to. Not logged, not numbered.
  /// Returns `no_such_connection` (for a detached session too), `invalid_event_type`, `reserved_type`,
  /// `reserved_field`, `invalid_json`, `out_of_memory`, `wrong_thread`, or `control_lane_full`: then the client is
  /// closed with 4008.
  [[nodiscard]] std::error_code send_to(std::string_view connection_id, const json_object& message);

  /// Sends an object with a `type` of its own to every connection of the project whose client is that principal, as
  /// `authenticate` named it: all tabs and devices of a user. For each it is as with `send_to`: whatever the connection
  /// subscribes to, not logged, not numbered, and a detached session does not receive it later. Returns how many
  /// connections those are, 0 for a principal that is not there; one that is closed with 4008 because it does not read is
  /// none of them. Errors are `invalid_project` (no UTF-8) and those of `send_to`, but for `no_such_connection` and
  /// `control_lane_full`; after `out_of_memory` some may have received it. Looks at each connection of the project, on this
  /// manager.
  [[nodiscard]] result<std::size_t> send_to_principal(std::string_view project, std::string_view principal,
                                                      const json_object& message);

  /// Closes a connection with a `disconnected` message and the close handshake. `on_disconnect` comes when its socket
  /// has ended. With a code by which clients may not come back (`may_reconnect`) its session is over at once.
  /// Returns `no_such_connection` or `wrong_thread`.
  [[nodiscard]] std::error_code disconnect(std::string_view connection_id, close_code code = close_code::normal,
                                           std::string_view reason = {});

  // -------------------------------------------------------------------------------------------- backpressure

  /// Sets a function that receives how the project's subscribers keep up with what is emitted: a producer that can
  /// wait, such as the reader of a pipe, pauses at `behind` and continues at `caught_up`, so that they miss nothing.
  /// `f` is called on the loop, whenever that changes for this manager's connections; it begins as `caught_up`. With
  /// several managers over one log, ask each. The last function for a project counts, a null one ends it.
  void on_pace(std::string project, pace_marks marks, any_invocable<void(pace)> f);

  // -------------------------------------------------------------------------------------------------- status

  /// Any thread. Returns how many connections there are, in all and by project.
  [[nodiscard]] manager_status status() const;

  /// Any thread. Returns its counters; `to_prometheus` of <hotline/prometheus.hpp> makes a page of them.
  [[nodiscard]] manager_metrics metrics() const;

  /// Any thread. Returns the connections of a project, the oldest first; of all projects when it is empty.
  [[nodiscard]] std::vector<connection_info> connections(std::string_view project = {}) const;

  /// Returns that connection while it is open; on the loop. From other threads: `connections()`.
  [[nodiscard]] std::optional<connection_info> connection(std::string_view connection_id) const;

 protected:
  /// Throws `std::invalid_argument` for options with which nobody could be served; options.hpp names them.
  manager(std::unique_ptr<detail::carrier> transport, std::shared_ptr<memory_event_log> log, manager_options options,
          detail::any_heartbeat heartbeat);
  ~manager();

  /// Returns the transport's carrier, for `ws_manager`.
  [[nodiscard]] detail::carrier& carrier() const noexcept;

 private:
  // Whether it may not be called here; `member` is reported then.
  [[nodiscard]] bool refuses_here(const char* member) const noexcept;
  void set_handler(std::string name, detail::registry::handler handler);
  void set_authenticator(detail::admitter<const http_request&, std::string_view> f);
  void set_reauthenticator(detail::admitter<const connection_info&, std::string_view> f);

  detail::hub* const hub_;  // ends in the destructor, by `hub::end`: a call from it may still be running
};

}  // namespace hotline

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/manager.ipp>
#endif
#endif
