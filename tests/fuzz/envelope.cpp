// A message is a command or a named failure, within its limits; JSON that was read is JSON when it is written again.

#include "input.hpp"

#include <hotline/protocol/envelope.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <hotline/protocol/json_writer.hpp>

#include <string>

using namespace hotline;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const session_limits limits{.json_depth = 8, .json_nodes = 100};
  const auto read = detail::read_envelope(text, limits);
  if (!read) {
    fuzz::promise(!read.error().code.empty());
    // The id that was read of it is in it.
    if (read.error().id && read.error().id->text().front() != '"')
      fuzz::promise(text.find(read.error().id->text()) != text.npos);
    if (!read.error().command.empty()) fuzz::promise(detail::is_command_name(read.error().command));
  } else {
    fuzz::promise(!read->command.empty());
  }
  // A message that is read without the JSON reader is the one that the JSON reader reads.
  if (detail::client_command plain; detail::plain_envelope_reader(text, limits).read(plain)) {
    const auto any = detail::read_any_envelope(text, limits);
    fuzz::promise(any && any->command == plain.command && any->id == plain.id &&
                  any->payload.text() == plain.payload.text());
  }
  const auto parsed = parse_json(text, {.depth = 8, .nodes = 100, .bytes = 100'000});
  fuzz::promise(parsed || !read);
  if (!parsed) return 0;
  fuzz::promise(detail::is_utf8(text));
  std::string again;
  json_writer writer(again);
  writer.value(*parsed);
  fuzz::promise(writer.complete());
  const auto twice = parse_json(again, {.depth = 8, .nodes = 100, .bytes = 100'000});
  fuzz::promise(twice && twice->text() == parsed->text());
  return 0;
}
