#include <hotline/transport/traffic/proxy_header.hpp>

#include <catch2_any.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transport/proxy_headers.hpp"

using hotline::detail::proxy_header_reader;
using state = proxy_header_reader::state;
using namespace proxy_headers;
using namespace std::string_literals;

namespace {

struct outcome {
  state what = state::need_more;
  std::size_t consumed = 0;
  std::string named;  // empty: the socket's own
};

outcome read(std::string_view bytes, std::size_t piece) {
  proxy_header_reader reader;
  outcome got;
  while (got.consumed < bytes.size() && got.what == state::need_more) {
    const auto step = reader.consume(bytes.substr(got.consumed, piece));
    got.consumed += step.consumed;
    got.what = step.state;
  }
  if (got.what == state::ready && reader.named()) got.named = reader.named()->text();
  return got;
}

/// Returns the outcome, the same however the bytes are cut.
outcome read(std::string_view bytes) {
  const outcome whole = read(bytes, bytes.size());
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 16U}) {
    const outcome pieces = read(bytes, piece);
    CHECK((pieces.what == whole.what && pieces.consumed == whole.consumed && pieces.named == whole.named));
  }
  return whole;
}

/// A proper header, behind which there is more.
std::string named_by(const std::string& header) {
  INFO(header);
  const outcome got = read(header + "GET / HTTP/1.1\r\n");
  CHECK(got.what == state::ready);
  CHECK(got.consumed == header.size());
  for (std::size_t size = 0; size < header.size(); ++size)
    CHECK(read(header.substr(0, size), 1000).what == state::need_more);
  return got.named;
}

bool refuses(const std::string& bytes) {
  INFO(bytes);
  return read(bytes).what == state::refused;
}

}  // namespace

// ------------------------------------------------------------------------------------------------- version 1

