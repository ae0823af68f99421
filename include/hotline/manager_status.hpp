#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/protocol/json_object.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace hotline {

/// One project as a manager sees it.
struct project_status {
  std::string project;
  std::size_t connections = 0;
};

/// A manager at one moment.
struct manager_status {
  std::size_t connections = 0;           ///< upgraded, and not ended yet
  std::vector<project_status> projects;  ///< those that have connections, by name
};

/// A connection for people and their pages: ids, ages in seconds, its event types.
[[nodiscard]] inline json_object to_json(const connection_info& info, steady_time now) {
  const auto seconds = [](auto duration) { return std::chrono::duration<double>(duration).count(); };
  json_object told{{"connection_id", info.id},
                   {"project_id", info.project},
                   {"remote_address", info.remote_address},
                   {"connected_at", seconds(info.connected_at_wall.time_since_epoch())},
                   {"connected_for", seconds(now - info.connected_at)},
                   {"heard_ago", seconds(now - info.last_heard)},
                   {"healthy", info.is_healthy(now)}};
  if (info.hears_all)
    told.append("subscriptions", std::vector<std::string>{"*"});
  else
    told.append("subscriptions", info.subscriptions);
  return told;
}

[[nodiscard]] inline json_object to_json(const manager_status& status) {
  json_array projects;
  for (const project_status& p : status.projects)
    projects.append(json_object{{"project_id", p.project}, {"connections", p.connections}});
  return {{"connections", status.connections}, {"projects", projects}};
}

}  // namespace hotline
#endif
