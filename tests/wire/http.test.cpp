#include <hotline/wire/http.hpp>

#include <catch2_any.hpp>

#include <optional>
#include <string>
#include <string_view>

using hotline::http_request;
using hotline::http_response;
using hotline::detail::serialize;

TEST_CASE("headers are found in any case, the first of a name first", "[wire]") {
  http_request r;
  r.headers = {{"X-Token", "one"}, {"x-token", "two"}, {"Empty", ""}};
  CHECK(r.header("x-TOKEN") == "one");
  CHECK(r.header_count("X-TOKEN") == 2);
  CHECK(r.header("X-Toke").empty());
  CHECK(r.header("").empty());
  CHECK(r.has_header("empty"));
  CHECK_FALSE(r.has_header("X-Tokens"));
}

TEST_CASE("a token is found in lists, whole and in any case", "[wire]") {
  http_request r;
  r.headers = {{"Connection", "keep-alive,\t UPGRADE "}, {"connection", "x"}, {"Other", "y"}, {"Gaps", ",, a,"}};
  CHECK(r.header_lists("Connection", "upgrade"));
  CHECK(r.header_lists("Connection", "Keep-Alive"));
  CHECK(r.header_lists("Connection", "x"));
  CHECK_FALSE(r.header_lists("Connection", "y"));
  CHECK_FALSE(r.header_lists("Connection", "grade"));
  CHECK_FALSE(r.header_lists("Connection", "upgrad"));
  CHECK_FALSE(r.header_lists("Connection", "keep-alive, upgrade"));
  CHECK(r.header_lists("Gaps", "a"));
  CHECK_FALSE(r.header_lists("None", ""));
}

TEST_CASE("a request asks for WebSocket by the whole token", "[wire]") {
  const auto asks = [](std::string upgrade) {
    http_request r;
    r.headers = {{"Upgrade", std::move(upgrade)}};
    return r.is_upgrade();
  };
  CHECK(asks("websocket"));
  CHECK(asks("WebSocket"));
  CHECK(asks("h2c, websocket"));
  CHECK_FALSE(asks("notwebsocketx"));
  CHECK_FALSE(asks("websocket/13"));
  CHECK_FALSE(asks("h2c"));
  CHECK_FALSE(asks(""));
  CHECK_FALSE(http_request{}.is_upgrade());
}

TEST_CASE("a cookie is found by its whole name, in any of its headers", "[wire]") {
  http_request r;
  r.headers = {{"Cookie", "a=1; token=x=y;b=\"two words\" ;empty=; =n; flag"}, {"cookie", "late=3;"}};
  CHECK(r.cookie("a") == "1");
  CHECK(r.cookie("token") == "x=y");
  CHECK(r.cookie("b") == "two words");
  CHECK(r.cookie("late") == "3");
  CHECK(r.cookie("empty") == "");
  CHECK_FALSE(r.cookie("flag"));
  CHECK_FALSE(r.cookie("oken"));
  CHECK_FALSE(r.cookie("toke"));
  CHECK_FALSE(r.cookie("Token"));
  CHECK_FALSE(http_request{}.cookie("a"));
}

TEST_CASE("a token is read from the header, else from the query, else from the cookie", "[wire]") {
  http_request r;
  CHECK_FALSE(r.token());
  r.headers = {{"Cookie", "token=from-cookie; ticket=t1"}};
  CHECK(r.token() == "from-cookie");
  CHECK(r.token("ticket") == "t1");
  r.query = "token=from%2Dquery";
  CHECK(r.token() == "from-query");
  r.headers.emplace_back("authorization", "bEARER  abc.def-_~+/== ");
  CHECK(r.token() == "abc.def-_~+/==");
  r.headers.back().second = "Basic YTpi";
  CHECK(r.token() == "from-query");
  r.query = "token=";
  CHECK_FALSE(r.token());
  r.headers.back().second = "Bearer ";
  CHECK_FALSE(r.token());
}

TEST_CASE("query parameters are decoded once, the first of a name", "[wire]") {
  http_request r;
  r.query = "a=1&b=%41%20+%2B&a=2&empty=&flag&=nameless&c=x=y&%64=d&bad=%4&b%ad=x&e=%2541";
  CHECK(r.query_value("a") == "1");
  CHECK(r.query_value("b") == "A  +");
  CHECK(r.query_value("empty") == "");
  CHECK(r.query_value("flag") == "");
  CHECK(r.query_value("") == "nameless");
  CHECK(r.query_value("c") == "x=y");
  CHECK(r.query_value("d") == "d");
  CHECK(r.query_value("bad") == std::nullopt);
  CHECK(r.query_value("none") == std::nullopt);
  CHECK(r.query_value("e") == "%41");
  CHECK(r.query_value("A") == std::nullopt);
  CHECK(http_request{}.query_value("a") == std::nullopt);
}

