#include <catch2_any.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/room/room.hpp>
#include <hotline/transport/manual_environment.hpp>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace hotline;
using detail::subscriber;

namespace {

// Sockets that take as many bytes as a test allows.
struct sockets final : detail::room_output {
  struct socket {
    std::size_t room = 1 << 30;
    std::string got;
    int writes = 0;
  };
  std::map<subscriber*, socket> of;

  std::size_t write(subscriber& s, std::span<const std::string_view> bytes) noexcept override {
    socket& to = of[&s];
    ++to.writes;
    std::size_t taken = 0;
    for (const std::string_view span : bytes) {
      const std::string_view part = span.substr(0, std::min(span.size(), to.room));
      to.got.append(part);
      to.room -= part.size();
      taken += part.size();
      if (part.size() < span.size()) break;
    }
    return taken;
  }
  bool allows_gap(subscriber&) override { return true; }
  void give_up(subscriber&) noexcept override { ++given_up; }
  int given_up = 0;
  message_compression* compression() noexcept override { return &halves; }

  // Keeps the first half, and tells how often it was asked.
  struct : message_compression {
    bool deflate(std::string_view message, std::string& to) override {
      ++asked;
      to.append(message.substr(0, message.size() / 2));
      return true;
    }
    inflation inflate(std::string_view, std::size_t) override { return {outcome::malformed}; }
    int asked = 0;
  } halves;

  std::string gap_message(sequence from, sequence to) override {
    return "gap " + std::to_string(from) + "-" + std::to_string(to);
  }
};

// The payloads of the whole frames in `bytes`, shortened to the event's number or the message itself.
std::vector<std::string> frames(std::string_view bytes) {
  std::vector<std::string> seen;
  while (!bytes.empty()) {
    std::size_t size = static_cast<unsigned char>(bytes[1]), header = 2;
    if (size == 126) {
      size = static_cast<std::size_t>(static_cast<unsigned char>(bytes[2]) << 8 | static_cast<unsigned char>(bytes[3]));
      header = 4;
    }
    REQUIRE(bytes.size() >= header + size);
    const std::string_view payload = bytes.substr(header, size);
    const std::size_t at = payload.find("\"seq\":");
    seen.push_back(at == std::string_view::npos ? std::string(payload)
                                                : std::string(payload.substr(at + 6, payload.find(',', at) - at - 6)));
    bytes.remove_prefix(header + size);
  }
  return seen;
}

struct stage {
  explicit stage(log_options limits = {}, std::size_t catch_up = 256 * 1024)
      : log(std::make_shared<manual_environment>(), limits), stream(log.open("p")), room(stream, out, catch_up) {}

  sequence emit(std::string_view type, std::size_t padding = 0, std::string_view key = {}) {
    const std::string head = "{\"type\":\"event\",\"event_type\":\"" + std::string(type) + "\",\"seq\":";
    const std::string tail = ",\"text\":\"" + std::string(padding, 'x') + "\"}";
    return *stream->append({head, tail, std::string_view(head).substr(30, type.size()), key});
  }

  subscriber& arrive(const filter& wanted = filter::everything(), bool takes_deflate = false) {
    all.push_back(std::make_unique<subscriber>());
    subscriber& s = *all.back();
    s.takes_deflate = takes_deflate;
    room.join(s, wanted);
    room.resume(s);
    return s;
  }

  // The socket can take `bytes` more, and says so.
  void drain(subscriber& s, std::size_t bytes = 1 << 30) {
    out.of[&s].room = bytes;
    s.blocked = false;
    room.resume(s);
  }

  std::vector<std::string> heard(subscriber& s) { return frames(out.of[&s].got); }

