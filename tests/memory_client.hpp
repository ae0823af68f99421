#pragma once

// A WebSocket client for tests over memory_transport: written for them, so that it is no mirror of the library's own
// codec, and strict about what it is sent.

#include <catch2_any.hpp>
#include <hotline/concepts.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_reader.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <manager_over_memory.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline_test {

/// Frames as a client sends them: masked with a fixed key.
inline std::string client_frame(unsigned char first_byte, std::string_view payload) {
  std::string out(1, static_cast<char>(first_byte));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() < 65536) {
    out.push_back(static_cast<char>(0x80 | 126));
    out.push_back(static_cast<char>(payload.size() >> 8));
    out.push_back(static_cast<char>(payload.size() & 255));
  } else {
    out.push_back(static_cast<char>(0x80 | 127));
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(payload.size() >> shift & 255));
  }
  static constexpr std::string_view key = "\x12\x34\x56\x78";
  out.append(key);
  for (std::size_t i = 0; i < payload.size(); ++i) out.push_back(static_cast<char>(payload[i] ^ key[i % 4]));
  return out;
}

/// One client. `pump()` reads what came since; messages wait in `messages` until `next()` takes them.
class memory_client {
 public:
  explicit memory_client(hotline::memory_transport& transport, std::string_view target = "/ws/p",
                         const std::string& headers = "", hotline::message_compression* inflating = nullptr)
      : inflates_with(inflating), transport_(transport), peer(transport.connect()) {
    peer->send("GET " + std::string(target) +
               " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
               headers + "\r\n");
    pump();
  }

  void send(std::string_view json) {
    peer->send(client_frame(0x81, json));
    pump();
  }

  void pump() {
    transport_.run();
    raw_ += peer->take();
    if (!upgraded_) {
      const std::size_t end = raw_.find("\r\n\r\n");
      if (end == std::string::npos) return;
      head = raw_.substr(0, end + 4);
      if (!head.starts_with("HTTP/1.1 101 ")) return;
      upgraded_ = true;
      raw_.erase(0, end + 4);
    }
    while (read_frame()) {
    }
  }

  /// The next message; fails the test when there is none.
  hotline::json next() {
    if (messages.empty()) pump();
    if (messages.empty()) FAIL("no message came");
    hotline::json first = std::move(messages.front());
    messages.erase(messages.begin());
    return first;
  }

  /// The next message's `type`, and nothing when there is none.
  std::string next_type() {
    if (messages.empty()) pump();
    return messages.empty() ? std::string() : std::string(next()["type"].as_string().value_or("?"));
  }

  /// The seqs of the events that wait, which are taken.
  std::vector<std::uint64_t> events() {
    pump();
    std::vector<std::uint64_t> seqs;
    std::vector<hotline::json> others;
    for (auto& message : messages) {
      if (message["seq"].is_number() && message["type"].as_string() != "pong" &&
          message["type"].as_string() != "connected")
        seqs.push_back(message["seq"].as_uint64().value());
      else
        others.push_back(std::move(message));
    }
    messages = std::move(others);
    return seqs;
  }

  [[nodiscard]] bool upgraded() const noexcept { return upgraded_; }
  /// Everything that came before, or instead of, the upgrade.
  [[nodiscard]] std::string http() const { return upgraded_ ? head : raw_; }

  std::vector<hotline::json> messages;
  std::vector<std::string> pings, pongs;
  std::optional<std::uint16_t> close_code;  ///< the server's close frame has it; 1005 when it named none
  std::string close_reason;
  std::string head;
  hotline::message_compression* const inflates_with;  ///< when it asked for permessage-deflate
  int compressed = 0;                                 ///< how many messages came so

 private:
  bool read_frame() {
    if (raw_.size() < 2) return false;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint64_t>(static_cast<unsigned char>(raw_[i])); };
    std::uint64_t size = byte(1);
    REQUIRE(size < 128);  // servers do not mask
    std::size_t header = 2;
    if (size >= 126) {
      const std::size_t more = size == 126 ? 2 : 8;
      if (raw_.size() < 2 + more) return false;
      size = 0;
      for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(2 + i);
      header += more;
    }
    if (raw_.size() < header + size) return false;
    std::string payload = raw_.substr(header, size);
    auto first = static_cast<unsigned char>(raw_[0]);
    if (first == 0xC1 && inflates_with != nullptr) {
      const auto whole = inflates_with->inflate(payload, 1 << 30);
      REQUIRE(whole.what == hotline::message_compression::outcome::inflated);
      payload = whole.message;
      first = 0x81;
      ++compressed;
    }
    raw_.erase(0, header + size);
    REQUIRE_FALSE(close_code);  // nothing comes after a close frame
    switch (first) {
      case 0x81: {
        const auto parsed = hotline::parse_json(payload);
        INFO(payload);
        REQUIRE(parsed);
        REQUIRE((*parsed)["type"].is_string());
        REQUIRE((*parsed)["timestamp"].is_number());
        messages.push_back(*parsed);
        break;
      }
      case 0x88:
        close_code = static_cast<std::uint16_t>(payload.size() < 2 ? 1005
                                                                   : static_cast<unsigned char>(payload[0]) << 8 |
                                                                         static_cast<unsigned char>(payload[1]));
        if (payload.size() > 2) close_reason = payload.substr(2);
        break;
      case 0x89: pings.push_back(payload); break;
      case 0x8a: pongs.push_back(payload); break;
      default: FAIL("an unexpected frame: " << int(first));
    }
    return true;
  }

  hotline::memory_transport& transport_;

 public:
  std::shared_ptr<hotline::memory_peer> peer;

 private:
  std::string raw_;
  bool upgraded_ = false;
};

}  // namespace hotline_test
