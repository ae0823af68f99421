#include <catch2_any.hpp>
#include <failing_allocator.hpp>
#include <hotline/command/command_result.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/observers.hpp>
#include <hotline/server/mailbox.hpp>
#include <hotline/server/project_room.hpp>
#include <hotline/server/room_list.hpp>
#include <hotline/session/command_table.hpp>
#include <hotline/session/hook.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>
#include <server/fake_carrier.hpp>
#include <silence.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hotline;
using namespace std::chrono_literals;
using hotline_test::fail_each_allocation;
using hotline_test::had_memory;
using hotline_test::memory_client;

namespace {

struct message {
  explicit message(std::size_t padding = 0, std::string k = {})
      : head("{\"type\":\"event\",\"event_type\":\"a\",\"seq\":"),
        tail(",\"text\":\"" + std::string(padding, 'x') + "\"}"),
        key(std::move(k)) {}
  [[nodiscard]] log_record record() const { return {head, tail, std::string_view(head).substr(30, 1), key}; }
  std::string head, tail, key;
};

struct counting_watcher : log_watcher {
  int appends = 0;
  void on_append() noexcept override { ++appends; }
};

struct entry {
  sequence seq;
  std::string frame;
  bool superseded;
  bool operator==(const entry&) const = default;
};

// Everything that can be read of a stream.
std::vector<entry> contents(const memory_stream& stream) {
  log_batch batch;
  const auto [oldest, end] = stream.bounds();
  stream.read(oldest - 1, end, static_cast<std::size_t>(-1), batch);
  std::vector<entry> all;
  for (const log_entry& e : batch.entries) all.push_back({e.seq, std::string(e.frame), e.superseded});
  return all;
}

struct one_log {
  explicit one_log(log_options limits = {}) : log(env, limits), stream(log.open("p")) { stream->attach(watcher); }
  ~one_log() { stream->detach(watcher); }

  // The next event is in, whole, and supersedes the newest of its key; or nothing of it is. Then the log goes on.
  template <class Short>
  void append(Short& short_of_memory, const message& next) {
    const auto before = contents(*stream);
    const sequence end = stream->bounds().end;
    const std::size_t held = stream->footprint();
    const log_status told = log.status();
    const int appends = watcher.appends;
    const log_record record = next.record();

    const result<sequence> seq = short_of_memory([&] { return stream->append(record); });

    if (!seq) {
      REQUIRE(seq.error().code == errc::out_of_memory);
      REQUIRE(seq.error().message == "out of memory");
      REQUIRE(stream->bounds().end == end);
      REQUIRE(watcher.appends == appends);
      REQUIRE(stream->footprint() <= held);
      const auto after = contents(*stream);
      REQUIRE(after.size() <= before.size());
      REQUIRE(std::equal(after.rbegin(), after.rend(), before.rbegin()));  // the oldest may have made room
      REQUIRE(log.status().refused == told.refused + 1);
      REQUIRE(log.status().appended == told.appended);
    }
    REQUIRE(log.status().bytes == sum_of_footprints());
    if (!seq) REQUIRE(*stream->append(record) == end + 1);
    REQUIRE(stream->bounds().end == end + 1);
    REQUIRE(watcher.appends == appends + 1);
    REQUIRE(log.status().appended == told.appended + 1);
    REQUIRE(contents(*stream).back().seq == end + 1);
    REQUIRE(contents(*stream).back().frame.ends_with(next.tail));
    REQUIRE(log.status().bytes == sum_of_footprints());
  }

  // Everything can be let go of.
  void outlive() {
    env->advance(1h);
    log.sweep();
    REQUIRE(log.status().bytes == 0);
  }

  std::size_t sum_of_footprints() {
    std::size_t sum = 0;
    log.for_each([&](std::string_view, memory_stream& s) { sum += s.footprint(); });
    return sum;
  }

  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  memory_event_log log;
  std::shared_ptr<memory_stream> stream;
  counting_watcher watcher;
};

}  // namespace

