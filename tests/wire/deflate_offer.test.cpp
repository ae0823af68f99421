#include <catch2_any.hpp>
#include <hotline/wire/deflate_offer.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

using hotline::http_request;
using hotline::detail::answer_to_deflate_offers;
using hotline::detail::deflate_answer;
using hotline::detail::deflate_answer_with_window;

namespace {

std::string_view answer(std::initializer_list<std::string> headers) {
  http_request request;
  for (const std::string& text : headers) request.headers.emplace_back("Sec-WebSocket-Extensions", text);
  return answer_to_deflate_offers(request);
}

bool taken(std::initializer_list<std::string> headers) { return !answer(headers).empty(); }

}  // namespace

TEST_CASE("offers of permessage-deflate that can be kept are taken", "[wire]") {
  CHECK(taken({"permessage-deflate"}));
  CHECK(taken({"permessage-deflate; client_max_window_bits"}));  // Chromium, Node's ws
  CHECK(taken({"permessage-deflate;client_max_window_bits=8"}));
  CHECK(taken({"permessage-deflate; client_max_window_bits=\"15\""}));
  CHECK(taken({"permessage-deflate; server_no_context_takeover; client_no_context_takeover"}));
  CHECK(taken({"permessage-deflate ; server_max_window_bits = 15"}));
  CHECK(taken({"\tpermessage-deflate\t"}));
}

TEST_CASE("offers of permessage-deflate that cannot be kept are declined", "[wire]") {
  CHECK_FALSE(taken({}));
  CHECK_FALSE(taken({"x-webkit-deflate-frame"}));
  CHECK_FALSE(taken({"Permessage-Deflate"}));                             // names of extensions are tokens as they are
  CHECK_FALSE(taken({"permessage-deflate; server_max_window_bits=10"}));  // one rendition for all
  CHECK_FALSE(taken({"permessage-deflate; server_max_window_bits"}));
  CHECK_FALSE(taken({"permessage-deflate; server_max_window_bits=16"}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits=7"}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits=16"}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits=271"}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits=08"}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits=-8"}));
  CHECK_FALSE(taken({"permessage-deflate; server_no_context_takeover=1"}));
  CHECK_FALSE(taken({"permessage-deflate; client_no_context_takeover; client_no_context_takeover"}));
  CHECK_FALSE(taken({"permessage-deflate; something_new"}));
}

TEST_CASE("the first offer that can be kept is taken wherever it stands", "[wire]") {
  CHECK(taken({"permessage-deflate; server_max_window_bits=10, permessage-deflate"}));
  CHECK(taken({"permessage-deflate; something_new=1 , permessage-deflate; client_max_window_bits"}));
  CHECK(taken({"x-other; a=b; c", "permessage-deflate"}));
  // An offer leaves nothing behind for the next.
  CHECK(taken({"permessage-deflate; client_no_context_takeover=x, permessage-deflate; client_no_context_takeover"}));
}

TEST_CASE("the answer names the server's window exactly when the offer that is taken does", "[wire]") {
  CHECK(answer({"permessage-deflate"}) == deflate_answer);
  CHECK(answer({"permessage-deflate; client_max_window_bits=9"}) == deflate_answer);
  CHECK(answer({"permessage-deflate; server_max_window_bits=15"}) == deflate_answer_with_window);
  CHECK(answer({"permessage-deflate, permessage-deflate; server_max_window_bits=15"}) == deflate_answer);
  CHECK(answer({"permessage-deflate; server_max_window_bits=15, permessage-deflate"}) == deflate_answer_with_window);
  CHECK(answer({"permessage-deflate; server_max_window_bits=10, permessage-deflate"}) == deflate_answer);
}

TEST_CASE("a list of extensions that breaks the grammar offers nothing", "[wire]") {
  CHECK_FALSE(taken({"permessage-deflate;"}));
  CHECK_FALSE(taken({"permessage-deflate,"}));
  CHECK_FALSE(taken({",permessage-deflate"}));
  CHECK_FALSE(taken({""}));
  CHECK_FALSE(taken({"permessage-deflate; =8"}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits="}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits=\"8"}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits=\"\""}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits=\" 15\""}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits=\"15 \""}));
  CHECK_FALSE(taken({"permessage-deflate; client_max_window_bits=\"1\\5\""}));
  CHECK_FALSE(taken({"permessage-deflate x"}));
  CHECK_FALSE(taken({"permessage-deflate", "a b"}));
}
