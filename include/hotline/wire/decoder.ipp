#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/utf8.hpp>
#include <hotline/wire/decoder.hpp>
#include <hotline/wire/frame_reader.ipp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace hotline::detail {

/// The header of a masked frame whose length fits in its second byte.
inline constexpr std::size_t short_header_bytes = 6;

HOTLINE_DETAIL_INLINE void unmask(std::span<char> bytes, std::array<unsigned char, 4> key,
                                  std::size_t offset) noexcept {
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

/// Unmasks a whole text message in one frame of at most 125 bytes at the front of `bytes`, and returns it: clients send
/// little else, and this takes half of what a frame takes. Nothing for all else, which `consume` reads.
HOTLINE_DETAIL_INLINE std::optional<std::string_view> decoder::take_short_text(std::span<char> bytes) const noexcept {
  constexpr unsigned fin = 0x80, masked = 0x80;
  if (!idle() || bytes.size() < short_header_bytes) return std::nullopt;
  const unsigned first = static_cast<unsigned char>(bytes[0]), second = static_cast<unsigned char>(bytes[1]);
  const std::size_t size = second & ~masked;
  if (first != (fin | static_cast<unsigned>(opcode::text)) || second < masked || size > control_payload_bytes ||
      size > bytes.size() - short_header_bytes || size > message_bytes_ || message_fragments_ == 0)
    return std::nullopt;
  std::array<unsigned char, 4> key{};
  std::memcpy(key.data(), bytes.data() + 2, key.size());
  const std::span<char> payload = bytes.subspan(short_header_bytes, size);
  unmask(payload, key, 0);
  return std::string_view(payload.data(), payload.size());
}

HOTLINE_DETAIL_INLINE decode_result decoder::consume(std::span<char> bytes, bool inflates) {
  drop_delivered();
  if (phase_ == phase::skipping) skip(bytes);
  if (phase_ == phase::failed || phase_ == phase::skipping) return {decode_event::failed, bytes.size(), why_};
  if (phase_ == phase::closed) return {decode_event::need_more, bytes.size()};
  if (const auto text = take_short_text(bytes)) {
    if (!is_utf8(*text)) return fail(close_code::invalid_payload, bytes.size());
    return {.event = decode_event::text,
            .consumed = short_header_bytes + text->size(),
            .size = text->size(),
            .payload = *text};
  }
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

HOTLINE_DETAIL_INLINE void decoder::reset() {
  drop_message();
  frames_.next();
  phase_ = phase::header;
  fragments_ = 0;
  compression_ = nullptr;
}

/// Prepares for the payload of a header that is complete. Returns the limit that the message would go over.
HOTLINE_DETAIL_INLINE std::optional<limit> decoder::begin_frame() {
  const std::uint64_t size = frames_.payload_size();
  frame_taken_ = 0;
  if (!control()) {
    // The kept part is never over the limit, so this difference cannot wrap, whatever the header announces.
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
HOTLINE_DETAIL_INLINE void decoder::keep(std::string_view piece) {
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

/// Ends a frame, `last` being the last piece of its payload. Returns what it completed, if anything.
HOTLINE_DETAIL_INLINE std::optional<decode_result> decoder::end_frame(std::string_view last, bool inflates) {
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
    case opcode::close: phase_ = phase::closed; return decode_result{.event = decode_event::close, .payload = payload};
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

HOTLINE_DETAIL_INLINE decode_result decoder::fail(close_code why, std::size_t consumed, std::optional<limit> over) {
  drop_message();
  phase_ = phase::failed;
  why_ = why;
  return {decode_event::failed, consumed, why, over};
}

/// Skips the rest of a message that is refused. The borders of its frames are known, and nothing is kept.
HOTLINE_DETAIL_INLINE void decoder::skip(std::span<char> bytes) {
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

HOTLINE_DETAIL_INLINE void decoder::drop_message() {
  message_.clear();
  if (message_.capacity() > idle_bytes) message_.shrink_to_fit();
  delivered_ = false;
}

}  // namespace hotline::detail
#endif
