#include <hotline/wire/digest.hpp>

#include <catch2_any.hpp>

#include <websocketpp/sha1/sha1.hpp>

#include <cstddef>
#include <string>
#include <string_view>

using hotline::detail::digest;
using hotline::detail::digest_of;
using hotline::detail::equal_in_constant_time;

namespace {

std::string hex(const digest& sum) {
  std::string text;
  for (const unsigned char byte : sum) {
    text += "0123456789ABCDEF"[byte / 16U];
    text += "0123456789ABCDEF"[byte % 16U];
  }
  return text;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  while (times-- > 0) all += text;
  return all;
}

}  // namespace

TEST_CASE("SHA-1 gives what RFC 3174 lists in section 7.3", "[wire]") {
  CHECK(hex(digest_of("abc")) == "A9993E364706816ABA3E25717850C26C9CD0D89D");
  CHECK(hex(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "84983E441C3BD26EBAAE4AA1F95129E5E54670F1");
  CHECK(hex(digest_of(repeated("a", 1'000'000))) == "34AA973CD4C4DAA4F61EEB2BDBAD27316534016F");
  CHECK(hex(digest_of(repeated("0123456701234567012345670123456701234567012345670123456701234567", 10))) ==
        "DEA356A2CDDD90C7A7ECEDC5EBB563934F460452");
}

TEST_CASE("SHA-1 gives what websocketpp's gives, for each size up to three blocks", "[wire]") {
  std::string text;
  for (std::size_t size = 0; size <= 3 * hotline::detail::sha1::block_bytes; ++size) {
    CAPTURE(size);
    digest expected{};
    websocketpp::sha1::calc(text.data(), text.size(), expected.data());
    CHECK(digest_of(text) == expected);
    text.push_back(static_cast<char>(37 * size + 11));
  }
}

TEST_CASE("digests are equal when all of their bytes are", "[wire]") {
  const digest one = digest_of("one");
  CHECK(equal_in_constant_time(one, digest_of("one")));
  for (std::size_t i = 0; i < one.size(); ++i) {
    digest other = one;
    other[i] ^= 0x80;
    CHECK_FALSE(equal_in_constant_time(one, other));
  }
}
