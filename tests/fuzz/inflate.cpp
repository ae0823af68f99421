// What inflates stays within its limit, and what it was inflated to can be deflated and comes back.

#include "input.hpp"

#include <hotline/deflate.hpp>

#include <string>

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static hotline::permessage_deflate ours({.at_least = 0, .level = 6}), theirs;
  constexpr std::size_t most = 20'000;
  using outcome = hotline::message_compression::outcome;
  const auto got = ours.inflate({reinterpret_cast<const char*>(data), size}, most);
  fuzz::promise(got.message.size() <= most);
  if (got.what != outcome::inflated) return 0;
  const std::string message(got.message);
  std::string payload = "x";
  if (!ours.deflate(message, payload)) {
    fuzz::promise(payload == "x");
    return 0;
  }
  fuzz::promise(payload.size() - 1 < message.size());
  const auto back = theirs.inflate(std::string_view(payload).substr(1), message.size());
  fuzz::promise(back.what == outcome::inflated && back.message == message);
  return 0;
}