  memory_event_log log;
  std::shared_ptr<memory_stream> stream;
  sockets out;
  detail::room room;
  std::vector<std::unique_ptr<subscriber>> all;
};

filter only(std::initializer_list<std::string_view> names) {
  filter f;
  for (const auto name : names) f.add(name);
  return f;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("a new member receives the events that come after, in order, with one write a flush", "[room]") {
  stage s;
  s.emit("before");
  subscriber& a = s.arrive();
  s.emit("a");
  s.emit("b");
  s.emit("c");
  s.room.flush();
  CHECK(s.heard(a) == list{"2", "3", "4"});
  CHECK(s.out.of[&a].writes == 1);
}

TEST_CASE("equal filters share a group and each receives its types alone", "[room]") {
  stage s;
  subscriber& all = s.arrive();
  subscriber& a1 = s.arrive(only({"a"}));
  subscriber& a2 = s.arrive(only({"a"}));
  subscriber& none = s.arrive(filter());
  CHECK(s.room.groups() == 3);
  s.emit("a");
  s.emit("b");
  s.emit("a");
  s.room.flush();
  CHECK(s.heard(all) == list{"1", "2", "3"});
  CHECK(s.heard(a1) == list{"1", "3"});
  CHECK(s.heard(a2) == list{"1", "3"});
  CHECK(s.heard(none).empty());
  for (subscriber* const gone : {&all, &a1, &a2, &none}) s.room.leave(*gone);
  CHECK(s.room.groups() == 0);
  CHECK(s.room.size() == 0);
}

TEST_CASE("a sparse filter gets every frame once, however many spans that would be", "[room]") {
  stage s;
  subscriber& a = s.arrive(only({"a"}));
  list expected;
  for (int i = 1; i <= 100; ++i) {
    s.emit(i % 3 == 0 ? "a" : "b");
    if (i % 3 == 0) expected.push_back(std::to_string(i));
  }
  s.room.flush();
  CHECK(s.heard(a) == expected);
}

TEST_CASE("a short write at any byte goes on at that byte", "[room]") {
  stage whole;
  subscriber& w = whole.arrive();
  for (int i = 0; i < 4; ++i) whole.emit("a", static_cast<std::size_t>(i) * 60);
  whole.room.flush();
  const std::string expected = whole.out.of[&w].got;
  for (std::size_t cut = 0; cut <= expected.size(); ++cut) {
    stage s;
    subscriber& a = s.arrive();
    s.out.of[&a].room = cut;
    for (int i = 0; i < 4; ++i) s.emit("a", static_cast<std::size_t>(i) * 60);
    s.room.flush();
    REQUIRE(s.out.of[&a].got == expected.substr(0, cut));
    s.drain(a);
    REQUIRE(s.out.of[&a].got == expected);
    REQUIRE(a.out.empty());
    s.emit("z");
    s.room.flush();
    REQUIRE(s.heard(a).back() == "5");
  }
}

TEST_CASE("a session that lags holds nothing but the rest of one frame", "[room]") {
  stage s;
  subscriber& slow = s.arrive();
  subscriber& prompt = s.arrive();
  s.out.of[&slow].room = 10;
  for (int i = 0; i < 500; ++i) {
    s.emit("a", 100);
    s.room.flush();
    REQUIRE(slow.out.size() < 200);
  }
  CHECK(s.heard(prompt).size() == 500);
  s.drain(slow);
  CHECK(s.out.of[&slow].got == s.out.of[&prompt].got);
}

TEST_CASE("a subscriber behind the log's oldest event receives which numbers are missing, and goes on", "[room]") {
  stage s({.events = 10});
  subscriber& a = s.arrive();
  s.out.of[&a].room = 0;
  for (int i = 0; i < 30; ++i) {
    s.emit("a");
    s.room.flush();
  }
  s.drain(a);
  CHECK(s.heard(a) == list{"gap 1-20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30"});
}

TEST_CASE("a torn frame is finished before the gap after it is sent", "[room]") {
  stage s({.events = 3});
  subscriber& a = s.arrive();
  s.out.of[&a].room = 20;
  for (int i = 0; i < 9; ++i) {
    s.emit("a");
    s.room.flush();
  }
  s.drain(a);
  CHECK(s.heard(a) == list{"1", "gap 2-6", "7", "8", "9"});
}

TEST_CASE("more events in one turn than the log holds are a gap for everybody", "[room]") {
  stage s({.events = 10});
  subscriber& a = s.arrive();
  subscriber& b = s.arrive(only({"a"}));
  for (int i = 0; i < 25; ++i) s.emit("a");
  s.room.flush();
  CHECK_FALSE(s.room.resume_busy());
  const list expected{"gap 1-15", "16", "17", "18", "19", "20", "21", "22", "23", "24", "25"};
  CHECK(s.heard(a) == expected);
  CHECK(s.heard(b) == expected);
}

TEST_CASE("the lane goes first, at a frame's end", "[room]") {
  stage s;
  subscriber& a = s.arrive();
  s.out.of[&a].room = 15;
  s.emit("a");
  s.room.flush();
  a.out.append_unbounded(detail::opcode::text, "answer");
  s.room.resume(a);
  CHECK(s.out.of[&a].got.size() == 15);  // it waits for its socket
  s.emit("b");
  s.room.flush();
  s.drain(a);
  CHECK(s.heard(a) == list{"1", "answer", "2"});
}

TEST_CASE("a flush that finds an unsent answer sends it before the events", "[room]") {
  stage s;
  subscriber& a = s.arrive();
  a.out.append_unbounded(detail::opcode::text, "answer");
  s.emit("a");
  s.room.flush();
  CHECK(s.heard(a) == list{"answer", "1"});

  s.out.of[&a].room = 3;
  a.out.append_unbounded(detail::opcode::text, "another");
  s.emit("a");
  s.room.flush();
  s.drain(a);
  CHECK(s.heard(a) == list{"answer", "1", "another", "2"});
}

TEST_CASE("a new filter holds for what was not sent yet: nothing twice, nothing missed", "[room]") {
  stage s;
  subscriber& a = s.arrive(only({"a"}));
  s.emit("a");
  s.emit("b");
  s.room.flush();
  s.room.set_filter(a, only({"b"}));
  s.room.resume(a);
  s.emit("a");
  s.emit("b");
  s.room.flush();
  CHECK(s.heard(a) == list{"1", "4"});
}

TEST_CASE("a subscriber that lags is not sent events that were superseded meanwhile, and the prompt receive all",
          "[room]") {
  stage s;
  subscriber& prompt = s.arrive();
  subscriber& slow = s.arrive();
  subscriber& b_only = s.arrive(only({"b"}));
  s.out.of[&slow].room = 5;
  s.out.of[&b_only].room = 0;
  for (const std::string_view key : {"x", "y", "x", "x", "", "y"}) {
    s.emit("a", 0, key);
    s.room.flush();
  }
  s.emit("b", 0, "x");
  s.room.flush();
  s.drain(slow);
  s.drain(b_only);
  CHECK(s.heard(prompt) == list{"1", "2", "3", "4", "5", "6", "7"});
  CHECK(s.heard(slow) == list{"1", "4", "5", "6", "7"});  // it was sent the beginning of the first
  CHECK(s.heard(b_only) == list{"7"});
  s.emit("a", 0, "x");
  s.room.flush();
  CHECK(s.heard(slow).back() == "8");
}

TEST_CASE("an event that was superseded and then evicted is in the gap, and no other", "[room]") {
  stage s({.events = 3});
  subscriber& slow = s.arrive();
  s.out.of[&slow].room = 0;
  for (const std::string_view key : {"x", "x", "x", "x", "y"}) {
    s.emit("a", 0, key);
    s.room.flush();
  }
  s.drain(slow);
  CHECK(s.heard(slow) == list{"gap 1-2", "4", "5"});
}

TEST_CASE("a short write among superseded entries goes on behind the last that was sent", "[room]") {
  for (std::size_t room = 0; room < 400; ++room) {
    stage s;
    subscriber& slow = s.arrive();
    s.out.of[&slow].room = 0;
    for (const std::string_view key : {"x", "", "x", "y", "x", "y", ""}) s.emit("a", 0, key);
    s.room.flush();
    s.drain(slow, room);
    s.drain(slow);
    REQUIRE(s.heard(slow) == list{"2", "5", "6", "7"});
  }
}

TEST_CASE("those who lag are known, and only those", "[room]") {
  stage s;
  subscriber& a = s.arrive();
  subscriber& b = s.arrive(only({"b"}));
  subscriber& c = s.arrive();
  CHECK(s.room.lagging().empty());
  for (subscriber* const slow : {&a, &c}) s.out.of[slow].room = 5;
  s.emit("a");
  s.room.flush();
  CHECK(s.room.lagging().size() == 2);
  s.drain(a);
  REQUIRE(s.room.lagging().size() == 1);
  CHECK(s.room.lagging()[0] == &c);
  s.room.set_filter(c, only({"b"}));
  CHECK(s.room.lagging().size() == 1);
  s.room.leave(c);
  CHECK(s.room.lagging().empty());
  s.room.leave(a);
  s.room.leave(b);
}

TEST_CASE("how long a session has been behind is counted on through a new filter, until it has caught up", "[room]") {
  stage s;
  subscriber& a = s.arrive();
  s.out.of[&a].room = 0;
  s.emit("a");
  s.room.flush();
  a.place.late_since = steady_time(std::chrono::seconds(1));
  s.room.set_filter(a, only({"a"}));
  CHECK(a.place.late_since == steady_time(std::chrono::seconds(1)));
  s.drain(a);
  CHECK_FALSE(a.place.late_since);
}

TEST_CASE("a laggard is given a bounded amount a turn", "[room]") {
  stage s({}, 1000);
  subscriber& a = s.arrive();
  s.out.of[&a].room = 0;
  for (int i = 0; i < 100; ++i) s.emit("a", 50);
  s.room.flush();
  s.drain(a);
  CHECK(s.out.of[&a].got.size() <= 1200);
  CHECK(s.room.has_busy());
  int turns = 1;
  while (s.room.resume_busy()) ++turns;
  CHECK(turns > 5);
  CHECK(s.heard(a).size() == 100);
}

TEST_CASE("each event arrives once, in order, or a gap names it, however sockets take and filters change", "[room]") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    stage s({.events = 5 + below(60)}, 300);
    const list types{"a", "b", "c"};
    std::vector<std::string> type_of{""};
    const auto type_at = [&](sequence seq) -> const std::string& { return type_of[static_cast<std::size_t>(seq)]; };
    std::vector<subscriber*> members;
    std::vector<sequence> joined;
    std::vector<filter> filters;
    for (int i = 0; i < 6; ++i) {
      filter wanted = below(3) == 0 ? filter::everything() : only({types[below(3)]});
      joined.push_back(s.stream->bounds().end);
      members.push_back(&s.arrive(wanted));
      filters.push_back(wanted);
      s.out.of[members.back()].room = below(400);
      s.emit(type_of.emplace_back(types[below(3)]), below(80));
    }
    for (int step = 0; step < 300; ++step) {
      switch (below(4)) {
        case 0:
        case 1: s.emit(type_of.emplace_back(types[below(3)]), below(80)); break;
        case 2: s.room.flush(); break;
        default: {
          subscriber& who = *members[below(members.size())];
          if (who.blocked) s.drain(who, below(600));
          break;
        }
      }
      s.room.resume_busy();
    }
    s.room.flush();
    for (subscriber* const who : members) s.drain(*who);
    while (s.room.resume_busy()) {
    }
    for (std::size_t m = 0; m < members.size(); ++m) {
      sequence at = joined[m];
      const auto unheard = [&](sequence up_to) {  // everything skipped silently must be of another type
        for (++at; at < up_to; ++at)
          if (filters[m].matches(type_at(at), hash_type(type_at(at)))) return false;
        return true;
      };
      for (const std::string& told : s.heard(*members[m])) {
        INFO("seed " << seed << ", member " << m << ", " << told << " after " << at);
        if (told.starts_with("gap ")) {
          const sequence from = std::stoull(told.substr(4)), to = std::stoull(told.substr(told.find('-') + 1));
          REQUIRE(from > at);
          REQUIRE(unheard(from));
          REQUIRE(to >= from);
          at = to;
        } else {
          const sequence seq = std::stoull(told);
          REQUIRE(seq > at);
          REQUIRE(unheard(seq));
          REQUIRE(filters[m].matches(type_at(seq), hash_type(type_at(seq))));
          at = seq;
        }
      }
      INFO("seed " << seed << ", member " << m << " ended at " << at);
      REQUIRE(unheard(s.stream->bounds().end + 1));
    }
  }
}

