#include <catch2_any.hpp>
#include <hotline/session/admission.hpp>

#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace hotline;

namespace {

struct notes {
  [[nodiscard]] admission_responder responder() {
    return admission_responder([this](std::optional<admission> told) {
      heard.push_back(!told ? "nothing" : told->refusal != 0 ? std::to_string(told->refusal) : told->principal);
    });
  }
  std::vector<std::string> heard;
};

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("an admission is answered once", "[session]") {
  notes n;
  admission_responder r = n.responder();
  std::move(r).answer({"ada"});
  std::move(r).refuse(403);  // NOLINT: used up, and that is what is tested
  CHECK(n.heard == list{"ada"});
}

TEST_CASE("an admission without an answer ends when its responder goes", "[session]") {
  notes n;
  { const admission_responder r = n.responder(); }
  CHECK(n.heard == list{"nothing"});
}

TEST_CASE("a responder that is assigned over leaves its admission unanswered, and takes on the other's", "[session]") {
  notes a, b;
  admission_responder r = a.responder();
  r = b.responder();
  CHECK(a.heard == list{"nothing"});
  CHECK(b.heard.empty());
  admission_responder moved = std::move(r);
  std::move(moved).refuse(401);
  CHECK(b.heard == list{"401"});
}

TEST_CASE("a receiver that memory does not suffice for does not make a destructor throw", "[session]") {
  {
    const admission_responder r([](const std::optional<admission>&) { throw std::bad_alloc(); });
  }
  SUCCEED();
}

TEST_CASE("both forms of a hook that admits are one", "[session]") {
  struct source final : detail::admission_source {
    admission_responder make() override { return n.responder(); }
    notes n;
  } s;
  const auto now = detail::as_admitter<int>([](int i) { return admission{std::to_string(i)}; });
  CHECK(now(7, s)->principal == "7");
  CHECK(s.n.heard.empty());
  const auto later =
      detail::as_admitter<int>([](int i, admission_responder r) { std::move(r).answer({std::to_string(i)}); });
  CHECK_FALSE(later(8, s));
  CHECK(s.n.heard == list{"8"});
}
