// Requests of proxies, load balancers, browsers and health checks before the upgrade, through a manager: over HTTP alone.

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using hotline_test::memory_client;

namespace {

struct host {
  explicit host(manager_options options = {}) : manager(memory_transport(env), events, std::move(options)) {
    manager.on_log([this](log_level, std::string_view line) { log.append(line).append("\n"); }).release();
    REQUIRE_FALSE(manager.start());
  }

  /// The response to a raw request.
  [[nodiscard]] std::string answer(std::string_view request) {
    const auto peer = manager.transport().connect();
    peer->send(request);
    manager.transport().run();
    return peer->take();
  }

  /// The status alone; 0 when nothing came.
  [[nodiscard]] int status(std::string_view request) {
    const std::string got = answer(request);
    return got.size() < 12 ? 0 : std::stoi(got.substr(9, 3));
  }

  /// The status of a request to upgrade with these lines.
  [[nodiscard]] int upgrade(const std::string& lines, std::string_view target = "/ws/p") {
    return status("GET " + std::string(target) + " HTTP/1.1\r\n" + lines +
                  "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  }

  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  event_emitter events{log_options{}, env};
  ws_manager<memory_transport> manager;
  std::string log;
};

std::string page_of(std::string_view origin, std::string_view asked) {
  return "Host: " + std::string(asked) + "\r\nOrigin: " + std::string(origin) + "\r\n";
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("origins are compared by host and port, with those ports that go without saying", "[proxies]") {
  struct row {
    std::string origin, host;
    int status;
  };
  host h;
  for (const row& r : std::vector<row>{
           {"https://h", "h:443", 101},
           {"http://h", "h:80", 101},
           {"https://h:443", "h", 101},
           {"https://h", "H:0443", 101},
           {"https://h", "h:", 101},
           {"https://h", "h", 101},
           {"http://h", "h", 101},
           {"https://h:8443", "h:8443", 101},
           {"http://[::1]:8080", "[0:0:0::1]:8080", 101},
           {"app://h:1", "h:1", 101},
           {"https://h", "h:80", 403},
           {"http://h", "h:443", 403},
           {"https://h:80", "h", 403},
           {"https://h", "h:4430", 403},
           {"https://h:8443", "h", 403},
           {"https://h", "h.evil", 403},
           {"https://h.", "h", 403},
           {"https://[::1]", "[::2]", 403},
           {"https://h:443x", "h", 403},
           {"https://h:65979", "h:443", 403},  // 443 + 65536
           {"https://h/", "h", 403},
           {"https://u@h", "h", 403},
           {"https://", "h", 403},
           {"h", "h", 403},
           {"null", "h", 403},
       }) {
    CAPTURE(r.origin, r.host);
    CHECK(h.upgrade(page_of(r.origin, r.host)) == r.status);
  }
}

TEST_CASE("listed origins are compared the same way", "[proxies]") {
  host h({.origins = {"https://app.example:443", "http://other.example", "wss://third.example", "app://local"},
          .allows_origin = nullptr});
  for (const char* origin : {"https://app.example", "HTTPS://APP.example:443", "http://other.example:80",
                             "https://third.example", "wss://third.example:443", "app://local"}) {
    CAPTURE(origin);
    CHECK(h.upgrade(page_of(origin, "x")) == 101);
  }
  for (const char* origin : {"http://app.example", "http://app.example:443", "https://other.example",
                             "http://other.example:8080", "http://third.example", "app://local:80", "null"}) {
    CAPTURE(origin);
    CHECK(h.upgrade(page_of(origin, "x")) == 403);
  }
}

TEST_CASE("pages without an origin are let in where they are listed", "[proxies]") {
  host h({.origins = {"null", "file://"}});
  CHECK(h.upgrade(page_of("null", "x")) == 101);
  CHECK(h.upgrade(page_of("file://", "x")) == 101);
  CHECK(h.upgrade(page_of("file://x", "y")) == 403);
  host any({.origins = {"*"}});
  CHECK(any.upgrade(page_of("null", "x")) == 403);
}

TEST_CASE("an origin in the list that no page can have is refused at construction", "[proxies]") {
  for (const char* entry : {"https://app.example/",
                            "https://app.example/chat",
                            "app.example",
                            "//app.example",
                            "https://",
                            "https:app",
                            "",

                            "*.app.example",
                            "https://*.app.example",
                            "https://*",
                            "**",
                            "https://app.example:port",
                            "https://app.example:65536",
                            "https://u@app.example",
                            "https://app.example?",
                            "https://app.example#",
                            " https://app.example",
                            "https://app.example ",
                            "https://app.example,https://b.example",
                            "https://app.example https://b.example",
                            "https://b\xC3\xBC"
                            "cher.example",
                            "https://a%20b",
                            "https://[::1",
                            "https://[::1]x",
                            "https://1.2.3",
                            "https://1.2.3.256",
                            "https://1.2.3.4.",
                            "https://1.2.3.0x4",
                            "https://0x7f000001",
                            "https://[v1.a]",
                            "https://a.example,b.example",
                            "file:///",
                            "file://h",
                            "1https://h"}) {
    CAPTURE(entry);
    CHECK_THROWS_AS(host({.origins = {"https://good.example", entry}}), std::invalid_argument);
  }
  for (const char* entry : {"*", "https://app.example", "https://app.example:8443", "http://192.0.2.1:80",
                            "http://[::1]", "HTTPS://App.Example", "chrome-extension://abcdef", "capacitor://localhost",
                            "null", "file://", "https://a0x.example", "https://x1.example"}) {
    CAPTURE(entry);
    CHECK_NOTHROW(host({.origins = {entry}}));
  }
}

TEST_CASE("the log says which rule refused a page or a client", "[proxies]") {
  host h({.origins = {"https://app.example"}});
  h.manager.authenticate([](const http_request& q, std::string_view) {
    return q.has_header("Cookie") ? admission{"ada"} : admission::refuse(403);
  });
  const auto line_for = [&](const std::string& headers) {
    h.log.clear();
    CHECK(h.upgrade(headers) == 403);
    return h.log;
  };
  const std::string by_origin = line_for(page_of("https://evil.example", "h:8080") + "Cookie: secret\r\n");
  CHECK(contains(by_origin, "was answered 403: "));
  CHECK(contains(by_origin, "https://evil.example"));
  CHECK(contains(by_origin, "origins"));
  CHECK(contains(by_origin, "allows_origin"));
  CHECK(contains(by_origin, "h:8080"));
  CHECK_FALSE(contains(by_origin, "secret"));
  CHECK(contains(line_for("Host: h\r\n"), "was answered 403: authenticate"));
  CHECK(contains(line_for("Host: h\r\nOrigin: http://h\r\nOrigin: http://h\r\n"), "two Origin headers"));
  // However long what a stranger names, and whatever is in it.
  const std::string long_one = line_for(page_of("https://" + std::string(4000, 'a'), "h"));
  CHECK(long_one.size() < 400);
  CHECK(contains(line_for(page_of("https://\xC2\x85h", "h")), "https://??h"));
}

TEST_CASE("OPTIONS comes to on_http, and has an answer without it", "[proxies]") {
  host h;
  const std::string check = "OPTIONS / HTTP/1.0\r\n\r\n";  // haproxy's option httpchk
  const auto is_empty_204 = [](const std::string& answer) {
    return answer.starts_with("HTTP/1.1 204 ") && contains(answer, "\r\nAllow: GET, HEAD, OPTIONS\r\n") &&
           answer.ends_with("\r\n\r\n") && !contains(answer, "Content-Length");
  };
  CHECK(is_empty_204(h.answer(check)));
  std::vector<std::string> asked;
  h.manager.on_http([&](const http_request& q) -> std::optional<http_response> {
    asked.push_back(q.method + " " + q.path);
    if (q.path == "/throws") throw std::runtime_error("secret");
    if (q.method != "OPTIONS" || q.path != "/api") return std::nullopt;
    return http_response{.status = 204, .headers = {{"Access-Control-Allow-Methods", "PUT"}}};
  });
  CHECK(is_empty_204(h.answer(check)));
  CHECK(contains(h.answer("OPTIONS /api HTTP/1.1\r\nHost: h\r\nOrigin: https://a\r\n\r\n"),
                 "\r\nAccess-Control-Allow-Methods: PUT\r\n"));
  CHECK(h.status("OPTIONS /throws HTTP/1.1\r\nHost: h\r\n\r\n") == 500);
  CHECK(asked == std::vector<std::string>{"OPTIONS /", "OPTIONS /api", "OPTIONS /throws"});
  // hotline's own.
  for (const char* target : {"*", "/hotline.js", "/ws/p", "/ws/", "http://h/ws/p"}) {
    CAPTURE(target);
    CHECK(is_empty_204(h.answer("OPTIONS " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n")));
  }
  CHECK(asked.size() == 3);
  CHECK(h.status("OPTIONS /ws/p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}") == 413);
  CHECK(contains(h.answer("PUT / HTTP/1.1\r\nHost: h\r\n\r\n"), "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
}

TEST_CASE("a client that has the browser module gets 304, in whatever form it sends its ETag", "[proxies]") {
  host h;
  const std::string page = h.answer("GET /hotline.js HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::size_t at = page.find("ETag: ") + 6;
  const std::string tag = page.substr(at, page.find("\r\n", at) - at);
  REQUIRE(tag.size() > 2);
  const auto status = [&](const std::string& lines) {
    return h.status("GET /hotline.js HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n");
  };
  for (const std::string& has : {tag, "W/" + tag, "\"a\", W/" + tag, "W/\"x\" ,\t" + tag + ",", "\"a,b\", " + tag,
                                 std::string("*"), ", ," + tag, "\"\"," + tag}) {
    CAPTURE(has);
    CHECK(status("If-None-Match: " + has + "\r\n") == 304);
  }
  CHECK(status("If-None-Match: \"a\"\r\nif-none-match: W/" + tag + "\r\n") == 304);
  CHECK(h.status("HEAD /hotline.js HTTP/1.1\r\nHost: h\r\nIf-None-Match: W/" + tag + "\r\n\r\n") == 304);
  CHECK(contains(h.answer("GET /hotline.js HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n"),
                 "\r\nETag: " + tag + "\r\n"));
  for (const std::string& has : {std::string(), std::string("\"a\""), std::string("W/"), std::string("\""),
                                 tag.substr(1, tag.size() - 2), "w/" + tag, "\"a" + tag, "*, \"a\"" + std::string(),
                                 "\"a " + tag.substr(1), "W/ " + tag, "\"x" + tag.substr(1)}) {
    CAPTURE(has);
    CHECK(status("If-None-Match: " + has + "\r\n") == 200);
  }
}

TEST_CASE("a Host that is none is refused before anybody is asked", "[proxies]") {
  host h;
  for (const char* bad : {"<script>",
                          "[::1",
                          "a:80x",
                          "a:b:c",
                          "a\"b",
                          "a%zz",
                          "a%2",
                          "a%",
                          "\xC3\xA9",
                          "a\xFF",
                          "[::1]x",
                          "[::1]:x",
                          "[g::1]",
                          "[1::2::3]",
                          "[::1%25eth0]",
                          "[1:2:3:4:5:6:7]",
                          "[1:2:3:4:5:6:7:8:9]",
                          "[12345::]",
                          "[::1.2.3]",
                          "[::1.2.3.256]",
                          "[]",
                          "[v]",
                          "[v1]",
                          "[v1.]",
                          "[vg.a]",
                          "[1.2.3.4]",
                          "::1",
                          "1:2:3",
                          ":80",
                          "a b",
                          "a\\b",
                          "a/b",
                          "a?b",
                          "a#b",
                          "u@a",
                          "a,b",
                          "a|b",
                          "a^b",
                          "a`b",
                          "{a}",
                          "a>b"}) {
    CAPTURE(bad);
    CHECK(h.upgrade("Host: " + std::string(bad) + "\r\n") == 400);
    if (std::string_view(bad).find_first_of(",/?") ==
        std::string_view::npos)  // which end a host there, or may be in it
      CHECK(h.upgrade("Host: h\r\n", "http://" + std::string(bad) + "/ws/p") == 400);
  }
  for (const char* good :
       {"a", "a:80", "a:", "a.b-c_d~e", "a%20b", "127.0.0.1:1", "[::1]", "[::1]:80", "[2001:DB8::]",
        "[::ffff:192.0.2.1]", "[1:2:3:4:5:6:7:8]", "[1::3:4:5:6:7:8]", "[v1.a:b]", "a!$&'()*+;=", ""}) {
    CAPTURE(good);
    CHECK(h.upgrade("Host: " + std::string(good) + "\r\n") == 101);
  }
}

TEST_CASE("the host of a target that is a URL wins over Host", "[proxies]") {
  host h;
  std::string seen;
  h.manager.on_http([&](const http_request& q) {
    seen = std::string(q.header("host")) + " " + q.path;
    return http_response{};
  });
  CHECK(h.status("GET http://h:8080/x?y HTTP/1.1\r\nHost: other\r\n\r\n") == 200);
  CHECK(seen == "h:8080 /x");
  CHECK(h.status("GET http://h HTTP/1.0\r\n\r\n") == 200);
  CHECK(seen == "h /");
  CHECK(h.upgrade(page_of("http://h", "other"), "http://h/ws/p") == 101);
  CHECK(h.upgrade(page_of("http://other", "other"), "http://h/ws/p") == 403);
  CHECK(h.upgrade("", "http://h/ws/p") == 400);  // Host is demanded all the same
}

TEST_CASE("one empty line before a request is passed over", "[proxies]") {
  host h;
  h.manager.on_http([](const http_request&) { return http_response{}; });
  CHECK(h.status("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n") == 200);
  for (const char* before : {"\r\n\r\n", "\n", "\r", "\r\r\n", " \r\n", "\r\n "}) {
    CAPTURE(before);
    CHECK(h.status(std::string(before) + "GET / HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  }
}

TEST_CASE("a page's scheme counts where the host says what its proxy spoke", "[proxies]") {
  host h;
  h.manager.client_scheme([](const http_request& q) { return std::string(q.header("X-Forwarded-Proto")); });
  std::string seen = "-";
  h.manager.on_http([&](const http_request& q) {
    seen = q.scheme;
    return http_response{};
  });
  const auto upgrade = [&](std::string_view origin, const std::string& proto, std::string_view asked = "h") {
    return h.upgrade(page_of(origin, asked) + (proto.empty() ? "" : "X-Forwarded-Proto: " + proto + "\r\n"));
  };
  CHECK(upgrade("https://h", "https") == 101);
  CHECK(upgrade("https://h", "HTTPS", "h:443") == 101);
  CHECK(upgrade("https://h", "wss") == 101);
  CHECK(upgrade("http://h", "http", "h:80") == 101);
  CHECK(upgrade("http://h", "https") == 403);
  CHECK(upgrade("http://h:443", "https", "h:443") == 403);
  CHECK(upgrade("https://h", "http") == 403);
  CHECK(upgrade("https://h", "https", "h:80") == 403);
  CHECK(upgrade("http://h", "gopher") == 403);
  CHECK(contains(h.log, " by gopher"));
  CHECK(upgrade("http://h", "") == 101);  // the scheme is unknown
  CHECK(upgrade("https://h", "") == 101);
  CHECK(h.status("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: https\r\n\r\n") == 200);
  CHECK(seen == "https");
  CHECK(h.status("GET / HTTP/1.1\r\nHost: h\r\n\r\n") == 200);
  CHECK(seen.empty());
  // A rule of the host's may take it, or not.
  host own(
      {.allows_origin = [](std::string_view, std::string_view, std::string_view scheme) { return scheme == "https"; }});
  own.manager.client_scheme([](const http_request& q) { return std::string(q.header("X-Forwarded-Proto")); });
  CHECK(own.upgrade(page_of("http://x", "h") + "X-Forwarded-Proto: https\r\n") == 101);
  CHECK(own.upgrade(page_of("http://x", "h")) == 403);
  host none({.allows_origin = std::function<bool(std::string_view, std::string_view)>()});
  CHECK(none.upgrade(page_of("http://h", "h")) == 403);
}

TEST_CASE("the address behind trusted proxies is counted from the right, over all lines", "[proxies]") {
  host h;
  std::size_t trusted = 1;
  h.manager.client_address([&](const http_request& q) { return q.forwarded_for(trusted); });
  const auto address = [&](const std::string& lines) {
    memory_client c(h.manager.transport(), "/ws/p", lines);
    REQUIRE(c.upgraded());
    const std::string told = h.manager.connections().back().remote_address;
    c.peer->reset();
    h.manager.transport().run();
    return told;
  };
  CHECK(address("") == "memory");
  CHECK(address("X-Forwarded-For: 192.0.2.7\r\n") == "192.0.2.7");
  CHECK(address("X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\n") == "192.0.2.7");
  CHECK(address("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.7\r\n") == "192.0.2.7");  // haproxy's way
  CHECK(address("x-forwarded-for: evil\r\nX-Forwarded-For:\r\nX-Forwarded-For: a,\t192.0.2.7 ,,\r\n") == "192.0.2.7");
  CHECK(address("X-Forwarded-For: 2001:db8::1\r\n") == "2001:db8::1");
  CHECK(address("X-Forwarded-For: [2001:db8::1]:4711\r\n") == "[2001:db8::1]:4711");
  CHECK(address("X-Forwarded-For: 192.0.2.7:4711\r\n") == "192.0.2.7:4711");
  for (const char* none : {"unknown", "_hidden", "192.0.2.7, unknown", "192.0.2", "192.0.2.256", "[::1", "a:1",
                           "\"192.0.2.7\"", "192.0.2.7 192.0.2.8", "fe80::1%eth0"}) {
    CAPTURE(none);
    CHECK(address("X-Forwarded-For: " + std::string(none) + "\r\n") == "memory");
  }
  trusted = 2;
  CHECK(address("X-Forwarded-For: 203.0.113.9, 192.0.2.7, 10.0.0.1\r\n") == "192.0.2.7");
  CHECK(address("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.7, 10.0.0.1\r\n") == "192.0.2.7");
  CHECK(address("X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\nX-Forwarded-For: 10.0.0.1\r\n") == "192.0.2.7");
  CHECK(address("X-Forwarded-For: 10.0.0.1\r\n") == "10.0.0.1");
  trusted = 0;
  CHECK(address("X-Forwarded-For: 192.0.2.7\r\n") == "memory");
}

TEST_CASE("a zero is zero whatever its exponent", "[proxies]") {
  host h;
  h.manager.on_command("echo", [](const request& q) { return json_object{{"n", q.payload()["n"]}}; });
  memory_client c(h.manager.transport());
  REQUIRE(c.next_type() == "connected");
  const auto echo = [&](std::string_view n) {
    c.send(R"({"command":"echo","payload":{"s":"0e9 \" 1e999","n":)" + std::string(n) + "}}");
    return c.next();
  };
  for (const char* zero :
       {"0e999999", "0E+309", "-0e400", "0.000e2147483648", "0e99999999999999999999", "0.0e-999999"}) {
    CAPTURE(zero);
    CHECK(echo(zero)["result"]["n"].as_double() == 0.0);
  }
  const json list = echo("[0e999,1,-0E999,10,0e7,1.5e1,0e999,\"0e999\",0]")["result"]["n"];
  CHECK(list.text() == "[0e999,1,-0E999,10,0e7,1.5e1,0e999,\"0e999\",0]");
  CHECK(list[5].as_double() == 15.0);
  for (const char* big : {"1e999999", "0e9,\"m\":1e309", "0.1e400", "0e5,\"m\":18446744073709551616", "10e308"}) {
    CAPTURE(big);
    CHECK(echo(big)["code"].as_string() == "number_out_of_range");
  }
  CHECK(echo("0e")["code"].as_string() == "not_json");
  CHECK(echo("0e999x")["code"].as_string() == "not_json");
}
