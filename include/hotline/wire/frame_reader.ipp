#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/wire/frame_reader.hpp>
#include <hotline/wire/websocketpp.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hotline::detail {

// All of them inline in both forms: a compiler takes them into `decoder::consume` whole.

/// A header's first two bytes as websocketpp reads them.
[[nodiscard]] inline websocketpp::frame::basic_header as_theirs(const std::array<std::uint8_t, 2>& bytes) noexcept {
  return {bytes[0], bytes[1]};
}

[[nodiscard]] inline frame_reader::state frame_reader::read(std::span<char>& bytes, bool in_message,
                                                            bool may_compress) {
  if (part_ == part::basic) {
    if (!fill(basic_.data(), basic_.size(), bytes)) return state::partial;
    if (breaks_rules(in_message, may_compress)) return refuse();
    part_ = part::extended;
    taken_ = 0;
  }
  if (part_ == part::extended) {
    const std::size_t size = websocketpp::frame::get_header_len(as_theirs(basic_)) - basic_.size();
    if (!fill(extended_.data(), size, bytes)) return state::partial;
    if (!has_shortest_length()) return refuse();
    part_ = part::payload;
  }
  return part_ == part::payload ? state::complete : state::refused;
}

inline bool frame_reader::fin() const noexcept { return websocketpp::frame::get_fin(as_theirs(basic_)); }

inline bool frame_reader::is_compressed() const noexcept { return websocketpp::frame::get_rsv1(as_theirs(basic_)); }

inline std::uint64_t frame_reader::payload_size() const noexcept {
  websocketpp::frame::extended_header extended;
  std::copy(extended_.begin(), extended_.end(), extended.bytes);
  return websocketpp::frame::get_payload_size(as_theirs(basic_), extended);
}

inline std::array<unsigned char, 4> frame_reader::masking_key() const noexcept {
  std::array<unsigned char, 4> key{};
  std::copy_n(extended_.begin() + websocketpp::frame::get_masking_key_offset(as_theirs(basic_)), key.size(),
              key.begin());
  return key;
}

/// Takes bytes from the front of `bytes` until `header` has `size` of them; returns false when more must come.
inline bool frame_reader::fill(std::uint8_t* header, std::size_t size, std::span<char>& bytes) noexcept {
  std::size_t used = 0;
  while (taken_ < size && used < bytes.size()) header[taken_++] = static_cast<std::uint8_t>(bytes[used++]);
  bytes = bytes.subspan(used);
  return taken_ == size;
}

inline bool frame_reader::breaks_rules(bool in_message, bool may_compress) const noexcept {
  namespace theirs = websocketpp::frame;
  const theirs::basic_header basic = as_theirs(basic_);
  const auto op = theirs::get_opcode(basic);
  const bool control = theirs::opcode::is_control(op);
  const bool continuation = op == theirs::opcode::continuation;
  if (theirs::opcode::reserved(op) || theirs::opcode::invalid(op)) return true;
  // Only a message's first frame may carry it (RFC 7692 section 6.1).
  const bool may_have_rsv1 = may_compress && !control && !continuation;
  if (theirs::get_rsv1(basic) && !may_have_rsv1) return true;
  if (theirs::get_rsv2(basic) || theirs::get_rsv3(basic)) return true;
  if (!theirs::get_masked(basic)) return true;  // a client masks
  if (control) return !theirs::get_fin(basic) || theirs::get_basic_size(basic) > control_payload_bytes;
  return continuation != in_message;
}

/// Returns whether the length is in its shortest form, and its top bit is 0.
inline bool frame_reader::has_shortest_length() const noexcept {
  const std::uint64_t size = payload_size();
  switch (websocketpp::frame::get_basic_size(as_theirs(basic_))) {
    case websocketpp::frame::payload_size_code_16bit: return size > 125;
    case websocketpp::frame::payload_size_code_64bit: return size > 0xFFFF && (size >> 63U) == 0;
    default: return true;
  }
}

inline frame_reader::state frame_reader::refuse() noexcept {
  part_ = part::refused;
  return state::refused;
}

}  // namespace hotline::detail
#endif
