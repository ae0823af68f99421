#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound, before the upgrade: what a request asks for, and what it is answered.

#include <hotline/browser/client_module.hpp>
#include <hotline/options.hpp>
#include <hotline/server/hooks.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/wire/handshake.hpp>
#include <hotline/wire/http.hpp>
#include <hotline/wire/percent.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// The answer to a request: an HTTP one and the end, or 101 and what the client wants.
struct reception {
  std::string response;   ///< to be sent first, as it is
  int status = 0;         ///< the response's; 101 when upgraded
  std::string project{};  ///< when upgraded: the decoded id
  entry_request entry{};  ///< when upgraded
  bool deflate = false;   ///< when upgraded: permessage-deflate was agreed on
  std::string rule{};     ///< when refused by a rule of the host's: which one, for its log

  [[nodiscard]] bool upgraded() const noexcept { return status == 101; }
};

/// Returns an answer that is no upgrade.
[[nodiscard]] inline reception as_reception(const http_response& response, bool head_only = false) {
  return {serialize(response, head_only), final_status(response.status)};
}

/// Returns the project id in a path: percent-decoded once, then judged by the host's rule. Returns nothing when there
/// is none.
[[nodiscard]] inline std::optional<std::string> project_in(std::string_view path, const manager_options& options) {
  if (!path.starts_with(options.route_prefix)) return std::nullopt;
  std::optional<std::string> project = percent_decode(path.substr(options.route_prefix.size()));
  if (!project || project->empty() || (options.valid_project && !options.valid_project(*project))) return std::nullopt;
  return project;
}

/// Returns the rule that keeps the request's page out; nothing when it may connect.
[[nodiscard]] inline std::optional<std::string> refused_origin(const http_request& request,
                                                               const manager_options& options) {
  const std::size_t origins = request.header_count("Origin");
  if (origins == 0) return std::nullopt;
  if (origins > 1) return "two Origin headers";
  const std::string_view text = request.header("Origin");
  const std::string_view host = request.header("Host");
  const std::optional<origin> page = parse_origin(text);
  for (const std::string& allowed : options.origins) {
    if (allowed == "*" ? !equal_ignoring_case(text, "null") : equal_ignoring_case(allowed, text)) return std::nullopt;
    const std::optional<origin> listed = parse_origin(allowed);
    if (page && listed && is_same_origin(*page, *listed)) return std::nullopt;
  }
  if (options.allows_origin && options.allows_origin(text, host, request.scheme)) return std::nullopt;
  constexpr std::size_t most = 100;  // the length of a stranger's text that is shown
  std::string rule = "the page's origin ";
  rule.append(text.substr(0, most)).append(" is not in origins");
  if (!options.allows_origin) return rule;
  rule.append(", and allows_origin refuses it for the host ").append(host.substr(0, most));
  if (!request.scheme.empty()) rule.append(" by ").append(std::string_view(request.scheme).substr(0, most));
  return rule;
}

/// Returns the browser client. Browsers ask each time, and are sent it only when it has changed (RFC 9110 section
/// 13.1.2).
[[nodiscard]] inline http_response client_module_response(const http_request& request) {
  http_response response{.content_type = "text/javascript; charset=utf-8",
                         .headers = {{"Cache-Control", "no-cache"},
                                     {"ETag", std::string(client_module_tag)},
                                     {"X-Content-Type-Options", "nosniff"},
                                     // It is no secret, and a page from elsewhere needs this to import it.
                                     {"Access-Control-Allow-Origin", "*"}}};
  if (has_current(request, client_module_tag))
    response.status = 304;
  else
    response.body = client_module;
  return response;
}

/// Returns what can be done with a target (RFC 9110 section 9.3.7). Health checks ask it, and browsers do before a page
/// from elsewhere may send more than a plain request. The host may answer for its own pages. For the hub's paths and
/// for the whole server ("*") the hub answers.
[[nodiscard]] inline reception receive_options(const http_request& request, const manager_options& options,
                                               hooks& host) {
  const bool is_ours = request.path == "*" || request.path == options.client_module_path ||
                       request.path.starts_with(options.route_prefix);
  if (is_ours) return as_reception(plain_response(204));
  return as_reception(host.answer_http(request, options.http_response_bytes, 204));
}

/// Answers a request. The host answers for a path that is not below the route's prefix, unless the request is an
/// upgrade. The client's identity is not looked at: whether it may come in is still to be decided.
[[nodiscard]] inline reception receive_request(const http_request& request, const manager_options& options, hooks& host,
                                               bool may_deflate = false) {
  const bool head_only = request.method == "HEAD";
  const auto plain = [&](int status) { return as_reception(plain_response(status), head_only); };
  if (request.method == "OPTIONS") return receive_options(request, options, host);
  if (request.method != "GET" && !head_only) return plain(405);
  if (request.path == options.client_module_path && !request.is_upgrade())
    return as_reception(client_module_response(request), head_only);
  if (!request.path.starts_with(options.route_prefix)) {
    if (request.is_upgrade()) return plain(404);
    return as_reception(host.answer_http(request, options.http_response_bytes), head_only);
  }
  std::optional<std::string> project = project_in(request.path, options);
  if (!project) return plain(404);
  if (host.are_gone) return plain(403);
  if (std::optional<std::string> rule = refused_origin(request, options)) {
    reception refused = plain(403);
    refused.rule = *std::move(rule);
    return refused;
  }
  upgrade opened = accept_upgrade(request, may_deflate);
  if (opened.status != 101) return {std::move(opened.response_head), opened.status};
  std::optional<entry_request> entry = read_entry(request);
  if (!entry) return plain(400);
  return {std::move(opened.response_head), opened.status, std::move(*project), std::move(*entry), opened.deflate};
}

}  // namespace hotline::detail
#endif
