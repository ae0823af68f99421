#include <catch2_any.hpp>
#include <hotline/session/deferred_admission.hpp>
#include <session/fake_loop.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;
using detail::deferred_admission;
using hotline_test::fake_loop;

namespace {

/// A loop that asks for an admission, and what it receives.
struct asking_loop {
  asking_loop()
      : asked(loop, [this] {
          ++made;
          return [this](std::optional<admission> said) { told.push_back(said ? said->principal : "nothing"); };
        }) {}

  std::shared_ptr<fake_loop> loop = std::make_shared<fake_loop>();
  int made = 0;
  std::vector<std::string> told;
  deferred_admission asked;
};

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("a host that admits at once makes no responder", "[session]") {
  asking_loop l;
  CHECK_FALSE(l.asked.made());
  CHECK(l.made == 0);
}

TEST_CASE("an admission comes on the loop, once", "[session]") {
  asking_loop l;
  std::optional<admission_responder> later(l.asked.make());
  CHECK(l.asked.made());
  CHECK(l.made == 1);
  SECTION("as the host says it") {
    std::move(*later).answer({"ada"});
    CHECK(l.told.empty());
    CHECK(l.loop->run() == 1);
    CHECK(l.told == list{"ada"});
    later.reset();
    CHECK(l.loop->run() == 0);
  }
  SECTION("as nothing, from a responder that goes without an answer") {
    later.reset();
    l.loop->run();
    CHECK(l.told == list{"nothing"});
  }
  SECTION("and to nobody, when the loop has no memory for it and the responder goes") {
    l.loop->be_out_of_memory(true);
    later.reset();
    l.loop->be_out_of_memory(false);
    l.loop->run();
    CHECK(l.told.empty());
  }
}