TEST_CASE("a subscriber that takes events compressed gets them so and each is compressed once", "[room]") {
  stage t;
  subscriber& plain = t.arrive();
  subscriber& first = t.arrive(filter::everything(), true);
  subscriber& second = t.arrive(filter::everything(), true);
  subscriber& few = t.arrive(only({"b"}), true);
  t.emit("a", 200);
  t.emit("b", 200);
  t.room.flush();
  CHECK(t.out.halves.asked == 2);
  CHECK(t.heard(plain) == list{"1", "2"});
  CHECK(t.heard(first) == list{"1", "2"});
  CHECK(t.heard(few) == list{"2"});
  CHECK(t.out.of[&first].got == t.out.of[&second].got);
  CHECK(t.out.of[&first].got.size() < t.out.of[&plain].got.size() * 2 / 3);
  CHECK((t.out.of[&first].got[0] & 0x70) == 0x40);
  CHECK((t.out.of[&plain].got[0] & 0x70) == 0);
  CHECK(t.out.of[&first].writes == 1);
}

TEST_CASE("nothing is compressed that nobody takes so", "[room]") {
  stage t;
  subscriber& plain = t.arrive();
  subscriber& few = t.arrive(only({"b"}), true);
  t.emit("a", 200);
  t.room.flush();
  CHECK(t.out.halves.asked == 0);
  CHECK(t.heard(plain) == list{"1"});
  CHECK(t.heard(few).empty());
}

