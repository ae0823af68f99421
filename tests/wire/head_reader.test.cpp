#include <hotline/wire/head_reader.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using hotline::handshake_limits;
using hotline::http_request;
using hotline::detail::head_reader;

namespace {

/// The outcome of a head: the request, or the status of the refusal; neither if it is not over yet.
struct outcome {
  std::optional<http_request> request{};
  int status = 0;
  std::size_t consumed = 0;
};

template <class NextSize>
outcome read_cut(std::string_view bytes, const handshake_limits& limits, NextSize next_size) {
  head_reader reader(limits);
  outcome out;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, next_size());
    const auto result = reader.consume(piece);
    out.consumed += result.consumed;
    bytes.remove_prefix(result.consumed);
    if (result.state == head_reader::state::ready) out.request = reader.take_request();
    out.status = reader.status();
    if ((result.state == head_reader::state::refused) != (out.status != 0)) FAIL("status() and the state differ");
    if (result.state != head_reader::state::need_more) break;
    if (result.consumed != piece.size()) FAIL("bytes were left, and more are needed");
  }
  return out;
}

outcome read(std::string_view bytes, const handshake_limits& limits = {}, std::size_t chop = std::string::npos) {
  return read_cut(bytes, limits, [=] { return chop; });
}

/// 200 for a head that is taken, else the refusal; 0 while it is not over.
int status_of(std::string_view bytes, const handshake_limits& limits = {}) {
  const outcome out = read(bytes, limits);
  return out.request ? 200 : out.status;
}

std::string get(std::string_view more_headers) {
  return std::string("GET / HTTP/1.1\r\nHost: h\r\n").append(more_headers).append("\r\n");
}

int with_header(std::string_view line) { return status_of(get(std::string(line) + "\r\n")); }

}  // namespace

TEST_CASE("a head becomes a request", "[wire]") {
  const std::string head =
      "GET /ws/a%20b?resume=T&after=3 HTTP/1.1\r\nHost: example.com:8080\r\nX-Padded: \t a b \t\r\nx-empty:\r\n"
      "X-Empty: \r\nCookie: c=\xC3\xA9\r\n\r\n";
  for (const std::size_t chop : {1U, 2U, 3U, 1000U}) {
    const outcome out = read(head, {}, chop);
    REQUIRE(out.request);
    const http_request& r = *out.request;
    CHECK(r.method == "GET");
    CHECK(r.target == "/ws/a%20b?resume=T&after=3");
    CHECK(r.path == "/ws/a%20b");
    CHECK(r.query == "resume=T&after=3");
    CHECK(r.headers == std::vector<std::pair<std::string, std::string>>{{"Host", "example.com:8080"},
                                                                        {"X-Padded", "a b"},
                                                                        {"x-empty", ""},
                                                                        {"X-Empty", ""},
                                                                        {"Cookie", "c=\xC3\xA9"}});
    CHECK(r.remote_address.empty());
    CHECK(out.consumed == head.size());
  }
}

TEST_CASE("bytes after the head are left unconsumed", "[wire]") {
  const std::string head = get("");
  head_reader reader{handshake_limits{}};
  const auto first = reader.consume(head + "\x81\x80");
  CHECK(first.state == head_reader::state::ready);
  CHECK(first.consumed == head.size());
  const auto second = reader.consume("\x81\x80");
  CHECK(second.state == head_reader::state::ready);
  CHECK(second.consumed == 0);
}

TEST_CASE("a refused reader takes nothing more", "[wire]") {
  head_reader reader{handshake_limits{}};
  const auto first = reader.consume("GET\n" + get(""));
  CHECK(first.state == head_reader::state::refused);
  CHECK(first.consumed == 4);
  const auto second = reader.consume(get(""));
  CHECK(second.state == head_reader::state::refused);
  CHECK(second.consumed == 0);
  CHECK(reader.status() == 400);
}

TEST_CASE("consuming no bytes of a head needs more", "[wire]") {
  head_reader reader{handshake_limits{}};
  CHECK(reader.consume("").state == head_reader::state::need_more);
  CHECK(reader.status() == 0);
}

