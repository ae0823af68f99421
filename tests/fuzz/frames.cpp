// A client's bytes after the upgrade give the same messages however they are cut, and none is over the limit.

#include "input.hpp"

#include <hotline/deflate.hpp>
#include <hotline/wire/decoder.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using namespace hotline;
using namespace hotline::detail;

namespace {

constexpr session_limits limits{.message_bytes = 3000, .message_fragments = 10};

// zlib's own, whose output MemorySanitizer cannot see being written.
class seen_inflater final : public message_compression {
 public:
  bool deflate(std::string_view, std::string&) override { return false; }
  inflation inflate(std::string_view payload, std::size_t most) override {
    const inflation got = with_zlib_.inflate(payload, most);
    fuzz::initialised(got.message);
    return got;
  }

 private:
  permessage_deflate with_zlib_;
};

struct seen {
  decode_event event;
  close_code why;
  std::string payload;
  friend bool operator==(const seen&, const seen&) = default;
};

std::vector<seen> decode(std::string bytes, bool compressed, std::string_view cuts) {
  seen_inflater inflater;
  decoder d(limits);
  if (compressed) d.inflate_with(&inflater);
  std::vector<seen> all;
  std::span<char> rest(bytes);
  for (std::size_t turn = 0; !rest.empty(); ++turn) {
    const std::size_t most = cuts.empty() ? rest.size() : static_cast<std::uint8_t>(cuts[turn % cuts.size()]) % 40U + 1;
    std::span<char> piece = rest.first(std::min(rest.size(), most));
    rest = rest.subspan(piece.size());
    while (!piece.empty()) {
      const decode_result step = d.consume(piece);
      fuzz::promise(step.consumed > 0 && step.consumed <= piece.size());
      piece = piece.subspan(step.consumed);
      fuzz::promise(step.payload.size() <= limits.message_bytes);
      fuzz::promise(d.held_bytes() <= std::max(limits.message_bytes, decoder::idle_bytes));
      if (step.event == decode_event::need_more) continue;
      all.push_back({step.event, step.why, std::string(step.payload)});
      if (step.event == decode_event::failed || step.event == decode_event::close) return all;
    }
  }
  return all;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const bool compressed = (in.byte() & 1) != 0;
  const std::string_view cuts = in.bytes(4);
  const std::string bytes(in.rest());
  fuzz::promise(decode(bytes, compressed, {}) == decode(bytes, compressed, cuts));
  return 0;
}
