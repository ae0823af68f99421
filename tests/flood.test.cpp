// Names that are chosen so that their hashes collide make no table slow.

#include <catch2_any.hpp>
#include <colliding_names.hpp>
#include <hotline/keyed_hash.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace hotline;
using hotline_test::memory_client;

namespace {

using list = std::vector<std::string>;

list bytes_up_to(std::size_t count) {
  list texts;
  for (std::size_t n = 0; n < count; ++n) {
    texts.emplace_back(n, '\0');
    std::iota(texts.back().begin(), texts.back().end(), '\0');
  }
  return texts;
}

// In which order a log goes through its projects: that of its table.
list order_of(std::uint64_t seed) {
  memory_event_log log{std::make_shared<manual_environment>(seed)};
  for (int i = 0; i < 100; ++i) (void)log.open("project" + std::to_string(i));
  list order;
  log.for_each([&](std::string_view project, memory_stream&) { order.emplace_back(project); });
  return order;
}

}  // namespace

TEST_CASE("SipHash is what its authors publish", "[flood]") {
  // vectors.h of github.com/veorq/SipHash: the key is 00 01 02 ... 0f, the texts are 00 01 02 ...
  const detail::hash_key key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
  const std::vector<std::uint64_t> published{
      0x726fdb47dd0e0e31U, 0x74f839c593dc67fdU, 0x0d6c8009d9a94f5aU, 0x85676696d7fb7e2dU,
      0xcf2794e0277187b7U, 0x18765564cd99a68dU, 0xcbc9466e58fee3ceU, 0xab0200f58b01d137U,
      0x93f5f5799a932462U, 0x9e0082df0ba9e4b0U, 0x7a5dbbc594ddb9f3U, 0xf4b32f46226bada7U,
      0x751e8fbc860ee5fbU, 0x14ea5627c0843d90U, 0xf723ca908e7af2eeU, 0xa129ca6149be45e5U};
  const list texts = bytes_up_to(published.size());
  for (std::size_t i = 0; i < published.size(); ++i) CHECK(detail::sip_hash<2, 4>(key, texts[i]) == published[i]);
  // With one round and three, CPython 3.11 is another that has it: hash(b"...") under PYTHONHASHSEED=0, whose key is zero.
  CHECK(detail::sip_hash<1, 3>({}, "a") == 0x407448d2b89b1813U);
  CHECK(detail::sip_hash<1, 3>({}, "hotline!") == 0xe6b85336bbaaaa35U);
  CHECK(detail::sip_hash<1, 3>({}, "task_started") == 0x94e8e83c94ceda74U);
}

TEST_CASE("names that collide by an open hash do not collide by a keyed one", "[flood]") {
  const list names = hotline_test::colliding_names();
  std::set<std::uint32_t> open;
  std::set<std::uint64_t> keyed, filters, keyed_filters, other_key;
  manual_environment env(7);
  const auto key = detail::hash_key::draw(env);
  const auto second = detail::hash_key::draw(env);
  for (const std::string& name : names) {
    REQUIRE(is_event_type(name));
    filter f;
    f.add(name);
    f.add("z");
    open.insert(hash_type(name));
    filters.insert(std::hash<filter>()(f));
    keyed.insert(detail::sip_hash<1, 3>(key, name));
    keyed_filters.insert(detail::filter_hash{key}(f));
    other_key.insert(detail::filter_hash{second}(f));
  }
  CHECK(names.size() == 1024);
  CHECK(open.size() == 1);
  CHECK(filters.size() == 1);
  CHECK(keyed.size() == names.size());
  CHECK(keyed_filters.size() == names.size());
  keyed_filters.insert(other_key.begin(), other_key.end());
  CHECK(keyed_filters.size() == 2 * names.size());
}

TEST_CASE("a log's table is another one for each seed of its environment, and the same for the same", "[flood]") {
  CHECK(order_of(1) == order_of(1));
  CHECK(order_of(1) != order_of(2));
  CHECK(std::set<list>{order_of(3), order_of(4), order_of(5), order_of(6)}.size() == 4);
}

TEST_CASE("a filter of many names that collide passes what it names, and nothing else", "[flood]") {
  const list names = hotline_test::colliding_names();
  const auto env = std::make_shared<manual_environment>();
  event_emitter events({}, env);
  ws_manager<memory_transport> manager(memory_transport(env), events);
  REQUIRE_FALSE(manager.start());
  memory_client c(manager.transport());
  REQUIRE(c.next()["type"].as_string() == "connected");
  json_array half;
  for (std::size_t i = 0; i < 200; i += 2) half.append(names[i]);
  c.send(json_object{{"command", "subscribe"}, {"payload", json_object{{"events", half}}}}.text());
  REQUIRE(c.next()["type"].as_string() == "command_response");
  std::vector<std::uint64_t> expected;
  for (std::size_t i = 0; i < 200; ++i) {
    const auto seq = events.emit("p", names[i]);
    REQUIRE(seq);
    if (i % 2 == 0) expected.push_back(*seq);
  }
  CHECK(c.events() == expected);
}
