// A PROXY header is read the same however it is cut, within its limits, and takes nothing of what follows it.

#include "input.hpp"

#include <hotline/transport/traffic/proxy_header.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using hotline::detail::proxy_header_reader;

namespace {

struct outcome {
  proxy_header_reader::state state = proxy_header_reader::state::need_more;
  std::size_t consumed = 0;
  std::string named{};
};

outcome read(std::string_view bytes, std::string_view cuts) {
  proxy_header_reader reader;
  outcome got;
  for (std::size_t turn = 0; got.consumed < bytes.size(); ++turn) {
    const std::string_view rest = bytes.substr(got.consumed);
    const std::size_t most = cuts.empty() ? rest.size() : static_cast<std::uint8_t>(cuts[turn % cuts.size()]) % 40U + 1;
    const auto step = reader.consume(rest.substr(0, most));
    got.consumed += step.consumed;
    got.state = step.state;
    if (step.state != proxy_header_reader::state::need_more) break;
    fuzz::promise(step.consumed == rest.substr(0, most).size());
  }
  if (got.state == proxy_header_reader::state::ready && reader.named()) got.named = reader.named()->text();
  return got;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const std::string_view cuts = in.bytes(4);
  const std::string_view bytes = in.rest();
  using state = proxy_header_reader::state;
  const outcome whole = read(bytes, {}), pieces = read(bytes, cuts);
  fuzz::promise(whole.state == pieces.state && whole.consumed == pieces.consumed && whole.named == pieces.named);
  const bool is_line = !bytes.empty() && bytes.front() == 'P';
  fuzz::promise(whole.consumed <= (is_line ? proxy_header_reader::longest_line : proxy_header_reader::longest));
  if (whole.state != state::ready) return 0;
  const std::string_view header = bytes.substr(0, whole.consumed);
  fuzz::promise(is_line ? header.ends_with("\r\n") : header.size() >= 16);
  // Every shorter piece of it is not enough, and what follows it changes nothing.
  fuzz::promise(read(header.substr(0, header.size() - 1), {}).state == state::need_more);
  const outcome alone = read(header, {});
  fuzz::promise(alone.state == state::ready && alone.named == whole.named);
  return 0;
}
