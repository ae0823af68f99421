#pragma once

#include <hotline/event_emitter.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <system_error>

using manager_type = hotline::ws_manager<hotline::memory_transport>;

/// What the plugin gives its host; made and ended on the manager's loop.
struct plugin_interface {
  hotline::errc code = hotline::errc::not_running;
  std::error_code given;   ///< that code, as the plugin makes it
  std::error_code failed;  ///< what the host's `failed` is compared with in the plugin
  bool equal_there = false;
  bool sent_there = false;
  hotline::subscription listening;
  hotline::subscription observing;
  int heard = 0;
  int connected = 0;
};
