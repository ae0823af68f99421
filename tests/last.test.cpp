// How much of the past a stranger is given for a request of 150 bytes.

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace hotline;
using hotline_test::memory_client;

namespace {

using seqs = std::vector<std::uint64_t>;

struct host {
  explicit host(manager_options options = {}) : manager(memory_transport(env), events, std::move(options)) {
    REQUIRE_FALSE(manager.start());
  }

  // Some 10 KB each.
  void emit(int count, std::size_t bytes = 10'000) {
    for (int i = 0; i < count; ++i) REQUIRE(events.emit("p", "a", {{"text", std::string(bytes, 'x')}}));
  }

  [[nodiscard]] std::uint64_t cut() {
    std::uint64_t told = 0;
    manager.metrics().limits.for_each([&](std::string_view name, std::uint64_t count) {
      if (name == "session.last_bytes") told = count;
    });
    return told;
  }

  // How many bytes a request brings, and the events in them.
  std::size_t ask(const std::string& query, seqs& heard) {
    const std::uint64_t before = manager.metrics().sent_bytes;
    memory_client c(manager.transport(), "/ws/p" + query);
    REQUIRE(c.upgraded());
    hello = c.next();
    heard = c.events();
    c.peer->reset();
    manager.transport().run();
    return static_cast<std::size_t>(manager.metrics().sent_bytes - before);
  }

  [[nodiscard]] std::string to_resume(sequence after) const {
    return "?resume=" + std::string(*hello["resume"]["token"].as_string()) +
           "&epoch=" + std::string(*hello["epoch"].as_string()) + "&after=" + std::to_string(after);
  }

  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  event_emitter events{{}, env};
  ws_manager<memory_transport> manager;
  json hello;
};

constexpr std::size_t mebibyte = 1024 * 1024;

}  // namespace

TEST_CASE("a new session is given a mebibyte of the past at most, the newest of it", "[last]") {
  host h;
  h.emit(600);
  seqs heard;
  const std::size_t bytes = h.ask("?last=99999999", heard);
  INFO(bytes << " bytes for one request");
  CHECK(bytes <= mebibyte + 1'000);
  CHECK(bytes > mebibyte - 11'000);
  REQUIRE_FALSE(heard.empty());
  CHECK(heard.back() == 600);
  for (std::size_t i = 1; i < heard.size(); ++i) CHECK(heard[i] == heard[i - 1] + 1);
  CHECK(h.cut() == 1);
  h.ask("?last=50", heard);
  CHECK(heard.size() == 50);
  CHECK(h.cut() == 1);
}

TEST_CASE("a session that is resumed is given no more of what came before it began", "[last]") {
  host h;
  h.emit(600);
  seqs heard;
  h.ask("", heard);
  CHECK(h.hello["seq"].as_int64() == 600);
  CHECK(heard.empty());
  for (int i = 1; i <= 3; ++i) {
    h.emit(2);
    const std::size_t bytes = h.ask(h.to_resume(0), heard);
    INFO(bytes << " bytes for one request");
    CHECK(bytes <= mebibyte + 1'000);
    CHECK(h.hello["resumed"].as_bool() == true);
    REQUIRE_FALSE(heard.empty());
    CHECK(heard.back() == 600 + 2 * static_cast<sequence>(i));
    CHECK(h.cut() == static_cast<std::uint64_t>(i));
  }
}

TEST_CASE("all that came since a session began is given again, for it may have been lost with the socket", "[last]") {
  host h;
  h.emit(300);
  seqs heard;
  h.ask("", heard);
  h.emit(300);
  for (const sequence after : {sequence{0}, sequence{150}, sequence{300}}) {
    h.ask(h.to_resume(after), heard);
    CHECK(heard.size() == 300);
    CHECK(heard.front() == 301);
  }
  CHECK(h.cut() == 2);
}

TEST_CASE("the newest event is given however large it is, and none where the option says so", "[last]") {
  seqs heard;
  host small({.session = {.last_bytes = 100}});
  small.emit(3);
  small.ask("?last=3", heard);
  CHECK(heard == seqs{3});
  CHECK(small.cut() == 1);
  host none({.session = {.last_bytes = 0}});
  none.emit(3);
  none.ask("?last=3", heard);
  CHECK(heard.empty());
  CHECK(none.cut() == 1);
  host all({.session = {.last_bytes = static_cast<std::size_t>(-1)}});
  all.emit(600);
  all.ask("?last=99999999", heard);
  CHECK(heard.size() == 600);
  CHECK(all.cut() == 0);
  host empty;
  empty.ask("?last=3", heard);
  CHECK(heard.empty());
  CHECK(empty.cut() == 0);
}