TEST_CASE("a response says its type, its length and that it is the last", "[wire]") {
  CHECK(serialize({.status = 200, .body = "hello"}) ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\nConnection: "
        "close\r\n\r\nhello");
  CHECK(serialize({.status = 404, .content_type = "text/html", .body = "", .headers = {{"X-A", "1"}, {"X-A", "2"}}}) ==
        "HTTP/1.1 404 Not Found\r\nX-A: 1\r\nX-A: 2\r\nContent-Type: text/html\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n");
}

TEST_CASE("the answer to HEAD has the length of the body and no body", "[wire]") {
  const http_response response{.status = 200, .body = "hello"};
  const std::string whole = serialize(response);
  CHECK(serialize(response, true) == whole.substr(0, whole.size() - 5));
}

TEST_CASE("a status that may have no body gets none", "[wire]") {
  CHECK(serialize({.status = 204, .body = "x"}) == "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  CHECK(serialize({.status = 304, .body = "x"}) == "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
}

TEST_CASE("a status that is no final answer becomes 500", "[wire]") {
  for (const int status : {-1, 0, 100, 101, 199, 600, 1000, 20'000}) {
    CHECK(serialize({.status = status}).starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
  }
  CHECK(serialize({.status = 200}).starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(serialize({.status = 599}).starts_with("HTTP/1.1 599 Server Error\r\n"));
  CHECK(serialize({.status = 299}).starts_with("HTTP/1.1 299 OK\r\n"));
  CHECK(serialize({.status = 418}).starts_with("HTTP/1.1 418 Client Error\r\n"));
  CHECK(serialize({.status = 399}).starts_with("HTTP/1.1 399 Redirect\r\n"));
}

TEST_CASE("nothing in a response can start a header or a second answer", "[wire]") {
  const std::string plain = serialize({.status = 200, .body = "b"});
  const auto with = [](std::string name, std::string value) {
    return serialize({.status = 200, .body = "b", .headers = {{std::move(name), std::move(value)}}});
  };
  using namespace std::string_literals;
  for (const std::string& value :
       {"a\r\nSet-Cookie: x"s, "a\nb"s, "a\rb"s, "a\0b"s, "\r\n\r\n<html>"s, "a\x7F"s, "\x01"s}) {
    CHECK(with("X", value) == plain);
  }
  for (const std::string& name : {""s, "X: y\r\nZ"s, "X "s, " X"s, "X:"s, "X\n"s, "X\0"s, "(X)"s, "X\xC3\xA9"s}) {
    CHECK(with(name, "v") == plain);
  }
  CHECK(with("X", "v \xE2\x82\xAC\tw") != plain);

  const std::string untyped = serialize({.status = 200, .content_type = "", .body = "b"});
  CHECK(untyped == "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nb");
  CHECK(serialize({.status = 200, .content_type = "text/html\r\nX: y", .body = "b"}) == untyped);
  CHECK(serialize({.status = 200, .content_type = "text/html\0"s, .body = "b"}) == untyped);
}

TEST_CASE("a host cannot set what frames the message", "[wire]") {
  const std::string plain = serialize({.status = 200, .body = "b"});
  for (const char* name : {"Content-Length", "content-length", "Transfer-Encoding", "CONNECTION", "Keep-Alive",
                           "Trailer", "Content-Type"}) {
    CHECK(serialize({.status = 200, .body = "b", .headers = {{name, "1"}}}) == plain);
  }
}

TEST_CASE("plain answers carry the headers their status demands", "[wire]") {
  const auto plain = [](int status) { return serialize(hotline::detail::plain_response(status)); };
  CHECK(
      plain(404) ==
      "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\nConnection: close\r\n"
      "\r\n404 Not Found\n");
  CHECK(plain(401).find("\r\nWWW-Authenticate: Bearer\r\n") != std::string::npos);
  CHECK(plain(405).find("\r\nAllow: GET, HEAD, OPTIONS\r\n") != std::string::npos);
  CHECK(plain(426).find("\r\nUpgrade: websocket\r\n") != std::string::npos);
  CHECK(plain(426).find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
  CHECK(plain(426).find("\r\nConnection: close, Upgrade\r\n") != std::string::npos);
}
