#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/options.hpp>
#include <hotline/origin.hpp>
#include <hotline/server/served_hosts.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hotline::detail {

/// Returns the options that a manager works with. Throws `std::invalid_argument` for options with which no client could
/// be served.
[[nodiscard]] inline manager_options checked(manager_options options) {
  const auto demand = [](bool holds, std::string_view rule) {
    if (!holds) throw std::invalid_argument("hotline: manager_options::" + std::string(rule));
  };
  const std::string& prefix = options.route_prefix;
  demand(!prefix.empty() && prefix.front() == '/' && prefix.back() == '/', "route_prefix must begin and end with '/'");
  for (const std::string& entry : options.origins)
    demand(entry == "*" || can_be_origin(entry),
           "origins must be \"*\" or such as \"https://app.example:8443\", no path, no pattern: \"" + entry + "\"");
  for (const std::string& entry : options.hosts)
    demand(entry == "*" || can_be_host(entry),
           "hosts must be \"*\" or such as \"app.example\", no scheme, no path, no pattern: \"" + entry + "\"");
  demand(options.connections.all >= 1, "connections.all must be at least 1");
  demand(options.connections.per_project >= 1, "connections.per_project must be at least 1");
  demand(options.connections.per_address >= 1, "connections.per_address must be at least 1");
  demand(options.connections.handshakes >= 1, "connections.handshakes must be at least 1");
  demand(options.session.messages_per_second >= 1, "session.messages_per_second must be at least 1");
  demand(options.session.message_burst >= 1, "session.message_burst must be at least 1");
  demand(options.session.bytes_per_second >= 1, "session.bytes_per_second must be at least 1");
  demand(options.session.byte_burst >= 1, "session.byte_burst must be at least 1");
  demand(options.session.control_frames_per_second >= 1, "session.control_frames_per_second must be at least 1");
  demand(options.session.control_frame_burst >= 1, "session.control_frame_burst must be at least 1");
  demand(options.session.message_fragments >= 1, "session.message_fragments must be at least 1");
  demand(options.session.json_depth >= 1, "session.json_depth must be at least 1");
  demand(options.session.json_nodes >= 2, "session.json_nodes must be at least 2");
  demand(options.session.control_lane_bytes >= 256, "session.control_lane_bytes must be at least 256");
  demand(options.handshake.head_bytes >= 256, "handshake.head_bytes must be at least 256");
  demand(options.handshake.headers >= 5, "handshake.headers must be at least 5");
  demand(options.handshake.timeout.count() > 0, "handshake.timeout must be over 0");
  demand(options.catch_up_bytes >= 1, "catch_up_bytes must be at least 1");
  resume_options& resume = options.resume;
  if (resume.sessions == 0 || resume.per_address == 0 || resume.window.count() < 0) resume.window = {};
  // Longer waits are no spread, and a browser's timer would take some of them for none.
  options.restart_spread = std::min<std::chrono::milliseconds>(options.restart_spread, std::chrono::hours(24));
  return options;
}

}  // namespace hotline::detail
#endif
