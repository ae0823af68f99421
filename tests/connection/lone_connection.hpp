#pragma once

// A connection without a transport.

#include <catch2_any.hpp>
#include <hotline/connection/any_heartbeat.hpp>
#include <hotline/connection/connection.hpp>
#include <hotline/connection/heartbeat.hpp>
#include <hotline/options.hpp>
#include <hotline/session/session.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/decoder_pool.hpp>
#include <memory_client.hpp>

#include <chrono>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline_test {

using namespace std::chrono_literals;

/// Returns a socket that nobody writes to.
inline hotline::detail::opaque_socket& no_socket() noexcept {
  static char place = 0;
  return *static_cast<hotline::detail::opaque_socket*>(static_cast<void*>(&place));
}

/// Returns the name of a project as a session has it.
inline std::shared_ptr<const std::string> project_name(std::string name) {
  return std::make_shared<const std::string>(std::move(name));
}

/// One connection with its session: what its bytes and the clock come to.
struct lone_connection {
  using inbound = hotline::detail::connection::inbound;
  using due = hotline::detail::connection::due;

  static constexpr std::string_view whole_request = "GET /ws/p HTTP/1.1\r\nHost: x\r\n\r\n";
  static constexpr std::string_view upgrade_head = "HTTP/1.1 101 \r\n\r\n";

  explicit lone_connection(hotline::manager_options o = {})
      : options(std::move(o)),
        decoders(options.session),
        of(1, hotline_test::project_name("p"), {"", "192.0.2.1:50123"}),
        c(options, no_socket(), 0, "192.0.2.1:50123", now) {}

  /// Returns what the bytes come to, as words: one for each result but `need_more`.
  std::vector<std::string> receive(std::string_view bytes, hotline::detail::pauses* gaps = nullptr) {
    std::string buffer(bytes);
    std::span<char> rest(buffer);
    std::vector<std::string> told;
    for (;;) {
      const hotline::detail::connection::received got = c.receive(rest, now, decoders, nullptr, gaps);
      switch (got.what) {
        case inbound::need_more: CHECK(rest.empty()); return told;
        case inbound::request: told.push_back("request " + c.take_request().path); return told;
        case inbound::refused: told.push_back("refused " + std::to_string(got.status)); return told;
        case inbound::message: told.push_back("message " + std::string(got.text)); break;
        case inbound::peer_closed:
          told.push_back("closed " + std::to_string(static_cast<int>(got.code)) + " " + std::string(got.reason));
          break;
        case inbound::failed:
          told.push_back("failed " + std::to_string(static_cast<int>(got.code)) + " " + std::string(got.reason));
          c.close(got.code, got.reason, {}, now);
          break;
      }
    }
  }

  /// Gives it its session, and upgrades it.
  void upgrade(std::string_view head = upgrade_head) {
    of.attach(c, now, {});
    c.upgrade(head, now);
  }

  /// To the open state, its outbox sent.
  lone_connection& open() {
    CHECK(receive(whole_request) == std::vector<std::string>{"request /ws/p"});
    upgrade();
    CHECK(sent() == upgrade_head);
    return *this;
  }

  /// The socket takes all that waits.
  std::string sent() {
    std::string all(c.out.pending());
    c.out.consume(all.size());
    return all;
  }

  due tick() { return c.tick(now, heartbeat); }
  due tick_in(std::chrono::milliseconds time) {
    now += time;
    return tick();
  }

  hotline::manager_options options;
  hotline::detail::any_heartbeat heartbeat{hotline::interval_heartbeat{}};
  hotline::steady_time now{1h};
  hotline::detail::decoder_pool decoders;
  hotline::detail::session of;
  hotline::detail::connection c;
};

}  // namespace hotline_test
