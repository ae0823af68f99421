#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound 6/6: what belongs to one client alone, as frames that wait for its socket. No I/O here.

#include <hotline/wire/frame.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// Answers, pongs, close frames, and the rest of a frame that the socket took a part of: bytes that go before the
/// log's, always up to a frame's end. Bounded, except for that rest.
class control_lane {
 public:
  [[nodiscard]] bool empty() const noexcept { return sent_ == bytes_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() - sent_; }
  [[nodiscard]] std::string_view pending() const noexcept { return std::string_view(bytes_).substr(sent_); }

  /// What counts towards the limit of `append`.
  [[nodiscard]] std::size_t queued() const noexcept { return size() - torn_; }

  /// Whether the frame still fits below `limit`; if not, nothing is appended.
  [[nodiscard]] bool append(opcode op, std::string_view payload, std::size_t limit) {
    if (queued() + payload.size() + max_header > limit) return false;
    append_frame(bytes_, op, payload);
    return true;
  }

  /// The rest of a frame that the socket took a part of, or an HTTP response: bytes that count towards no limit here,
  /// their own bounds them. The lane must be empty.
  void start_with(std::string_view bytes) {
    bytes_.assign(bytes);
    sent_ = 0;
    torn_ = bytes.size();
  }

  /// Frames that waited in another lane, in their order behind what is here.
  void append_frames(std::string_view frames) { bytes_.append(frames); }

  /// Holds these frames, and nothing else.
  void hold(std::string frames) noexcept {
    clear();
    bytes_ = std::move(frames);
  }

  /// The socket took this many of `pending()`.
  void consume(std::size_t taken) {
    sent_ += taken;
    torn_ -= std::min(torn_, taken);
    if (!empty()) {
      // Half of it is gone: moving the rest costs no more than sending it did.
      if (sent_ > bytes_.size() / 2) {
        bytes_.erase(0, sent_);
        sent_ = 0;
      }
      return;
    }
    // An idle client holds no buffer.
    clear();
  }

  void clear() {
    sent_ = 0;
    torn_ = 0;
    const std::string freed = std::move(bytes_);
    bytes_.clear();
  }

 private:
  static constexpr std::size_t max_header = 10;

  std::string bytes_;
  std::size_t sent_ = 0;
  std::size_t torn_ = 0;  // of what is pending, the part that `start_with` brought
};

}  // namespace hotline::detail
#endif
