#pragma once

// The parts of a hub over a fake carrier, without the hub: a test plays what comes in.

#include <catch2_any.hpp>
#include <hotline/command/dispatcher.hpp>
#include <hotline/connection/any_heartbeat.hpp>
#include <hotline/connection/connection.hpp>
#include <hotline/log/memory_event_log.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/server/connection_limiter.hpp>
#include <hotline/server/connections.hpp>
#include <hotline/server/counted_address.hpp>
#include <hotline/server/delivery.hpp>
#include <hotline/server/hooks.hpp>
#include <hotline/server/session_keeper.hpp>
#include <hotline/session/address_table.hpp>
#include <hotline/session/resume.hpp>
#include <hotline/session/session_table.hpp>
#include <hotline/wire/digest.hpp>
#include <server/fake_carrier.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline_test {

/// Reads frames as a server sends them: the texts of text frames, and "close CODE REASON".
inline std::vector<std::string> frames_in(std::string_view bytes) {
  constexpr unsigned two_bytes = 126, eight_bytes = 127, close_opcode = 8;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[at])); };
  std::vector<std::string> frames;
  while (bytes.size() >= 2) {
    const unsigned opcode = byte(0) & 15U;
    std::size_t size = byte(1), header = 2;
    if (size == two_bytes) size = byte(2) << 8U | byte(3), header = 4;
    REQUIRE(byte(1) < eight_bytes);
    REQUIRE(bytes.size() >= header + size);
    const std::string_view payload = bytes.substr(header, size);
    if (opcode == close_opcode && size >= 2)
      frames.push_back("close " + std::to_string(byte(header) << 8U | byte(header + 1)) + " " +
                       std::string(payload.substr(2)));
    else
      frames.emplace_back(payload);
    bytes.remove_prefix(header + size);
  }
  CHECK(bytes.empty());
  return frames;
}

/// Notes what it is to look at.
class noting_reader final : public hotline::detail::reader {
 public:
  void read_on(hotline::detail::connection& c) noexcept override { read.push_back(c.take_unread()); }
  std::vector<std::string> read;
};

/// A heartbeat policy without a heartbeat. Its `timeout` is one of the facts that a host receives of a session, so with it a test
/// can make a session's facts cost memory that is not there.
struct unwilling_heartbeat {
  std::shared_ptr<bool> out_of_memory;

  hotline::heartbeat_action operator()(const hotline::heartbeat_query&) const {
    return hotline::heartbeat_action::nothing;
  }
  std::chrono::milliseconds interval() const { return {}; }
  std::chrono::milliseconds timeout() const {
    if (*out_of_memory) throw std::bad_alloc();
    return {};
  }
};

struct parts_of_a_hub {
  using connection = hotline::detail::connection;
  using session = hotline::detail::session;

  explicit parts_of_a_hub(hotline::manager_options o = {}, hotline::log_options kept = {})
      : options(std::move(o)), log(std::make_shared<hotline::memory_event_log>(line.shared_clock(), kept)) {
    gaps.begin(now());
    notes.push_back(calls.on_connect.add([this](const auto& c) { told.push_back("connected " + c.project); }));
    notes.push_back(calls.on_resumed.add([this](const auto& c) { told.push_back("resumed " + c.project); }));
    notes.push_back(calls.on_session_expired.add([this](const auto& c) { told.push_back("expired " + c.project); }));
    notes.push_back(calls.on_disconnect.add([this](const auto& c, const hotline::disconnection& how) {
      told.push_back("disconnected " + c.project + " " + std::to_string(static_cast<int>(how.code)) +
                     (how.may_resume ? " may resume" : ""));
    }));
    notes.push_back(calls.on_error.add(
        [this](std::string_view where, const std::exception_ptr&) { told.push_back("error " + std::string(where)); }));
  }

  [[nodiscard]] hotline::steady_time now() { return line.env().now(); }

  /// A connection whose socket has sent nothing yet.
  connection& arrive(const std::string& address = "192.0.2.1:50123") {
    sockets.emplace_back();
    sockets.back().address = address;
    return all.add(std::make_unique<connection>(options, sockets.back().handle(), 0, address, now()));
  }