TEST_CASE("a line of the PROXY protocol names the client", "[transport]") {
  CHECK(named_by("PROXY TCP4 192.0.2.7 198.51.100.1 40312 443\r\n") == "192.0.2.7:40312");
  CHECK(named_by("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n") == "0.0.0.0:0");
  CHECK(named_by("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n") == "255.255.255.255:65535");
  CHECK(named_by("PROXY TCP6 2001:db8::7 2001:DB8::1 40312 443\r\n") == "[2001:db8::7]:40312");
  CHECK(named_by("PROXY TCP6 ::1 :: 1 2\r\n") == "[::1]:1");
  CHECK(
      named_by("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"
               "\r\n") == "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
  CHECK(named_by("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 40312 443\r\n") == "[::ffff:192.0.2.7]:40312");
}

TEST_CASE("a line that names nobody leaves the socket's own address", "[transport]") {
  CHECK(named_by("PROXY UNKNOWN\r\n").empty());
  CHECK(named_by("PROXY UNKNOWN 192.0.2.7 198.51.100.1 40312 443\r\n").empty());
  CHECK(named_by("PROXY UNKNOWN anything, at all \xff\r\n").empty());
  const std::string longest = "PROXY UNKNOWN " + std::string(107 - 14 - 2, 'f') + "\r\n";
  REQUIRE(longest.size() == proxy_header_reader::longest_line);
  CHECK(named_by(longest).empty());
}

TEST_CASE("a line that is not exactly one of the PROXY protocol is refused", "[transport]") {
  for (const std::string& line : std::vector<std::string>{
           "PROXY TCP4 192.0.2.7 198.51.100.1 40312\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 40312 443 \r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 40312 443 1\r\n",
           "PROXY TCP4 192.0.2.7  198.51.100.1 40312 443\r\n",
           "PROXY  TCP4 192.0.2.7 198.51.100.1 40312 443\r\n",
           "PROXY\tTCP4 192.0.2.7 198.51.100.1 40312 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 40312 65536\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 99999999999 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 040312 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 40312 00\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 +1 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 0x10 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100.1 40312 443x\r\n",
           "PROXY TCP4 192.0.2.07 198.51.100.1 40312 443\r\n",
           "PROXY TCP4 192.0.2 198.51.100.1 40312 443\r\n",
           "PROXY TCP4 192.0.2.256 198.51.100.1 40312 443\r\n",
           "PROXY TCP4 192.0.2.7.1 198.51.100.1 40312 443\r\n",
           "PROXY TCP4 0300.0.2.7 198.51.100.1 40312 443\r\n",
           "PROXY TCP4 192.0.2.7 198.51.100 40312 443\r\n",
           "PROXY TCP4 ::1 ::1 40312 443\r\n",
           "PROXY TCP4 localhost 198.51.100.1 40312 443\r\n",
           "PROXY TCP6 192.0.2.7 198.51.100.1 40312 443\r\n",
           "PROXY TCP6 2001:db8::7 198.51.100.1 40312 443\r\n",
           "PROXY TCP6 2001::db8::7 2001:db8::1 40312 443\r\n",
           "PROXY TCP6 2001:db8:7 2001:db8::1 40312 443\r\n",
           "PROXY TCP6 2001:db8::12345 2001:db8::1 40312 443\r\n",
           "PROXY TCP6 1:2:3:4:5:6:7:8:9 2001:db8::1 40312 443\r\n",
           "PROXY TCP6 [2001:db8::7] 2001:db8::1 40312 443\r\n",
           "PROXY TCP6 fe80::1%eth0 2001:db8::1 40312 443\r\n",
           "PROXY tcp4 192.0.2.7 198.51.100.1 40312 443\r\n",
           "PROXY UDP4 192.0.2.7 198.51.100.1 40312 443\r\n",
           "PROXY TCP5 192.0.2.7 198.51.100.1 40312 443\r\n",
           "PROXY UNKNOWNX\r\n",
           "PROXY unknown\r\n",
           "PROXY \r\n",
           "PROXY TCP4\r\n",
           "proxy TCP4 192.0.2.7 198.51.100.1 40312 443\r\n",
           "PROXYTCP4 192.0.2.7 198.51.100.1 40312 443\r\n",
           " PROXY TCP4 192.0.2.7 198.51.100.1 40312 443\r\n",
           "PROXY TCP4 192.0.2.7\0 198.51.100.1 40312 443\r\n"s,
           "PROXY TCP4 192.0.2.7 198.51.100.1 40312\0 443\r\n"s,
       })
    CHECK(refuses(line));
}

TEST_CASE("only CRLF ends a line of the PROXY protocol", "[transport]") {
  CHECK(refuses("PROXY TCP4 192.0.2.7 198.51.100.1 40312 443\n"));
  CHECK(refuses("PROXY TCP4 192.0.2.7 198.51.100.1 40312 443\rG"));
  CHECK(refuses("PROXY TCP4 192.0.2.7 198.51.100.1 40312 443\r\r\n"));
  CHECK(refuses("PROXY UNKNOWN\n"));
  CHECK(refuses("PROXY UNKNOWN a\nGET / HTTP/1.1\r\n"));
  CHECK(refuses("PROXY UNKNOWN a\rb\r\n"));
}

TEST_CASE("a line of the PROXY protocol has 107 bytes at most", "[transport]") {
  const outcome got = read("PROXY UNKNOWN " + std::string(1000, 'x'));
  CHECK(got.what == state::refused);
  CHECK(got.consumed == proxy_header_reader::longest_line);
  CHECK(refuses("PROXY UNKNOWN " + std::string(107 - 14 - 1, 'f') + "\r\n"));
}

TEST_CASE("a text that does not begin with a PROXY header is refused at its first wrong byte", "[transport]") {
  CHECK(read("GET / HTTP/1.1\r\n").consumed == 1);
  CHECK(read("\x16\x03\x01\x02").consumed == 1);
  CHECK(read("PROXZ").consumed == 5);
  CHECK(read("\r\n\r\nGET").consumed == 5);
  for (const std::string& bytes : {"GET / HTTP/1.1\r\n"s, "\x16\x03\x01\x02"s, "PROXZ"s, "\r\n\r\nGET"s, "\0"s})
    CHECK(refuses(bytes));
}

// ------------------------------------------------------------------------------------------------- version 2

TEST_CASE("a binary PROXY header names the client", "[transport]") {
  CHECK(named_by(binary(0x21, 0x11, v4_block)) == "192.0.2.7:40312");
  CHECK(named_by(binary(0x21, 0x12, v4_block)) == "192.0.2.7:40312");
  CHECK(named_by(binary(0x21, 0x21, v6_block)) == "[2001:db8::7]:40312");
  CHECK(named_by(binary(0x21, 0x22, v6_block)) == "[2001:db8::7]:40312");
  CHECK(named_by(binary(0x21, 0x31, std::string(216, '\0'))) == "unix");
  CHECK(named_by(binary(0x21, 0x32, std::string(216, 'x'))) == "unix");
}

TEST_CASE("a binary PROXY header that names nobody is skipped by its length", "[transport]") {
  CHECK(named_by(binary(0x20, 0x00, "")).empty());
  CHECK(named_by(binary(0x20, 0x11, v4_block)).empty());
  CHECK(named_by(binary(0x20, 0x11, "short")).empty());
  CHECK(named_by(binary(0x20, 0xff, "a family that there is not")).empty());
  CHECK(named_by(binary(0x21, 0x00, "")).empty());
  CHECK(named_by(binary(0x21, 0x00, "whatever it is")).empty());
}

TEST_CASE("values behind the addresses are skipped", "[transport]") {
  CHECK(named_by(binary(0x21, 0x11, v4_block + value(0x04, ""))) == "192.0.2.7:40312");
  CHECK(named_by(binary(0x21, 0x11, v4_block + value(0xea, "\x01vpce-1") + value(0x02, "app.example"))) ==
        "192.0.2.7:40312");
  CHECK(named_by(binary(0x21, 0x21, v6_block + value(0x05, std::string(128, 'u')))) == "[2001:db8::7]:40312");
  CHECK(named_by(binary(0x21, 0x31, std::string(216, '\0') + value(0x01, "h2"))) == "unix");
  const std::string longest = v4_block + value(0x04, std::string(4096 - 16 - 12 - 3, 'x'));
  CHECK(named_by(binary(0x21, 0x11, longest)) == "192.0.2.7:40312");
}

TEST_CASE("values that do not fill the header are refused", "[transport]") {
  CHECK(refuses(binary(0x21, 0x11, v4_block + "\x04")));
  CHECK(refuses(binary(0x21, 0x11, v4_block + "\x04\0"s)));
  CHECK(refuses(binary(0x21, 0x11, v4_block + "\x04\0\x01"s)));
  CHECK(refuses(binary(0x21, 0x11, v4_block + value(0x04, "") + "\x04\xff\xff and less")));
}

TEST_CASE("a checksum in a PROXY header must be right", "[transport]") {
  const std::string good = with_checksum(0x11, v4_block + value(0x04, "padding"));
  CHECK(named_by(good) == "192.0.2.7:40312");
  for (std::size_t at = 16; at < good.size(); ++at) {
    if (at == good.size() - 7) continue;  // its type: no checksum is left then
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    CHECK(refuses(bad));
  }
  CHECK(refuses(binary(0x21, 0x11, v4_block + value(0x03, "\0\0\0\0"s))));
  CHECK(refuses(binary(0x21, 0x11, v4_block + value(0x03, "abc"))));
  CHECK(refuses(with_checksum(0x11, v4_block + value(0x03, "\0\0\0\0"s))));
  // CRC-32c of "123456789", as everybody gives it.
  CHECK(crc32c("123456789") == 0xe3069283);
}

TEST_CASE("a binary PROXY header of another version, command, family or protocol is refused", "[transport]") {
  for (int first = 0; first < 256; ++first) {
    INFO(first);
    CHECK(refuses(binary(first, 0x11, v4_block)) == (first != 0x20 && first != 0x21));
  }
  const std::string long_enough = std::string(216, '\0');
  for (int family = 0; family < 256; ++family) {
    INFO(family);
    const bool is_listed =
        family == 0x00 || ((family >> 4) >= 1 && (family >> 4) <= 3 && (family & 15) >= 1 && (family & 15) <= 2);
    CHECK(refuses(binary(0x21, family, long_enough)) == !is_listed);
  }
}

TEST_CASE("a binary PROXY header has room for its addresses and 4,096 bytes at most", "[transport]") {
  CHECK(refuses(binary(0x21, 0x11, v4_block.substr(1))));
  CHECK(refuses(binary(0x21, 0x21, v6_block.substr(1))));
  CHECK(refuses(binary(0x21, 0x21, v4_block)));
  CHECK(refuses(binary(0x21, 0x31, std::string(215, 'x'))));
  CHECK(refuses(binary(0x21, 0x11, "")));
  for (const int command : {0x20, 0x21})
    for (const int family : {0x00, 0x11}) {
      const outcome got = read(binary(command, family, std::string(4096 - 16 + 1, '\0')));
      CHECK(got.what == state::refused);
      CHECK(got.consumed == 16);
    }
  CHECK(named_by(binary(0x20, 0x00, std::string(4096 - 16, 'x'))).empty());
}
