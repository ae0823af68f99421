#pragma once

#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <system_error>

using manager_type = hotline::ws_manager<hotline::memory_transport>;

/// The plugin's interface for its host; made and ended on the manager's loop.
struct plugin_interface {
  hotline::errc code = hotline::errc::not_running;
  std::error_code given;   ///< that code, as the plugin makes it
  std::error_code failed;  ///< compared with the host's `failed` in the plugin
  bool equal_there = false;
  bool sent_there = false;
  hotline::subscription listening;
  hotline::subscription observing;
  int heard = 0;
  int connected = 0;
};