TEST_CASE("an append that finds no memory has not happened", "[memory]") {
  const message plain, keyed(0, std::string(100, 'k')), large(20000, "other");
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    one_log l;
    l.append(short_of_memory, keyed);
    if (const auto kept = contents(*l.stream); kept.size() > 1) REQUIRE(kept[0].superseded);
    l.outlive();
  });
  CHECK(points >= 5);  // a slab with its frames and its index, and a key with its place
  fail_each_allocation([&](auto short_of_memory) {
    one_log l;
    REQUIRE(l.stream->append(plain.record()));
    l.append(short_of_memory, large);
  });
}

TEST_CASE("a key whose event was not appended supersedes nothing", "[memory]") {
  const message older(0, "k"), newer(8000, "k");
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    one_log l;
    REQUIRE(l.stream->append(older.record()));
    const result<sequence> seq = short_of_memory([&] { return l.stream->append(newer.record()); });
    const auto kept = contents(*l.stream);
    REQUIRE(kept.size() == (seq ? 2u : 1u));
    REQUIRE(kept[0].superseded == seq.has_value());
    if (seq) return l.outlive();
    REQUIRE(l.stream->append(message(0, "other").record()));
    REQUIRE_FALSE(contents(*l.stream)[0].superseded);
    REQUIRE(*l.stream->append(newer.record()) == 3);
    REQUIRE(contents(*l.stream)[0].superseded);
    REQUIRE_FALSE(contents(*l.stream)[1].superseded);
    l.outlive();
  });
  CHECK(points > 0);
}

TEST_CASE("an append that finds no memory at the log's bounds leaves it within them", "[memory]") {
  const log_options limits = GENERATE(log_options{.bytes = 16 * 1024, .event_bytes = 4096},
                                      log_options{.event_bytes = 4096, .total_bytes = 16 * 1024});
  const message next(3000, "k");
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    one_log l(limits);
    const auto other = l.log.open("other");
    for (int i = 0; i < 60; ++i) {
      REQUIRE(l.stream->append(message(200, std::to_string(i % 7)).record()));
      if (i % 5 == 0) REQUIRE(other->append(message(200).record()));
    }
    l.append(short_of_memory, next);
    REQUIRE(l.stream->footprint() <= limits.bytes);
    REQUIRE(l.sum_of_footprints() <= limits.total_bytes);
  });
  CHECK(points > 0);
}

TEST_CASE("a project that could not be opened can be opened later", "[memory]") {
  const std::string name(100, 'p');
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    one_log l;
    std::shared_ptr<memory_stream> opened;
    const bool done = had_memory([&] { short_of_memory([&] { opened = l.log.open(name); }); });
    REQUIRE(l.log.status().projects == (done ? 2u : 1u));
    opened = l.log.open(name);
    REQUIRE(*opened->append(message().record()) == 1);
    REQUIRE(l.log.status().bytes == l.sum_of_footprints());
  });
  CHECK(points >= 3);
}

TEST_CASE("a read that finds no memory brings nothing, and pins nothing", "[memory]") {
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    one_log l;
    for (int i = 0; i < 100; ++i) REQUIRE(l.stream->append(message(200).record()));
    const auto before = contents(*l.stream);
    log_batch batch;
    const bool done = had_memory([&] { short_of_memory([&] { l.stream->read(0, 100, 1 << 20, batch); }); });
    REQUIRE(batch.entries.size() == (done ? 100u : 0u));
    REQUIRE(batch.pins.empty() == !done);
    REQUIRE(contents(*l.stream) == before);
  });
  CHECK(points > 2);
}

TEST_CASE("a watcher that could not be attached is not there", "[memory]") {
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    one_log l;
    counting_watcher second;
    const bool done = had_memory([&] { short_of_memory([&] { l.stream->attach(second); }); });
    REQUIRE(l.stream->append(message().record()));
    REQUIRE(second.appends == (done ? 1 : 0));
    REQUIRE(l.watcher.appends == 1);
    l.stream->detach(second);
  });
  CHECK(points > 0);
}

TEST_CASE("a sweep needs no memory", "[memory]") {
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    one_log l({.age = 10s, .idle = 10s});
    for (int i = 0; i < 100; ++i) REQUIRE(l.stream->append(message(200, std::to_string(i)).record()));
    REQUIRE(l.log.open("idle")->append(message(200, "k").record()));
    l.env->advance(11s);
    short_of_memory([&] { l.log.sweep(); });
    REQUIRE(l.log.status().projects == 1);
    REQUIRE(l.log.status().bytes == 0);
  });
  CHECK(points == 0);
}

