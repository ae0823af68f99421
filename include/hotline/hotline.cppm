/// \file
/// The library as a C++20 module, for programs whose compiler and build system know modules: clang 16 or newer, and CMake
/// 3.28 or newer where CMake builds it (`hotline::module`).
///
///     #include <asio/io_context.hpp>
///     import hotline;
///
/// A program includes the headers of Asio that it uses, and all other headers, before it imports the module. Not part of the
/// module are the macros of <hotline/version.hpp>, compression (<hotline/deflate.hpp>), TLS (<hotline/tls.hpp>),
/// <hotline/coroutine.hpp>, <hotline/testing/…> and <hotline/boost_asio.hpp>: their headers are included before the import. A
/// name of the headers that is not exported is found by a test.

module;

#include <hotline/browser/client_module.hpp>
#include <hotline/dialer.hpp>
#include <hotline/hotline.hpp>
#include <hotline/prometheus.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/transport/asio_resolver.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/transport/memory_dialer.hpp>
#include <hotline/transport/memory_network.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/transport/system_environment.hpp>
#if !defined(_WIN32)
#include <hotline/transport/asio_dialer.hpp>
#include <hotline/transport/system_resolver.hpp>
#endif
#if defined(__linux__)
#include <hotline/asio_epoll.hpp>
#include <hotline/epoll.hpp>
#include <hotline/transport/epoll_dialer.hpp>
#endif

export module hotline;

export namespace hotline {

using hotline::admission;
using hotline::admission_responder;
using hotline::agent_output;
using hotline::any_invocable;
using hotline::as_text;
using hotline::as_text_t;
using hotline::asio_connection;
using hotline::asio_resolver;
using hotline::asio_transport;
using hotline::basic_asio_transport;
using hotline::basic_metrics;
using hotline::branch_created;
using hotline::client_module;
using hotline::close_code;
using hotline::command_error;
using hotline::command_handler;
using hotline::command_id;
using hotline::command_origin;
using hotline::command_result;
using hotline::connection_info;
using hotline::connection_limits;
using hotline::decode;
using hotline::default_environment;
using hotline::described;
using hotline::dial_failure;
using hotline::dial_id;
using hotline::dial_options;
using hotline::dial_stage;
using hotline::dialer;
using hotline::dialer_options;
using hotline::dialer_receiver;
using hotline::disconnection;
using hotline::duration_histogram;
using hotline::emit_options;
using hotline::encode;
using hotline::environment;
using hotline::errc;
using hotline::error_category;
using hotline::event;
using hotline::event_emitter;
using hotline::failure;
using hotline::field;
using hotline::fields;
using hotline::filter;
using hotline::gate_failed;
using hotline::gate_passed;
using hotline::gate_running;
using hotline::handshake_limits;
using hotline::hash_type;
using hotline::heartbeat_action;
using hotline::heartbeat_policy;
using hotline::heartbeat_query;
using hotline::http_request;
using hotline::http_response;
using hotline::http_status;
using hotline::interval_heartbeat;
using hotline::is_event_type;
using hotline::is_project_id;
using hotline::is_same_origin;
using hotline::jittered_heartbeat;
using hotline::json;
using hotline::json_array;
using hotline::json_elements;
using hotline::json_input;
using hotline::json_integer;
using hotline::json_kind;
using hotline::json_limits;
using hotline::json_member;
using hotline::json_members;
using hotline::json_object;
using hotline::json_value;
using hotline::json_writer;
using hotline::keyed_event;
using hotline::laggard_policy;
using hotline::late_tick;
using hotline::limit;
using hotline::listen_options;
using hotline::listener_error_hook;
using hotline::log_batch;
using hotline::log_bounds;
using hotline::log_entry;
using hotline::log_level;
using hotline::log_options;
using hotline::log_record;
using hotline::log_rendition;
using hotline::log_status;
using hotline::log_watcher;
using hotline::make_error_code;
using hotline::make_ws_manager;
using hotline::manager;
using hotline::manager_metrics;
using hotline::manager_options;
using hotline::manager_status;
using hotline::manual_environment;
using hotline::may_reconnect;
using hotline::memory_connection;
using hotline::memory_dialer;
using hotline::memory_event_log;
using hotline::memory_name;
using hotline::memory_network;
using hotline::memory_peer;
using hotline::memory_place;
using hotline::memory_stream;
using hotline::memory_transport;
using hotline::message_compression;
using hotline::metric_name;
using hotline::name_resolver;
using hotline::no_heartbeat;
using hotline::operator+=;
using hotline::operator==;
using hotline::origin_rule;
using hotline::pace;
using hotline::pace_marks;
using hotline::parse_json;
using hotline::percent_decode;
using hotline::printable;
using hotline::project_status;
using hotline::prometheus_content_type;
using hotline::protocol_version;
using hotline::request;
using hotline::resolve_done;
using hotline::responder;
using hotline::result;
using hotline::resume_options;
using hotline::resume_outcome;
using hotline::sequence;
using hotline::session_limits;
using hotline::signal_detected;
using hotline::steady_time;
using hotline::subscription;
using hotline::system_environment;
using hotline::tally;
using hotline::task_cancelled;
using hotline::task_completed;
using hotline::task_failed;
using hotline::task_started;
using hotline::tick_interval;
using hotline::timer_id;
using hotline::to_json;
using hotline::to_prometheus;
using hotline::to_string;
using hotline::transport;
using hotline::transport_receiver;
using hotline::typed_command_handler;
using hotline::typed_event;
using hotline::wall_time;
using hotline::ws_manager;

#if !defined(_WIN32)
using hotline::asio_dialer;
using hotline::basic_asio_dialer;
using hotline::system_resolver;
#endif

#if defined(__linux__)
using hotline::asio_epoll_transport;
using hotline::basic_asio_epoll_transport;
using hotline::basic_epoll_dialer;
using hotline::basic_epoll_transport;
using hotline::epoll_connection;
using hotline::epoll_dialer;
using hotline::epoll_transport;
using hotline::make_epoll_ws_manager;
#endif

}  // namespace hotline
