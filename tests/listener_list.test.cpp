#include <catch2_any.hpp>
#include <hotline/listener_list.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace hotline;
using detail::listener_list;

namespace {

using texts = std::vector<std::string>;

void call(listener_list& list, std::string_view type, sequence seq = 1) {
  static const json_object none;
  list.call({"p", type, seq, none});
}

}  // namespace

TEST_CASE("all listeners are called for each event, in the order in which they were added", "[listener_list]") {
  listener_list list;
  CHECK(list.empty());
  texts seen;
  const subscription one = list.add([&](const event& e) { seen.push_back("1 " + std::string(e.type)); });
  const subscription two = list.add([&](const event& e) { seen.push_back("2 " + std::string(e.type)); });
  CHECK_FALSE(list.empty());

  call(list, "a");
  call(list, "b");

  CHECK(seen == texts{"1 a", "2 a", "1 b", "2 b"});
}

TEST_CASE("an event that is emitted by a listener reaches all after the one before", "[listener_list]") {
  listener_list list;
  texts seen;
  const subscription one = list.add([&](const event& e) {
    seen.push_back("1 " + std::string(e.type));
    if (e.type == "a") {
      call(list, "b", 2);
      call(list, "c", 3);
    }
    if (e.type == "b") call(list, "d", 4);
  });
  const subscription two = list.add([&](const event& e) { seen.push_back("2 " + std::string(e.type)); });

  call(list, "a");

  CHECK(seen == texts{"1 a", "2 a", "1 b", "2 b", "1 c", "2 c", "1 d", "2 d"});
}

TEST_CASE("an event that waits keeps its project, number and fields", "[listener_list]") {
  listener_list list;
  texts seen;
  const subscription one = list.add([&](const event& e) {
    seen.push_back(std::string(e.project) + " " + std::to_string(e.seq) + " " + std::string(e.fields.text()));
    if (e.seq != 1) return;
    std::string project = "temporary";
    const json_object fields{{"n", 5}};
    list.call({project, "b", 2, fields});
    project.assign("gone");
  });

  call(list, "a");

  REQUIRE(seen.size() == 2);
  const json_object fields{{"n", 5}};
  CHECK(seen[1] == "temporary 2 " + std::string(fields.text()));
}

TEST_CASE("the error hooks receive the type of the event and what was thrown", "[listener_list]") {
  listener_list list;
  texts seen;
  const subscription broken = list.add([](const event&) { throw std::runtime_error("broken"); });
  const subscription whole = list.add([&](const event& e) { seen.push_back("heard " + std::string(e.type)); });
  const subscription failing = list.on_error([](std::string_view, const std::exception_ptr&) { throw 1; });
  const subscription hook = list.on_error([&](std::string_view type, const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::runtime_error& error) {
      seen.push_back(std::string(type) + " " + error.what());
    }
  });

  call(list, "a");

  CHECK(seen == texts{"a broken", "heard a"});
}

TEST_CASE("a list that a listener destroys calls the rest, and what waits", "[listener_list]") {
  auto list = std::make_unique<listener_list>();
  texts seen;
  const subscription one = list->add([&](const event& e) {
    seen.push_back("1 " + std::string(e.type));
    if (e.type != "a") return;
    call(*list, "b", 2);
    list.reset();
  });
  const subscription two = list->add([&](const event& e) { seen.push_back("2 " + std::string(e.type)); });

  call(*list, "a");

  CHECK(seen == texts{"1 a", "2 a", "1 b", "2 b"});
}
