#include <catch2_any.hpp>

#include <hotline/server/route.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace hotline::detail;

namespace {

struct host {
  manager_options options{};
  detail::live_metrics counted;
  hooks calls{counted};
  std::vector<std::pair<std::string, std::string>> headers{{"Host", "x"}};

  [[nodiscard]] std::string ask(std::string_view method, std::string_view path) {
    http_request request{.method = std::string(method), .target = std::string(path), .path = std::string(path)};
    request.headers = headers;
    return receive_request(request, options, calls).response;
  }
};

[[nodiscard]] bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("the browser client is served as a module", "[server]") {
  host h;
  const std::string answer = h.ask("GET", "/hotline.js");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(contains(answer, "\r\nContent-Type: text/javascript; charset=utf-8\r\n"));
  CHECK(contains(answer, "\r\nCache-Control: no-cache\r\n"));
  CHECK(contains(answer, "\r\nX-Content-Type-Options: nosniff\r\n"));
  CHECK(contains(answer, "\r\nAccess-Control-Allow-Origin: *\r\n"));
  CHECK(answer.ends_with("\r\n\r\n" + std::string(client_module)));
  CHECK(contains(client_module, "export function connect("));
  CHECK(h.ask("POST", "/hotline.js").starts_with("HTTP/1.1 405 "));
}

TEST_CASE("HEAD tells the browser client's length alone", "[server]") {
  host h;
  const std::string answer = h.ask("HEAD", "/hotline.js");
  CHECK(contains(answer, "\r\nContent-Length: " + std::to_string(client_module.size()) + "\r\n"));
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("the browser client is sent again only when it has changed", "[server]") {
  host h;
  const std::string tag(client_module_tag);
  CHECK(contains(h.ask("GET", "/hotline.js"), "\r\nETag: " + tag + "\r\n"));
  h.headers.emplace_back("If-None-Match", "\"other\", " + tag);
  const std::string answer = h.ask("GET", "/hotline.js");
  CHECK(answer.starts_with("HTTP/1.1 304 "));
  CHECK(contains(answer, "\r\nETag: " + tag + "\r\n"));
  CHECK(answer.ends_with("\r\n\r\n"));
  h.headers.back().second = "\"other\"";
  CHECK(h.ask("GET", "/hotline.js").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("the browser client is served where the host says or nowhere", "[server]") {
  host h;
  h.calls.on_http = [](const http_request& q) { return http_response{.body = "the host's " + q.path}; };
  h.options.client_module_path = "/assets/live.js";
  CHECK(h.ask("GET", "/assets/live.js").ends_with(std::string(client_module)));
  CHECK(h.ask("GET", "/hotline.js").ends_with("the host's /hotline.js"));
  h.options.client_module_path = "";
  CHECK(h.ask("GET", "/hotline.js").ends_with("the host's /hotline.js"));
  CHECK(h.ask("GET", "/").ends_with("the host's /"));
}

TEST_CASE("the browser client may lie below the route of the projects", "[server]") {
  host h;
  h.options.route_prefix = "/";
  CHECK(h.ask("GET", "/hotline.js").starts_with("HTTP/1.1 200 "));
  CHECK(h.ask("GET", "/project").starts_with("HTTP/1.1 426 "));
}

TEST_CASE("a page's status can end an exchange, and never upgrade it", "[server]") {
  for (const auto& [said, sent] :
       {std::pair{101, 500}, {100, 500}, {199, 500}, {600, 500}, {0, 500}, {200, 200}, {599, 599}}) {
    INFO(said);
    const reception page = as_reception({.status = said});
    CHECK(page.status == sent);
    CHECK_FALSE(page.upgraded());
    CHECK(page.response.starts_with("HTTP/1.1 " + std::to_string(sent)));
  }
}
