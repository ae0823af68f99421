#include <catch2_any.hpp>
#include <hotline/server/served_hosts.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace hotline;
using detail::can_be_host;
using detail::is_loopback_name;
using detail::misdirected;
using detail::serves;

namespace {

http_request asking_for(std::string_view host, std::string_view scheme = "") {
  http_request request{.method = "GET", .target = "/", .path = "/"};
  request.headers = {{"Host", std::string(host)}};
  request.scheme = scheme;
  return request;
}

// Whether the entry of `hosts` is for that `Host`.
bool is_served(std::string_view entry, std::string_view host, std::string_view scheme = "") {
  const auto asked = detail::parse_authority(host);
  return asked && serves(entry, *asked, scheme);
}

}  // namespace

TEST_CASE("a loopback name leads to the machine that asks, whatever DNS says", "[server]") {
  for (const std::string_view host : {"localhost", "LocalHost", "localhost.", "a.localhost", "127.0.0.1", "127.255.0.9",
                                      "[::1]", "[::ffff:127.0.0.1]"}) {
    INFO(host);
    CHECK(is_loopback_name(host));
  }
  for (const std::string_view host : {"", "example", "notlocalhost", ".localhost", "localhost.example", "128.0.0.1",
                                      "127.0.0.1.example", "[::2]", "[::]", "[::ffff:128.0.0.1]"}) {
    INFO(host);
    CHECK_FALSE(is_loopback_name(host));
  }
}

TEST_CASE("an entry of hosts is a name or an address that a Host can equal", "[server]") {
  for (const std::string_view entry :
       {"app.example", "app.example:8443", "app.example.", "192.0.2.1", "[2001:db8::1]:80"}) {
    INFO(entry);
    CHECK(can_be_host(entry));
  }
  for (const std::string_view entry :
       {"", "*.example", "http://app.example", "app.example/", "app.example:99999", "1.2.3", "[::1", "a,b", "."}) {
    INFO(entry);
    CHECK_FALSE(can_be_host(entry));
  }
}

TEST_CASE("an entry serves its name, however that is written", "[server]") {
  CHECK(is_served("app.example", "app.example"));
  CHECK(is_served("app.example", "APP.example."));
  CHECK(is_served("*", "any.example"));
  CHECK_FALSE(is_served("app.example", "other.example"));
  CHECK_FALSE(is_served("app.example", "sub.app.example"));
  SECTION("at any port, without one") { CHECK(is_served("app.example", "app.example:8443")); }
  SECTION("at its port, with one") {
    CHECK(is_served("app.example:8443", "app.example:8443"));
    CHECK_FALSE(is_served("app.example:8443", "app.example:8444"));
    CHECK_FALSE(is_served("app.example:8443", "app.example"));
  }
  SECTION("at the port that goes without saying") {
    CHECK(is_served("app.example:443", "app.example", "https"));
    CHECK_FALSE(is_served("app.example:443", "app.example", "http"));
    CHECK(is_served("app.example:443", "app.example"));
    CHECK(is_served("app.example:80", "app.example"));
  }
}

TEST_CASE("a request for a host that is not served is refused by a rule that says so", "[server]") {
  constexpr bool local = true, remote = false;
  const std::vector<std::string> none, listed{"app.example", "www.example"};
  CHECK_FALSE(misdirected(asking_for("app.example"), listed, remote));
  CHECK_FALSE(misdirected(asking_for("www.example"), listed, local));
  CHECK(misdirected(asking_for("other.example"), listed, remote) == "hosts, which does not list other.example");
  CHECK(misdirected(asking_for("localhost"), listed, local));
  SECTION("where none are listed, any is served") {
    CHECK_FALSE(misdirected(asking_for("any.example"), none, remote));
    SECTION("but at a loopback address loopback names alone") {
      CHECK_FALSE(misdirected(asking_for("localhost:8080"), none, local));
      const std::optional<std::string> rule = misdirected(asking_for("rebound.example"), none, local);
      REQUIRE(rule);
      CHECK(rule->starts_with("hosts, which does not list rebound.example (empty, at a loopback address"));
    }
  }
  SECTION("a request without a host names none") { CHECK_FALSE(misdirected(http_request{}, listed, remote)); }
  SECTION("no more than a hundred bytes of a stranger's text are in the rule") {
    const std::string long_name(1000, 'x');
    CHECK(misdirected(asking_for(long_name), listed, remote)->ends_with(" " + std::string(100, 'x')));
  }
}

TEST_CASE("the client of a misdirected request does not learn the names", "[server]") {
  const detail::reception answer = detail::misdirected_answer(asking_for("rebound.example"), "the rule");
  CHECK(answer.status == 421);
  CHECK(answer.rule == "the rule");
  CHECK(answer.response.find("rebound.example") == std::string::npos);
  CHECK(answer.response.find("manager_options::hosts") != std::string::npos);
}
