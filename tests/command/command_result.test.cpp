#include <catch2_any.hpp>
#include <hotline/command/command_result.hpp>
#include <hotline/protocol/json_reader.hpp>

#include <string>

using namespace hotline;

namespace {

struct greeting {
  std::string name;
  static constexpr auto fields = hotline::fields(field{"name", &greeting::name});
};

}  // namespace

TEST_CASE("a result is JSON, or why the command was not done", "[command]") {
  SECTION("nothing is an empty object") { CHECK(command_result().text() == "{}"); }
  SECTION("an object, that is kept") {
    const json_object object{{"n", 1}};
    CHECK(command_result(object).text() == R"({"n":1})");
  }
  SECTION("an object, that is moved") { CHECK(command_result(json_object{{"n", 1}}).text() == R"({"n":1})"); }
  SECTION("any JSON value") { CHECK(command_result(*parse_json("[1,2]")).text() == "[1,2]"); }
  SECTION("a missing value is null") { CHECK(command_result(json()).text() == "null"); }
  SECTION("a described struct") { CHECK(command_result(greeting{"ada"}).text() == R"({"name":"ada"})"); }
  SECTION("an error") {
    const command_result failed(command_error{"code", "message", true});
    CHECK(failed.failed());
    CHECK(failed.error().code == "code");
    CHECK(failed.error().message == "message");
    CHECK(failed.error().retryable);
  }
}

TEST_CASE("an object that is not JSON is an internal error", "[command]") {
  const json_object broken{{"bytes", "\xff"}};
  for (const command_result& result : {command_result(broken), command_result(json_object(broken))}) {
    CHECK(result.failed());
    CHECK(result.error().code == "internal_error");
    CHECK_FALSE(result.error().retryable);
  }
}
