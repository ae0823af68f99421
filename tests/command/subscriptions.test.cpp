#include <catch2_any.hpp>
#include <command/fake_output.hpp>
#include <hotline/command/subscriptions.hpp>

#include <string>
#include <vector>

using namespace hotline;
using hotline_test::one_client;
using list = std::vector<std::string>;

namespace {

std::string names(int count) {
  std::string text;
  for (int i = count; i > 0; --i) text += (text.empty() ? "\"t" : ",\"t") + std::to_string(10000 + i) + "\"";
  return text;
}

std::string subscribe(const std::string& events) {
  return R"({"command":"subscribe","payload":{"events":[)" + events + "]}}";
}

}  // namespace

TEST_CASE("subscribing answers with the event types of the session and from which event on they hold", "[command]") {
  one_client s;
  s.send(subscribe(R"("b","a","b")"));
  CHECK(s.next()["result"].text() == R"({"events":["a","b"],"seq":3})");
  CHECK(s.client.wanted().names() == list{"a", "b"});
}

TEST_CASE("exactly as many event types as allowed may be subscribed to", "[command]") {
  one_client s({.session = {.subscriptions = 2}});
  s.send(subscribe(R"("a","b")"));
  CHECK(s.next_code() == "command_response");
  s.send(subscribe(R"("b")"));
  CHECK(s.next_code() == "command_response");
  s.send(subscribe(R"("c")"));
  CHECK(s.next()["error"]["message"].as_string() == "at most 2 event types");
  CHECK(s.client.wanted().names() == list{"a", "b"});
}

TEST_CASE("the asterisk among too many names is all of them", "[command]") {
  one_client s({.session = {.subscriptions = 2}});
  s.send(subscribe(R"("a","b","c","*")"));
  CHECK(s.next()["result"]["events"].text() == R"(["*"])");
  CHECK(s.client.wanted().hears_all());
}

TEST_CASE("a message full of names is refused and changes nothing", "[command]") {
  one_client s;
  s.send(subscribe(names(5000)));
  CHECK(s.next_code() == "too_many_subscriptions");
  CHECK(s.client.wanted().hears_all());
  CHECK_FALSE(s.client.has_subscribed());
}
