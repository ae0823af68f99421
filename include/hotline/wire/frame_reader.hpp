#pragma once

#include <hotline/wire/frame.hpp>
#include <hotline/wire/websocketpp.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace hotline::detail {

/// What websocketpp's processor is built from. Extensions are none of its business.
struct codec_config {
  /// Only clients mask, so a server's processor never asks for a key.
  struct no_randomness {
    std::uint32_t operator()() const noexcept { return 0; }
  };

  using request_type = websocketpp::http::parser::request;
  using response_type = websocketpp::http::parser::response;
  using message_type = websocketpp::message_buffer::message<websocketpp::message_buffer::alloc::con_msg_manager>;
  using con_msg_manager_type = websocketpp::message_buffer::alloc::con_msg_manager<message_type>;
  using rng_type = no_randomness;
  using permessage_deflate_type = websocketpp::extensions::permessage_deflate::disabled<codec_config>;
  static constexpr std::size_t max_message_size = 0;  // never asked: the decoder has the limits
  static constexpr bool enable_extensions = false;
};

/// Reads and checks the headers of a client's frames with websocketpp's hybi13 processor.
///
/// Payloads never reach the processor. It reserves what a header announces, adds sizes that wrap around, loses track
/// of UTF-8 between fragments and goes on after an error; the decoder does these itself. What is used here, the
/// reading of headers and their rules, it does right.
class frame_reader : private websocketpp::processor::hybi13<codec_config> {
  using processor = websocketpp::processor::hybi13<codec_config>;

 public:
  enum class state { partial, complete, refused };

  frame_reader() : processor(false, true, nullptr, randomness()) {}

  /// Takes header bytes from the front of `bytes`, never a payload's. `in_message`: a fragmented message is under way,
  /// so a data frame must continue it. `may_compress`: permessage-deflate was agreed on. After `complete`, look at the header, take the payload and call `next()`.
  /// After `refused` (RFC 6455 section 5.2, 5.4 or 5.5 is broken) there is nothing more to read.
  [[nodiscard]] state read(std::span<char>& bytes, bool in_message, bool may_compress = false) {
    if (m_state == HEADER_BASIC) {
      take(bytes, copy_basic_header_bytes(data(bytes), bytes.size()));
      if (m_bytes_needed > 0) return state::partial;
      if (breaks_rules(in_message, may_compress)) return refuse();
      m_state = HEADER_EXTENDED;
      m_cursor = 0;
      m_bytes_needed = websocketpp::frame::get_header_len(m_basic_header) - websocketpp::frame::BASIC_HEADER_LENGTH;
    }
    if (m_state == HEADER_EXTENDED) {
      take(bytes, copy_extended_header_bytes(data(bytes), bytes.size()));
      if (m_bytes_needed > 0) return state::partial;
      // The length's top bit must be 0 (section 5.2); the processor does not look.
      if ((payload_size() >> 63U) != 0) return refuse();
      if (validate_incoming_extended_header(m_basic_header, m_extended_header)) return refuse();
      m_state = APPLICATION;
    }
    return m_state == APPLICATION ? state::complete : state::refused;
  }

  [[nodiscard]] bool fin() const { return websocketpp::frame::get_fin(m_basic_header); }
  /// The message that this frame begins is compressed (RFC 7692 section 6).
  [[nodiscard]] bool is_compressed() const { return websocketpp::frame::get_rsv1(m_basic_header); }
  [[nodiscard]] detail::opcode opcode() const { return static_cast<detail::opcode>(m_basic_header.b0 & 0x0FU); }
  [[nodiscard]] std::uint64_t payload_size() const {
    return websocketpp::frame::get_payload_size(m_basic_header, m_extended_header);
  }
  [[nodiscard]] std::array<unsigned char, 4> masking_key() const {
    std::array<unsigned char, 4> key{};
    std::copy_n(m_extended_header.bytes + websocketpp::frame::get_masking_key_offset(m_basic_header), key.size(),
                key.begin());
    return key;
  }

  /// Whether no byte of a header was taken since the last `next()`.
  [[nodiscard]] bool at_start() const {
    return m_state == HEADER_BASIC && m_bytes_needed == websocketpp::frame::BASIC_HEADER_LENGTH;
  }

  void next() { reset_headers(); }

 private:
  static codec_config::no_randomness& randomness() {
    static codec_config::no_randomness instance;
    return instance;
  }
  static std::uint8_t* data(std::span<char> bytes) { return reinterpret_cast<std::uint8_t*>(bytes.data()); }
  static void take(std::span<char>& bytes, std::size_t count) { bytes = bytes.subspan(count); }

  [[nodiscard]] bool breaks_rules(bool in_message, bool may_compress) const {
    websocketpp::frame::basic_header header = m_basic_header;
    // Only a message's first frame may carry it (RFC 7692 section 6.1).
    const bool begins_message = opcode() == detail::opcode::text || opcode() == detail::opcode::binary;
    if (may_compress && begins_message) websocketpp::frame::set_rsv1(header, false);
    return static_cast<bool>(validate_incoming_basic_header(header, true, !in_message));
  }

  [[nodiscard]] state refuse() {
    m_state = FATAL_ERROR;
    return state::refused;
  }
};

}  // namespace hotline::detail