namespace {

// Keeps the first half, and asks for memory on the way.
struct halving : message_compression {
  bool deflate(std::string_view text, std::string& out) override {
    out.append(text);
    out.resize(out.size() - text.size() / 2);
    return true;
  }
  inflation inflate(std::string_view, std::size_t) override { return {outcome::malformed}; }
};

}  // namespace

TEST_CASE("an entry that could not be compressed is compressed at the next try", "[memory]") {
  // Blocks of compressed frames are begun while others are in use, and for what is too big for any.
  one_log l;
  for (const std::size_t padding : {200u, 6000u, 7000u, 300u, 20000u, 400u})
    REQUIRE(l.stream->append(message(padding).record()));
  log_batch plain;
  l.stream->read(0, 6, 1 << 20, plain);
  const auto wanted = [](const log_entry& e) { return e.seq != 4; };
  const auto frames_of = [](const log_batch& batch) {
    std::vector<std::string> frames;
    for (const log_entry& e : batch.entries) frames.emplace_back(e.frame);
    return frames;
  };
  const auto pins_plain = [&](const log_batch& out) {
    return std::all_of(plain.pins.begin(), plain.pins.end(), [&](const auto& pin) {
      return std::find(out.pins.begin(), out.pins.end(), pin) != out.pins.end();
    });
  };
  halving compression;
  log_batch whole;
  l.stream->rendition().render(plain, wanted, compression, whole);
  const auto expected = frames_of(whole);
  const auto untouched = frames_of(plain);

  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    log_rendition rendition;
    log_batch out;
    (void)had_memory([&] { short_of_memory([&] { rendition.render(plain, wanted, compression, out); }); });
    {
      // The entries of the batch live with it alone.
      const log_batch partly = out;
      rendition.forget_before(partly.entries.empty() ? 1 : 3);
      const auto frames = frames_of(partly);
      for (std::size_t i = 0; i < frames.size(); ++i) REQUIRE((frames[i] == expected[i] || frames[i] == untouched[i]));
      REQUIRE((frames.empty() || pins_plain(partly)));
    }
    rendition.render(plain, wanted, compression, out);
    REQUIRE(frames_of(out) == expected);
    REQUIRE(pins_plain(out));
    log_batch again;
    rendition.render(plain, wanted, compression, again);
    rendition.forget_before(100);
    REQUIRE(frames_of(again) == expected);
  });
  CHECK(points > 6);
}

TEST_CASE("an emit that finds no memory says so, and then nothing has happened", "[memory]") {
  const std::string project(50, 'p');
  const json_object fields{{"text", std::string(300, 'x')}};
  const std::string key(100, 'k');
  std::size_t refused = 0;
  fail_each_allocation([&](auto short_of_memory) {
    event_emitter events;
    int heard = 0;
    const subscription listening = events.on_all([&](const event&) { ++heard; });
    const result<sequence> seq = short_of_memory([&] { return events.emit(project, "a", fields, {.key = key}); });
    if (!seq) {
      ++refused;
      REQUIRE(seq.error().code == errc::out_of_memory);
      REQUIRE(events.log()->status().appended == 0);
    }
    REQUIRE(heard == (seq ? 1 : 0));
    REQUIRE(*events.emit(project, "a", fields, {.key = key}) == (seq ? 2u : 1u));
  });
  CHECK(refused > 8);
}

TEST_CASE("an event for which listeners have no memory is in the log, and their hook is called", "[memory]") {
  std::size_t missed = 0;
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    event_emitter events;
    std::vector<std::string> heard;
    int failed = 0;
    heard.reserve(10);
    events.on_listener_error([&](std::string_view, std::exception_ptr) { ++failed; }).release();
    result<sequence> inner = errc::invalid_event_type;
    const json_object fields{{"text", std::string(300, 'x')}};
    REQUIRE(events.emit("p", "inner", fields));  // the project is open, and has room
    const subscription outer = events.on(
        "outer", [&](const event&) { inner = short_of_memory([&] { return events.emit("p", "inner", fields); }); });
    const subscription listening = events.on("inner", [&](const event& e) { heard.emplace_back(e.type); });
    REQUIRE(events.emit("p", "outer"));
    if (inner) {
      REQUIRE(*inner == 3);
      REQUIRE(heard.size() + static_cast<std::size_t>(failed) == 1);
      missed += static_cast<std::size_t>(failed);
    } else {
      REQUIRE(inner.error().code == errc::out_of_memory);
      REQUIRE(heard.empty());
    }
  });
  CHECK(points > 0);
  CHECK(missed > 0);
}

