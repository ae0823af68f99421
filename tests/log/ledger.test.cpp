#include <catch2_any.hpp>
#include <hotline/log/ledger.hpp>

#include <cstddef>
#include <memory>
#include <vector>

using hotline::detail::ledger_holder;
using hotline::detail::log_ledger;

namespace {

// Pieces of memory that are not there.
struct holder final : ledger_holder {
  explicit holder(log_ledger& of) : ledger(of) { ledger.join(*this); }
  ~holder() { ledger.leave(*this, held()); }

  bool take(std::size_t piece) {
    log_ledger::share room(ledger);
    while (!room.grow_to(piece)) {
      if (!ledger.collect(room)) return false;
    }
    room.keep(piece);
    pieces.push_back(piece);
    ledger.note(*this, held());
    return true;
  }

  std::size_t give() override {
    if (pieces.empty()) return 0;
    const std::size_t first = pieces.front();
    pieces.erase(pieces.begin());
    ledger.note(*this, held());
    return first;
  }

  [[nodiscard]] std::size_t held() const {
    std::size_t sum = 0;
    for (const std::size_t piece : pieces) sum += piece;
    return sum;
  }

  log_ledger& ledger;
  std::vector<std::size_t> pieces;
};

using pieces = std::vector<std::size_t>;

}  // namespace

TEST_CASE("a ledger gives out no more than there is", "[log]") {
  log_ledger ledger(100);
  log_ledger::share first(ledger);
  CHECK(first.grow_to(60));
  CHECK(first.grow_to(10));  // it has more
  log_ledger::share second(ledger);
  CHECK_FALSE(second.grow_to(41));
  CHECK(second.grow_to(40));
  CHECK_FALSE(first.grow_to(61));
  CHECK_FALSE(first.grow_to(static_cast<std::size_t>(-1)));
  CHECK(ledger.status().bytes == 100);
}

TEST_CASE("bytes that a share does not keep are given back", "[log]") {
  log_ledger ledger(100);
  {
    log_ledger::share room(ledger);
    REQUIRE(room.grow_to(60));
    room.keep(20);
  }
  CHECK(ledger.status().bytes == 20);
  ledger.give_back(20);
  CHECK(ledger.status().bytes == 0);
}

TEST_CASE("the largest holder gives its oldest, and among equals the one that has not changed for longest", "[log]") {
  log_ledger ledger(100);
  const auto a = std::make_shared<holder>(ledger);
  const auto b = std::make_shared<holder>(ledger);
  const auto c = std::make_shared<holder>(ledger);
  REQUIRE(a->take(10));
  REQUIRE(b->take(30));
  REQUIRE(b->take(20));
  REQUIRE(c->take(40));

  REQUIRE(a->take(5));
  CHECK(b->pieces == pieces{20});
  REQUIRE(a->take(25));  // a and c hold 40 now, c for longer
  REQUIRE(a->take(10));
  CHECK(c->pieces.empty());
  CHECK(a->pieces == pieces{10, 5, 25, 10});
  CHECK(ledger.status().bytes == 70);
}

TEST_CASE("the largest holder gives to itself too, as often as it must", "[log]") {
  log_ledger ledger(100);
  const auto a = std::make_shared<holder>(ledger);
  for (int i = 0; i < 5; ++i) REQUIRE(a->take(20));
  REQUIRE(a->take(50));
  CHECK(a->pieces == pieces{20, 20, 50});
  CHECK(ledger.status().bytes == 90);
}

TEST_CASE("bytes that others have reserved and do not hold yet cannot be collected", "[log]") {
  log_ledger ledger(100);
  const auto a = std::make_shared<holder>(ledger);
  REQUIRE(a->take(30));
  {
    log_ledger::share under_way(ledger);
    REQUIRE(under_way.grow_to(70));
    CHECK_FALSE(a->take(31));  // having given all it has
    CHECK(a->pieces.empty());
    CHECK(ledger.status().bytes == 70);
    CHECK(a->take(30));
  }
  CHECK(a->take(70));
}

TEST_CASE("a holder that goes gives back its bytes, and is not asked any more", "[log]") {
  log_ledger ledger(100);
  auto a = std::make_shared<holder>(ledger);
  const auto b = std::make_shared<holder>(ledger);
  REQUIRE(a->take(60));
  a.reset();
  CHECK(ledger.status().bytes == 0);
  CHECK(b->take(100));
}

TEST_CASE("a holder that is about to go is passed by", "[log]") {
  log_ledger ledger(100);
  holder going(ledger);  // owned by nobody, as one whose destructor waits for the ledger
  const auto b = std::make_shared<holder>(ledger);
  REQUIRE(going.take(60));
  REQUIRE(b->take(40));
  CHECK(b->take(20));
  CHECK(b->pieces == pieces{20});
  CHECK(going.pieces == pieces{60});
}