TEST_CASE("any method that is a token is reported", "[wire]") {
  for (const std::string method : {"GET", "HEAD", "POST", "DELETE", "get", "X-~!", "PRI"}) {
    const outcome out = read(method + " /x HTTP/1.1\r\nHost: h\r\n\r\n");
    REQUIRE(out.request);
    CHECK(out.request->method == method);
  }
  for (const std::string method : {"", "G T", "GE\tT", "GET:", "(GET)", "\xC3\xA9", "G\x01T"}) {
    CHECK(status_of(method + " /x HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  }
}

TEST_CASE("targets are split into path and query", "[wire]") {
  struct row {
    std::string method, target, path, query;
  };
  for (const row& r : std::vector<row>{{"GET", "/", "/", ""},
                                       {"GET", "/?", "/", ""},
                                       {"GET", "/a?b?c", "/a", "b?c"},
                                       {"GET", "//a", "//a", ""},
                                       {"GET", "/a/../b", "/a/../b", ""},
                                       {"GET", "/a|b{c}\"", "/a|b{c}\"", ""},
                                       {"GET", "http://h:80/p?q", "/p", "q"},
                                       {"GET", "HTTPS://h", "/", ""},
                                       {"GET", "http://h?q", "/", "q"},
                                       {"OPTIONS", "*", "*", ""},
                                       {"CONNECT", "h:443", "h:443", ""}}) {
    CAPTURE(r.target);
    const outcome out = read(r.method + " " + r.target + " HTTP/1.1\r\nHost: h\r\n\r\n");
    REQUIRE(out.request);
    CHECK(out.request->target == r.target);
    CHECK(out.request->path == r.path);
    CHECK(out.request->query == r.query);
  }
}

TEST_CASE("targets that are none are refused", "[wire]") {
  using namespace std::string_literals;
  for (const std::string& target :
       {""s, "x"s, "*"s, "?q"s, "h:443"s, "http://"s, "http:///p"s, "http:/p"s, "ftp://h/p"s, "/a#b"s, "/a b"s,
        "/a\tb"s, "/\0x"s, "/\x01"s, "/\x7F"s, "/\xFF"s, "/\xC3\xA9"s}) {
    CAPTURE(target);
    CHECK(status_of("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  }
}

TEST_CASE("versions other than HTTP/1.1 and HTTP/1.0 are refused", "[wire]") {
  const auto version = [](std::string_view v) {
    return status_of(std::string("GET / ").append(v).append("\r\nHost: h\r\n\r\n"));
  };
  CHECK(version("HTTP/1.1") == 200);
  CHECK(version("HTTP/1.0") == 200);
  for (const char* v : {"HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.0"}) CHECK(version(v) == 505);
  for (const char* v : {"", "HTTP/1", "HTTP/1.", "HTTP/2", "http/1.1", "HTTP/1.1 ", "HTTP/1.10", "HTTP/11.1",
                        "HTTP/x.1", " HTTP/1.1", "HTTP/1,1", "HTTPS/1.1"}) {
    CAPTURE(v);
    CHECK(version(v) == 400);
  }
  CHECK(status_of("GET /\r\n\r\n") == 400);
}

TEST_CASE("HTTP/1.0 may ask for a page, without Host, and not for WebSocket", "[wire]") {
  CHECK(status_of("GET / HTTP/1.0\r\n\r\n") == 200);
  CHECK(status_of("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.0\r\nHost: h\r\nUpgrade: websocket\r\n\r\n") == 505);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n") == 200);
}

TEST_CASE("websocketpp defect: exactly one Host is demanded", "[wire]") {
  CHECK(status_of("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHos: h\r\n\r\n") == 400);
  CHECK(with_header("Host: evil") == 400);
  CHECK(with_header("hOST: h") == 400);
}

TEST_CASE("a Host that names something else than a host is refused", "[wire]") {
  const auto host = [](std::string_view h) {
    return status_of(std::string("GET / HTTP/1.1\r\nHost: ").append(h).append("\r\n\r\n"));
  };
  for (const char* good : {"", "h", "h:80", "example.com", "127.0.0.1:8080", "[::1]:8080", "h_x-y~%20"}) {
    CHECK(host(good) == 200);
  }
  for (const char* bad : {"a b", "a,b", "a, b", "a/b", "u@h", "h?q", "h#f", "a\\b"}) {
    CAPTURE(bad);
    CHECK(host(bad) == 400);
  }
}

TEST_CASE("websocketpp defect: no space may stand before a colon", "[wire]") {
  CHECK(status_of("GET / HTTP/1.1\r\nHost : h\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost\t: h\r\n\r\n") == 400);
}

TEST_CASE("websocketpp defect: a folded line is refused and no header of its own", "[wire]") {
  CHECK(with_header("X: a\r\n Host: smuggled") == 400);
  CHECK(with_header("X: a\r\n\tb") == 400);
  CHECK(with_header(" X: first") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\n Host: h\r\n\r\n") == 400);
}

TEST_CASE("websocketpp defect: a bare LF or CR ends nothing", "[wire]") {
  CHECK(status_of("GET / HTTP/1.1\nHost: h\n\n") == 400);
  CHECK(with_header("X: a\nInjected: 1") == 400);
  CHECK(with_header("X: a\rInjected: 1") == 400);
  CHECK(with_header("X: a\r\rInjected: 1") == 400);
  CHECK(with_header("X\n: a") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: h\r\n\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: h\r\n\rX") == 400);
  CHECK(status_of("GET / HTTP/1.1\rHost: h\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: h\n\r\n") == 400);
}

TEST_CASE("websocketpp defect: NUL and control characters are refused wherever they stand", "[wire]") {
  for (int c = 0; c < 256; ++c) {
    const auto byte = static_cast<char>(c);
    const bool control = (c < 0x20 && c != '\t') || c == 0x7F;
    CAPTURE(c);
    CHECK(with_header(std::string("X: a") + byte + "b") == (control ? 400 : 200));
    CHECK(with_header(std::string("X: ") + byte) == (control ? 400 : 200));
    const bool token = hotline::detail::is_token_char(byte);
    if (byte != ':') CHECK(with_header(std::string("X") + byte + "y: a") == (token ? 200 : 400));
    const bool target = c > 0x20 && c < 0x7F && c != '#';
    CHECK(status_of(std::string("GET /") + byte + " HTTP/1.1\r\nHost: h\r\n\r\n") == (target ? 200 : 400));
  }
}

TEST_CASE("a header's name is a token", "[wire]") {
  CHECK(with_header("!#$%&'*+-.^_`|~09azAZ: x") == 200);
  CHECK(with_header(": x") == 400);
  CHECK(with_header("no colon") == 400);
  CHECK(with_header("nocolon") == 400);
  CHECK(with_header("X\xC3\xA9: x") == 400);
  CHECK(with_header("(X): x") == 400);
  CHECK(with_header("X@: x") == 400);
}

TEST_CASE("websocketpp defect: a body is refused when it is announced, and a bad Content-Length too", "[wire]") {
  CHECK(with_header("Content-Length: 0") == 200);
  CHECK(with_header("Content-Length: 000") == 200);
  for (const char* some : {"1", "5", "32000000", "99999999999999999999999999", "010"}) {
    CHECK(with_header(std::string("Content-Length: ") + some) == 413);
  }
  for (const char* bad : {"", "abc", "-1", "+0", "0x0", "0, 0", "0 0", "1a", "0.0"}) {
    CHECK(with_header(std::string("content-length: ") + bad) == 400);
  }
  CHECK(with_header("Content-Length: 0\r\nContent-Length: 0") == 400);
  CHECK(with_header("Transfer-Encoding: chunked") == 400);
  CHECK(with_header("transfer-encoding: identity") == 400);
  CHECK(with_header("Transfer-Encoding:") == 400);
}

TEST_CASE("a wrong head is refused at once, however little of it came", "[wire]") {
  for (const std::string& wrong :
       {std::string("\x16"), std::string(" "), std::string("\r\n\r"), std::string("GET /\x01"), std::string("GET / X"),
        std::string("GET / HTTP/1.1\n"), std::string("GET / HTTP/1.1\r\nHost "), std::string("GET / HTTP/1.1\r\n "),
        std::string("GET / HTTP/1.1\r\nContent-Length: 5\r")}) {
    CAPTURE(wrong);
    CHECK(status_of(wrong.substr(0, wrong.size() - 1)) == 0);
    CHECK(status_of(wrong) >= 400);
  }
}

TEST_CASE("one empty line before the head is passed over, and counts towards its bytes", "[wire]") {
  CHECK(status_of("\r\n" + get("")) == 200);
  CHECK(status_of("\r\n\r\n" + get("")) == 400);
  CHECK(status_of("\n" + get("")) == 400);
  CHECK(status_of("\r\n" + get(""), {.head_bytes = get("").size()}) == 431);
}

TEST_CASE("a head is taken up to its limit of bytes and refused over it", "[wire]") {
  const std::string least = get("X: \r\n");
  for (const std::size_t limit : {least.size(), std::size_t{100}, std::size_t{8192}}) {
    for (const int beyond : {-1, 0, 1, 2}) {
      if (limit == least.size() && beyond < 0) continue;
      const std::size_t size = limit + static_cast<std::size_t>(beyond);
      const std::string head = get("X: " + std::string(size - least.size(), 'x') + "\r\n");
      REQUIRE(head.size() == size);
      const handshake_limits limits{.head_bytes = limit};
      for (const std::size_t chop : {std::size_t{1}, std::size_t{7}, size}) {
        const outcome out = read(head + "\x81\x80", limits, chop);
        CAPTURE(limit, beyond, chop);
        CHECK(out.request.has_value() == (beyond <= 0));
        CHECK(out.status == (beyond <= 0 ? 0 : 431));
        CHECK(out.consumed <= limit);
      }
    }
  }
}

TEST_CASE("an endless request line or header is refused at the limit", "[wire]") {
  for (const std::string& begin : {std::string(), std::string("GET /"), std::string("GET / HTTP/1.1\r\nX"),
                                   std::string("GET / HTTP/1.1\r\nX: ")}) {
    const std::string head = begin + std::string(10'000, 'x');
    const outcome out = read(head, {}, 100);
    CHECK(out.status == 431);
    CHECK(out.consumed == 8192);
    CHECK(status_of(head.substr(0, 8192)) == 0);
  }
}

TEST_CASE("headers are taken up to their limit and refused over it", "[wire]") {
  for (const std::size_t limit : {1U, 2U, 100U}) {
    for (const int beyond : {-1, 0, 1, 2}) {
      std::string head;
      for (std::size_t i = 1; i < limit + static_cast<std::size_t>(beyond); ++i) head += "a:\r\n";
      if (limit == 1 && beyond < 0) continue;  // the Host
      CAPTURE(limit, beyond);
      CHECK(status_of(get(head), {.headers = limit}) == (beyond <= 0 ? 200 : 431));
    }
  }
  CHECK(status_of("GET / HTTP/1.0\r\n\r\n", {.headers = 0}) == 200);
  CHECK(status_of("GET / HTTP/1.0\r\nX", {.headers = 0}) == 431);
}

TEST_CASE("a reader that refused keeps nothing", "[wire]") {
  head_reader reader{handshake_limits{}};
  CHECK(reader.consume("GET / HTTP/1.1\r\nX: a\n").state == head_reader::state::refused);
  CHECK(reader.take_request().headers.empty());
}

TEST_CASE("however a head is cut, damaged or not, the same comes of it", "[wire]") {
  std::mt19937 random(6);
  const std::string good =
      "GET /ws/project?resume=abc&after=17 HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\n"
      "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Sec-WebSocket-Version: 13\r\nContent-Length: 0\r\nX: \t padded \r\n\r\n";
  constexpr std::string_view likely = "\r\n :\t\0ax/";
  int taken = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string head = good;
    for (std::size_t i = random() % 3; i > 0; --i) {
      const std::size_t at = random() % head.size();
      switch (random() % 3) {
        case 0: head[at] = likely[random() % likely.size()]; break;
        case 1: head.insert(at, 1, likely[random() % likely.size()]); break;
        default: head.erase(at, 1 + random() % 3); break;
      }
    }
    const outcome whole = read(head);
    const outcome single = read(head, {}, 1);
    const outcome split = read_cut(head, {}, [&] { return random() % 40; });
    CAPTURE(round, head);
    for (const outcome& other : {single, split}) {
      REQUIRE(other.status == whole.status);
      REQUIRE(other.consumed == whole.consumed);
      REQUIRE(other.request.has_value() == whole.request.has_value());
      if (whole.request) {
        REQUIRE(other.request->target == whole.request->target);
        REQUIRE(other.request->headers == whole.request->headers);
      }
    }
    if (whole.request) ++taken;
  }
  CHECK(taken > 500);
  CHECK(taken < 1900);
}
