#include <hotline/wire/decoder_pool.hpp>

#include "client_frames.hpp"

#include <catch2_any.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace wire_tests;
using hotline::detail::decoder_pool;

TEST_CASE("a pool lends decoders with its limits", "[wire]") {
  hotline::session_limits limits;
  limits.message_bytes = 4;
  decoder_pool pool(limits);
  for (int round = 0; round < 3; ++round) {
    auto d = pool.lend();
    REQUIRE(d);
    std::vector<heard> all;
    feed(*d, text("four") + text("fives"), all);
    CHECK(all == std::vector<heard>{{decode_event::text, "four"}, failed(close_code::message_too_big)});
    pool.give_back(std::move(d));
  }
}

TEST_CASE("a decoder that comes back is lent again, as new and without its big buffer", "[wire]") {
  decoder_pool pool{hotline::session_limits{}};
  auto d = pool.lend();
  const decoder* const first = d.get();
  std::vector<heard> all;
  feed(*d, part(opcode::text, std::string(60'000, 'x')), all);
  CHECK(d->held_bytes() >= 60'000);
  pool.give_back(std::move(d));
  d = pool.lend();
  CHECK(d.get() == first);
  CHECK(d->held_bytes() <= decoder::idle_bytes);
  CHECK(d->idle());
  feed(*d, text("other"), all);
  CHECK(all == std::vector<heard>{{decode_event::text, "other"}});
}

TEST_CASE("two decoders are lent apart", "[wire]") {
  decoder_pool pool{hotline::session_limits{}};
  pool.give_back(pool.lend());
  const auto a = pool.lend();
  const auto b = pool.lend();
  CHECK(a != b);
}

TEST_CASE("a pool keeps a few decoders only and takes nothing for nothing", "[wire]") {
  decoder_pool pool{hotline::session_limits{}};
  pool.give_back(nullptr);
  CHECK(pool.spare() == 0);
  std::vector<std::unique_ptr<decoder>> lent(100);
  for (auto& d : lent) d = pool.lend();
  for (auto& d : lent) pool.give_back(std::move(d));
  CHECK(pool.spare() == decoder_pool::spare_decoders);
  CHECK(pool.lend() != nullptr);
}
