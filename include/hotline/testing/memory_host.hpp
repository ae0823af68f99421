#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/heartbeat.hpp>
#include <hotline/event_emitter.hpp>
#include <hotline/options.hpp>
#include <hotline/testing/memory_client.hpp>
#include <hotline/transport/manual_environment.hpp>
#include <hotline/transport/memory_peer.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hotline::testing {

/// A service in a test: an emitter, a manager over `memory_transport`, and a clock that stands still until the test moves
/// it. Works with every test framework, and without one.
///
///     hotline::testing::memory_host host;
///     host.manager().on_command("greet", [](const hotline::request& q) {
///       return hotline::json_object{{"hello", q.payload()["name"].as_string().value_or("?")}};
///     });
///     auto client = host.connect("/ws/demo");
///     check(client.command("greet", {{"name", "Ada"}})["result"]["hello"].as_string() == "Ada");
///
/// For one thread. Its clients must not outlive it.
class memory_host {
 public:
  /// The manager's type. Code under test takes a `manager&`.
  using manager_type = ws_manager<memory_transport>;

  /// Its clients answer no ping, so they are pinged by a heartbeat alone that the test passes. Throws `std::invalid_argument`
  /// for options with which no client could be served.
  template <heartbeat_policy Heartbeat = no_heartbeat>
  explicit memory_host(manager_options options = {}, log_options limits = {}, Heartbeat heartbeat = {})
      : clock_(std::make_shared<manual_environment>()),
        events_(limits, clock_),
        manager_(memory_transport(clock_), events_, std::move(options), std::move(heartbeat)) {}

  [[nodiscard]] manager_type& manager() noexcept { return manager_; }
  [[nodiscard]] event_emitter& events() noexcept { return events_; }
  [[nodiscard]] memory_transport& transport() noexcept { return manager_.transport(); }
  [[nodiscard]] manual_environment& clock() noexcept { return *clock_; }

  /// Connects a client to `target`, path and query, and takes its `connected`. Starts the manager before the first
  /// client. `headers` are whole lines, each with "\r\n" at its end. Throws `test_failure` when the manager does not
  /// start or refuses the client.
  [[nodiscard]] memory_client connect(std::string_view target = "/ws/test", std::string_view headers = {}) {
    memory_client client = request(target, headers);
    client.greet();
    return client;
  }

  /// As `connect`, for a client that may be refused: `http()` of the client has the response then.
  [[nodiscard]] memory_client request(std::string_view target, std::string_view headers = {}) {
    start();
    return memory_client(transport(), target, headers);
  }

  /// Requests a page with GET. Returns the whole response, its head included.
  [[nodiscard]] std::string get(std::string_view target, std::string_view headers = {}) {
    start();
    const std::shared_ptr<memory_peer> peer = transport().connect();
    peer->send(std::string("GET ").append(target).append(" HTTP/1.1\r\nHost: test\r\n").append(headers) + "\r\n");
    run();
    peer->close();
    run();
    return peer->take();
  }

  /// Runs all that waits: posted functions, answers from other threads. Clients' members do so too.
  void run() { transport().run(); }

  /// Lets `time` pass, with every heartbeat and deadline at its moment.
  void advance(std::chrono::nanoseconds time) { transport().advance(time); }

 private:
  void start() {
    if (started_) return;
    if (const std::error_code failed = manager_.start(); failed && failed != errc::already_running)
      throw test_failure("the manager does not start: " + failed.message());
    started_ = true;
  }

  std::shared_ptr<manual_environment> clock_;
  event_emitter events_;
  manager_type manager_;
  bool started_ = false;
};

}  // namespace hotline::testing
#endif
