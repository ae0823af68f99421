#include <catch2_any.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/transport/manual_environment.hpp>

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;

namespace {

// A message as long as it must be, of the given type.
struct sample {
  explicit sample(std::string_view type, std::size_t padding = 0) {
    head = "{\"type\":\"event\",\"event_type\":\"" + std::string(type) + "\",\"seq\":";
    tail = ",\"text\":\"" + std::string(padding, 'x') + "\"}";
    type_size = type.size();
  }
  [[nodiscard]] log_record record(std::string_view key = {}) const {
    return {head, tail, std::string_view(head).substr(30, type_size), key};
  }
  std::string head, tail;
  std::size_t type_size;
};

struct counting_watcher : log_watcher {
  int appends = 0;
  void on_append() noexcept override { ++appends; }
};

std::vector<sequence> numbers(const log_batch& batch) {
  std::vector<sequence> seqs;
  for (const auto& entry : batch.entries) seqs.push_back(entry.seq);
  return seqs;
}

}  // namespace

TEST_CASE("entries are numbered from 1 and read back as the frames that go on the wire", "[log]") {
  auto env = std::make_shared<manual_environment>();
  memory_event_log log(env);
  const auto stream = log.open("p");
  CHECK(stream->bounds().oldest == 1);
  CHECK(stream->bounds().end == 0);

  CHECK(*stream->append(sample("a").record()) == 1);
  CHECK(*stream->append(sample("b", 200).record()) == 2);

  log_batch batch;
  stream->read(0, 2, 1 << 20, batch);
  REQUIRE(numbers(batch) == std::vector<sequence>{1, 2});
  CHECK(batch.entries[0].type == "a");
  const std::string text = R"({"type":"event","event_type":"a","seq":1,"text":""})";
  CHECK(batch.entries[0].frame == std::string("\x81") + static_cast<char>(text.size()) + text);
  CHECK(batch.entries[1].frame.substr(0, 2) == "\x81\x7e");
  CHECK(batch.entries[1].type == "b");
  CHECK(batch.entries[1].type_hash == hash_type("b"));
  // Neighbours in the log are neighbours in memory.
  CHECK(batch.entries[0].frame.data() + batch.entries[0].frame.size() == batch.entries[1].frame.data());
}

TEST_CASE("a read is bounded by sequence and by bytes, but brings at least one entry", "[log]") {
  memory_event_log log(std::make_shared<manual_environment>());
  const auto stream = log.open("p");
  for (int i = 0; i < 10; ++i) REQUIRE(stream->append(sample("a", 100).record()));
  log_batch batch;
  stream->read(3, 5, 1 << 20, batch);
  CHECK(numbers(batch) == std::vector<sequence>{4, 5});
  stream->read(3, 10, 1, batch);
  CHECK(numbers(batch) == std::vector<sequence>{4});
  stream->read(10, 10, 1 << 20, batch);
  CHECK(batch.entries.empty());
}

TEST_CASE("the count bound holds exactly: the newest stay", "[log]") {
  memory_event_log log(std::make_shared<manual_environment>(), {.events = 5});
  const auto stream = log.open("p");
  for (int i = 0; i < 1000; ++i) REQUIRE(stream->append(sample("a").record()));
  CHECK(stream->bounds().oldest == 996);
  CHECK(stream->bounds().end == 1000);
  log_batch batch;
  stream->read(990, 1000, 1 << 20, batch);
  CHECK(numbers(batch) == std::vector<sequence>{996, 997, 998, 999, 1000});
}

TEST_CASE("the byte bound holds for all memory that the log takes, index included", "[log]") {
  constexpr std::size_t bytes = 64 * 1024;
  memory_event_log log(std::make_shared<manual_environment>(),
                       {.events = 1 << 20, .bytes = bytes, .event_bytes = bytes / 2});
  const auto stream = log.open("p");
  for (std::size_t i = 0; i < 5000; ++i) {
    REQUIRE(stream->append(sample("a", i * 7919 % 20000).record()));
    REQUIRE(stream->footprint() <= bytes);
    REQUIRE(stream->bounds().oldest <= stream->bounds().end);
  }
}

