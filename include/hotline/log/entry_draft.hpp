#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/log/entry.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/frame.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>

namespace hotline::detail {

/// An entry that is about to be kept, with the number that it gets.
struct entry_draft {
  entry_draft(const log_record& r, sequence number) : record(r), seq(number) {
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), seq);
    digit_count = static_cast<std::size_t>(written.ptr - digits.data());
    const std::size_t payload = record.head.size() + digit_count + record.tail.size();
    header = make_frame_header(opcode::text, payload);
    size = header.view().size() + payload;
  }
  [[nodiscard]] std::array<std::string_view, 4> parts() const noexcept {
    return {header.view(), record.head, {digits.data(), digit_count}, record.tail};
  }
  [[nodiscard]] std::size_t type_begin() const noexcept {
    return header.view().size() + static_cast<std::size_t>(record.type.data() - record.head.data());
  }

  const log_record& record;
  sequence seq;
  std::array<char, 20> digits;
  std::size_t digit_count;
  frame_header header;
  std::size_t size;
};

}  // namespace hotline::detail
#endif
