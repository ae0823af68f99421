#include <catch2_any.hpp>
#include <hotline/log/rendition.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace hotline;

namespace {

// Keeps the first half of what is long enough, and counts how often it was asked.
struct halves final : message_compression {
  bool deflate(std::string_view message, std::string& to) override {
    ++asked;
    if (message.size() < 20) return false;
    to.append(message.substr(0, message.size() / 2));
    return true;
  }
  inflation inflate(std::string_view, std::size_t) override { return {outcome::malformed}; }
  int asked = 0;
};

// Entries from `first` on, one frame of so many bytes of payload each.
struct entries {
  entries(sequence first, const std::vector<std::size_t>& sizes) {
    for (const std::size_t size : sizes) {
      std::string frame;
      detail::append_frame(frame, detail::opcode::text, std::string(size, 'x'));
      frames.push_back(std::make_shared<std::string>(std::move(frame)));
      plain.pins.push_back(frames.back());
      plain.entries.push_back({first++, *frames.back(), "t", hash_type("t")});
    }
  }
  std::vector<std::shared_ptr<std::string>> frames{};
  log_batch plain{};
};

const auto all = [](const log_entry&) { return true; };
constexpr std::size_t header = 2;

}  // namespace

TEST_CASE("entries are compressed where that is worth it, and once", "[rendition]") {
  log_rendition rendition;
  halves compression;
  const entries some(1, {40, 10, 60});
  log_batch out;
  rendition.render(some.plain, all, compression, out);

  REQUIRE(out.entries.size() == 3);
  CHECK(out.entries[0].frame.size() == header + 20);
  CHECK((static_cast<unsigned char>(out.entries[0].frame[0]) & 0x40) != 0);  // RFC 7692 section 6: RSV1
  CHECK(out.entries[1].frame == some.plain.entries[1].frame);
  CHECK(out.entries[2].frame.size() == header + 30);
  CHECK(out.entries[0].frame.data() + out.entries[0].frame.size() == out.entries[2].frame.data());
  CHECK(compression.asked == 3);

  log_batch again;
  rendition.render(some.plain, all, compression, again);
  CHECK(compression.asked == 3);
  CHECK(again.entries[2].frame == out.entries[2].frame);
  CHECK(rendition.size() == 3);
}

TEST_CASE("only what is wanted is compressed, and the rest when it is wanted", "[rendition]") {
  log_rendition rendition;
  halves compression;
  const entries some(5, {40, 40});
  log_batch out;
  rendition.render(
      some.plain, [](const log_entry& e) { return e.seq == 6; }, compression, out);
  CHECK(compression.asked == 1);
  CHECK(out.entries[0].frame == some.plain.entries[0].frame);
  CHECK(out.entries[1].frame.size() == header + 20);

  rendition.render(some.plain, all, compression, out);
  CHECK(compression.asked == 2);
  CHECK(out.entries[0].frame.size() == header + 20);
}

TEST_CASE("entries that the log has evicted are forgotten, and their bytes live as long as a batch needs them",
          "[rendition]") {
  log_rendition rendition;
  halves compression;
  const entries some(1, {40, 40, 40});
  log_batch out;
  rendition.render(some.plain, all, compression, out);
  const std::string before(out.entries[0].frame);

  rendition.forget_before(3);
  CHECK(rendition.size() == 1);
  rendition.forget_before(4);
  CHECK(rendition.size() == 0);
  CHECK(out.entries[0].frame == before);
}

TEST_CASE("entries are asked for in any order", "[rendition]") {
  log_rendition rendition;
  halves compression;
  const entries late(10, {40});
  const entries early(7, {40, 40});
  log_batch out;
  rendition.render(late.plain, all, compression, out);
  log_batch second;
  rendition.render(early.plain, all, compression, second);
  CHECK(second.entries[1].frame.size() == header + 20);
  CHECK(rendition.size() == 3);
  log_batch third;
  rendition.render(late.plain, all, compression, third);
  CHECK(compression.asked == 3);
}
