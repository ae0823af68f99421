#include "../../examples/dashboard/arguments.hpp"

#include <catch2_any.hpp>

#include <string>
#include <string_view>
#include <vector>

using dashboard::parse_arguments;

namespace {

using words = std::vector<std::string_view>;

std::string error_of(const words& typed) {
  const auto read = parse_arguments(typed);
  REQUIRE_FALSE(read);
  return read.error().message;
}

}  // namespace

TEST_CASE("the dashboard's arguments have defaults and are read by name", "[examples]") {
  const auto none = parse_arguments({});
  REQUIRE(none);
  CHECK((none->port == 8080 && none->folder == "." && !none->tasks && !none->help));

  const auto all = parse_arguments({"--tasks", "tasks.json", "--port", "0", "--repo", "/srv"});
  REQUIRE(all);
  CHECK((all->port == 0 && all->folder == "/srv" && all->tasks == "tasks.json"));

  const auto equals = parse_arguments({"--port=65535", "--repo=--odd=name", "--tasks=-"});
  REQUIRE(equals);
  CHECK((equals->port == 65535 && equals->folder == "--odd=name" && equals->tasks == "-"));

  for (const char* help : {"-h", "--help"}) {
    const auto asked = parse_arguments({help});
    REQUIRE(asked);
    CHECK(asked->help);
  }
}

TEST_CASE("an argument that is given twice counts as the last one", "[examples]") {
  const auto read = parse_arguments({"--repo", "/first", "--port", "1", "--repo", "/last", "--port=2"});
  REQUIRE(read);
  CHECK((read->folder == "/last" && read->port == 2));
}

TEST_CASE("a wrong argument is refused with a sentence that names it", "[examples]") {
  const std::string number = "expected a number from 0 to 65535 (0: any free port)";
  CHECK(error_of({"--port", "70000"}) == "--port 70000: " + number);
  CHECK(error_of({"--port", "65536"}) == "--port 65536: " + number);
  CHECK(error_of({"--port", "-1"}) == "--port -1: " + number);
  CHECK(error_of({"--port", "x"}) == "--port x: " + number);
  CHECK(error_of({"--port", "80x"}) == "--port 80x: " + number);
  CHECK(error_of({"--port", " 80"}) == "--port  80: " + number);
  CHECK(error_of({"--port"}) == "--port: " + number + " after it");
  CHECK(error_of({"--port", ""}) == "--port: " + number + " after it");
  CHECK(error_of({"--port="}) == "--port: " + number + " after it");
  CHECK(error_of({"--repo"}) == "--repo: expected a folder after it");
  CHECK(error_of({"--repo", "--port", "1"}) == "--repo: expected a folder after it");
  CHECK(error_of({"--tasks"}) == "--tasks: expected a file of tasks after it");
  CHECK(error_of({"--help=x"}) == "--help: takes no value");
  CHECK(error_of({"here"}) == "unexpected 'here': each value follows the name of an argument, as in --repo DIR");
  CHECK(error_of({""}).starts_with("unexpected ''"));
}

TEST_CASE("an unknown argument is named, with the one that was probably meant", "[examples]") {
  CHECK(error_of({"--prot", "1"}) == "unknown argument --prot; did you mean --port?");
  CHECK(error_of({"-p", "1"}) == "unknown argument -p; did you mean --port?");
  CHECK(error_of({"--repository=x"}) == "unknown argument --repository; did you mean --repo?");
  CHECK(error_of({"--task", "x"}) == "unknown argument --task; did you mean --tasks?");
  CHECK(error_of({"--verbose"}) == "unknown argument --verbose; --help lists all");
  CHECK(error_of({"--"}) == "unknown argument --; --help lists all");
  CHECK(error_of({"-" + std::string(100'000, 'x')}).ends_with("; --help lists all"));
}