TEST_CASE("an event over the limit is refused and leaves the log as it was", "[log]") {
  memory_event_log log(std::make_shared<manual_environment>(), {.event_bytes = 100});
  const auto stream = log.open("p");
  const std::size_t overhead = [&] {
    REQUIRE(stream->append(sample("a").record()));
    log_batch batch;
    stream->read(0, 1, 1, batch);
    return batch.entries.front().frame.size();
  }();
  CHECK(stream->append(sample("a", 100 - overhead).record()));
  const auto refused = stream->append(sample("a", 101 - overhead).record());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::event_too_big);
  CHECK(stream->bounds().end == 2);
}

TEST_CASE("entries older than the age go, by append and by sweep", "[log]") {
  auto env = std::make_shared<manual_environment>();
  memory_event_log log(env, {.age = 10s});
  const auto stream = log.open("p");
  REQUIRE(stream->append(sample("a").record()));
  env->advance(6s);
  REQUIRE(stream->append(sample("a").record()));
  env->advance(6s);
  REQUIRE(stream->append(sample("a").record()));
  CHECK(stream->bounds().oldest == 2);
  env->advance(11s);
  log.sweep();
  CHECK(stream->bounds().oldest == 4);
  CHECK(stream->bounds().end == 3);
  CHECK(stream->footprint() == 0);
  CHECK(*stream->append(sample("a").record()) == 4);
}

TEST_CASE("a log may keep everything for as long as there is time", "[log]") {
  auto env = std::make_shared<manual_environment>();
  constexpr auto most = std::numeric_limits<std::size_t>::max();
  constexpr auto longest = std::chrono::milliseconds::max();
  memory_event_log log(env, {.events = most, .bytes = most, .age = longest, .idle = longest, .total_bytes = most});
  REQUIRE(log.open("p")->append(sample("a").record()));
  for (int i = 0; i < 3; ++i) {
    env->advance(24h);
    log.sweep();
  }
  CHECK(*log.open("p")->append(sample("a").record()) == 2);
  CHECK(log.open("p")->bounds().oldest == 1);
}

TEST_CASE("without a time to idle a project is forgotten when nobody holds it", "[log]") {
  auto env = std::make_shared<manual_environment>();
  const auto idle = GENERATE(std::chrono::milliseconds(0), std::chrono::milliseconds::min());
  memory_event_log log(env, {.idle = idle});
  REQUIRE(log.open("p")->append(sample("a").record()));
  env->advance(2s);
  log.sweep();
  CHECK(log.size() == 0);
}

TEST_CASE("a batch keeps its bytes although the log evicts them meanwhile", "[log]") {
  memory_event_log log(std::make_shared<manual_environment>(), {.events = 2});
  const auto stream = log.open("p");
  REQUIRE(stream->append(sample("first").record()));
  log_batch batch;
  stream->read(0, 1, 1 << 20, batch);
  const std::string before(batch.entries.front().frame);
  for (int i = 0; i < 10000; ++i) REQUIRE(stream->append(sample("later", 50).record()));
  CHECK(batch.entries.front().frame == before);
}

TEST_CASE("idle projects that nobody holds are forgotten, and begin a new epoch", "[log]") {
  auto env = std::make_shared<manual_environment>();
  memory_event_log log(env, {.idle = 60s});
  const std::string epoch(log.open("used")->epoch());
  REQUIRE(log.open("used")->append(sample("a").record()));
  const auto held = log.open("held");
  (void)log.open("looked at");
  CHECK(log.size() == 3);

  env->advance(5s);
  log.sweep();
  CHECK(log.size() == 2);  // without an event there is nothing to remember
  CHECK(log.open("used")->epoch() == epoch);

  env->advance(60s);
  log.sweep();
  CHECK(log.size() == 1);
  CHECK(log.open("used")->epoch() != epoch);
  CHECK(log.open("held") == held);
}

TEST_CASE("watchers are notified of each append until they are detached", "[log]") {
  memory_event_log log(std::make_shared<manual_environment>());
  const auto stream = log.open("p");
  counting_watcher watcher;
  stream->attach(watcher);
  REQUIRE(stream->append(sample("a").record()));
  REQUIRE(stream->append(sample("a").record()));
  CHECK(watcher.appends == 2);
  stream->detach(watcher);
  REQUIRE(stream->append(sample("a").record()));
  CHECK(watcher.appends == 2);
}