namespace {

using detail::project_room;
using hotline_test::silence;

// A loop with rooms that send nothing.
struct silent_rooms {
  // A turn, and a tick.
  void go_on() {
    line.run();
    mail->open_unannounced();
  }

  hotline_test::fake_carrier line;
  std::shared_ptr<memory_event_log> log = std::make_shared<memory_event_log>(line.shared_clock());
  silence output;
  int flushes = 0;
  hotline_test::open_mailbox mail{line, [this](detail::mailbox_room& room) {
                                    ++flushes;
                                    static_cast<project_room&>(room).flush();
                                  }};
  detail::live_metrics counted;
  detail::room_list rooms{log, output, 1000, mail.shared(), counted};
};

}  // namespace

TEST_CASE("an observer is added with the subscription that ends it, or not at all", "[memory]") {
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    detail::observers<int> all;
    int calls = 0;
    std::function<void(int)> f = [&calls](int) { ++calls; };
    subscription kept;
    const bool added = had_memory([&] { short_of_memory([&] { kept = all.add(std::move(f)); }); });
    all.call([](const std::exception_ptr&) {}, 1);
    REQUIRE(calls == (added ? 1 : 0));
  });
  CHECK(points > 2);
}

TEST_CASE("an event for which the loop could not be woken is flushed with the next, or at a tick", "[memory]") {
  const bool next = GENERATE(false, true);
  const message m;
  std::size_t unannounced = 0;
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    silent_rooms l;
    project_room& p = l.rooms.open("p", l.log->open("p"));
    const auto stream = l.log->open("p");
    REQUIRE(stream->append(m.record()));
    l.line.run();
    REQUIRE(p.subscribers().flushed() == 1);
    REQUIRE(*short_of_memory([&] { return stream->append(m.record()); }) == 2);  // the slab has room
    l.line.run();
    if (p.subscribers().flushed() == 1) ++unannounced;
    if (next) {
      REQUIRE(stream->append(m.record()));
      l.line.run();
    } else {
      l.mail->open_unannounced();
    }
    REQUIRE(p.subscribers().flushed() == stream->bounds().end);
    REQUIRE(stream->bounds().end == (next ? 3u : 2u));
  });
  CHECK(points > 0);
  CHECK(unannounced > 0);
}

TEST_CASE("a flush that finds no memory is made up for at a tick, and so are those after it", "[memory]") {
  std::size_t broken_off = 0;
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    silent_rooms l;
    std::vector<project_room*> rooms;
    for (const std::string name : {"p", "q", "r"}) {
      rooms.push_back(&l.rooms.open(name, l.log->open(name)));
      REQUIRE(l.log->open(name)->append(message().record()));
    }
    if (!had_memory([&] { short_of_memory([&] { l.mail->open_now(); }); })) ++broken_off;
    l.go_on();
    for (project_room* const room : rooms) REQUIRE(room->subscribers().flushed() == 1);
  });
  CHECK(points > 0);
  CHECK(broken_off > 0);
}

TEST_CASE("mail is in the mailbox, or was refused", "[memory]") {
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    silent_rooms l;
    int ran = 0;
    const std::string text(100, 'x');
    std::vector<std::string> texts;
    texts.reserve(2);
    std::function<void()> first = [&] { texts.emplace_back("first"); };
    std::function<void()> second = [&texts, &text] { texts.push_back(text); };
    std::function<void()> task = [&ran] { ++ran; };
    const bool delivered = had_memory([&] {
      short_of_memory([&] {
        l.mail->post(std::move(first));
        l.mail->post(std::move(second));
      });
    });
    l.go_on();
    if (delivered) {
      REQUIRE(texts == std::vector<std::string>{"first", text});
    } else {
      REQUIRE(texts.size() < 2);
    }
    const bool posted = had_memory([&] { short_of_memory([&] { l.mail->post(std::move(task)); }); });
    l.go_on();
    REQUIRE(ran == (posted ? 1 : 0));
  });
  CHECK(points > 2);
}

