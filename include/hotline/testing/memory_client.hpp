#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_object.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <hotline/testing/check.hpp>
#include <hotline/testing/message.hpp>
#include <hotline/transport/memory_peer.hpp>
#include <hotline/transport/memory_transport.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::testing {

/// A client's end of its line, and all that has come over it and was not taken.
struct client_end {
  std::shared_ptr<memory_peer> peer{};        ///< stalls, vanishes, cuts the line at a chosen byte
  std::string head{};                         ///< the head of the response, once the server has upgraded
  std::vector<json> messages{};               ///< in the order in which they came
  std::vector<std::string> pings{}, pongs{};  ///< their payloads
  std::optional<std::uint16_t> close_code{};  ///< the server's close frame has it; 1005 when it named none
  std::string close_reason{};
  std::size_t compressed = 0;  ///< how many of the messages came compressed
};

/// A WebSocket client over `memory_transport`, for tests of a host's handlers: no socket, no thread, no time that passes.
/// Each member that sends or takes runs the transport until nothing is left to do. The client is strict: a frame or a
/// message that the protocol does not allow is a `test_failure`. `memory_host` makes one with all that it needs.
///
///     hotline::testing::memory_client client(manager.transport(), "/ws/demo");
///     client.greet();
///     const hotline::json answer = client.command("greet", {{"name", "Ada"}});
///     check(answer["result"]["hello"].as_string() == "Ada");
///
/// For the thread that drives the transport, which must outlive the client.
class memory_client : public client_end {
 public:
  /// Connects and requests `target`: path and query. `headers` are whole lines, each with "\r\n" at its end. `inflating`
  /// inflates compressed messages, for a client whose headers asked for permessage-deflate; it must outlive the client.
  explicit memory_client(memory_transport& transport, std::string_view target = "/ws/p", std::string_view headers = {},
                         message_compression* inflating = nullptr)
      : transport_(&transport), inflating_(inflating) {
    peer = transport.connect();
    std::string request = "GET ";
    request.append(target).append(
        " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n");
    request.append(headers).append("\r\n");
    peer->send(request);
    pump();
  }

  // It is one end of one line.
  memory_client(const memory_client&) = delete;
  memory_client& operator=(const memory_client&) = delete;
  memory_client(memory_client&&) noexcept = default;
  memory_client& operator=(memory_client&&) noexcept = default;
  ~memory_client() = default;

  /// Returns whether the server has upgraded the connection.
  [[nodiscard]] bool upgraded() const noexcept { return !head.empty(); }

  /// Returns all that came before, or instead of, the upgrade: a page, or a refusal.
  [[nodiscard]] std::string http() const { return upgraded() ? head : raw_; }

  /// Takes the message `connected`, which is the first, and returns it. Throws `test_failure` when the server refused.
  json greet() {
    if (!upgraded()) pump();
    if (!upgraded()) throw test_failure("no upgrade, but: " + raw_);
    hello_ = next();
    if (hello_["type"].as_string() != "connected")
      throw test_failure("not `connected`, but: " + std::string(hello_.text()));
    return hello_;
  }

  /// Returns the id of the connection, of the last `greet`; empty without one.
  [[nodiscard]] std::string id() const { return std::string(hello_["connection_id"].as_string().value_or("")); }

  /// Returns the query with which a client resumes this one's session after the event `seq`: "resume=…&epoch=…&after=…".
  [[nodiscard]] std::string resume_query(std::uint64_t seq) const {
    std::string query = "resume=";
    query.append(hello_["resume"]["token"].as_string().value_or(""));
    query.append("&epoch=").append(hello_["epoch"].as_string().value_or(""));
    return query.append("&after=").append(std::to_string(seq));
  }

  // ------------------------------------------------------------------------------------------------- sending

  /// Sends a text message, which may be no JSON at all.
  void send(std::string_view text) { send_frame(0x81, text); }

  /// Sends a frame of that first byte: 0x81 text, 0x88 close, 0x89 ping, 0x8A pong.
  void send_frame(unsigned char first, std::string_view payload) {
    peer->send(masked_frame(first, payload, 0x78563412));
    pump();
  }

  /// Sends a command with an id of its own, which it returns: 1, 2, 3, …
  std::uint64_t send_command(std::string_view name, const json_object& payload = {}) {
    send(json_object{{"command", name}, {"id", ++last_id_}, {"payload", payload}}.text());
    return last_id_;
  }

  /// Sends a command and takes its answer: a message whose `result`, or whose `error`, is the handler's. Throws
  /// `test_failure` when no answer has come; a handler that answers later is for `send_command` and `answer`.
  json command(std::string_view name, const json_object& payload = {}) {
    if (json found = answer(send_command(name, payload))) return found;
    throw test_failure("no answer to the command " + std::string(name) + what_came());
  }

  // ------------------------------------------------------------------------------------------------ receiving

