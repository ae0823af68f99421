#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>
#include <hotline/wire/frame.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hotline::detail {

/// Reads and checks the headers of a client's frames (RFC 6455 section 5.2) with websocketpp's frame codec. Its bodies
/// are in frame_reader.ipp, and there alone is websocketpp included.
///
/// Not with its hybi13 processor, of which only the rules below would be used: it reserves what a header announces,
/// adds sizes that wrap around, loses track of UTF-8 between fragments and goes on after an error, and to include it
/// doubles what websocketpp costs to compile.
class frame_reader {
 public:
  enum class state { partial, complete, refused };

  /// Takes header bytes from the front of `bytes`, never a payload's. `in_message`: a fragmented message is under way,
  /// so a data frame must continue it. `may_compress`: permessage-deflate was agreed on. After `complete`, look at the
  /// header, take the payload and call `next()`. After `refused` (RFC 6455 section 5.2, 5.4 or 5.5 is broken) there is
  /// nothing more to read.
  // Inline, for every frame comes here, and compilers would leave it apart for the sake of the few that are skipped.
  [[nodiscard]] [[gnu::always_inline]] inline state read(std::span<char>& bytes, bool in_message,
                                                         bool may_compress = false);

  /// Returns whether the frame is the last of its message.
  [[nodiscard]] inline bool fin() const noexcept;
  /// Returns whether the message that this frame begins is compressed (RFC 7692 section 6).
  [[nodiscard]] inline bool is_compressed() const noexcept;
  [[nodiscard]] detail::opcode opcode() const noexcept { return static_cast<detail::opcode>(basic_[0] & 0x0FU); }
  [[nodiscard]] inline std::uint64_t payload_size() const noexcept;
  [[nodiscard]] inline std::array<unsigned char, 4> masking_key() const noexcept;

  /// Returns whether no byte of a header was taken since the last `next()`.
  [[nodiscard]] bool at_start() const noexcept { return part_ == part::basic && taken_ == 0; }

  /// Reads another header from here on.
  void next() noexcept {
    part_ = part::basic;
    taken_ = 0;
  }

 private:
  enum class part : std::uint8_t { basic, extended, payload, refused };

  [[nodiscard]] inline bool fill(std::uint8_t* header, std::size_t size, std::span<char>& bytes) noexcept;
  [[nodiscard]] inline bool breaks_rules(bool in_message, bool may_compress) const noexcept;
  [[nodiscard]] inline bool has_shortest_length() const noexcept;
  [[nodiscard]] inline state refuse() noexcept;

  part part_ = part::basic;
  std::uint8_t taken_ = 0;                   // the bytes taken of the part
  std::array<std::uint8_t, 2> basic_{};      // the two bytes that each header has
  std::array<std::uint8_t, 12> extended_{};  // the rest of the length, and the masking key
};

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/wire/frame_reader.ipp>
#endif
#endif
