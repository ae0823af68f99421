#include <catch2_any.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/room/past.hpp>
#include <hotline/transport/manual_environment.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

using namespace hotline;
using detail::goes_on_after;
using detail::past_within;

namespace {

// A stream of 10 events of which the latest 8 are kept, each with a frame of `frame` bytes.
struct ten_events {
  ten_events() {
    for (int i = 0; i < 10; ++i) REQUIRE(stream->append({head, tail, std::string_view(head).substr(2, 1)}));
    log_batch batch;
    stream->read(8, 9, 1, batch);
    frame = batch.entries.front().frame.size();
  }
  const std::string head = R"({"t":)";
  const std::string tail = R"(,"text":"0123456789"})";
  memory_event_log log{std::make_shared<manual_environment>(), {.events = 8}};
  std::shared_ptr<memory_stream> stream = log.open("p");
  std::size_t frame = 0;
};

constexpr std::size_t plenty = 1 << 20;

}  // namespace

TEST_CASE("the past is what was asked for, of what is kept", "[past]") {
  const ten_events ten;
  CHECK(past_within(*ten.stream, 0, plenty).events == 0);
  CHECK(past_within(*ten.stream, 3, plenty).events == 3);
  CHECK_FALSE(past_within(*ten.stream, 3, plenty).is_cut);
  CHECK(past_within(*ten.stream, 50, plenty).events == 8);
  CHECK_FALSE(past_within(*ten.stream, 50, plenty).is_cut);
}

TEST_CASE("the past is cut to whole events within its bytes", "[past]") {
  const ten_events ten;
  const auto cut = past_within(*ten.stream, 5, 2 * ten.frame + ten.frame / 2);
  CHECK(cut.events == 2);
  CHECK(cut.is_cut);
  CHECK(past_within(*ten.stream, 5, 1).events == 1);  // the newest in any case
  CHECK(past_within(*ten.stream, 5, 0).events == 0);
  CHECK(past_within(*ten.stream, 5, 0).is_cut);
}

TEST_CASE("an empty log has no past", "[past]") {
  memory_event_log log(std::make_shared<manual_environment>());
  const auto stream = log.open("p");
  CHECK(past_within(*stream, 5, plenty).events == 0);
  CHECK_FALSE(past_within(*stream, 5, plenty).is_cut);
}

TEST_CASE("a session that is resumed goes on where it asks to, within what is its own", "[past]") {
  const ten_events ten;
  CHECK(goes_on_after(*ten.stream, 7, 5, 0) == 7);  // all of that is its own
  CHECK(goes_on_after(*ten.stream, 5, 5, 0) == 5);
  CHECK(goes_on_after(*ten.stream, 4, 9, plenty) == 4);  // events of the time before: as much as a new session gets
  CHECK(goes_on_after(*ten.stream, 4, 9, 2 * ten.frame + ten.frame / 2) == 8);
  CHECK(goes_on_after(*ten.stream, 4, 6, 2 * ten.frame) == 6);  // and never less than its own
}