TEST_CASE("limits that contradict each other are refused at once", "[log]") {
  auto env = std::make_shared<manual_environment>();
  CHECK_THROWS_AS(memory_event_log(env, {.events = 0}), std::invalid_argument);
  CHECK_THROWS_AS(memory_event_log(env, {.bytes = 1000, .event_bytes = 501}), std::invalid_argument);
  CHECK_THROWS_AS(memory_event_log(env, {.event_bytes = 0}), std::invalid_argument);
  CHECK_THROWS_AS(memory_event_log(env, {.event_bytes = 501, .total_bytes = 1001}), std::invalid_argument);
  CHECK_NOTHROW(memory_event_log(env, {.event_bytes = 500, .total_bytes = 1000}));
  CHECK_THROWS_AS(memory_event_log(env, {.bytes = 3UL << 30, .event_bytes = (1UL << 30) + 1}), std::invalid_argument);
  CHECK_THROWS_AS(memory_event_log(env, {.age = 0ms}), std::invalid_argument);
  CHECK_THROWS_AS(memory_event_log(env, {.age = -1ms}), std::invalid_argument);
}

TEST_CASE("threads append while others read: every number once, every frame whole", "[log][threads]") {
  memory_event_log log(std::make_shared<manual_environment>(), {.events = 500});
  constexpr int each = 3000;
  const auto write = [&] {
    for (int i = 0; i < each; ++i) (void)log.open("p")->append(sample("t", static_cast<std::size_t>(i) % 300).record());
  };
  std::thread one(write), two(write);
  const auto stream = log.open("p");
  sequence cursor = 0;
  log_batch batch;
  bool ordered = true, whole = true;
  while (cursor < 2 * each) {
    stream->read(cursor, 2 * each, 64 * 1024, batch);
    for (const auto& entry : batch.entries) {
      ordered = ordered && entry.seq > cursor;
      cursor = entry.seq;
      whole = whole && entry.frame.back() == '}' && entry.type == "t" &&
              entry.frame.find("\"seq\":" + std::to_string(entry.seq) + ",") != std::string_view::npos;
    }
  }
  one.join();
  two.join();
  CHECK(ordered);
  CHECK(whole);
  CHECK(stream->bounds().end == 2 * each);
}

TEST_CASE("an entry that a newer one of its type and key supersedes is marked, and stays in its place", "[log]") {
  auto env = std::make_shared<manual_environment>();
  memory_event_log log(env);
  const auto stream = log.open("p");
  (void)stream->append(sample("a").record("x"));
  (void)stream->append(sample("a", 8000).record("y"));  // in a slab of its own
  (void)stream->append(sample("b").record("x"));
  (void)stream->append(sample("a").record());
  (void)stream->append(sample("a").record("x"));
  (void)stream->append(sample("a").record("x"));
  log_batch batch;
  stream->read(0, 6, 1 << 20, batch);
  std::vector<sequence> superseded;
  for (const log_entry& entry : batch.entries)
    if (entry.superseded) superseded.push_back(entry.seq);
  CHECK(numbers(batch) == std::vector<sequence>{1, 2, 3, 4, 5, 6});
  CHECK(superseded == std::vector<sequence>{1, 5});
  CHECK(stream->append(sample("a").record(std::string(257, 'k'))).error().code == errc::key_too_long);
  CHECK(stream->append(sample("a").record(std::string(256, 'k'))));
}

TEST_CASE("keys count towards the bytes that a log may hold", "[log]") {
  auto env = std::make_shared<manual_environment>();
  constexpr std::size_t bytes = 64 * 1024;
  memory_event_log log(env, {.bytes = bytes, .event_bytes = 1024});
  const auto stream = log.open("p");
  std::size_t most = 0;
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(stream->append(sample("a").record(std::string(200, 'k') + std::to_string(i))));
    most = std::max(most, stream->footprint());
    REQUIRE(stream->footprint() <= bytes);
  }
  CHECK(most > bytes / 2);
}

