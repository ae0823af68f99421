// Inbound 2/6: bytes become messages and control frames. No I/O here.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>
#include <hotline/utf8.hpp>
#include <hotline/wire/frame.hpp>
#include <hotline/wire/frame_reader.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hotline::detail {

/// What `decoder::consume` came upon.
enum class decode_event {
  need_more,  ///< every byte is used up
  text,       ///< a whole message, checked to be UTF-8
  binary,     ///< a whole message
  ping,
  pong,
  close,   ///< `parse_close` reads its payload; what the peer sends after it is swallowed
  failed,  ///< the peer broke RFC 6455 or a limit, `why` says which; final
};

struct decode_result {
  decode_event event = decode_event::need_more;
  std::size_t consumed = 0;             ///< bytes used from the front; all of them with `need_more` and `failed`
  close_code why = close_code::normal;  ///< with `failed`: 1002, 1007 or 1009
  std::optional<limit> over{};          ///< with 1009: which limit the message went over
  bool passed_over = false;             ///< a whole message that came compressed, and was not inflated as was asked
  std::size_t size = 0;                 ///< of a whole message: its bytes as they came or inflated, whichever are more
  std::string_view payload{};           ///< until the decoder's next use, and for as long as the bytes consumed live
};

/// XORs `bytes` with the masking key, beginning `offset` bytes into the frame's payload (RFC 6455 section 5.3).
inline void unmask(std::span<char> bytes, std::array<unsigned char, 4> key, std::size_t offset) noexcept {
  std::array<unsigned char, 8> pattern{};
  for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = key[(offset + i) % 4];
  std::uint64_t mask = 0;
  std::memcpy(&mask, pattern.data(), sizeof(mask));
  std::size_t done = 0;
  for (; bytes.size() - done >= sizeof(mask); done += sizeof(mask)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + done, sizeof(word));
    word ^= mask;
    std::memcpy(bytes.data() + done, &word, sizeof(word));
  }
  for (std::size_t i = 0; done < bytes.size(); ++done, ++i) {
    bytes[done] = static_cast<char>(static_cast<unsigned char>(bytes[done]) ^ pattern[i]);
  }
}

/// Turns one client's bytes into whole messages, within limits that hold before anything is buffered.
/// A decoder that is `idle()` has nothing to remember: it may be given to another connection (see `decoder_pool`).
class decoder {
 public:
  /// Uses `message_bytes` and `message_fragments`.
  explicit decoder(const session_limits& limits)
      : message_bytes_(limits.message_bytes), message_fragments_(limits.message_fragments) {}

  /// What inflates the messages of a client with which permessage-deflate was agreed on; until `reset()`. Null: none may
  /// be compressed.
  void inflate_with(message_compression* compression) noexcept { compression_ = compression; }

  /// Takes bytes from the front of `bytes` up to the end of the first message or control frame; call again with the
  /// rest. The bytes are unmasked in place, and a message that lies in them whole is not copied. Without `inflates` a
  /// message that came compressed is passed over: its payload is empty and not checked.
  [[nodiscard]] decode_result consume(std::span<char> bytes, bool inflates = true) {
    drop_delivered();
    if (phase_ == phase::skipping) skip(bytes);
    if (phase_ == phase::failed || phase_ == phase::skipping) return {decode_event::failed, bytes.size(), why_};
    if (phase_ == phase::closed) return {decode_event::need_more, bytes.size()};
    std::span<char> rest = bytes;
    for (;;) {
      if (phase_ == phase::header) {
        const auto header = frames_.read(rest, fragments_ > 0, compression_ != nullptr);
        if (header == frame_reader::state::partial) return {decode_event::need_more, bytes.size()};
        if (header == frame_reader::state::refused) return fail(close_code::protocol_error, bytes.size());
        if (const auto over = begin_frame()) {
          const decode_result failed = fail(close_code::message_too_big, bytes.size(), over);
          if (over == limit::message_bytes) {
            phase_ = phase::skipping;
            skip(rest);
          }
          return failed;
        }
      }
      const std::span<char> piece = rest.first(std::min(rest.size(), frame_size_ - frame_taken_));
      unmask(piece, key_, frame_taken_);
      frame_taken_ += piece.size();
      rest = rest.subspan(piece.size());
      const std::string_view seen(piece.data(), piece.size());
      if (frame_taken_ < frame_size_) {
        keep(seen);
        return {decode_event::need_more, bytes.size()};
      }
      if (const auto whole = end_frame(seen, inflates)) {
        if (whole->event == decode_event::failed) return fail(whole->why, bytes.size(), whole->over);
        return {.event = whole->event,
                .consumed = bytes.size() - rest.size(),
                .passed_over = whole->passed_over,
                .size = whole->size,
                .payload = whole->payload};
      }
    }
  }

