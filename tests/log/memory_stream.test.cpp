#include <catch2_any.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/transport/manual_environment.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;

namespace {

struct counting final : log_watcher {
  void on_append() noexcept override { ++calls; }
  int calls = 0;
};

result<sequence> append(memory_stream& stream, std::string_view type, std::string_view key = {}) {
  const std::string head = "{\"event_type\":\"" + std::string(type) + "\",\"seq\":";
  const std::string tail = ",\"text\":\"" + std::string(100, 'x') + "\"}";
  return stream.append({head, tail, std::string_view(head).substr(15, type.size()), key});
}

}  // namespace

TEST_CASE("a watcher receives a call for each append between attach and detach", "[memory_stream]") {
  memory_event_log log(std::make_shared<manual_environment>());
  const auto stream = log.open("p");
  counting watcher;
  counting other;
  REQUIRE(append(*stream, "a"));
  stream->attach(watcher);
  stream->attach(other);
  REQUIRE(append(*stream, "a"));
  stream->detach(watcher);
  REQUIRE(append(*stream, "a"));
  REQUIRE_FALSE(append(*stream, std::string(256, 't')));  // refused: no watcher is notified
  CHECK(watcher.calls == 1);
  CHECK(other.calls == 2);
  stream->detach(other);
}

TEST_CASE("a stream has begun with its first event, and is idle without one", "[memory_stream]") {
  const auto env = std::make_shared<manual_environment>();
  memory_event_log log(env, {.idle = 60s});
  const auto stream = log.open("p");
  CHECK_FALSE(stream->has_begun());
  CHECK(stream->is_idle());
  CHECK(stream->end() == 0);
  CHECK(stream->bounds().oldest == 1);

  REQUIRE(append(*stream, "a"));
  CHECK(stream->has_begun());
  CHECK_FALSE(stream->is_idle());
  CHECK(stream->end() == 1);
  env->advance(60s);
  CHECK(stream->is_idle());
}

TEST_CASE("a stream gives its oldest slab, and then has less", "[memory_stream]") {
  memory_event_log log(std::make_shared<manual_environment>());
  const auto stream = log.open("p");
  for (int i = 0; i < 50; ++i) REQUIRE(append(*stream, "a"));
  const std::size_t before = stream->footprint();

  const std::size_t given = stream->give();

  CHECK(given > 0);
  CHECK(stream->footprint() == before - given);
  CHECK(stream->bounds().oldest > 1);
  CHECK(stream->end() == 50);
  while (stream->give() > 0) {
  }
  CHECK(stream->footprint() == 0);
  CHECK(stream->bounds().oldest == 51);
  const auto next = append(*stream, "a");
  REQUIRE(next);
  CHECK(*next == 51);
}

TEST_CASE("the rendition forgets with the stream", "[memory_stream]") {
  memory_event_log log(std::make_shared<manual_environment>(), {.events = 2});
  const auto stream = log.open("p");
  for (int i = 0; i < 4; ++i) REQUIRE(append(*stream, "a"));
  CHECK(stream->rendition().size() == 0);
  CHECK(&stream->rendition() == &stream->rendition());
}
