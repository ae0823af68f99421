// A test of a service's own commands: no socket, no thread, no time that passes, and no test framework. Any framework does as
// well; each check below is then one of its own. Try it: run it, and it prints what it has checked.
#include <hotline/testing/memory_host.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

namespace {

/// The service, as its program has it: it takes a manager whatever its transport.
class chat {
 public:
  chat(hotline::manager& manager, hotline::event_emitter& events) {
    manager.on_command("say", [&](const hotline::request& q) -> hotline::command_result {
      const auto text = q.payload()["text"].as_string();
      if (!text || text->empty()) return hotline::command_error{"nothing_said", "text: expected some"};
      const auto seq = events.emit(q.project(), "said", {{"text", *text}});
      if (!seq) return hotline::command_error{"not_said", seq.error().message};
      return hotline::json_object{{"seq", *seq}};
    });
    manager.on_command("wait_for_bell", [this](const hotline::request&, hotline::responder answer) {
      waiting_.push_back(std::move(answer));
    });
  }

  void ring() {
    for (auto& answer : std::exchange(waiting_, {})) std::move(answer).answer(hotline::json_object{{"rang", true}});
  }

 private:
  std::vector<hotline::responder> waiting_;
};

int failures = 0;

void check(bool holds, std::string_view what) {
  std::cout << (holds ? "ok      " : "failed  ") << what << '\n';
  if (!holds) ++failures;
}

void everybody_in_the_project_receives_what_one_says() {
  hotline::testing::memory_host host;
  const chat service(host.manager(), host.events());
  auto ada = host.connect("/ws/demo"), bob = host.connect("/ws/demo"), stranger = host.connect("/ws/elsewhere");
  const auto answer = ada.command("say", {{"text", "hello"}});
  check(answer["result"]["seq"].as_uint64() == 1, "a line that was said has a number");
  check(bob.event("said")["text"].as_string() == "hello", "others in the project receive the line");
  check(stranger.events().empty(), "another project receives nothing");
}

void an_empty_line_is_an_error() {
  hotline::testing::memory_host host;
  const chat service(host.manager(), host.events());
  auto client = host.connect("/ws/demo");
  check(client.command("say")["error"]["code"].as_string() == "nothing_said", "an empty line is refused");
}

void an_answer_comes_later() {
  hotline::testing::memory_host host({.command_timeout = std::chrono::seconds(30)});
  chat service(host.manager(), host.events());
  auto client = host.connect("/ws/demo");
  const std::uint64_t in_time = client.send_command("wait_for_bell");
  check(client.answer(in_time).is_missing(), "before the bell there is no answer");
  service.ring();
  check(client.answer(in_time)["result"]["rang"].as_bool() == true, "the bell is the answer");
  const std::uint64_t too_late = client.send_command("wait_for_bell");
  host.advance(std::chrono::seconds(31));  // the clock of the host moves, and the test does not wait
  check(client.answer(too_late)["error"]["code"].as_string() == "timeout",
        "after half a minute the client is not kept waiting");
}

void a_client_comes_back() {
  hotline::testing::memory_host host;
  auto client = host.connect("/ws/demo");
  client.peer->reset();
  host.run();
  const auto seq = host.events().emit("demo", "said", {{"text", "meanwhile"}});
  auto again = host.connect("/ws/demo?" + client.resume_query(0));
  check(seq && again.id() == client.id(), "a client resumes its session");
  check(again.event("said")["text"].as_string() == "meanwhile", "and receives what it missed");
}

}  // namespace

int main() {
  try {
    everybody_in_the_project_receives_what_one_says();
    an_empty_line_is_an_error();
    an_answer_comes_later();
    a_client_comes_back();
  } catch (const hotline::testing::test_failure& failed) {
    check(false, failed.what());
  }
  return failures == 0 ? 0 : 1;
}
