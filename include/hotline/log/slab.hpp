#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/types.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>

namespace hotline::detail {

/// A fixed piece of a log's memory: frames back to back in one block of bytes, and an index of them. It is only
/// appended to, so a reader that keeps it alive and knows how many entries there were may read those without the lock
/// of the owning stream.
class slab {
 public:
  struct entry {
    steady_time at;
    std::uint32_t begin;
    std::uint32_t size;
    std::uint32_t type_hash;
    std::uint16_t type_begin;  ///< from the frame's begin
    std::uint8_t type_size;
    bool superseded;
  };
  static_assert(sizeof(entry) == 24, "it is a quarter of what a small event costs");

  /// `position`: how many bytes of frames came before it.
  slab(sequence first, std::uint64_t position, std::size_t bytes)
      : first_(first),
        position_(position),
        byte_capacity_(bytes),
        entry_capacity_(entries_for(bytes)),
        entries_(static_cast<entry*>(::operator new(entry_capacity_ * sizeof(entry) + byte_capacity_))),
        bytes_(reinterpret_cast<char*>(entries_ + entry_capacity_)) {}

  slab(const slab&) = delete;
  slab& operator=(const slab&) = delete;
  ~slab() { ::operator delete(entries_); }

  /// Returns the bytes that it costs, index included.
  [[nodiscard]] std::size_t footprint() const noexcept { return footprint_of(byte_capacity_); }
  [[nodiscard]] static constexpr std::size_t footprint_of(std::size_t bytes) noexcept {
    return sizeof(slab) + more_memory + bytes + entries_for(bytes) * sizeof(entry);
  }

  [[nodiscard]] sequence first() const noexcept { return first_; }
  /// Where its frames end, and where one of them does, counted from the stream's first byte.
  [[nodiscard]] std::uint64_t end_position() const noexcept { return position_ + used_; }
  [[nodiscard]] std::uint64_t end_position(const entry& e) const noexcept { return position_ + e.begin + e.size; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return byte_capacity_; }
  [[nodiscard]] bool has_room(std::size_t size) const noexcept {
    return count_ < entry_capacity_ && byte_capacity_ - used_ >= size;
  }

  /// Only when `has_room`. The parts become one frame; the type stands `type_begin` bytes behind its start.
  void append(const std::array<std::string_view, 4>& parts, std::size_t type_begin, std::string_view type,
              std::uint32_t type_hash, steady_time at) noexcept {
    entry& e = entries_[count_];
    e.at = at;
    e.begin = static_cast<std::uint32_t>(used_);
    e.type_hash = type_hash;
    e.type_begin = static_cast<std::uint16_t>(type_begin);
    e.type_size = static_cast<std::uint8_t>(type.size());
    e.superseded = false;
    for (const std::string_view part : parts) {
      std::memcpy(bytes_ + used_, part.data(), part.size());
      used_ += part.size();
    }
    e.size = static_cast<std::uint32_t>(used_ - e.begin);
    ++count_;
  }

  /// The one thing that changes of an entry; readers copy it under the stream's lock.
  void supersede(sequence seq) noexcept { entries_[seq - first_].superseded = true; }

  [[nodiscard]] const entry& at(sequence seq) const noexcept { return entries_[seq - first_]; }
  [[nodiscard]] const entry* begin() const noexcept { return entries_; }
  [[nodiscard]] const entry* end() const noexcept { return entries_ + count_; }
  [[nodiscard]] std::string_view frame(const entry& e) const noexcept { return {bytes_ + e.begin, e.size}; }

 private:
  // The bytes that malloc adds to each of its two pieces, and its place among the others.
  static constexpr std::size_t more_memory = 96;
  // The envelope alone (type, event_type, project_id, seq, timestamp) is longer than this.
  static constexpr std::size_t smallest_frame = 96;
  [[nodiscard]] static constexpr std::size_t entries_for(std::size_t bytes) noexcept {
    return std::max<std::size_t>(1, bytes / smallest_frame);
  }

  sequence first_;
  std::uint64_t position_;
  std::size_t byte_capacity_;
  std::size_t entry_capacity_;
  std::size_t used_ = 0;
  std::size_t count_ = 0;
  entry* const entries_;  // one block of memory: the index, and the bytes after it
  char* const bytes_;
};

}  // namespace hotline::detail
#endif
