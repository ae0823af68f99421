#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Bytes become messages and control frames. No I/O here.

#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/frame.hpp>
#include <hotline/wire/frame_reader.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hotline::detail {

/// The result of `decoder::consume`.
enum class decode_event {
  need_more,  ///< every byte is used up
  text,       ///< a whole message, checked to be UTF-8
  binary,     ///< a whole message
  ping,
  pong,
  close,   ///< `parse_close` reads its payload; the bytes that the peer sends after it are ignored
  failed,  ///< the peer broke RFC 6455 or a limit, which is in `why`; final
};

struct decode_result {
  decode_event event = decode_event::need_more;
  std::size_t consumed = 0;             ///< bytes used from the front; all of them with `need_more` and `failed`
  close_code why = close_code::normal;  ///< with `failed`: 1002, 1007 or 1009
  std::optional<limit> over{};          ///< with 1009: which limit the message went over
  bool passed_over =
      false;  ///< a whole message that came compressed, and was not inflated because the caller asked for that
  std::size_t size = 0;        ///< a whole message's bytes, as they came or inflated, whichever are more
  std::string_view payload{};  ///< until the decoder's next use, and for as long as the bytes consumed live
};

/// XORs `bytes` with the masking key, beginning `offset` bytes into the frame's payload (RFC 6455 section 5.3).
void unmask(std::span<char> bytes, std::array<unsigned char, 4> key, std::size_t offset) noexcept;

/// Turns one client's bytes into whole messages, within limits that hold before anything is buffered.
/// A decoder that is `idle()` has nothing to remember: it may be given to another connection (see `decoder_pool`).
class decoder {
 public:
  /// Uses `message_bytes` and `message_fragments`.
  explicit decoder(const session_limits& limits)
      : message_bytes_(limits.message_bytes), message_fragments_(limits.message_fragments) {}

  /// Sets what inflates the messages of a client with which permessage-deflate was agreed on, until `reset()`. Null: no
  /// message may be compressed.
  void inflate_with(message_compression* compression) noexcept { compression_ = compression; }

  /// Takes bytes from the front of `bytes` up to the end of the first message or control frame; call it again with the
  /// rest. It unmasks the bytes in place, and does not copy a message that is whole in them. Without `inflates` it
  /// passes over a message that came compressed: the payload is empty and not checked.
  [[nodiscard]] decode_result consume(std::span<char> bytes, bool inflates = true);

  /// Returns whether the bytes so far end exactly where a message or control frame ended, with no fragmented message
  /// under way: a fresh decoder could go on from here. Never true again after `close` and `failed`.
  [[nodiscard]] bool idle() const { return phase_ == phase::header && fragments_ == 0 && frames_.at_start(); }

  /// Returns whether the rest of a message that was too big is still to come, after `failed` with 1009. `consume`
  /// throws it away, up to the message's end, a close frame, or a frame of more than `skippable_bytes`, for which it
  /// does not wait.
  [[nodiscard]] bool awaits_rest() const noexcept { return phase_ == phase::skipping; }

  /// The longest frame for whose end it waits.
  static constexpr std::uint64_t skippable_bytes = 64 * 1024 * 1024;

  /// Makes the decoder a fresh one again, with no more than a little memory.
  void reset();

  /// Returns the size of the decoder's buffer in bytes, used or not.
  [[nodiscard]] std::size_t held_bytes() const noexcept { return message_.capacity(); }

  /// The most that a decoder between two messages has, in bytes.
  static constexpr std::size_t idle_bytes = 4096;

 private:
  enum class phase : std::uint8_t { header, payload, closed, skipping, failed };

  [[nodiscard]] bool control() const { return frames_.opcode() >= opcode::close; }

  [[nodiscard]] std::optional<std::string_view> take_short_text(std::span<char> bytes) const noexcept;
  [[nodiscard]] std::optional<limit> begin_frame();
  void keep(std::string_view piece);
  [[nodiscard]] std::optional<decode_result> end_frame(std::string_view last, bool inflates);
  [[nodiscard]] decode_result fail(close_code why, std::size_t consumed, std::optional<limit> over = {});
  void skip(std::span<char> bytes);
  void drop_delivered() {
    if (delivered_) drop_message();
  }
  void drop_message();

  std::size_t message_bytes_;  // as it came, and inflated
  std::size_t message_fragments_;
  message_compression* compression_ = nullptr;
  frame_reader frames_;
  phase phase_ = phase::header;
  close_code why_ = close_code::normal;
  opcode message_opcode_ = opcode::text;  // that of the message's first frame
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

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/wire/decoder.ipp>
#endif
#endif
