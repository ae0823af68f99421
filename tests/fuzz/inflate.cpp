// Inflating stays within its limit, to the byte, and leaves nothing behind for the next message. The inflated text can be
// deflated and comes back.

#include "input.hpp"

#include <hotline/deflate.hpp>

#include <string>

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // All that came before went through this one, broken messages among it.
  static hotline::permessage_deflate ours({.at_least = 0, .level = 6}), theirs;
  constexpr std::size_t most = 20'000;
  using outcome = hotline::message_compression::outcome;
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  const auto got = ours.inflate(payload, most);
  fuzz::initialised(got.message);
  fuzz::promise(got.message.size() <= most && (got.what == outcome::inflated || got.message.empty()));
  const std::string message(got.message);
  hotline::permessage_deflate fresh;
  const auto alone = fresh.inflate(payload, most);
  fuzz::initialised(alone.message);
  fuzz::promise(alone.what == got.what && alone.message == message);
  if (got.what != outcome::inflated) return 0;
  fuzz::promise(ours.inflate(payload, message.size()).what == outcome::inflated);
  if (!message.empty()) fuzz::promise(ours.inflate(payload, message.size() - 1).what == outcome::too_big);

  std::string made = "x";
  if (!ours.deflate(message, made)) {
    fuzz::promise(made == "x");
    return 0;
  }
  fuzz::promise(made.size() - 1 < message.size());
  const auto back = theirs.inflate(std::string_view(made).substr(1), message.size());
  fuzz::initialised(back.message);
  fuzz::promise(back.what == outcome::inflated && back.message == message);
  return 0;
}
