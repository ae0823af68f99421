#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Messages become smaller, and whole again. Needs zlib: link hotline::deflate.

#include <hotline/concepts.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>

namespace hotline {

/// The messages that `permessage_deflate` compresses, and its effort.
struct deflate_options {
  std::size_t at_least = 256;  ///< bytes; shorter messages go as they are: they would hardly get smaller
  int level = 1;               ///< zlib's: 1 is fast, 9 small; what is outside counts as the nearest
};

/// permessage-deflate (RFC 7692) over zlib: `manager.compress(std::make_unique<hotline::permessage_deflate>())`. About 300
/// KiB for a manager, from the first message on, however many clients; none for a client. Compressing a secret together with
/// text that a stranger may choose reveals the secret to those who see the lengths (BREACH, CRIME). Each event is compressed
/// by itself, so this concerns events that contain both; hotline's own secrets, the resume tokens, are never compressed.
class permessage_deflate final : public message_compression {
 public:
  explicit permessage_deflate(deflate_options options = {}) noexcept : options_(options) {
    options_.level = std::clamp(options.level, 1, 9);
  }

  bool deflate(std::string_view message, std::string& out) override {
    if (message.size() < options_.at_least || message.size() > largest || !start_deflating()) return false;
    // `deflateBound` is for finished streams; an empty block instead, a flush, takes a little more.
    const std::size_t before = out.size();
    out.resize(before + message.size() + slack);
    z_stream& z = *deflating_;
    z.next_in = bytes(message);
    z.avail_in = static_cast<uInt>(message.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    z.avail_out = static_cast<uInt>(message.size() + slack);
    // Room left says that the flush is complete.
    const bool whole = ::deflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_in == 0 && z.avail_out > 0;
    const std::size_t made = message.size() + slack - z.avail_out;
    const bool smaller = whole && made > trailer.size() && made - trailer.size() < message.size();
    // Section 7.2.1: the empty block at the end is left out, all but its first bits.
    out.resize(smaller ? before + made - trailer.size() : before);
    return smaller;
  }

  inflation inflate(std::string_view payload, std::size_t most) override {
    const inflation malformed{outcome::malformed};
    if (payload.size() > largest || !start_inflating()) return malformed;
    if (inflated_.capacity() > kept) std::string().swap(inflated_);
    inflated_.clear();
    z_stream& z = *inflating_;
    if (const outcome what = feed(z, payload, most); what != outcome::inflated) return {what};
    // A block that says it is the last (section 7.2.3.4), and nothing after it: then the stream was begun again.
    if (z.total_in == 0 && !payload.empty()) return {outcome::inflated, inflated_};
    // Section 7.2.2: the empty block that was left out completes the last one. Data that goes on after it, or takes it for
    // its own contents, was cut off.
    const std::size_t size = inflated_.size();
    if (const outcome what = feed(z, {trailer.data(), trailer.size()}, most); what != outcome::inflated)
      return inflated_.size() == size ? inflation{what} : malformed;
    constexpr int between_blocks = 128;
    if (inflated_.size() != size || (z.data_type & between_blocks) == 0) return malformed;
    return {outcome::inflated, inflated_};
  }

 private:
  struct end_deflating {
    void operator()(z_stream* z) const noexcept {
      (void)::deflateEnd(z);
      delete z;
    }
  };
  struct end_inflating {
    void operator()(z_stream* z) const noexcept {
      (void)::inflateEnd(z);
      delete z;
    }
  };

  static constexpr std::array<char, 4> trailer{'\0', '\0', '\xFF', '\xFF'};
  static constexpr std::size_t slack = 64;
  static constexpr std::size_t kept = 64 * 1024;
  static constexpr std::size_t largest = std::numeric_limits<uInt>::max() / 2;
  static constexpr int raw = -MAX_WBITS;  // without zlib's own header

  // zlib takes its input as not const, and leaves it alone.
  static Bytef* bytes(std::string_view text) noexcept {
    return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));
  }

  [[nodiscard]] bool start_deflating() {
    if (deflating_) return ::deflateReset(deflating_.get()) == Z_OK;
    auto z = std::make_unique<z_stream>();
    if (::deflateInit2(z.get(), options_.level, Z_DEFLATED, raw, MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY) != Z_OK)
      return false;
    deflating_.reset(z.release());
    return true;
  }

  [[nodiscard]] bool start_inflating() {
    if (inflating_) return ::inflateReset(inflating_.get()) == Z_OK;
    auto z = std::make_unique<z_stream>();
    const int begun = ::inflateInit2(z.get(), raw);
    if (begun == Z_MEM_ERROR) throw std::bad_alloc();  // no fault of the message's
    if (begun != Z_OK) return false;
    inflating_.reset(z.release());
    return true;
  }

  // Inflates all of `input` after what is there.
  [[nodiscard]] outcome feed(z_stream& z, std::string_view input, std::size_t most) {
    z.next_in = bytes(input);
    z.avail_in = static_cast<uInt>(input.size());
    for (;;) {
      std::array<char, 16 * 1024> piece;
      z.next_out = reinterpret_cast<Bytef*>(piece.data());
      z.avail_out = static_cast<uInt>(piece.size());
      const int step = ::inflate(&z, Z_SYNC_FLUSH);
      if (step == Z_MEM_ERROR) throw std::bad_alloc();
      const std::size_t made = piece.size() - z.avail_out;
      if (made > most - inflated_.size()) return outcome::too_big;
      inflated_.append(piece.data(), made);
      if (step == Z_STREAM_END) {
        // A block may say that it is the last (section 7.2.3.4); what follows it is a new stream.
        if (::inflateReset(&z) != Z_OK) return outcome::malformed;
        if (z.avail_in == 0) return outcome::inflated;
        continue;
      }
      if (step != Z_OK && step != Z_BUF_ERROR) return outcome::malformed;
      if (z.avail_in == 0 && z.avail_out > 0) return outcome::inflated;
    }
  }

  deflate_options options_;
  std::unique_ptr<z_stream, end_deflating> deflating_;  // from the first message on
  std::unique_ptr<z_stream, end_inflating> inflating_;
  std::string inflated_;
};

}  // namespace hotline
#endif
