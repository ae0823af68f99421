#pragma once
// Inbound, before the upgrade: what a request asks for.

#include <hotline/options.hpp>
#include <hotline/wire/http.hpp>
#include <hotline/wire/percent.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace hotline::detail {

/// Where a request goes.
struct route {
  enum class kind {
    project,  ///< below the prefix: `project` is the decoded id
    host,     ///< the host's own: a page, a health check
    refused,  ///< `status` says why
  };
  kind what;
  std::string project{};
  int status = 0;
};

/// Project ids are percent-decoded once, then judged by the host's rule.
[[nodiscard]] inline route find_route(const http_request& request, const manager_options& options) {
  if (request.method != "GET" && request.method != "HEAD") return {route::kind::refused, {}, 405};
  const std::string_view path = request.path;
  if (!path.starts_with(options.route_prefix))
    return request.is_upgrade() ? route{route::kind::refused, {}, 404} : route{route::kind::host};
  std::optional<std::string> project = percent_decode(path.substr(options.route_prefix.size()));
  if (!project || project->empty() || (options.valid_project && !options.valid_project(*project)))
    return {route::kind::refused, {}, 404};
  return {route::kind::project, std::move(*project)};
}

}  // namespace hotline::detail
