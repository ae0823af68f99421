#include <hotline/protocol/refused_message.hpp>

#include <catch2_any.hpp>

#include <string>
#include <string_view>

using namespace hotline::detail;

namespace {

/// "id command", "-" for what is not there.
std::string read(std::string_view text) {
  const refused_message known = refused_message_reader(text).read();
  return (known.id ? known.id->text() : "-") + " " + known.command.value_or("-");
}

}  // namespace

TEST_CASE("the members before and after the break of a broken message are read", "[protocol]") {
  CHECK(read(R"({"id":1,"command":"a","payload":{"b":tru)") == "1 a");
  CHECK(read(R"({"payload":{"b":tru},"command":"a","id":"x"})") == R"("x" a)");
  CHECK(read(R"({"command":"a","payload":[[[{"b":"]}"}]]],"id":-5,)") == "-5 a");
  CHECK(read(R"({"c\u006fmmand":"\u0061b","\u0069d":1)") == "- ab");
  CHECK(read(R"({"c\u006fmmand":"\u0061b","\u0069d":1 )") == "1 ab");
}

TEST_CASE("reading ends where the text can be no object any more", "[protocol]") {
  for (const std::string_view text : {"",
                                      " ",
                                      "[",
                                      "null",
                                      "{",
                                      "{]",
                                      "{,\"id\":1}",
                                      "{\"id\"",
                                      "{\"id\":",
                                      "{\"id\":}",
                                      "{\"id\":1",
                                      "{\"id\":\"1",
                                      "{\"id\":\"1\\\"",
                                      "{id:1}",
                                      "{'id':1}",
                                      "{\"a\":[1},\"id\":1}",
                                      "{\"a\":{]},\"id\":1}",
                                      "{\"a\" \"b\",\"id\":1}",
                                      "{\"a\":1 2,\"id\":1}",
                                      "{\"a\":\"b\"\"c\",\"id\":1}",
                                      "{\"a\":,\"id\":1}",
                                      "[{\"id\":1}]",
                                      "\xEF\xBB\xBF{\"id\":1}"}) {
    CAPTURE(text);
    CHECK(read(text) == "- -");
  }
}

TEST_CASE("a member that is there twice with two values is not read", "[protocol]") {
  CHECK(read(R"({"id":1,"id":1,"command":"a","command":"a"})") == "1 a");
  CHECK(read(R"({"id":1,"id":2,"command":"a","command":"b"})") == "- -");
  CHECK(read(R"({"id":1,"\u0069d":2,"id":1,"command":"a"})") == "- a");
  CHECK(read(R"({"id":{},"id":1,"command":1,"command":"a"})") == "- -");
  CHECK(read(R"({"id":"a/","id":"\u0061\/","command":"a","command":"\u0061")") == R"("a/" a)");
  CHECK(read(R"({"id":"a","id":"b","id":"a","command":"a"})") == "- a");
}

TEST_CASE("an id that is none is not read", "[protocol]") {
  for (const std::string_view id : {"null", "1.5", "tru", "1x", "[1]", "{}", "\"\"", "\"\\ud83d\"", "\"a\\u0000\"",
                                    "9223372036854775808", "01", "+1"}) {
    CAPTURE(id);
    CHECK(read(R"({"command":"a","id":)" + std::string(id) + ",") == "- a");
  }
}
