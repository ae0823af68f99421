// The least that a host writes, as ../service.cpp, with the module in place of the headers, and one use of each kind of name
// that a module can forget: a template, a concept, operators, a constant, a specialisation, a literal of an option.
#include <asio/io_context.hpp>

#include <string>
#include <string_view>
#include <system_error>

import hotline;

struct moved {
  int from = 0;
  int to = 0;
  static constexpr std::string_view event_type = "piece.moved";
  static constexpr auto fields =
      hotline::fields(hotline::field{"from", &moved::from}, hotline::field{"to", &moved::to});
};

static_assert(hotline::transport<hotline::asio_transport> && hotline::transport<hotline::memory_transport>);
static_assert(hotline::protocol_version == 1 && std::is_error_code_enum_v<hotline::errc>);

int main() {
  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = 0});
  manager.on_command("greet", [](const hotline::request& q) -> hotline::command_result {
    return hotline::json_object{{"hello", q.project()}};
  });
  if (manager.start()) return 1;

  const auto seq = events.emit("demo", "greeting", {{"hello", "world"}});
  if (!seq || *seq != 1) return 2;
  if (const auto refused = events.emit("demo", "no event type", {});
      refused || refused.error().code != hotline::errc::invalid_event_type)
    return 3;
  if (const auto moves = events.emit("demo", moved{1, 2}); !moves) return 4;
  const auto parsed = hotline::parse_json(R"({"a": [1, 2]})");
  if (!parsed || hotline::to_string(hotline::close_code::normal).empty()) return 5;
  const std::error_code none = hotline::make_error_code(hotline::errc{});
  if (none) return 6;
  if (hotline::to_prometheus(manager.metrics()).empty()) return 7;

  bool stopped = false;
  manager.stop([&] { stopped = true; });
  io.run();
  return stopped ? 0 : 8;
}
