#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

/// \file
/// The names of the library, for headers that only mention them.
///
///     #include <hotline/fwd.hpp>
///     struct screens {
///       hotline::event_emitter& events;
///       std::unique_ptr<hotline::ws_manager<hotline::asio_transport>> manager;
///     };

#include <cstdint>

namespace hotline {

// Values and errors.
class json;
class json_array;
class json_input;
class json_object;
class json_writer;
enum class errc;
struct failure;
template <class T>
class result;

// Events.
class memory_event_log;
class subscription;
struct emit_options;
struct agent_output;
struct branch_created;
struct event;
struct gate_failed;
struct gate_passed;
struct gate_running;
struct log_options;
struct signal_detected;
struct task_cancelled;
struct task_completed;
struct task_failed;
struct task_started;
class event_emitter;

// Commands.
class command_id;
class command_result;
class request;
class responder;
struct command_error;

// Connections.
class admission_responder;
class filter;
struct admission;
struct connection_info;
struct disconnection;
struct http_request;
struct http_response;

// The manager.
class interval_heartbeat;
class jittered_heartbeat;
class message_compression;
enum class log_level;
enum class pace;
struct connection_limits;
struct handshake_limits;
struct manager_options;
struct manager_status;
struct no_heartbeat;
struct project_status;
struct resume_options;
struct session_limits;
class manager;
template <class Transport>
class ws_manager;
template <class Plain, class Tls>
class basic_ws_or_wss_manager;

// Metrics.
struct log_status;
template <class Number>
struct basic_metrics;
using manager_metrics = basic_metrics<std::uint64_t>;

// Dialers.
class asio_dialer;
class epoll_dialer;
class memory_dialer;
class memory_network;
class tls_client_context;
class tls_dialer;
class tls_epoll_dialer;
enum class dial_id : std::uint64_t;
struct dial_failure;
struct dial_options;
struct dialer_options;
struct tls_client_options;

// Transports.
class asio_transport;
class epoll_transport;
class environment;
class manual_environment;
class memory_peer;
class memory_transport;
class system_environment;
class tls_context;
class tls_transport;
struct listen_options;
struct tls_handshake_limits;
struct tls_options;
using ws_or_wss_manager = basic_ws_or_wss_manager<asio_transport, tls_transport>;

}  // namespace hotline
#endif