TEST_CASE("the tail of so many bytes begins where no more follow", "[log]") {
  auto env = std::make_shared<manual_environment>();
  memory_event_log log(env, {.events = 200});
  const auto stream = log.open("p");
  CHECK(stream->tail(0) == 0);
  CHECK(stream->tail(1000) == 0);
  std::vector<std::size_t> sizes{0};  // the size of each entry's frame
  log_batch batch;
  for (int i = 1; i <= 500; ++i) {
    const sequence seq = *stream->append(sample("a", static_cast<std::size_t>(i * 37 % 900)).record());
    stream->read(seq - 1, seq, 1, batch);
    sizes.push_back(batch.entries.front().frame.size());
  }
  const sequence oldest = stream->bounds().oldest;
  CHECK(oldest == 301);
  std::size_t behind = 0;  // bytes that follow seq
  for (sequence seq = 500; seq + 1 >= oldest; behind += sizes[static_cast<std::size_t>(seq)], --seq) {
    REQUIRE(stream->tail(behind) == seq);
    if (behind > 0) REQUIRE(stream->tail(behind - 1) == seq + 1);
  }
  CHECK(stream->tail(std::numeric_limits<std::size_t>::max()) == 300);
}

namespace {

std::size_t sum_of_footprints(memory_event_log& log) {
  std::size_t sum = 0;
  log.for_each([&](std::string_view, memory_stream& stream) { sum += stream.footprint(); });
  return sum;
}

std::uint64_t kept(memory_event_log& log) {
  std::uint64_t sum = 0;
  log.for_each([&](std::string_view, memory_stream& stream) {
    const auto [oldest, end] = stream.bounds();
    sum += end + 1 - oldest;
  });
  return sum;
}

}  // namespace

TEST_CASE("all projects together stay within the total, index and keys included", "[log]") {
  constexpr std::size_t total = 256 * 1024;
  memory_event_log log(std::make_shared<manual_environment>(), {.event_bytes = 32 * 1024, .total_bytes = total});
  std::size_t most = 0;
  for (std::size_t i = 0; i < 20000; ++i) {
    const std::string project = "p" + std::to_string(i * 7919 % 101);
    const std::string key = i % 3 == 0 ? std::to_string(i % 50) : std::string();
    REQUIRE(log.open(project)->append(sample("a", i % 200 == 0 ? 20000 : i % 300).record(key)));
    if (i % 100 != 0) continue;
    const std::size_t held = sum_of_footprints(log);
    REQUIRE(held <= total);
    REQUIRE(log.status().bytes == held);
    most = std::max(most, held);
  }
  CHECK(most > total * 3 / 4);
  const log_status told = log.status();
  CHECK(told.projects == 101);
  CHECK(told.appended == 20000);
  CHECK(told.appended - told.evicted == kept(log));
  CHECK(told.crowded_out > 0);
  CHECK(told.crowded_out <= told.evicted);
  CHECK(told.refused == 0);
}

TEST_CASE("a busy project makes room at its own cost, not at that of quiet ones", "[log]") {
  memory_event_log log(std::make_shared<manual_environment>(), {.event_bytes = 1024, .total_bytes = 256 * 1024});
  std::vector<std::shared_ptr<memory_stream>> quiet;
  for (int i = 0; i < 10; ++i) {
    quiet.push_back(log.open("quiet " + std::to_string(i)));
    REQUIRE(quiet.back()->append(sample("a").record()));
  }
  const auto busy = log.open("busy");
  for (int i = 0; i < 10000; ++i) REQUIRE(busy->append(sample("a", 200).record()));
  CHECK(busy->bounds().oldest > 1);
  for (const auto& stream : quiet) CHECK(stream->bounds().oldest == 1);
}

TEST_CASE("one project alone may fill the total, and then goes on", "[log]") {
  constexpr std::size_t total = 64 * 1024;
  memory_event_log log(std::make_shared<manual_environment>(), {.event_bytes = total / 2, .total_bytes = total});
  const auto stream = log.open("p");
  for (std::size_t i = 0; i < 3000; ++i) {
    REQUIRE(stream->append(sample("a", i * 7919 % 30000).record(std::to_string(i % 7))));
    REQUIRE(stream->footprint() <= total);
    REQUIRE(stream->bounds().oldest <= stream->bounds().end);
  }
}

