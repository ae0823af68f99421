#include <hotline/deflate.hpp>

#include <catch2_any.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/ws_manager.hpp>
#include <memory_client.hpp>

#include <memory>
#include <string>
#include <string_view>

using namespace hotline;
using namespace std::literals;
using hotline_test::client_frame;
using hotline_test::memory_client;
using outcome = message_compression::outcome;

namespace {

std::string text_of(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += "task " + std::to_string(i * 7919 % 1000) + " is running; ";
  text.resize(size);
  return text;
}

// As a client would, whether or not it is worth it.
std::string deflated(std::string_view message) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string in(message), out(message.size() + 100, '\0');
  z.next_in = reinterpret_cast<Bytef*>(in.data());
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&z, Z_SYNC_FLUSH) == Z_OK);
  out.resize(out.size() - z.avail_out - 4);
  deflateEnd(&z);
  return out;
}

// A manager that compresses, and clients that ask for it.
struct world {
  world() {
    manager.compress(std::make_unique<permessage_deflate>());
    manager.on_command("length", [](const request& q) {
      return command_result{json_object{{"length", q.payload()["text"].as_string().value_or("").size()}}};
    });
    manager.on_error([](std::string_view, std::exception_ptr) { FAIL("thrown"); }).release();
    REQUIRE_FALSE(manager.start());
  }

  std::unique_ptr<memory_client> connect(const std::string& offer = "permessage-deflate; client_max_window_bits") {
    const std::string header = offer.empty() ? "" : "Sec-WebSocket-Extensions: " + offer + "\r\n";
    auto c = std::make_unique<memory_client>(manager.transport(), "/ws/p", header, &theirs);
    REQUIRE(c->upgraded());
    REQUIRE(c->next_type() == "connected");
    return c;
  }

  std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  event_emitter events{{}, env};
  ws_manager<memory_transport> manager{memory_transport(env), events};
  permessage_deflate theirs;
};

// A command, compressed; in one frame unless it is cut.
std::string compressed_command(std::string_view json) { return client_frame(0xC1, deflated(json)); }

}  // namespace