  /// Whether the bytes so far end exactly where a message or control frame ended, with no fragmented message under
  /// way: a fresh decoder could go on from here. Never true again after `close` and `failed`.
  [[nodiscard]] bool idle() const { return phase_ == phase::header && fragments_ == 0 && frames_.at_start(); }

  /// After `failed` with 1009: the rest of the message that was too big is still to come. `consume` throws it away, up to
  /// the message's end, a close frame, or a frame of more than `skippable_bytes`, which nobody waits for.
  [[nodiscard]] bool awaits_rest() const noexcept { return phase_ == phase::skipping; }

  /// The longest frame whose end is waited for.
  static constexpr std::uint64_t skippable_bytes = 64 * 1024 * 1024;

  /// Back to a fresh decoder that holds no more than a little memory.
  void reset() {
    drop_message();
    frames_.next();
    phase_ = phase::header;
    fragments_ = 0;
    compression_ = nullptr;
  }

  /// How much the decoder's buffer takes, used or not.
  [[nodiscard]] std::size_t held_bytes() const noexcept { return message_.capacity(); }

  /// The most that a decoder between two messages holds.
  static constexpr std::size_t idle_bytes = 4096;

 private:
  enum class phase : std::uint8_t { header, payload, closed, skipping, failed };

  [[nodiscard]] bool control() const { return frames_.opcode() >= opcode::close; }

  /// A header is complete: prepares for its payload. Answers which limit the message would go over.
  [[nodiscard]] std::optional<limit> begin_frame() {
    const std::uint64_t size = frames_.payload_size();
    frame_taken_ = 0;
    if (!control()) {
      // What was kept is never over the limit, so this difference cannot wrap, whatever the header announces.
      if (size > message_bytes_ - message_.size()) return limit::message_bytes;
      if (fragments_ >= message_fragments_) return limit::message_fragments;
      if (fragments_++ == 0) {
        message_opcode_ = frames_.opcode();
        compressed_ = frames_.is_compressed();
      }
    }
    frame_size_ = static_cast<std::size_t>(size);
    control_size_ = 0;
    key_ = frames_.masking_key();
    phase_ = phase::payload;
    return std::nullopt;
  }

  /// Copies a piece of a payload that has not come whole.
  void keep(std::string_view piece) {
    if (control()) {
      std::copy(piece.begin(), piece.end(), control_.begin() + static_cast<std::ptrdiff_t>(control_size_));
      control_size_ += piece.size();
      return;
    }
    // The buffer grows with what came, not with what was announced, and never over the limit.
    const std::size_t needed = message_.size() + piece.size();
    if (needed > message_.capacity()) {
      message_.reserve(std::min(std::max(needed, 2 * message_.capacity()), message_bytes_));
    }
    message_.insert(message_.end(), piece.begin(), piece.end());
  }

