#include <catch2_any.hpp>
#include <hotline/session/pending_command.hpp>
#include <session/fake_loop.hpp>

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;
using detail::answer_kind;
using detail::pending_command;
using hotline_test::fake_loop;

namespace {

/// Notes what a dispatcher would receive.
struct noting_receiver final : detail::answer_receiver {
  void take_answer(const pending_command& pending, answer_kind what, const std::string& text) noexcept override {
    serials.push_back(pending.serial);
    texts.push_back((what == answer_kind::progress ? "progress " : "answer ") + text);
  }
  void take_exception(const pending_command&, const std::exception_ptr&) noexcept override {}
  std::vector<std::uint64_t> serials;
  std::vector<std::string> texts;
};

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("a command that is under way may be claimed by one answer", "[session]") {
  pending_command pending;
  CHECK(pending.claim());
  CHECK_FALSE(pending.claim());
}

TEST_CASE("a responder's messages come to the receiver on the loop, in order", "[session]") {
  const auto loop = std::make_shared<fake_loop>();
  noting_receiver receiver;
  auto pending = std::make_shared<pending_command>();
  pending->loop = loop;
  pending->receiver = &receiver;
  pending->serial = 4;
  detail::deliver(pending, answer_kind::progress, "half");
  detail::deliver(pending, answer_kind::response, "done");
  CHECK(receiver.texts.empty());
  SECTION("although its responder is gone by then") {
    pending.reset();
    loop->run();
    CHECK(receiver.texts == list{"progress half", "answer done"});
    CHECK(receiver.serials == std::vector<std::uint64_t>{4, 4});
  }
  SECTION("or not at all, when the loop has stopped") {
    (void)loop->take();
    CHECK(receiver.texts.empty());
  }
  SECTION("a message without memory is reported to its sender, and the loop goes on") {
    loop->be_out_of_memory(true);
    CHECK_THROWS_AS(detail::deliver(pending, answer_kind::response, "more"), std::bad_alloc);
    loop->be_out_of_memory(false);
    CHECK(loop->run() == 2);
  }
}
