#include "interface.hpp"

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void plugin_begin(plugin_interface& p, manager_type& manager, hotline::event_emitter& events) {
  p.given = p.code;
  p.equal_there = p.failed == p.code && p.code == p.failed && !(p.failed != p.code) &&
                  p.failed == std::error_code(p.code).default_error_condition() &&
                  std::error_code(p.code) == p.failed.default_error_condition();
  // The loop's thread is the same one, whichever shared object asks.
  p.sent_there = manager.disconnect("nobody") == hotline::errc::no_such_connection;
  p.listening = events.on_all([&p](const hotline::event&) { ++p.heard; });
  p.observing = manager.on_connect([&p](const hotline::connection_info&) { ++p.connected; });
  manager.on_command("plugged", [](const hotline::request&) { return hotline::json_object{{"by", "plugin"}}; });
}

EXPORTED void plugin_end(plugin_interface& p, manager_type& manager) {
  p.listening.reset();
  p.observing.reset();
  p.given = p.failed = std::error_code();
  manager.remove_command("plugged");
}
