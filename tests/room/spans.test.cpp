#include <catch2_any.hpp>
#include <hotline/room/spans.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace hotline;
using detail::span_list;
using detail::superseded;

namespace {

// Entries 1, 2, … whose frames are one letter each, and follow each other in memory.
struct letters {
  explicit letters(std::string_view types) : bytes(types) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::string_view frame = std::string_view(bytes).substr(i, 1);
      batch.entries.push_back({i + 1, frame, frame, hash_type(frame)});
    }
  }
  letters(const letters&) = delete;
  letters& operator=(const letters&) = delete;

  const std::string bytes;
  log_batch batch{};
};

filter only(std::string_view type) {
  filter f;
  f.add(type);
  return f;
}

std::vector<std::string> texts(const span_list& spans) { return {spans.spans().begin(), spans.spans().end()}; }

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("neighbours in memory are one span", "[spans]") {
  const letters some("aab");
  span_list spans;
  spans.select(some.batch, filter::everything(), superseded::sent);
  CHECK(texts(spans) == list{"aab"});
  CHECK(spans.bytes() == 3);
  CHECK(spans.last() == 3);
  CHECK(spans.spans().front().data() == some.bytes.data());
}

TEST_CASE("entries that do not pass are left out", "[spans]") {
  const letters some("aabab");
  span_list spans;
  spans.select(some.batch, only("a"), superseded::sent);
  CHECK(texts(spans) == list{"aa", "a"});
  CHECK(spans.last() == 4);

  spans.select(some.batch, only("z"), superseded::sent);
  CHECK(texts(spans).empty());
  CHECK(spans.bytes() == 0);
  CHECK(spans.last() == 0);
}

TEST_CASE("superseded entries are for members that are current", "[spans]") {
  letters some("ab");
  some.batch.entries[0].superseded = true;
  span_list spans;
  spans.select(some.batch, filter::everything(), superseded::sent);
  CHECK(spans.bytes() == 2);
  spans.select(some.batch, filter::everything(), superseded::skipped);
  CHECK(texts(spans) == list{"b"});
}

TEST_CASE("many spans become one copy", "[spans]") {
  span_list spans;
  SECTION("eight are sent as they are") {
    const letters some("abababababababa");
    spans.select(some.batch, only("a"), superseded::sent);
    CHECK(spans.spans().size() == 8);
  }
  SECTION("nine are copied") {
    const letters some("ababababababababa");
    spans.select(some.batch, only("a"), superseded::sent);
    CHECK(texts(spans) == list{"aaaaaaaaa"});
    CHECK(spans.bytes() == 9);
    CHECK(spans.last() == 17);
  }
}
