#include "stage.hpp"

#include <string>

using namespace command_tests;

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

TEST_CASE("subscribing answers with what is heard now and from which event on", "[command]") {
  stage s;
  s.send(subscribe(R"("b","a","b")"));
  CHECK(s.next()["result"].text() == R"({"events":["a","b"],"seq":3})");
  CHECK(s.c.wanted.names() == list{"a", "b"});
}

TEST_CASE("exactly as many event types as allowed may be subscribed to", "[command]") {
  stage s({.session = {.subscriptions = 2}});
  s.send(subscribe(R"("a","b")"));
  CHECK(s.next_code() == "command_response");
  s.send(subscribe(R"("b")"));
  CHECK(s.next_code() == "command_response");
  s.send(subscribe(R"("c")"));
  CHECK(s.next()["error"]["message"].as_string() == "at most 2 event types");
  CHECK(s.c.wanted.names() == list{"a", "b"});
}

TEST_CASE("the asterisk among too many names is all of them", "[command]") {
  stage s({.session = {.subscriptions = 2}});
  s.send(subscribe(R"("a","b","c","*")"));
  CHECK(s.next()["result"]["events"].text() == R"(["*"])");
  CHECK(s.c.wanted.hears_all());
}

TEST_CASE("a message full of names is refused and changes nothing", "[command]") {
  stage s;
  s.send(subscribe(names(5000)));
  CHECK(s.next_code() == "too_many_subscriptions");
  CHECK(s.c.wanted.hears_all());
  CHECK_FALSE(s.c.subscribed);
}
