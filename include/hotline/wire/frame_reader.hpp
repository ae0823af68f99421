#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/wire/frame.hpp>
#include <hotline/wire/websocketpp.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hotline::detail {

/// Reads and checks the headers of a client's frames (RFC 6455 section 5.2) with websocketpp's frame codec.
///
/// Not with its hybi13 processor, of which only the rules below would be used: it reserves what a header announces, adds
/// sizes that wrap around, loses track of UTF-8 between fragments and goes on after an error, and to include it doubles
/// what websocketpp costs to compile.
class frame_reader {
 public:
  enum class state { partial, complete, refused };

  /// Takes header bytes from the front of `bytes`, never a payload's. `in_message`: a fragmented message is under way,
  /// so a data frame must continue it. `may_compress`: permessage-deflate was agreed on. After `complete`, look at the
  /// header, take the payload and call `next()`. After `refused` (RFC 6455 section 5.2, 5.4 or 5.5 is broken) there is
  /// nothing more to read.
  // Inline, for every frame comes here, and compilers would leave it apart for the sake of the few that are skipped.
  [[nodiscard]] [[gnu::always_inline]] state read(std::span<char>& bytes, bool in_message, bool may_compress = false) {
    if (part_ == part::basic) {
      std::array<std::uint8_t, websocketpp::frame::BASIC_HEADER_LENGTH> both{basic_.b0, basic_.b1};
      const bool whole = fill(both, bytes);
      basic_ = {both[0], both[1]};
      if (!whole) return state::partial;
      if (breaks_rules(in_message, may_compress)) return refuse();
      part_ = part::extended;
      taken_ = 0;
    }
    if (part_ == part::extended) {
      const std::size_t size = websocketpp::frame::get_header_len(basic_) - websocketpp::frame::BASIC_HEADER_LENGTH;
      if (!fill(std::span(extended_.bytes).first(size), bytes)) return state::partial;
      if (!has_shortest_length()) return refuse();
      part_ = part::payload;
    }
    return part_ == part::payload ? state::complete : state::refused;
  }

  [[nodiscard]] bool fin() const { return websocketpp::frame::get_fin(basic_); }
  /// The message that this frame begins is compressed (RFC 7692 section 6).
  [[nodiscard]] bool is_compressed() const { return websocketpp::frame::get_rsv1(basic_); }
  [[nodiscard]] detail::opcode opcode() const { return static_cast<detail::opcode>(basic_.b0 & 0x0FU); }
  [[nodiscard]] std::uint64_t payload_size() const { return websocketpp::frame::get_payload_size(basic_, extended_); }
  [[nodiscard]] std::array<unsigned char, 4> masking_key() const {
    std::array<unsigned char, 4> key{};
    std::copy_n(extended_.bytes + websocketpp::frame::get_masking_key_offset(basic_), key.size(), key.begin());
    return key;
  }

  /// Whether no byte of a header was taken since the last `next()`.
  [[nodiscard]] bool at_start() const { return part_ == part::basic && taken_ == 0; }

  void next() {
    part_ = part::basic;
    taken_ = 0;
  }

 private:
  enum class part : std::uint8_t { basic, extended, payload, refused };

  /// Takes bytes from the front of `bytes` until `header` is full; false when more must come.
  [[nodiscard]] bool fill(std::span<std::uint8_t> header, std::span<char>& bytes) {
    std::size_t used = 0;
    while (taken_ < header.size() && used < bytes.size()) header[taken_++] = static_cast<std::uint8_t>(bytes[used++]);
    bytes = bytes.subspan(used);
    return taken_ == header.size();
  }

  [[nodiscard]] bool breaks_rules(bool in_message, bool may_compress) const {
    namespace theirs = websocketpp::frame;
    const auto op = theirs::get_opcode(basic_);
    const bool control = theirs::opcode::is_control(op);
    const bool continuation = op == theirs::opcode::continuation;
    if (theirs::opcode::reserved(op) || theirs::opcode::invalid(op)) return true;
    // Only a message's first frame may carry it (RFC 7692 section 6.1).
    const bool may_have_rsv1 = may_compress && !control && !continuation;
    if (theirs::get_rsv1(basic_) && !may_have_rsv1) return true;
    if (theirs::get_rsv2(basic_) || theirs::get_rsv3(basic_)) return true;
    if (!theirs::get_masked(basic_)) return true;  // a client masks
    if (control) return !theirs::get_fin(basic_) || theirs::get_basic_size(basic_) > control_payload_bytes;
    return continuation != in_message;
  }

  /// The length is in its shortest form, and its top bit is 0.
  [[nodiscard]] bool has_shortest_length() const {
    const std::uint64_t size = payload_size();
    switch (websocketpp::frame::get_basic_size(basic_)) {
      case websocketpp::frame::payload_size_code_16bit: return size > 125;
      case websocketpp::frame::payload_size_code_64bit: return size > 0xFFFF && (size >> 63U) == 0;
      default: return true;
    }
  }

  [[nodiscard]] state refuse() {
    part_ = part::refused;
    return state::refused;
  }

  part part_ = part::basic;
  std::size_t taken_ = 0;  // of the part
  websocketpp::frame::basic_header basic_;
  websocketpp::frame::extended_header extended_;
};

}  // namespace hotline::detail
#endif
