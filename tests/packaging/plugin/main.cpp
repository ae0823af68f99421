// A host that loads a part of itself with dlopen(RTLD_LOCAL), both with hidden symbols: error codes mean the same on both
// sides, hooks of the plugin's work, and the plugin may go when what it has called is gone.
#include "interface.hpp"

#include <dlfcn.h>

#include <iostream>
#include <string>
#include <string_view>
#include <thread>

namespace {

int failures = 0;

void expect(bool holds, std::string_view what) {
  if (holds) return;
  ++failures;
  std::cerr << "not so: " << what << '\n';
}

template <class F>
F* symbol(void* library, const char* name) {
  return reinterpret_cast<F*>(::dlsym(library, name));
}

void connect(manager_type& manager) {
  const auto peer = manager.transport().connect();
  peer->send(
      "GET /ws/p HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  manager.transport().run();
}

void compare(const plugin_interface& p) {
  const std::error_code ours = p.code;
  const std::string name = ours.message();
  expect(p.given == p.code, name + ": their code == our errc");
  expect(p.code == p.given, name + ": our errc == their code");
  expect(!(p.given != p.code), name + ": not their code != our errc");
  expect(p.given != hotline::errc::event_too_big, name + ": another errc");
  expect(p.given == ours.default_error_condition(), name + ": their code == our condition");
  expect(ours == p.given.default_error_condition(), name + ": our code == their condition");
  expect(p.equal_there, name + ": the same, asked in the plugin");
  if (p.code == hotline::errc::out_of_memory)
    expect(p.given == std::errc::not_enough_memory && ours == std::errc::not_enough_memory, "a standard condition");
}

}  // namespace

int main() {
  void* const library = ::dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::cerr << ::dlerror() << '\n';
    return 1;
  }
  auto* const begin = symbol<void(plugin_interface&, manager_type&, hotline::event_emitter&)>(library, "plugin_begin");
  auto* const end = symbol<void(plugin_interface&, manager_type&)>(library, "plugin_end");
  {
    hotline::event_emitter events;
    manager_type manager(hotline::memory_transport(), events);
    if (manager.start()) return 1;
    manager.transport().run();  // from here on this thread is the loop's
    plugin_interface p;
    for (const auto code : {hotline::errc::not_running, hotline::errc::out_of_memory, hotline::errc::wrong_thread}) {
      p.code = code;
      p.failed = code;
      begin(p, manager, events);
      compare(p);
      expect(p.sent_there, "the plugin may call on the loop");
    }
    std::thread([&] {
      plugin_interface elsewhere;
      begin(elsewhere, manager, events);
      expect(!elsewhere.sent_there, "the plugin may not call beside the loop");
      end(elsewhere, manager);
    }).join();
    expect(events.emit("p", "something").has_value() && p.heard == 1, "the plugin listens");
    connect(manager);
    expect(p.connected == 1, "the plugin observes");
    end(p, manager);
    connect(manager);
    expect(p.connected == 1, "the plugin observes no more");
    manager.stop();
    manager.transport().run();
  }
  // Only now: what the plugin's code has put into the manager and the emitter is released by its code.
  ::dlclose(library);
  return failures;
}