TEST_CASE("a room that could not be opened is not there, and can be opened later", "[memory]") {
  const std::string name(100, 'p');
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    silent_rooms l;
    const bool done = had_memory([&] { short_of_memory([&] { (void)l.rooms.open(name, l.log->open(name)); }); });
    REQUIRE((l.rooms.find(name) != nullptr) == done);
    l.rooms.flush();
    REQUIRE(l.log->open(name)->append(message().record()));
    l.go_on();
    REQUIRE(l.flushes == (done ? 1 : 0));
    project_room& room = l.rooms.open(name, l.log->open(name));
    REQUIRE(l.log->open(name)->append(message().record()));
    l.go_on();
    REQUIRE(room.subscribers().flushed() == 2);
  });
  CHECK(points > 4);
}

TEST_CASE("an event that is in the log reaches its clients, whatever memory was missing", "[memory]") {
  const json_object fields{{"text", std::string(300, 'x')}};
  std::size_t late = 0;
  const std::size_t points = fail_each_allocation([&](auto short_of_memory) {
    const auto env = std::make_shared<manual_environment>();
    event_emitter events({}, env);
    ws_manager<memory_transport> manager(memory_transport(env), events);
    REQUIRE_FALSE(manager.start());
    memory_client c(manager.transport());
    (void)c.next();
    const result<sequence> seq = short_of_memory([&] { return events.emit("p", "a", fields); });
    if (!seq) return;
    using seqs = std::vector<std::uint64_t>;
    const seqs at_once = c.events();
    if (at_once == seqs{1}) return;
    ++late;
    REQUIRE(at_once.empty());
    manager.transport().advance(tick_interval);
    REQUIRE(c.events() == seqs{1});
  });
  CHECK(points > 0);
  CHECK(late > 0);
}

TEST_CASE("a hook that could not be set is as before, and needs no memory to be none", "[memory]") {
  const auto points = fail_each_allocation([](auto&& short_of_memory) {
    detail::hook<int()> h;
    h = [] { return 1; };
    std::function<int()> next = [] { return 2; };
    const bool is_set = short_of_memory([&] { return had_memory([&] { h = std::move(next); }); });
    CHECK(h() == (is_set ? 2 : 1));
  });
  CHECK(points > 0);
  CHECK(fail_each_allocation([](auto&& short_of_memory) {
          detail::hook<int()> h;
          h = [] { return 1; };
          CHECK(short_of_memory([&] { return had_memory([&] { h = nullptr; }); }));
          CHECK_FALSE(h);
        }) == 0);
}

TEST_CASE("a result that could not be copied is as before", "[memory]") {
  const std::string long_text(100, 'x');
  const command_result given = command_error{"failed", long_text, false};
  CHECK(fail_each_allocation([&](auto&& short_of_memory) {
          command_result copy;
          const bool is_copied = short_of_memory([&] { return had_memory([&] { copy = given; }); });
          CHECK(copy.failed() == is_copied);
        }) > 0);
}

TEST_CASE("answers whose texts were forgotten have given their memory back", "[memory]") {
  session_limits limits;
  limits.remembered_answers = 64;
  limits.remembered_bytes = 16 * 1024;
  const auto id = [](int n) { return *command_id::from(*parse_json(std::to_string(n))); };
  const std::string big(limits.remembered_bytes - 100, 'x');
  const std::ptrdiff_t before = hotline_test::failing_allocator::held;
  detail::command_table table;
  int next = 0;
  const auto most = static_cast<std::ptrdiff_t>(limits.remembered_bytes + 16 * 1024);
  SECTION("for newer texts") {
    for (int i = 0; i < 300; ++i) table.remember(id(next++), big, limits);
    CHECK(hotline_test::failing_allocator::held - before < most);
  }
  SECTION("for ids whose answers are made again") {
    for (int round = 0; round < 70; ++round) {
      table.remember(id(next++), big, limits);
      for (int i = 0; i < 64; ++i) {
        auto answer = table.prepare(id(next++));
        answer->make_again(detail::repeated::subscribed);
        table.remember(std::move(answer), "", limits);
      }
    }
    CHECK(hotline_test::failing_allocator::held - before < most);
  }
}