TEST_CASE("however little a log may hold, an event that may be in it finds room", "[log]") {
  const std::size_t bytes = GENERATE(std::size_t(100'000), std::size_t(900));
  for (std::size_t total = 200; total < 2000; total += 7) {
    memory_event_log log(std::make_shared<manual_environment>(),
                         {.bytes = bytes, .event_bytes = std::min(bytes, total) / 2, .total_bytes = total});
    for (int i = 0; i < 20; ++i) {
      const std::string key(static_cast<std::size_t>(i % 3 * 100), 'k');
      const auto seq = log.open(i % 2 == 0 ? "p" : "q")->append(sample("a").record(key));
      if (!seq) REQUIRE(seq.error().code == errc::event_too_big);
      REQUIRE(sum_of_footprints(log) <= total);
      REQUIRE(log.open("p")->footprint() <= bytes);
    }
  }
}

TEST_CASE("memory of entries evicted for their age, or with their project, is free for others", "[log]") {
  auto env = std::make_shared<manual_environment>();
  memory_event_log log(env, {.events = 100, .age = 10s, .idle = 60s});
  for (int i = 0; i < 1000; ++i) REQUIRE(log.open("p")->append(sample("a", 500).record(std::to_string(i))));
  CHECK(log.status().bytes == log.open("p")->footprint());
  CHECK(log.status().evicted == 900);
  env->advance(11s);
  log.sweep();
  CHECK(log.status().bytes == 0);
  CHECK(log.status().evicted == 1000);

  REQUIRE(log.open("p")->append(sample("a").record("k")));
  memory_event_log patient(env, {.age = 1h, .idle = 60s});
  REQUIRE(patient.open("p")->append(sample("a").record("k")));
  CHECK(patient.status().bytes > 0);
  env->advance(61s);
  patient.sweep();
  const log_status told = patient.status();
  CHECK(told.projects == 0);
  CHECK(told.bytes == 0);
  CHECK(told.evicted == 1);
  CHECK(told.crowded_out == 0);
}

TEST_CASE("a log counts what it refuses", "[log]") {
  memory_event_log log(std::make_shared<manual_environment>(), {.event_bytes = 1000});
  const auto stream = log.open("p");
  CHECK_FALSE(stream->append(sample("a", 1000).record()));
  CHECK_FALSE(stream->append(sample("a").record(std::string(257, 'k'))));
  CHECK_FALSE(stream->append(sample(std::string(256, 't')).record()));
  CHECK(stream->append(sample("a").record()));
  CHECK(log.status().refused == 3);
  CHECK(log.status().appended == 1);
}

TEST_CASE("a stream may outlive its log", "[log]") {
  auto env = std::make_shared<manual_environment>();
  auto log = std::make_unique<memory_event_log>(env);
  const auto stream = log->open("p");
  log.reset();
  CHECK(stream->append(sample("a").record()));
}

TEST_CASE("threads that append to many projects stay within the total at every moment", "[log][threads]") {
  constexpr std::size_t total = 128 * 1024;
  memory_event_log log(std::make_shared<manual_environment>(), {.event_bytes = 8 * 1024, .total_bytes = total});
  constexpr int each = 4000;
  std::atomic<int> writing{3};
  std::atomic<int> full{0};
  const auto write = [&](unsigned who) {
    for (unsigned i = 0; i < each; ++i) {
      const std::string project = "p" + std::to_string((i * 31 + who * 7) % 17);
      const auto seq =
          log.open(project)->append(sample("t", i * 37 % 4000).record(i % 2 == 0 ? std::to_string(i % 9) : ""));
      if (!seq && seq.error().code == errc::log_full) ++full;
    }
    --writing;
  };
  std::thread one(write, 0), two(write, 1), three(write, 2);
  bool within = true, counted = true;
  while (writing > 0) {
    const log_status told = log.status();
    within = within && told.bytes <= total;
    counted = counted && told.evicted <= told.appended && told.crowded_out <= told.evicted;
    std::this_thread::yield();
  }
  one.join();
  two.join();
  three.join();
  CHECK(within);
  CHECK(counted);
  const log_status told = log.status();
  CHECK(told.appended + told.refused == 3 * each);
  CHECK(told.refused == static_cast<std::size_t>(full.load()));
  CHECK(told.bytes == sum_of_footprints(log));
  CHECK(told.appended - told.evicted == kept(log));
}