  /// A frame is complete, `last` being the last piece of its payload. Answers what it brought to an end, if anything.
  [[nodiscard]] std::optional<decode_result> end_frame(std::string_view last, bool inflates) {
    const opcode op = frames_.opcode();
    const bool fin = frames_.fin();
    std::string_view payload = last;
    if (control()) {
      if (control_size_ > 0) {
        keep(last);
        payload = {control_.data(), control_size_};
      }
    } else if (!fin || !message_.empty()) {
      keep(last);
      payload = {message_.data(), message_.size()};
    }
    phase_ = phase::header;
    frames_.next();
    switch (op) {
      case opcode::ping: return decode_result{.event = decode_event::ping, .payload = payload};
      case opcode::pong: return decode_result{.event = decode_event::pong, .payload = payload};
      case opcode::close:
        phase_ = phase::closed;
        return decode_result{.event = decode_event::close, .payload = payload};
      default: break;
    }
    if (!fin) return std::nullopt;
    fragments_ = 0;
    delivered_ = true;
    const std::size_t size = payload.size();
    const bool text = message_opcode_ == opcode::text;
    if (compressed_) {
      if (!inflates)
        return decode_result{
            .event = text ? decode_event::text : decode_event::binary, .passed_over = true, .size = size};
      const auto [outcome, message] = compression_->inflate(payload, message_bytes_);
      if (outcome != message_compression::outcome::inflated) {
        if (outcome == message_compression::outcome::too_big)
          return decode_result{
              .event = decode_event::failed, .why = close_code::message_too_big, .over = limit::inflated_bytes};
        return decode_result{.event = decode_event::failed, .why = close_code::invalid_payload};
      }
      payload = message;
    }
    if (text && !is_utf8(payload))
      return decode_result{.event = decode_event::failed, .why = close_code::invalid_payload};
    return decode_result{.event = text ? decode_event::text : decode_event::binary,
                         .size = std::max(size, payload.size()),
                         .payload = payload};
  }

  [[nodiscard]] decode_result fail(close_code why, std::size_t consumed, std::optional<limit> over = {}) {
    drop_message();
    phase_ = phase::failed;
    why_ = why;
    return {decode_event::failed, consumed, why, over};
  }

  /// Passes over the rest of a message that is refused. The borders of its frames are known, and nothing is kept.
  void skip(std::span<char> bytes) {
    for (;;) {
      const auto header = frames_.read(bytes, true, compression_ != nullptr);
      if (header == frame_reader::state::partial) return;
      const std::uint64_t size = header == frame_reader::state::complete ? frames_.payload_size() : 0;
      if (header == frame_reader::state::refused || frames_.opcode() == opcode::close || size > skippable_bytes) break;
      const std::size_t piece = std::min(bytes.size(), static_cast<std::size_t>(size) - frame_taken_);
      frame_taken_ += piece;
      bytes = bytes.subspan(piece);
      if (frame_taken_ < size) return;
      frame_taken_ = 0;
      if (!control() && frames_.fin()) break;
      frames_.next();
    }
    phase_ = phase::failed;
  }

  void drop_delivered() {
    if (delivered_) drop_message();
  }

  void drop_message() {
    message_.clear();
    if (message_.capacity() > idle_bytes) message_.shrink_to_fit();
    delivered_ = false;
  }

  std::size_t message_bytes_;  // as it came, and inflated
  std::size_t message_fragments_;
  message_compression* compression_ = nullptr;
  frame_reader frames_;
  phase phase_ = phase::header;
  close_code why_ = close_code::normal;
  opcode message_opcode_ = opcode::text;  // of the message's first frame
  bool compressed_ = false;               // the message under way
  bool delivered_ = false;                // message_ was handed out and is done with
  std::size_t fragments_ = 0;             // frames of the message under way
  std::size_t frame_size_ = 0;
  std::size_t frame_taken_ = 0;
  std::array<unsigned char, 4> key_{};
  std::vector<char> message_;  // and not a string: its reserve() is exact
  std::size_t control_size_ = 0;
  std::array<char, control_payload_bytes> control_{};  // apart, for it may come inside a fragmented message
};

}  // namespace hotline::detail
#endif
