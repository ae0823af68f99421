// Paths, queries, tokens and origins: what is taken is what it says it is.

#include "input.hpp"

#include <hotline/server/route.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/wire/percent.hpp>

#include <algorithm>
#include <string>

using namespace hotline;
using namespace hotline::detail;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static const manager_options options;
  if (const auto project = project_in("/ws/" + text, options)) fuzz::promise(is_project_id(*project));
  if (const auto decoded = percent_decode(text)) fuzz::promise(decoded->size() <= text.size());

  http_request request;
  request.query = text;
  if (const auto entry = read_entry(request); entry && entry->resume) {
    if (const auto token = resume_token::parse(entry->resume->token))
      fuzz::promise(entry->resume->token.size() == resume_token::number_digits + resume_token::secret_digits);
    const log_bounds log{5, 9};
    if (check_position(*entry->resume, "e", log) == resume_outcome::resumed)
      fuzz::promise(entry->resume->epoch == "e" && entry->resume->after <= 9);
  }
  (void)resume_token::parse(text);

  const std::size_t half = text.find('|');
  if (half != std::string::npos && is_same_origin(text.substr(0, half), text.substr(half + 1))) {
    const auto page = parse_origin(std::string_view(text).substr(0, half));
    const auto asked = parse_authority(std::string_view(text).substr(half + 1));
    fuzz::promise(page && asked && is_same_host(asked->host, page->where.host));
  }
  const bool is_no_host = equal_ignoring_case(text, "null") || equal_ignoring_case(text, "file://");
  if (can_be_origin(text)) fuzz::promise(is_no_host || parse_origin(text).has_value());
  if (is_ip_address(text)) fuzz::promise(text.find_first_not_of("0123456789abcdefABCDEF.:[]") == std::string::npos);
  return 0;
}