TEST_CASE("inflating returns the text that was deflated", "[deflate]") {
  permessage_deflate ours, theirs;
  for (const std::size_t size : {256U, 1000U, 70'000U, 1'000'000U}) {
    std::string out = "before";
    const std::string message = text_of(size);
    REQUIRE(ours.deflate(message, out));
    CHECK(out.starts_with("before"));
    CHECK(out.size() < size / 2);
    const auto back = theirs.inflate(std::string_view(out).substr(6), size);
    CHECK(back.what == outcome::inflated);
    CHECK(back.message == message);
  }
}

TEST_CASE("each message is compressed as if it were the first", "[deflate]") {
  permessage_deflate ours;
  std::string first, second;
  REQUIRE(ours.deflate(text_of(1000), first));
  REQUIRE(ours.deflate(text_of(1000), second));
  CHECK(first == second);
  CHECK(permessage_deflate().inflate(second, 1000).what == outcome::inflated);
}

TEST_CASE("a text that is short or does not get shorter is left as it is", "[deflate]") {
  permessage_deflate ours({.at_least = 100});
  std::string out = "before";
  CHECK_FALSE(ours.deflate(std::string(99, 'x'), out));
  std::string noise;
  for (std::uint32_t i = 1, x = 1; i < 3000; ++i)
    noise.push_back(static_cast<char>((x = x * 1664525 + 1013904223) >> 24));
  CHECK_FALSE(ours.deflate(noise, out));
  CHECK(out == "before");
  CHECK(ours.deflate(std::string(100, 'x'), out));
}

TEST_CASE("the RFC's examples are understood", "[deflate]") {
  permessage_deflate ours;
  const auto hello = [&](std::string_view payload) {
    const auto got = ours.inflate(payload, 100);
    CHECK(got.what == outcome::inflated);
    return std::string(got.message);
  };
  CHECK(hello("\xf2\x48\xcd\xc9\xc9\x07\x00"sv) == "Hello");                          // section 7.2.3.1
  CHECK(hello("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"sv) == "Hello");          // 7.2.3.3, not compressed
  CHECK(hello("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"sv) == "Hello");                      // 7.2.3.4, a last block
  CHECK(hello("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"sv) == "Hello");  // 7.2.3.5, two blocks
  CHECK(hello("\xf3\x48\xcd\xc9\xc9\x07\x00"sv) == "Hello");  // a last block, and the empty one forgotten
  CHECK(hello("\x00"sv).empty());                             // 7.2.3.6
  // After a last block the next message is read like any other.
  CHECK(hello("\xf2\x48\xcd\xc9\xc9\x07\x00"sv) == "Hello");
}

TEST_CASE("inflating stops at the limit", "[deflate]") {
  permessage_deflate ours;
  const std::string bomb = deflated(std::string(10'000'000, 'x'));
  CHECK(bomb.size() < 50'000);
  CHECK(ours.inflate(bomb, 65'536).what == outcome::too_big);
  const std::string exact = deflated(std::string(65'536, 'x'));
  CHECK(ours.inflate(exact, 65'535).what == outcome::too_big);
  CHECK(ours.inflate(exact, 65'536).what == outcome::inflated);
  CHECK(ours.inflate(deflated("hello"), 0).what == outcome::too_big);
}

TEST_CASE("bytes that were never deflated are malformed", "[deflate]") {
  permessage_deflate ours;
  const auto what = [&](std::string_view payload) { return ours.inflate(payload, 65'536).what; };
  CHECK(what(""sv) == outcome::malformed);
  CHECK(what("\xff\xff"sv) == outcome::malformed);
  CHECK(what("\xf2\x48\xcd"sv) == outcome::malformed);                      // ends inside of a block
  CHECK(what("\x00\x05\x00\xfa\xff\x48\x65\x6c"sv) == outcome::malformed);  // the trailer completes its length
  CHECK(what("\x00\x04\x00\xfb\xff"sv) == outcome::malformed);              // and here is all its contents
  CHECK(what("\x00\x05\x00\x00\x00"sv) == outcome::malformed);              // lengths that differ
  CHECK(what("\x07"sv) == outcome::malformed);                              // a type of block that there is not
  // And nothing of it is left for the next.
  CHECK(what("\xf2\x48\xcd\xc9\xc9\x07\x00"sv) == outcome::inflated);
}

TEST_CASE("a client that offers permessage-deflate gets events compressed and answers as they are", "[deflate]") {
  world w;
  const auto asking = w.connect();
  CHECK(asking->head.find("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                          "client_no_context_takeover\r\n") != std::string::npos);
  const auto plain = w.connect("");
  CHECK(plain->head.find("Extensions") == std::string::npos);
  const auto wants_less = w.connect("permessage-deflate; server_max_window_bits=9");
  CHECK(wants_less->head.find("Extensions") == std::string::npos);

  REQUIRE(w.events.emit("p", "log", {{"text", text_of(2000)}}));
  REQUIRE(w.events.emit("p", "log", {{"text", "short"}}));
  for (memory_client* const c : {asking.get(), plain.get(), wants_less.get()}) {
    CHECK(c->next()["text"].as_string() == text_of(2000));
    CHECK(c->next()["text"].as_string() == "short");
  }
  CHECK(asking->compressed == 1);
  CHECK(plain->compressed == 0);
  CHECK(wants_less->compressed == 0);

  asking->send(R"({"command":"ping"})");
  CHECK(asking->next_type() == "pong");
  CHECK(asking->compressed == 1);
}

TEST_CASE("a manager without compression takes no offer", "[deflate]") {
  auto env = std::make_shared<manual_environment>();
  event_emitter events{{}, env};
  ws_manager<memory_transport> manager{memory_transport(env), events};
  REQUIRE_FALSE(manager.start());
  memory_client c(manager.transport(), "/ws/p", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  CHECK(c.next_type() == "connected");
  CHECK(c.head.find("Extensions") == std::string::npos);
  c.peer->send(client_frame(0xC1, deflated(R"({"command":"ping"})")));
  c.pump();
  CHECK(c.close_code == 1002);
}

TEST_CASE("compressed commands are read whole, in fragments and beside plain ones", "[deflate]") {
  world w;
  const auto c = w.connect();
  const std::string command = R"({"command":"length","id":1,"payload":{"text":")" + text_of(3000) + "\"}}";
  const auto answer = [&] { return c->next()["result"]["length"].as_uint64(); };
  c->peer->send(compressed_command(command));
  CHECK(answer() == 3000);

  // A byte at a time.
  const std::string other = R"({"command":"length","id":2,"payload":{"text":"abc"}})";
  for (const char byte : compressed_command(other)) {
    c->peer->send(std::string(1, byte));
    c->pump();
  }
  CHECK(answer() == 3);

  // In fragments: only the first says that the message is compressed; a ping between them is nothing to it.
  const std::string payload = deflated(R"({"command":"length","id":3,"payload":{"text":"abcd"}})");
  c->peer->send(client_frame(0x41, payload.substr(0, 10)));
  c->peer->send(client_frame(0x89, "hi"));
  c->peer->send(client_frame(0x00, payload.substr(10, 5)));
  c->peer->send(client_frame(0x80, payload.substr(15)));
  c->pump();
  CHECK(c->pongs.size() == 1);
  CHECK(answer() == 4);

  c->send(R"({"command":"length","id":4,"payload":{"text":"plain"}})");
  CHECK(answer() == 5);
}

TEST_CASE("bad compressed messages close with a named code and affect no other client", "[deflate]") {
  world w;
  const auto witness = w.connect();
  const auto closed_with = [&](const std::string& bytes) {
    const auto c = w.connect();
    c->peer->send(bytes);
    c->pump();
    return c->close_code;
  };
  const std::string ping = deflated(R"({"command":"ping"})");
  CHECK(closed_with(client_frame(0xC1, "\xff\xff")) == 1007);                             // no such stream
  CHECK(closed_with(client_frame(0xC1, ping.substr(0, ping.size() / 2))) == 1007);        // cut off
  CHECK(closed_with(client_frame(0xC1, deflated("\xc3\x28"))) == 1007);                   // not UTF-8
  CHECK(closed_with(client_frame(0xC1, deflated(std::string(65'537, 'x')))) == 1009);     // over message_bytes
  CHECK(closed_with(client_frame(0xC1, deflated(std::string(9'000'000, 'x')))) == 1009);  // a bomb
  CHECK(closed_with(client_frame(0x01, "{") + client_frame(0xC0, ping)) == 1002);         // RSV1 on a continuation
  CHECK(closed_with(client_frame(0xC9, "hi")) == 1002);                                   // and on a ping
  CHECK(closed_with(client_frame(0xE1, ping)) == 1002);                                   // RSV2
  CHECK(w.manager.metrics().limits[limit::inflated_bytes] == 2);
  CHECK(closed_with(client_frame(0xC2, deflated("data"))) == 1003);  // binary
  REQUIRE(w.events.emit("p", "log", {{"text", text_of(500)}}));
  CHECK(witness->next()["text"].as_string() == text_of(500));
}

TEST_CASE("the limit on a message holds to the byte for what it inflates to, whole or in fragments", "[deflate]") {
  world w;
  constexpr std::size_t limit = 65'536;
  for (const std::size_t size : {limit - 1, limit, limit + 1, limit + 2}) {
    for (const bool in_fragments : {false, true}) {
      INFO(size << " bytes" << (in_fragments ? ", in fragments" : ""));
      std::string text = R"({"command":"ping"})";
      text.insert(1, std::string(size - text.size(), ' '));
      const std::string payload = deflated(text);
      const auto c = w.connect();
      if (in_fragments) {
        c->peer->send(client_frame(0x41, payload.substr(0, 7)) + client_frame(0x00, payload.substr(7, 9)) +
                      client_frame(0x80, payload.substr(16)));
      } else {
        c->peer->send(client_frame(0xC1, payload));
      }
      c->pump();
      CHECK(c->next_type() == (size <= limit ? "pong" : "disconnected"));
      CHECK(c->close_code.value_or(0) == (size <= limit ? 0 : 1009));
    }
  }
}

TEST_CASE("a session may be resumed with compression or without whichever it had", "[deflate]") {
  world w;
  auto c = std::make_unique<memory_client>(w.manager.transport(), "/ws/p");
  const json hello = c->next();
  const std::string token(hello["resume"]["token"].as_string().value());
  const std::string epoch(hello["epoch"].as_string().value());
  REQUIRE(w.events.emit("p", "log", {{"text", text_of(1000)}}));
  c->peer->reset();
  w.manager.transport().run();
  memory_client back(w.manager.transport(), "/ws/p?resume=" + token + "&epoch=" + epoch + "&after=0",
                     "Sec-WebSocket-Extensions: permessage-deflate\r\n", &w.theirs);
  const json again = back.next();
  CHECK(again["resumed"].as_bool() == true);
  CHECK(back.next()["text"].as_string() == text_of(1000));
  CHECK(back.compressed == 1);
}