TEST_CASE("a compressed frame that the socket took a part of is finished first", "[room]") {
  stage t;
  subscriber& slow = t.arrive(filter::everything(), true);
  subscriber& prompt = t.arrive(filter::everything(), true);
  t.out.of[&slow].room = 100;
  for (int i = 0; i < 3; ++i) t.emit("a", 300);
  t.room.flush();
  CHECK(slow.blocked);
  t.emit("a", 300);
  t.room.flush();
  t.drain(slow);
  CHECK(t.heard(slow) == list{"1", "2", "3", "4"});
  CHECK(t.out.of[&slow].got == t.out.of[&prompt].got);
  CHECK(t.out.halves.asked == 4);
}

TEST_CASE("a subscriber that comes back for older events gets the frames that were compressed before", "[room]") {
  stage t;
  t.arrive(filter::everything(), true);
  for (int i = 0; i < 4; ++i) t.emit("a", 300);
  t.room.flush();
  t.all.push_back(std::make_unique<subscriber>());
  subscriber& late = *t.all.back();
  late.takes_deflate = true;
  t.room.rejoin(late, filter::everything(), 1);
  t.room.resume(late);
  CHECK(t.heard(late) == list{"2", "3", "4"});
  CHECK(t.out.halves.asked == 4);
}

TEST_CASE("compressed frames go with the entries that they were made of", "[room]") {
  stage t({.events = 4});
  t.arrive(filter::everything(), true);
  for (int i = 0; i < 10; ++i) {
    t.emit("a", 300);
    t.room.flush();
  }
  CHECK(t.stream->rendition().size() <= 5);
  t.emit("a", 300);
  t.stream->sweep();
  CHECK(t.stream->rendition().size() <= 4);
}
