#include <catch2_any.hpp>
#include <hotline/command/request.hpp>
#include <hotline/protocol/fields.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

using namespace hotline;

namespace {

struct greeting {
  std::string name;
  std::optional<std::int64_t> times;
  static constexpr auto fields = hotline::fields(field{"name", &greeting::name}, field{"times", &greeting::times});
};

struct only_optional {
  std::optional<std::string> note;
  static constexpr auto fields = hotline::fields(field{"note", &only_optional::note});
};

const auto sender = std::make_shared<const command_origin>(command_origin{"c1", "p", "ada"});

request with_payload(std::string_view text) {
  return request(sender, "greet", command_id::from("x"), *parse_json(text));
}

}  // namespace

TEST_CASE("a request knows its sender, and a copy shares what it knows", "[command]") {
  const long before = sender.use_count();
  const request q = with_payload("{}");
  const request copy = q;
  CHECK(copy.connection_id() == "c1");
  CHECK(copy.project() == "p");
  CHECK(copy.principal() == "ada");
  CHECK(copy.command() == "greet");
  CHECK(copy.id() == command_id::from("x"));
  CHECK(&copy.project() == &q.project());
  CHECK(sender.use_count() == before + 2);
}

TEST_CASE("a payload is read as a described struct, or a failure names the field", "[command]") {
  const result<greeting> whole = with_payload(R"({"name":"ada","times":2})").payload_as<greeting>();
  REQUIRE(whole);
  CHECK(whole->name == "ada");
  CHECK(whole->times == 2);
  const result<greeting> broken = with_payload(R"({"name":1})").payload_as<greeting>();
  REQUIRE_FALSE(broken);
  CHECK(broken.error().message == "name: expected string");
}

TEST_CASE("no payload is as good as an empty one", "[command]") {
  const request q(sender, "greet", {}, json());
  CHECK(q.payload().is_missing());
  CHECK(q.payload_as<only_optional>());
  CHECK_FALSE(q.payload_as<greeting>());
}
