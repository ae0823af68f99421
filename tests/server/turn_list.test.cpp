#include <catch2_any.hpp>
#include <connection/lone_connection.hpp>
#include <hotline/server/turn_list.hpp>

#include <functional>
#include <vector>

using namespace hotline;
using detail::connection;
using detail::turn_list;
using hotline_test::lone_connection;

namespace {

/// Notes which connections are settled, and does with them what a test says.
class noting_settler final : public detail::settler {
 public:
  void settle(connection& c) noexcept override {
    settled.push_back(&c);
    if (then) then(c);
  }
  std::vector<connection*> settled;
  std::function<void(connection&)> then;
};

using found = std::vector<connection*>;

}  // namespace

TEST_CASE("a connection is settled once, when the outermost turn ends", "[server]") {
  lone_connection a, b;
  noting_settler output;
  turn_list turns(output);
  {
    const turn_list::turn outer(turns);
    turns.touch(a.c);
    {
      const turn_list::turn inner(turns);
      turns.touch(b.c);
      turns.touch(a.c);
    }
    CHECK(output.settled.empty());
  }
  CHECK(output.settled == found{&a.c, &b.c});
  { const turn_list::turn next(turns); }
  CHECK(output.settled.size() == 2);
}

TEST_CASE("a connection that settling touches is settled in the same turn", "[server]") {
  lone_connection a, b;
  noting_settler output;
  turn_list turns(output);
  output.then = [&](connection& c) {
    const turn_list::turn inner(turns);  // settles nothing: the outer one is not over
    if (&c == &a.c && output.settled.size() == 1) {
      turns.touch(b.c);
      turns.touch(a.c);
    }
  };
  {
    const turn_list::turn outer(turns);
    turns.touch(a.c);
  }
  CHECK(output.settled == found{&a.c, &b.c, &a.c});
}

TEST_CASE("a connection that goes is not settled", "[server]") {
  lone_connection a, b;
  noting_settler output;
  turn_list turns(output);
  turns.forget(a.c);
  {
    const turn_list::turn outer(turns);
    turns.touch(a.c);
    turns.touch(b.c);
    turns.forget(a.c);
  }
  CHECK(output.settled == found{&b.c});
}

TEST_CASE("a connection that is touched between two turns waits for the next", "[server]") {
  lone_connection a;
  noting_settler output;
  turn_list turns(output);
  turns.touch(a.c);
  CHECK(output.settled.empty());
  { const turn_list::turn next(turns); }
  CHECK(output.settled == found{&a.c});
}