  /// Reads all that has come: messages wait in `messages`.
  void pump() {
    transport_->run();
    raw_ += peer->take();
    if (!upgraded()) {
      const std::size_t end = raw_.find("\r\n\r\n");
      if (end == std::string::npos || !raw_.starts_with("HTTP/1.1 101 ")) return;
      head = raw_.substr(0, end + 4);
      raw_.erase(0, end + 4);
    }
    // A frame that a check refuses is taken as well: the next call throws for the next one.
    struct taking {
      ~taking() { bytes.erase(0, begin); }
      std::string& bytes;
      std::size_t begin = 0;
    } taken{raw_};
    while (const auto frame = next_frame(taken.begin)) take(*frame);
  }

  /// Takes the next message. Throws `test_failure` when there is none.
  json next() {
    if (messages.empty()) pump();
    if (messages.empty()) throw test_failure("no message came" + what_came());
    json first = std::move(messages.front());
    messages.erase(messages.begin());
    return first;
  }

  /// Takes the next message and returns its type; an empty text when there is none.
  std::string next_type() {
    if (messages.empty()) pump();
    return messages.empty() ? std::string() : std::string(*next()["type"].as_string());
  }

  /// Takes the answer to the command of that id. Returns a missing value when it has not come.
  json answer(std::uint64_t id) {
    return take_first([&](const json& message) {
      const auto type = message["type"].as_string();
      return (type == "command_response" || type == "command_error") && message["id"].as_uint64() == id;
    });
  }

  /// Takes the first event of that type, or message of that type of the host's own. Returns a missing value when there is
  /// none.
  json event(std::string_view type) {
    return take_first([&](const json& message) {
      const auto of = message["type"].as_string();
      return of == type || (of == "event" && message["event_type"].as_string() == type);
    });
  }

  /// Takes all events, and messages to the whole project. Returns their numbers.
  std::vector<std::uint64_t> events() {
    pump();
    std::vector<std::uint64_t> numbers;
    std::vector<json> others;
    for (json& message : messages) {
      const auto type = message["type"].as_string();
      const auto number = message["seq"].as_uint64();
      if (number && type != "pong" && type != "connected" && type != "position")
        numbers.push_back(*number);
      else
        others.push_back(std::move(message));
    }
    messages = std::move(others);
    return numbers;
  }

 private:
  template <class Matches>
  json take_first(Matches matches) {
    pump();
    const auto found = std::find_if(messages.begin(), messages.end(), matches);
    if (found == messages.end()) return {};
    json taken = std::move(*found);
    messages.erase(found);
    return taken;
  }

  std::optional<frame> next_frame(std::size_t& begin) {
    if (raw_.size() > begin + 1 && (static_cast<unsigned char>(raw_[begin + 1]) & 0x80U) != 0)
      throw test_failure("a masked frame of a server");
    return take_frame(raw_, begin);
  }

  void take(const frame& came) {
    if (close_code) throw test_failure("a frame after the close frame");
    switch (came.first) {
      case 0x81: return take_message(came.payload);
      case 0xC1: return take_message(inflated(came.payload));
      case 0x88: return take_close(came.payload);
      case 0x89: pings.push_back(came.payload); return;
      case 0x8A: pongs.push_back(came.payload); return;
      default: throw test_failure("a frame of an unexpected kind: first byte " + std::to_string(came.first));
    }
  }

  void take_message(std::string_view text) {
    const result<json> parsed = parse_json(text);
    if (!parsed) throw test_failure("a message is no JSON: " + std::string(text));
    if (!(*parsed)["type"].is_string()) throw test_failure("a message has no type: " + std::string(text));
    if (!(*parsed)["timestamp"].is_number()) throw test_failure("a message has no timestamp: " + std::string(text));
    messages.push_back(*parsed);
  }

  std::string inflated(std::string_view payload) {
    if (inflating_ == nullptr) throw test_failure("a compressed message that nobody asked for");
    const auto whole = inflating_->inflate(payload, std::size_t{1} << 30U);
    if (whole.what != message_compression::outcome::inflated) throw test_failure("a message that does not inflate");
    ++compressed;
    return std::string(whole.message);
  }

  void take_close(std::string_view payload) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(payload[i])); };
    close_code = static_cast<std::uint16_t>(payload.size() < 2 ? 1005U : byte(0) << 8U | byte(1));
    if (payload.size() > 2) close_reason = payload.substr(2);
  }

  [[nodiscard]] std::string what_came() const {
    if (!upgraded()) return raw_.empty() ? "; nothing came" : "; the server sent: " + raw_;
    std::string text;
    if (close_code) text += "; the server closed with " + std::to_string(*close_code) + " " + close_reason;
    for (const json& message : messages) text.append("; waiting: ").append(message.text());
    return text;
  }

  memory_transport* transport_;
  message_compression* inflating_;
  std::string raw_;
  json hello_;
  std::uint64_t last_id_ = 0;
};

}  // namespace hotline::testing
#endif
