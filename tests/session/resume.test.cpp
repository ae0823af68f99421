#include <catch2_any.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/transport/manual_environment.hpp>

#include <optional>
#include <ostream>
#include <string>
#include <string_view>

using namespace hotline;
using detail::check_position;
using detail::reason_of;
using detail::resume_request;
using detail::resume_token;

namespace {

std::optional<detail::entry_request> read(std::string_view query) {
  http_request request;
  request.query = query;
  return detail::read_entry(request);
}

}  // namespace

TEST_CASE("a connection that asks for nothing enters at the log's end", "[session]") {
  for (const auto* query : {"", "other=1", "epoch=e&after=7"}) {
    const auto entry = read(query);
    REQUIRE(entry);
    CHECK_FALSE(entry->resume);
    CHECK(entry->last == 0);
  }
}

TEST_CASE("a resume names its token, epoch and position, and says whether it would go on behind a gap", "[session]") {
  const auto entry = read("after=18446744073709551615&resume=t%2Dk&epoch=e1&on_gap=continue");
  REQUIRE(entry);
  REQUIRE(entry->resume);
  CHECK(entry->resume->token == "t-k");
  CHECK(entry->resume->epoch == "e1");
  CHECK(entry->resume->after == 18446744073709551615U);
  CHECK(entry->resume->continue_on_gap);
  CHECK_FALSE(read("resume=t&epoch=e&after=0")->resume->continue_on_gap);
  CHECK_FALSE(read("resume=t&epoch=e&after=0&on_gap=other")->resume->continue_on_gap);
}

TEST_CASE("a query that lacks a part, or has a number that is none, is no request", "[session]") {
  for (const auto* query : {"resume=t", "resume=t&epoch=e", "resume=t&after=1", "resume=t&epoch=e&after=",
                            "resume=t&epoch=e&after=-1", "resume=t&epoch=e&after=1x", "resume=t&epoch=e&after=+1",
                            "resume=t&epoch=e&after=18446744073709551616", "last=", "last=x", "last=-1"}) {
    INFO(query);
    CHECK_FALSE(read(query));
  }
  CHECK(read("last=20")->last == 20);
}

TEST_CASE("a position is good when the next event is there, or will be the first to come", "[session]") {
  const auto check = [](sequence after, log_bounds log, std::string_view epoch = "e", bool go_on = false) {
    return check_position({.token = "t", .epoch = "e", .after = after, .continue_on_gap = go_on}, epoch, log);
  };
  CHECK(check(0, {1, 0}) == resume_outcome::resumed);  // an empty log
  CHECK(check(0, {1, 9}) == resume_outcome::resumed);
  CHECK(check(9, {1, 9}) == resume_outcome::resumed);
  CHECK(check(10, {1, 9}) == resume_outcome::epoch_changed);
  CHECK(check(~sequence{0}, {1, 9}) == resume_outcome::epoch_changed);
  CHECK(check(4, {5, 9}) == resume_outcome::resumed);
  CHECK(check(3, {5, 9}) == resume_outcome::evicted);
  CHECK(check(3, {5, 9}, "e", true) == resume_outcome::resumed);
  CHECK(check(9, {10, 9}) == resume_outcome::resumed);  // all evicted, and nothing missed
  CHECK(check(8, {10, 9}) == resume_outcome::evicted);
  CHECK(check(4, {1, 9}, "another") == resume_outcome::epoch_changed);
  CHECK(check(4, {1, 9}, "another", true) == resume_outcome::epoch_changed);
}

TEST_CASE("each refusal has a name for the client", "[session]") {
  CHECK(reason_of(resume_outcome::resumed).empty());
  CHECK(reason_of(resume_outcome::unknown_token) == "unknown_token");
  CHECK(reason_of(resume_outcome::expired) == "expired");
  CHECK(reason_of(resume_outcome::epoch_changed) == "epoch_changed");
  CHECK(reason_of(resume_outcome::evicted) == "evicted");
}

TEST_CASE("a token is a session's number and a secret, and is read back as it was made", "[session]") {
  manual_environment env;
  std::string text;
  const resume_token made = resume_token::make(0xab, "00000000000000ab", env, text);
  CHECK(text.size() == 48);
  const auto read = resume_token::parse(text);
  REQUIRE(read);
  CHECK(read->number == 0xab);
  CHECK(read->secret == made.secret);
  std::string other;
  CHECK_FALSE(resume_token::make(0xab, "00000000000000ab", env, other).secret == made.secret);
  CHECK(other != text);
}

TEST_CASE("a token that was cut, lengthened or bent is none, or not the same", "[session]") {
  manual_environment env;
  std::string text;
  const resume_token made = resume_token::make(0xab, "00000000000000ab", env, text);
  CHECK_FALSE(resume_token::parse(""));
  CHECK_FALSE(resume_token::parse(text.substr(1)));
  CHECK_FALSE(resume_token::parse(text + "0"));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string bent = text;
    bent[i] = bent[i] == '0' ? '1' : '0';
    const auto read = resume_token::parse(bent);
    CHECK((!read || read->number != made.number || !(read->secret == made.secret)));
    bent[i] = '-';
    if (i < resume_token::number_digits) CHECK_FALSE(resume_token::parse(bent));
  }
}
