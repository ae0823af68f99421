// A request's head is read the same however it is cut, within its limits; what comes of it is an answer of HTTP's.

#include "input.hpp"

#include <hotline/server/route.hpp>
#include <hotline/wire/head_reader.hpp>

#include <algorithm>
#include <string>
#include <string_view>

using namespace hotline;
using namespace hotline::detail;

namespace {

constexpr handshake_limits limits{.head_bytes = 2000, .headers = 20};

struct outcome {
  head_reader::state state = head_reader::state::need_more;
  int status = 0;
  std::size_t consumed = 0;
  http_request request{};
};

outcome read(std::string_view bytes, std::string_view cuts) {
  head_reader reader(limits);
  outcome got;
  for (std::size_t turn = 0; got.consumed < bytes.size(); ++turn) {
    const std::string_view rest = bytes.substr(got.consumed);
    const std::size_t most = cuts.empty() ? rest.size() : static_cast<std::uint8_t>(cuts[turn % cuts.size()]) % 40U + 1;
    const auto step = reader.consume(rest.substr(0, most));
    got.consumed += step.consumed;
    got.state = step.state;
    if (step.state != head_reader::state::need_more) break;
  }
  fuzz::promise(got.consumed <= limits.head_bytes);
  got.status = reader.status();
  if (got.state == head_reader::state::ready) got.request = reader.take_request();
  return got;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const std::string_view cuts = in.bytes(4);
  const std::string_view bytes = in.rest();
  const outcome whole = read(bytes, {}), pieces = read(bytes, cuts);
  fuzz::promise(whole.state == pieces.state && whole.status == pieces.status && whole.consumed == pieces.consumed);
  fuzz::promise((whole.state == head_reader::state::refused) == (whole.status >= 400 && whole.status < 600));
  if (whole.state != head_reader::state::ready) return 0;
  fuzz::promise(whole.request.target == pieces.request.target && whole.request.headers == pieces.request.headers);
  const auto host = parse_authority(whole.request.header("Host"));
  fuzz::promise(host && whole.request.header_count("Host") <= 1);
  const std::string named = whole.request.forwarded_for(1, "Host");
  fuzz::promise(named.empty() || named == whole.request.header("Host"));
  (void)has_current(whole.request, "\"tag\"");
  static const manager_options options;
  live_metrics counted;
  hooks none(counted);
  const reception answer = receive_request(whole.request, options, none, true);
  fuzz::promise(answer.response.starts_with("HTTP/1.1 ") && answer.response.find("\r\n\r\n") != std::string::npos);
  fuzz::promise(answer.rule.size() < 400);
  fuzz::promise(answer.upgraded() == answer.response.starts_with("HTTP/1.1 101 "));
  if (answer.upgraded()) fuzz::promise(is_project_id(answer.project));
  return 0;
}
