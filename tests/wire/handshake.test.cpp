#include <hotline/wire/handshake.hpp>
#include <hotline/wire/head_reader.hpp>

#include <catch2_any.hpp>

#include <websocketpp/base64/base64.hpp>
#include <websocketpp/sha1/sha1.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

using hotline::http_request;
using hotline::detail::accept_key;
using hotline::detail::accept_upgrade;
using hotline::detail::is_websocket_key;

namespace {

/// The example of RFC 6455 section 1.2.
http_request example() {
  http_request r;
  r.method = "GET";
  r.target = r.path = "/chat";
  r.headers = {{"Host", "server.example.com"},
               {"Upgrade", "websocket"},
               {"Connection", "Upgrade"},
               {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
               {"Origin", "http://example.com"},
               {"Sec-WebSocket-Protocol", "chat, superchat"},
               {"Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"},
               {"Sec-WebSocket-Version", "13"}};
  return r;
}

http_request without(std::string_view name) {
  http_request r = example();
  std::erase_if(r.headers, [&](const auto& h) { return h.first == name; });
  return r;
}

int with(std::string_view name, std::string value) {
  http_request r = without(name);
  r.headers.emplace_back(name, std::move(value));
  return accept_upgrade(r).status;
}

std::string accept_of(std::string_view key) {
  const auto accept = accept_key(key);
  return {accept.begin(), accept.end()};
}

int with_second(std::string_view name, std::string value) {
  http_request r = example();
  r.headers.emplace_back(name, std::move(value));
  return accept_upgrade(r).status;
}

}  // namespace

TEST_CASE("the RFC's example is accepted, with no subprotocol and no extension", "[wire]") {
  const auto accepted = accept_upgrade(example());
  CHECK(accepted.status == 101);
  CHECK(accepted.response_head ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

TEST_CASE("a key's answer is as RFC 6455 computes it", "[wire]") {
  CHECK(accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(accept_of("x3JJHMbDL1EzLkh9GBhXDw==") == "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

TEST_CASE("a key's answer is the one that websocketpp computes", "[wire]") {
  std::string bytes(16, '\0');
  for (std::size_t i = 0; i < 1000; ++i) {
    bytes[i % bytes.size()] = static_cast<char>(97 * i + i / 7);
    const std::string key = websocketpp::base64_encode(bytes);
    const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char sum[20];
    websocketpp::sha1::calc(text.data(), text.size(), sum);
    REQUIRE(accept_of(key) == websocketpp::base64_encode(sum, sizeof sum));
  }
}

TEST_CASE("header values are compared in any case and found in lists", "[wire]") {
  CHECK(with("Upgrade", "WebSocket") == 101);
  CHECK(with("Upgrade", "h2c, WEBSOCKET") == 101);
  CHECK(with("Connection", "keep-alive, upgrade") == 101);
  CHECK(with("Connection", "UPGRADE") == 101);
  CHECK(with_second("Connection", "keep-alive") == 101);
}

TEST_CASE("only GET upgrades", "[wire]") {
  for (const char* method : {"POST", "HEAD", "get", "OPTIONS", ""}) {
    http_request r = example();
    r.method = method;
    const auto refused = accept_upgrade(r);
    CHECK(refused.status == 405);
    CHECK(refused.response_head.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    CHECK(refused.response_head.find("\r\nAllow: ") != std::string::npos);
    CHECK(refused.response_head.ends_with("\r\n\r\n") == (r.method == "HEAD"));
  }
}

TEST_CASE("websocketpp defect: Upgrade must name websocket and Connection must name Upgrade, whole", "[wire]") {
  for (const char* bad : {"notwebsocketx", "websocketx", "web socket", "websocket/13", "", "h2c", "\"websocket\""}) {
    CHECK(with("Upgrade", bad) == 400);
  }
  for (const char* bad : {"xupgradex", "upgraded", "", "keep-alive", "close", "up grade"}) {
    CHECK(with("Connection", bad) == 400);
  }
  CHECK(accept_upgrade(without("Connection")).status == 400);
}

TEST_CASE("the answer to a request without Upgrade asks for one", "[wire]") {
  const auto refused = accept_upgrade(without("Upgrade"));
  CHECK(refused.status == 426);
  CHECK(refused.response_head.find("\r\nUpgrade: websocket\r\n") != std::string::npos);
}

TEST_CASE("websocketpp defect: the version is exactly 13, once", "[wire]") {
  for (const char* bad : {"13abc", "13, 8", "8", "0", "", "013", "+13", "130", "1 3", "x"}) {
    CAPTURE(bad);
    CHECK(with("Sec-WebSocket-Version", bad) == 426);
  }
  CHECK(with_second("Sec-WebSocket-Version", "8") == 426);
  CHECK(with_second("Sec-WebSocket-Version", "13") == 426);
  const auto refused = accept_upgrade(without("Sec-WebSocket-Version"));
  CHECK(refused.status == 426);
  CHECK(refused.response_head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
  CHECK(refused.response_head.find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
  CHECK(refused.response_head.find("\r\nConnection: close, Upgrade\r\n") != std::string::npos);
}

TEST_CASE("websocketpp defect: the key is 16 bytes in base64, once", "[wire]") {
  for (const char* bad : {"", "x", "AAAA", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ",
                          "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZQQ=", "dGhlIHNhbXBsZSBub25jZQQQ",
                          "dGhlIHNhbXBsZSBub25j ZQ==", "dGhlIHNhbXBsZSBub25j-Q==", "dGhlIHNhbXBs=SBub25jZQ==",
                          "dGhlIHNhbXBsZSBub25jZ\xC3\xA9="}) {
    CAPTURE(bad);
    CHECK(with("Sec-WebSocket-Key", bad) == 400);
    CHECK_FALSE(is_websocket_key(bad));
  }
  CHECK(accept_upgrade(without("Sec-WebSocket-Key")).status == 400);
  CHECK(with_second("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") == 400);
  CHECK(with("Sec-WebSocket-Key", "+/09azAZ+/09azAZ+/09Aw==") == 101);
}

TEST_CASE("a refusal is a whole answer that ends the connection", "[wire]") {
  const auto refused = accept_upgrade(without("Connection"));
  CHECK(refused.response_head ==
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 16\r\n"
        "Connection: close\r\n\r\n400 Bad Request\n");
}

TEST_CASE("extension offers, sound or not, agree on nothing", "[wire]") {
  for (const char* offer : {"permessage-deflate", "permessage-deflate; server_max_window_bits=271, permessage-deflate",
                            "permessage-deflate; client_max_window_bits=8", ";;,,=", "x"}) {
    http_request r = without("Sec-WebSocket-Extensions");
    r.headers.emplace_back("Sec-WebSocket-Extensions", offer);
    const auto accepted = accept_upgrade(r);
    CHECK(accepted.status == 101);
    CHECK(accepted.response_head.find("Extensions") == std::string::npos);
  }
}

TEST_CASE("the bytes of a browser's request are answered with 101", "[wire]") {
  hotline::detail::head_reader reader{hotline::handshake_limits{}};
  const std::string head =
      "GET /ws/demo HTTP/1.1\r\nHost: localhost:8080\r\nConnection: Upgrade\r\nPragma: no-cache\r\n"
      "Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nUpgrade: websocket\r\n"
      "Origin: http://localhost:8080\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br\r\n"
      "Accept-Language: en-US,en;q=0.9\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
  REQUIRE(reader.consume(head).state == hotline::detail::head_reader::state::ready);
  const auto accepted = accept_upgrade(reader.take_request());
  CHECK(accepted.status == 101);
  CHECK(accepted.response_head.find("HSmrc0sMlYUkAGmm5OPpG2HaGWk=") != std::string::npos);
}
