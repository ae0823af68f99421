// A part of the host that emits, and knows of no manager.
#include <hotline/event_emitter.hpp>
#include <hotline/protocol/json_reader.hpp>

// Those who link hotline::compiled do not parse RapidJSON.
#if defined(HOTLINE_COMPILED) && defined(RAPIDJSON_RAPIDJSON_H_)
#error "a header of the compiled form includes RapidJSON"
#endif

bool emit_from_another_file() {
  hotline::event_emitter events;
  const auto read = hotline::parse_json(R"({"share": 0.25, "name": "a \"b\""})");
  if (!read) return false;
  const auto seq = events.emit("demo", "greeting", {{"share", 0.25}, {"read", *read}});
  return seq.has_value() && *seq == 1;
}
