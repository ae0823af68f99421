#include <hotline/testing/transport_conformance.hpp>

#include <catch2_any.hpp>
#include <hotline/transport/memory_transport.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using testing::failed_check;
namespace conformance = testing::transport_conformance;

namespace {

template <class Transport>
class fixture {
 public:
  using transport_type = Transport;

  Transport& transport() { return transport_; }
  std::shared_ptr<memory_peer> connect() { return transport_.connect(); }
  bool step() {
    if (transport_.run_one()) return true;
    transport_.advance(100ms);
    return --patience_ > 0;
  }
  void settle() { transport_.run(); }
  bool finish() {
    transport_.run();
    return true;
  }

 private:
  Transport transport_;
  int patience_ = 10'000;
};

struct reads_while_paused : memory_transport {
  void pause_reading(memory_connection&) {}
};

struct loses_a_byte : memory_transport {
  std::size_t write(memory_connection& c, std::span<const std::string_view> spans) {
    std::string all;
    for (const std::string_view s : spans) all += s;
    if (all.size() < 2) return memory_transport::write(c, spans);
    const auto most = std::string_view(all).substr(1);
    const std::size_t taken = memory_transport::write(c, std::span(&most, 1));
    return taken == 0 ? 0 : taken + 1;
  }
};

struct posts_at_once : memory_transport {
  void post(std::function<void()> f) { f(); }
};

struct starts_twice : memory_transport {
  std::error_code start(transport_receiver<memory_connection>& receiver) {
    (void)memory_transport::start(receiver);
    return {};
  }
};

struct outcome {
  std::vector<std::string> failed;  // the tests
  std::string why;                  // all that was reported
};

/// Whether a test has threads of its own: the virtual time in which a fixture is patient does not tell how slow they are.
bool has_threads(std::string_view name) {
  return name == "any thread may post" || name == "posting goes on while it stops";
}

template <class Transport>
outcome run() {
  outcome all;
  for (const conformance::test& each : conformance::tests()) {
    if (has_threads(each.name)) continue;
    const std::size_t failures = conformance::run<fixture<Transport>>(each, [&](const failed_check& failed) {
      CHECK(std::string_view(failed.file()).ends_with(".hpp"));
      CHECK(failed.line() > 0);
      all.why.append(failed.what()).append("\n");
    });
    if (failures > 0) all.failed.emplace_back(each.name);
  }
  return all;
}

bool has(const outcome& all, std::string_view name) {
  for (const std::string& failed : all.failed)
    if (failed == name) return true;
  return false;
}

}  // namespace

TEST_CASE("a transport that keeps its promises passes", "[testing]") {
  const outcome all = run<memory_transport>();
  INFO(all.why);
  CHECK(all.failed.empty());
}

TEST_CASE("a transport that breaks a promise fails the test of that promise", "[testing]") {
  const outcome paused = run<reads_while_paused>();
  CHECK(has(paused, "a paused connection receives nothing until it is resumed"));
  CHECK(has(paused, "pausing holds from inside a callback"));
  CHECK_FALSE(has(paused, "bytes go both ways unchanged"));
  CHECK(paused.why.find(": not so: r.data.empty()\n") != std::string::npos);

  const outcome lost = run<loses_a_byte>();
  CHECK(has(lost, "bytes go both ways unchanged"));
  CHECK_FALSE(has(lost, "ticks come by themselves"));

  const outcome twice = run<starts_twice>();
  CHECK(twice.failed == std::vector<std::string>{"starting twice is refused", "stopped means stopped"});
}

TEST_CASE("a post that runs at once fails, and is called from no thread but the test's", "[testing]") {
  std::string why;
  for (const conformance::test& each : conformance::tests()) {
    if (std::string_view(each.name) != "posted functions run in order and later") continue;
    CHECK(conformance::run<fixture<posts_at_once>>(each, [&](const failed_check& f) { why += f.what(); }) > 0);
  }
  CHECK(why.find("order.empty()") != std::string::npos);
}

TEST_CASE("a failed check names its place, and the part of its test", "[testing]") {
  std::vector<std::string> reported;
  testing::checker found([&](const failed_check& failed) { reported.emplace_back(failed.what()); });
  found.check(true, "1 == 1", "a.cpp", 1);
  found.check(false, "1 == 2", "a.cpp", 2);
  found.note("way 3");
  found.check(false, "1 == 3", "a.cpp", 3);
  CHECK(reported == std::vector<std::string>{"a.cpp:2: not so: 1 == 2", "a.cpp:3: not so: 1 == 3 (way 3)"});
  CHECK_THROWS_AS(found.require(false, "1 == 4", "a.cpp", 4), failed_check);
  CHECK(reported.size() == 2);
}