  /// An open connection with a new session in the project's room; the host knows of it.
  connection& open(const std::string& project = "p", const std::string& address = "192.0.2.1:50123") {
    connection& c = arrive(address);
    c.address = addresses.use(hotline::detail::counted_address(address));
    session& s = keeper.begin(c, log->open(project), "");
    s.want(hotline::filter::everything());
    enter(c, s);
    return c;
  }

  /// The rest of a handshake.
  void enter(connection& c, session& s) {
    const auto stream = log->open(s.project());
    c.upgrade("", now());
    c.room = &outbound.rooms().open(s.project(), stream);
    c.room->subscribers().join(c, s.wanted());
    s.finish_resume(secret_of(s));
    s.announce(hotline::detail::announcement::connected);
  }

  /// The text of the token that `enter` gave out, and what is kept of it.
  [[nodiscard]] static std::string token_of(const session& s) { return s.id() + std::string(32, 'a'); }
  [[nodiscard]] static hotline::detail::digest secret_of(const session&) {
    return hotline::detail::digest_of(std::string(32, 'a'));
  }

  /// Its socket has ended: does what a hub does then.
  void end(connection& c, bool may_resume = true) {
    session* const s = c.of();
    limiter.leave(c);
    outbound.leave(c);
    c.finish();
    if (s != nullptr) keeper.leave(*s, may_resume && s->ended().may_resume, now());
    outbound.turns().forget(c);
    limiter.let_go(c);
    all.remove(c);
  }

  [[nodiscard]] static fake_socket& socket_of(connection& c) { return fake_socket::of(*c.socket); }
  /// The frames that its socket took since the last call.
  [[nodiscard]] static std::vector<std::string> sent(connection& c) { return frames_in(socket_of(c).take()); }

  /// An event of that project is in the log.
  void append(const std::string& project = "p", std::string_view text = "") {
    const std::string head = "{\"type\":\"a\",\"seq\":";
    const std::string tail = ",\"text\":\"" + std::string(text) + "\"}";
    REQUIRE(log->open(project)->append({head, tail, std::string_view(head).substr(9, 1)}));
  }

  /// The socket is writable again.
  void writable(connection& c, std::size_t takes = fake_socket::everything) {
    socket_of(c).takes = takes;
    const hotline::detail::turn_list::turn scope(outbound.turns());
    c.blocked = false;
    outbound.turns().touch(c);
  }

  [[nodiscard]] std::uint64_t over(hotline::limit what) { return counted.limits[what].value(); }

  hotline::manager_options options;
  fake_carrier line;
  std::deque<fake_socket> sockets;
  std::shared_ptr<hotline::memory_event_log> log;
  std::shared_ptr<bool> out_of_memory = std::make_shared<bool>(false);  // for a session's facts
  hotline::detail::any_heartbeat heartbeat{unwilling_heartbeat{out_of_memory}};
  hotline::detail::live_metrics counted;
  std::vector<std::string> told;  // to the host
  hotline::detail::hooks calls{counted};
  std::vector<hotline::subscription> notes;
  hotline::detail::address_table addresses;
  hotline::detail::session_table sessions{options.resume, addresses};
  hotline::detail::connections all;
  hotline::detail::pauses gaps{line};
  noting_reader input;
  open_mailbox mail{line, [this](hotline::detail::mailbox_room& room) {
                      const hotline::detail::turn_list::turn scope(outbound.turns());
                      outbound.flush(static_cast<hotline::detail::project_room&>(room));
                    }};
  hotline::detail::delivery outbound{
      line, log, options, heartbeat, mail.shared(), counted, calls, all, sessions, gaps, hotline::detail::hash_key{},
      input};
  hotline::detail::dispatcher commands{options, mail.shared(), counted, outbound};
  hotline::detail::connection_limiter limiter{options.connections, counted, addresses};
  hotline::detail::session_keeper keeper{sessions, outbound, calls, counted};
};

}  // namespace hotline_test
